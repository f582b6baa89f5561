//! The checks of a diagnosis, each a row that opens, and the verdict beside them.

use leptos::prelude::*;
use netloom_core::diagnosis::Point;

use super::{
    super::told::{Diagnosis, graded, section},
    Follow, bar,
};
use crate::{
    browser,
    components::status_badge::{badge, shape},
};

/// What stands in the place of details that are on their way.
const LOADING: &str = "The details are being loaded.";

/// The checks under their headings, and what they say together. All rows are there from the moment at which the checks are
/// known, and keep their height.
pub(super) fn body(follow: Follow, told: &Diagnosis) -> AnyView {
    let group = |(subject, items): (String, Vec<usize>)| {
        view! {
            <section class="check-group" data-testid="check-group">
                <h3>{subject}</h3>
                <ul>{items.into_iter().map(|at| row(follow, told, at)).collect_view()}</ul>
            </section>
        }
    };
    let points = told.verdict.as_ref().map(|verdict| verdict.points.as_slice()).unwrap_or_default();
    view! {
        <div class="check-groups">{told.groups().into_iter().map(group).collect_view()}</div>
        <ul class="diagnosis-points" aria-label="Verdict" data-testid="points">
            {points.iter().map(|one| point(follow, told, one)).collect_view()}
        </ul>
    }
    .into_any()
}

fn row(follow: Follow, told: &Diagnosis, at: usize) -> impl IntoView + use<> {
    let look = told.look(at);
    let item = &told.items[at];
    let is_open = follow.opened.with(|opened| opened.contains(&at));
    let details = follow.drawn.with(|drawn| section(drawn, at)).unwrap_or_else(|| LOADING.to_owned());
    let turn = move |_| {
        if look.is_over {
            follow.turn(at);
        }
    };
    view! {
        <li class="check" data-testid="check" data-state=look.word>
            <button
                type="button"
                class="check-row"
                id=format!("check-{at}")
                aria-expanded=is_open.to_string()
                aria-controls=format!("check-details-{at}")
                aria-disabled=(!look.is_over).to_string()
                on:click=turn
            >
                {badge(look.tone, look.word)}
                <span class="check-title">{item.title.clone()}</span>
                <span class="check-headline" title=item.headline.clone()>
                    {item.headline.clone()}
                </span>
            </button>
            {bar(look)}
            <div
                class="check-details"
                id=format!("check-details-{at}")
                hidden=!is_open
                inner_html=if is_open { details } else { String::new() }
            ></div>
        </li>
    }
}

/// A sentence of the verdict with what would help and what it stands on.
fn point(follow: Follow, told: &Diagnosis, point: &Point) -> impl IntoView + use<> {
    let evidence = |at: &usize| {
        let at = *at;
        let item = told.items.get(at)?;
        let show = move |_| {
            follow.open(at);
            browser::focus(&format!("check-{at}"));
        };
        Some(view! {
            <button type="button" class="link-button" data-testid="evidence" on:click=show>
                {format!("{}, {}", item.subject, item.title)}
            </button>
        })
    };
    view! {
        <li class="diagnosis-point" data-testid="point">
            {shape(graded(point.grade).0)}
            <div>
                <p>{point.text.clone()}</p>
                <p class="muted">{point.cure.clone()}</p>
                <p class="diagnosis-evidence">{point.evidence.iter().filter_map(evidence).collect_view()}</p>
            </div>
        </li>
    }
}
