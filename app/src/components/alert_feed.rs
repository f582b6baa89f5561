//! Incidents as a list.

use leptos::prelude::*;
use netloom_core::{
    incident::{Incident, IncidentState},
    time::{Timestamp, duration_words},
};

use super::{
    status_badge::{StatusBadge, Tone, incident_word},
    when::When,
};
use crate::{clock::Clock, range::TimeRange};

/// The tone of an incident: of its severity as long as it matters.
pub(crate) fn tone(incident: &Incident) -> Tone {
    match incident.state {
        IncidentState::Firing | IncidentState::Pending => incident.severity.into(),
        IncidentState::Resolved | IncidentState::Inactive => Tone::Unknown,
    }
}

/// How long an incident has lasted or did last, ms.
fn lasted_ms(incident: &Incident, now: Timestamp) -> i64 {
    let end = match incident.state {
        IncidentState::Pending | IncidentState::Firing => now,
        IncidentState::Resolved | IncidentState::Inactive => incident.resolved_at.unwrap_or(incident.started_at),
    };
    end.ms() - incident.started_at.ms()
}

/// The given incidents, one below the other.
#[component]
pub(crate) fn AlertFeed(#[prop(into)] incidents: Signal<Vec<Incident>>) -> impl IntoView {
    // A row is drawn anew when its incident changed, and left alone otherwise.
    let key = |incident: &Incident| (incident.id, incident_word(incident.state), incident.message.clone());
    view! {
        <ul class="feed" data-testid="alert-feed">
            <For each=move || incidents.get() key let:incident>
                <Item incident />
            </For>
        </ul>
    }
    .into_any()
}

/// A card with the given incidents, and what stands there when there are none.
#[component]
pub(crate) fn AlertCard(
    /// The element of the heading.
    id: &'static str,
    /// The heading.
    title: &'static str,
    #[prop(into)] incidents: Signal<Vec<Incident>>,
    /// Whether it leads to all alerts.
    #[prop(optional)]
    leads_on: bool,
    /// What tests call it.
    #[prop(optional)]
    testid: Option<&'static str>,
    /// What stands there when there are none.
    children: ChildrenFn,
) -> impl IntoView {
    let range = TimeRange::expect();
    let children = StoredValue::new(children);
    let all = move || view! { <a class="card-note" href=move || range.carry("/alerts")>"All alerts"</a> };
    view! {
        <section class="card" aria-labelledby=id data-testid=testid>
            <header class="card-header">
                <h2 id=id>{title}</h2>
                {leads_on.then(all)}
            </header>
            <AlertFeed incidents />
            <Show when=move || incidents.with(Vec::is_empty)>{children.with_value(|children| children())}</Show>
        </section>
    }
    .into_any()
}

#[component]
fn Item(incident: Incident) -> impl IntoView {
    let clock = Clock::expect();
    let word = incident_word(incident.state);
    let tone = tone(&incident);
    let is_over = matches!(incident.state, IncidentState::Resolved | IncidentState::Inactive);
    let moments = [
        Some(("began", incident.started_at)),
        incident.fired_at.map(|at| ("fired", at)),
        incident.resolved_at.map(|at| ("ended", at)),
    ];
    let moment = |(what, at): (&'static str, Timestamp)| {
        view! {
            <span class="feed-moment">
                {what} " " <When at />
            </span>
        }
    };
    let for_duration = incident.clone();
    let lasted = Memo::new(move |_| duration_words(lasted_ms(&for_duration, clock.now())));
    view! {
        <li
            class="feed-item"
            class:is-over=is_over
            data-testid="alert-item"
            data-state=word
            data-rule=incident.rule.clone()
            data-severity=incident.severity.word()
        >
            <div class="feed-head">
                <StatusBadge tone word=incident.severity.word() />
                <span class="feed-title">{incident.title.clone()}</span>
                <span class="feed-state">{word} " " {if is_over { "after " } else { "for " }} {lasted}</span>
            </div>
            <p class="feed-message">{incident.message.clone()}</p>
            <p class="feed-moments">
                <span class="feed-subject">{incident.subject.clone()}</span>
                {moments.into_iter().flatten().map(moment).collect_view()}
            </p>
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::incident;

    #[test]
    fn what_is_over_lasted_until_it_ended() {
        let now = Timestamp(360_000);
        assert_eq!(lasted_ms(&incident("loss_high", IncidentState::Resolved, "a"), now), 40_000);
        assert_eq!(lasted_ms(&incident("loss_high", IncidentState::Firing, "a"), now), 300_000);
    }

    #[test]
    fn what_is_over_has_no_alarming_colour() {
        assert_eq!(tone(&incident("loss_high", IncidentState::Firing, "a")), Tone::Critical);
        assert_eq!(tone(&incident("loss_high", IncidentState::Resolved, "a")), Tone::Unknown);
    }
}
