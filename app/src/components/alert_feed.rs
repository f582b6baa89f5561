//! Incidents as a list.

pub(crate) mod desk;
mod group;

use leptos::prelude::*;
use netloom_core::{
    incident::{Incident, IncidentState},
    time::{Timestamp, duration_words},
};

use super::{
    pieces::action,
    status_badge::{StatusBadge, Tone, incident_word},
    when::When,
};
use crate::{clock::Clock, range::TimeRange};
use desk::Desk;
pub(crate) use group::{Entry, folded, nodes};

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

/// Rows of incidents, one below the other; with a desk people can act on them.
#[component]
pub(crate) fn AlertFeed(
    #[prop(into)] entries: Signal<Vec<Entry>>,
    #[prop(optional)] desk: Option<Desk>,
) -> impl IntoView {
    // A row is drawn anew when something in it changed, and left alone otherwise.
    view! {
        <ul class="feed" data-testid="alert-feed">
            <For each=move || entries.get() key=Entry::fingerprint let:entry>
                {row(entry, desk)}
            </For>
        </ul>
    }
    .into_any()
}

fn row(mut entry: Entry, desk: Option<Desk>) -> AnyView {
    match (entry.incidents.len(), desk) {
        (1, _) => view! { <Item incident=entry.incidents.remove(0) desk /> }.into_any(),
        (_, Some(desk)) => view! { <Folded entry desk /> }.into_any(),
        (_, None) => ().into_any(),
    }
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
    let entries = Signal::derive(move || incidents.get().into_iter().map(Entry::single).collect::<Vec<_>>());
    let all = move || view! { <a class="card-note" href=move || range.carry("/alerts")>"All alerts"</a> };
    view! {
        <section class="card" aria-labelledby=id data-testid=testid>
            <header class="card-header">
                <h2 id=id>{title}</h2>
                {leads_on.then(all)}
            </header>
            <AlertFeed entries />
            <Show when=move || incidents.with(Vec::is_empty)>{children.with_value(|children| children())}</Show>
        </section>
    }
    .into_any()
}

/// Whether an incident is over.
pub(crate) fn is_over(incident: &Incident) -> bool {
    matches!(incident.state, IncidentState::Resolved | IncidentState::Inactive)
}

/// What people did about an incident, in words with a dot in front; empty when nothing.
pub(crate) fn handling_words(incident: &Incident) -> String {
    let acknowledged = incident.handling.acknowledged.as_ref().map(|by| format!(" · acknowledged by {}", by.by));
    let silenced = incident.handling.silenced_by.as_ref().map(|_| " · silenced");
    format!("{}{}", acknowledged.unwrap_or_default(), silenced.unwrap_or_default())
}

/// How long an incident has lasted or did last, with its state: `firing for 3 min`.
pub(crate) fn state_words(incident: &Incident, now: Timestamp) -> String {
    let word = if is_over(incident) { "after" } else { "for" };
    format!("{} {word} {}", incident_word(incident.state), duration_words(lasted_ms(incident, now)))
}

#[component]
fn Item(incident: Incident, desk: Option<Desk>) -> impl IntoView {
    let (clock, range) = (Clock::expect(), TimeRange::expect());
    let tone = tone(&incident);
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
    let state = Memo::new(move |_| state_words(&for_duration, clock.now()));
    let path = format!("/alerts/{}", incident.id);
    let actions = desk.map(|desk| actions(Entry::single(incident.clone()), desk));
    view! {
        <li
            class="feed-item"
            class:is-over=is_over(&incident)
            data-testid="alert-item"
            data-id=incident.id.to_string()
            data-state=incident_word(incident.state)
            data-rule=incident.rule.clone()
            data-severity=incident.severity.word()
        >
            <div class="feed-head">
                <StatusBadge tone word=incident.severity.word() />
                <a class="feed-title" href=move || range.carry(&path)>{incident.title.clone()}</a>
                <span class="feed-state">{state} {handling_words(&incident)}</span>
            </div>
            <p class="feed-message">{incident.message.clone()}</p>
            <div class="feed-foot">
                <p class="feed-moments">
                    <span class="feed-subject">{incident.subject.clone()}</span>
                    {moments.into_iter().flatten().map(moment).collect_view()}
                </p>
                {actions}
            </div>
        </li>
    }
    .into_any()
}

/// Several incidents in one row, which opens.
#[component]
fn Folded(entry: Entry, desk: Desk) -> impl IntoView {
    let clock = Clock::expect();
    let id = entry.id();
    let newest = entry.incidents[0].clone();
    let tone = if is_over(&newest) { Tone::Unknown } else { entry.severity().into() };
    let oldest = entry.incidents.last().cloned().unwrap_or_else(|| newest.clone());
    let state = Memo::new(move |_| state_words(&oldest, clock.now()));
    let is_opened = move || desk.is_opened(id);
    let (members, subjects) = (StoredValue::new(entry.incidents.clone()), entry.subjects());
    let all = move || {
        let item = |incident: Incident| view! { <Item incident desk=Some(desk) /> };
        is_opened().then(|| members.get_value().into_iter().map(item).collect_view())
    };
    view! {
        <li
            class="feed-item"
            class:is-over=is_over(&newest)
            data-testid="alert-group"
            data-state=incident_word(newest.state)
            data-rule=newest.rule.clone()
        >
            <div class="feed-head">
                <StatusBadge tone word=entry.severity().word() />
                <span class="feed-title">{newest.title.clone()}</span>
                <span class="feed-state">{state}</span>
            </div>
            <div class="feed-foot">
                <button
                    type="button"
                    class="link-button"
                    aria-expanded=move || is_opened().to_string()
                    data-testid="open-group"
                    on:click=move |_| desk.turn(id)
                >
                    {entry.words.clone()}
                </button>
                {actions(entry, desk)}
            </div>
            <p class="feed-moments" hidden=is_opened>
                {subjects}
            </p>
            <ul class="feed-members">{all}</ul>
        </li>
    }
    .into_any()
}

/// What can be done about the incidents of a row, as long as they are not over.
pub(crate) fn actions(entry: Entry, desk: Desk) -> AnyView {
    if entry.incidents.iter().all(is_over) {
        return ().into_any();
    }
    let (only, count) = (entry.incidents[0].id, entry.incidents.len());
    let waiting: Vec<u64> = entry
        .incidents
        .iter()
        .filter(|incident| !is_over(incident) && incident.handling.acknowledged.is_none())
        .map(|incident| incident.id)
        .collect();
    let is_silenced = entry.incidents.iter().all(|incident| incident.handling.silenced_by.is_some());
    let taken = waiting.is_empty();
    let turn = move |()| {
        if taken {
            desk.give_back(only);
        } else {
            desk.acknowledge(waiting.clone(), String::new());
        }
    };
    let (word, testid) = if taken { ("Give back", "give-back") } else { ("Acknowledge", "acknowledge") };
    let turn = (!taken || count == 1).then(|| action(word, testid, None, Callback::new(turn)));
    let silence = move |()| desk.silence(desk::matcher(&entry));
    let silence = (!is_silenced).then(|| action("Silence", "silence", None, Callback::new(silence)));
    view! { <span class="feed-actions">{turn} {silence}</span> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::incident;
    use netloom_core::incident::Acknowledgement;

    #[test]
    fn what_is_over_lasted_until_it_ended() {
        let now = Timestamp(360_000);
        assert_eq!(lasted_ms(&incident("loss_high", IncidentState::Resolved, "a"), now), 40_000);
        assert_eq!(lasted_ms(&incident("loss_high", IncidentState::Firing, "a"), now), 300_000);
    }

    #[test]
    fn states_read_with_how_long_and_who() {
        let mut one = incident("loss_high", IncidentState::Firing, "a");
        assert_eq!(state_words(&one, Timestamp(240_000)), "firing for 3 min");
        assert_eq!(handling_words(&one), "");
        one.handling.acknowledged = Some(Acknowledgement { by: "ada".into(), at: Timestamp(0), note: String::new() });
        one.handling.silenced_by = Some("s1".into());
        assert_eq!(handling_words(&one), " · acknowledged by ada · silenced");
    }

    #[test]
    fn what_is_over_has_no_alarming_colour() {
        assert_eq!(tone(&incident("loss_high", IncidentState::Firing, "a")), Tone::Critical);
        assert_eq!(tone(&incident("loss_high", IncidentState::Resolved, "a")), Tone::Unknown);
    }
}
