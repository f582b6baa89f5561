//! The diagnoses that are kept.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::diagnosis::{DiagnosisBrief, DiagnosisState};

use super::told::{brief_look, what};
use crate::{
    api,
    clock::Clock,
    components::{pieces::card, status_badge::badge},
    live::Live,
    range::{TimeRange, segment},
};

/// The list; the one that is shown above is marked.
pub(super) fn earlier(shown: Memo<Option<String>>) -> AnyView {
    let (live, clock, range) = (Live::expect(), Clock::expect(), TimeRange::expect());
    let is_asked = RwSignal::new(false);
    // What the stream did not tell: those before, and after a gap.
    Effect::new(move |_| {
        live.link.track();
        spawn_local(async move {
            if let Ok(all) = api::diagnoses().await {
                live.diagnoses.set(all);
                is_asked.try_set(true);
            }
        });
    });
    // Drawn anew with every change; what is the same stays as it is.
    let rows = move || {
        let shown = shown.get().unwrap_or_default();
        live.diagnoses.with(|all| all.iter().map(|one| row(one, one.id == shown, (clock, range))).collect_view())
    };
    let is_empty = move || is_asked.get() && live.diagnoses.with(Vec::is_empty);
    let body = view! {
        <ul class="diagnoses" data-testid="diagnoses">
            {rows}
        </ul>
        <p class="muted" hidden=move || !is_empty()>
            "None yet. Start one above, or with \"netloom diagnose\" on any machine."
        </p>
    };
    card("earlier-title", "earlier", "Earlier diagnoses", ().into_any(), body.into_any())
}

fn row(one: &DiagnosisBrief, is_shown: bool, (clock, range): (Clock, TimeRange)) -> impl IntoView + use<> {
    let (tone, word) = brief_look(one);
    let is_over = matches!(one.state, DiagnosisState::Done | DiagnosisState::Failed { .. });
    let words = if is_over { one.sentence.clone() } else { format!("{} of {} checks have ended", one.done, one.items) };
    view! {
        <li class="diagnosis-row" data-testid="diagnosis-row" data-id=one.id.clone()>
            {badge(tone, word)}
            <a
                href=range.carry(&format!("/diagnose?id={}", segment(&one.id)))
                aria-current=is_shown.then_some("true")
            >
                {format!("{} → {}", one.node, what(&one.hosts))}
            </a>
            <span class="diagnosis-words">{words}</span>
            <span class="muted">{clock.write(one.started_at)}</span>
        </li>
    }
}
