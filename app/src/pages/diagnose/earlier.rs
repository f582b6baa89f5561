//! The diagnoses that are kept.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::diagnosis::{DiagnosisBrief, DiagnosisState};

use super::told::{brief_look, what};
use crate::{
    api,
    components::{empty_state::EmptyState, pieces::card, status_badge::StatusBadge, when::When},
    live::{Link, Live},
    range::{TimeRange, segment},
};

/// The list; the one that is shown above is marked.
#[component]
pub(super) fn Earlier(shown: Memo<Option<String>>) -> impl IntoView {
    let live = Live::expect();
    let is_asked = RwSignal::new(false);
    let is_open = Memo::new(move |_| live.link.get() == Link::Open);
    // What the stream did not tell: those before, and after a gap.
    Effect::new(move |_| {
        is_open.track();
        spawn_local(async move {
            if let Ok(all) = api::diagnoses().await {
                live.diagnoses.set(all);
                is_asked.try_set(true);
            }
        });
    });
    let key = |one: &DiagnosisBrief| (one.id.clone(), one.done, brief_look(one).1);
    let body = view! {
        <ul class="diagnoses" data-testid="diagnoses">
            <For each=move || live.diagnoses.get() key let:one>
                {row(one, shown)}
            </For>
        </ul>
        <Show when=move || is_asked.get() && live.diagnoses.with(Vec::is_empty)>
            <EmptyState title="Nothing has been diagnosed yet">
                "Start one above, or with " <code>"netloom diagnose"</code> " on any machine."
            </EmptyState>
        </Show>
    };
    card("earlier-title", "earlier", "Earlier diagnoses", ().into_any(), body.into_any())
}

fn row(one: DiagnosisBrief, shown: Memo<Option<String>>) -> AnyView {
    let range = TimeRange::expect();
    let (tone, word) = brief_look(&one);
    let path = format!("/diagnose?id={}", segment(&one.id));
    let is_over = matches!(one.state, DiagnosisState::Done | DiagnosisState::Failed { .. });
    let words = if is_over { one.sentence } else { format!("{} of {} checks have ended", one.done, one.items) };
    let id = one.id.clone();
    view! {
        <li class="diagnosis-row" data-testid="diagnosis-row" data-id=one.id>
            <StatusBadge tone word />
            <a href=move || range.carry(&path) aria-current=move || (shown.get().as_ref() == Some(&id)).then_some("true")>
                {format!("{} → {}", one.node, what(&one.hosts))}
            </a>
            <span class="diagnosis-words">{words}</span>
            <span class="muted"><When at=one.started_at /></span>
        </li>
    }
    .into_any()
}
