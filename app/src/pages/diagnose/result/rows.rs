//! The checks of a diagnosis, each a row that opens.

use leptos::prelude::*;
use netloom_core::diagnosis::{DiagnosisBrief, DiagnosisState};

use super::{super::told::section, Follow};
use crate::components::status_badge::StatusBadge;

/// What changes in a list when the diagnosis of that name moves on.
pub(super) fn progress_of(all: &[DiagnosisBrief], id: &str) -> Option<(usize, usize, DiagnosisState)> {
    all.iter().find(|one| one.id == id).map(|one| (one.done, one.items, one.state.clone()))
}

/// The checks under their headings: all rows are there from the moment at which the checks are known, and keep their
/// height.
#[component]
pub(super) fn Rows(follow: Follow) -> impl IntoView {
    let groups = Memo::new(move |_| follow.read(super::Diagnosis::groups));
    let group = move |(subject, items): (String, Vec<usize>)| {
        view! {
            <section class="check-group" data-testid="check-group">
                <h3>{subject}</h3>
                <ul>{items.into_iter().map(|at| row(follow, at)).collect_view()}</ul>
            </section>
        }
    };
    view! { <div class="check-groups">{move || groups.get().into_iter().map(group).collect_view()}</div> }.into_any()
}

fn row(follow: Follow, at: usize) -> AnyView {
    let look = Memo::new(move |_| follow.told.with(|told| told.as_ref().map(|told| told.look(at))));
    let read = move |read: fn(&super::super::told::Item) -> String| {
        Memo::new(move |_| follow.read(|told| told.items.get(at).map(read).unwrap_or_default()))
    };
    let (title, headline) = (read(|item| item.title.clone()), read(|item| item.headline.clone()));
    let is_over = move || look.get().is_some_and(|look| look.is_over);
    let word = move || look.get().map_or("waiting", |look| look.word);
    let badge = move || look.get().map(|look| view! { <StatusBadge tone=look.tone word=look.word /> });
    let width = move || format!("width: {:.0}%", look.get().map_or(0.0, |look| look.ratio) * 100.0);
    let is_open = Memo::new(move |_| follow.opened.with(|opened| opened.contains(&at)));
    let details = Memo::new(move |_| if is_open.get() { follow.drawn.with(|drawn| section(drawn, at)) } else { None });
    let waits = move || details.with(Option::is_some);
    view! {
        <li class="check" data-testid="check" data-state=word>
            <button
                type="button"
                class="check-row"
                id=format!("check-{at}")
                aria-expanded=move || is_open.get().to_string()
                aria-controls=format!("check-details-{at}")
                aria-disabled=move || (!is_over()).then_some("true")
                on:click=move |_| if is_over() { follow.turn(at) }
            >
                {badge} <span class="check-title">{title}</span>
                <span class="check-headline" title=headline>{headline}</span>
            </button>
            <div class="check-bar"><span class:is-over=is_over style=width></span></div>
            <div class="check-details" id=format!("check-details-{at}") hidden=move || !is_open.get()>
                <p class="muted" hidden=waits>"The details are being loaded."</p>
                <div inner_html=move || details.get().unwrap_or_default()></div>
            </div>
        </li>
    }
    .into_any()
}
