//! What happened here, how bad was it, and what did people do about it?

mod charts;
mod handling;

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_params_map};
use netloom_core::{
    incident::{Incident, IncidentDetails, IncidentState, TimelineEntry, TimelineKind},
    time::{Timestamp, duration_words},
};

use super::Tabs;
use crate::{
    api,
    clock::Clock,
    components::{
        alert_feed::{
            AlertCard,
            desk::{Desk, DeskParts},
            is_over, nodes, state_words, tone,
        },
        empty_state::EmptyState,
        heat_map::link_path,
        pieces::card,
        status_badge::StatusBadge,
        when::When,
    },
    live::Live,
    pages::diagnose,
    range::{TimeRange, Window, segment},
};
use charts::Charts;
use handling::HandlingCard;

/// The status of an answer that there is no such incident.
const NOT_FOUND: u16 = 404;
/// What is shown around an incident at least, ms: ten minutes in all.
const AROUND_MIN_MS: i64 = 300_000;

/// The stretch of time around the incident whose page is open.
pub(crate) fn scope() -> Memo<Option<Window>> {
    let (live, clock, path) = (Live::expect(), Clock::expect(), use_location().pathname);
    Memo::new(move |_| {
        let id: u64 = path.get().strip_prefix("/alerts/")?.parse().ok()?;
        live.incidents.with(|all| all.iter().find(|incident| incident.id == id).map(|one| around(one, clock.now())))
    })
}

/// An incident and half its length on either side; as long as that is not over, until now.
fn around(incident: &Incident, now: Timestamp) -> Window {
    let from_ms = incident.started_at.ms();
    let Some(ended) = incident.resolved_at.filter(|_| is_over(incident)) else {
        return Window::of(from_ms - AROUND_MIN_MS, None, now.ms());
    };
    let lasted_ms = ended.ms() - from_ms;
    let beside_ms = (lasted_ms / 2).max(AROUND_MIN_MS - lasted_ms / 2);
    let to_ms = ended.ms() + beside_ms;
    Window::of(from_ms - beside_ms, (to_ms <= now.ms()).then_some(to_ms), now.ms())
}

/// The page of the incident that the address names.
#[component]
pub(crate) fn IncidentPage() -> impl IntoView {
    let (live, params) = (Live::expect(), use_params_map());
    let name = Memo::new(move |_| params.with(|params| params.get("incident").unwrap_or_default()));
    let is_known = Memo::new(move |_| {
        let id = name.with(|name| name.parse::<u64>().ok());
        live.incidents.with(|all| all.iter().any(|incident| Some(incident.id) == id))
    });
    let trouble = RwSignal::new(None::<String>);
    let details = RwSignal::new(None::<IncidentDetails>);
    // What happened to it is told anew whenever it changed.
    let now = Memo::new(move |_| {
        let id = name.with(|name| name.parse::<u64>().ok());
        let state = live
            .incidents
            .with(|all| all.iter().find(|one| Some(one.id) == id).map(|one| (one.state, one.handling.clone())));
        (id, state)
    });
    Effect::new(move |_| {
        let (Some(id), _) = now.get() else { return trouble.set(Some("No incident has this number".to_owned())) };
        trouble.set(None);
        spawn_local(async move {
            match api::incident(id).await {
                Ok(told) if now.try_get_untracked().is_some_and(|(wanted, _)| wanted == Some(id)) => {
                    if !is_known.get_untracked() {
                        live.take_incident(told.incident.clone());
                    }
                    details.try_set(Some(told));
                }
                Ok(_) => {}
                Err(problem) if problem.status == NOT_FOUND => {
                    trouble.try_set(Some("No incident has this number".to_owned()));
                }
                Err(problem) => {
                    trouble.try_set(Some(problem.detail));
                }
            }
        });
    });
    view! {
        <Tabs open="" />
        {move || {
            let id = name.with(|name| name.parse::<u64>().unwrap_or_default());
            if is_known.get() {
                view! { <Body id details /> }.into_any()
            } else {
                view! { <Unknown trouble /> }.into_any()
            }
        }}
    }
    .into_any()
}

#[component]
fn Unknown(trouble: RwSignal<Option<String>>) -> impl IntoView {
    let range = TimeRange::expect();
    view! {
        <Title text="Alert" />
        <section class="card" data-testid="not-found">
            <EmptyState title="This alert is not at hand">
                {move || trouble.get().unwrap_or_else(|| "It is being looked up".to_owned())} ". See "
                <a href=move || range.carry("/alerts")>"all alerts"</a> "."
            </EmptyState>
        </section>
    }
}

#[component]
fn Body(id: u64, details: RwSignal<Option<IncidentDetails>>) -> impl IntoView {
    let live = Live::expect();
    let find = move || live.incidents.with(|all| all.iter().find(|incident| incident.id == id).cloned());
    let Some(first) = untrack(find) else { return ().into_any() };
    let (title, fixed) = (first.title.clone(), first.clone());
    // One that moves out of the list of those at hand stays on its page as it was.
    let incident =
        Memo::new(move |before: Option<&Incident>| find().or_else(|| before.cloned()).unwrap_or_else(|| first.clone()));
    let desk = Desk::begin();
    view! {
        <Title text=title />
        <Head incident />
        <DeskParts desk />
        <HandlingCard incident desk />
        <Charts incident />
        <div class="two-columns">
            <Timeline details />
            <div class="stack">
                <Evidence incident=fixed />
                <Related details />
            </div>
        </div>
    }
    .into_any()
}

/// One sentence, the state, and the figures.
#[component]
fn Head(incident: Memo<Incident>) -> impl IntoView {
    let clock = Clock::expect();
    let state = move || incident.with(|incident| state_words(incident, clock.now()));
    let badge =
        move || incident.with(|incident| view! { <StatusBadge tone=tone(incident) word=incident.severity.word() /> });
    view! {
        <section class="card incident" data-testid="incident" data-state=move || incident.with(|one| format!("{:?}", one.state).to_lowercase())>
            <p class="feed-head">
                {badge} <span class="feed-title">{move || incident.with(|one| one.title.clone())}</span>
                <span class="feed-state" data-testid="incident-state">{state}</span>
            </p>
            <h2 class="incident-sentence" data-testid="incident-sentence">{move || incident.with(|one| one.message.clone())}</h2>
            <dl class="facts">{move || facts(&incident.get())}</dl>
        </section>
    }
    .into_any()
}

/// Times and figures, each with its name.
fn facts(incident: &Incident) -> AnyView {
    let fact = |name: &'static str, value: AnyView| {
        view! {
            <div class="fact">
                <dt>{name}</dt>
                <dd data-testid=format!("fact-{}", name.to_lowercase())>{value}</dd>
            </div>
        }
        .into_any()
    };
    let figure = |value: f64| incident.unit.figure(value).to_string().into_any();
    let moment = |at: Timestamp| view! { <When at /> }.into_any();
    let lasted = incident.resolved_at.map(|at| duration_words(at.ms() - incident.started_at.ms()));
    let mut shown =
        vec![fact("About", incident.subject.clone().into_any()), fact("Began", moment(incident.started_at))];
    shown.extend(incident.fired_at.map(|at| fact("Fired", moment(at))));
    shown.extend(incident.resolved_at.map(|at| fact("Ended", moment(at))));
    shown.extend(lasted.map(|lasted| fact("Lasted", lasted.into_any())));
    if incident.value.is_finite() && (incident.value != 0.0 || incident.limit != 0.0) {
        shown.push(fact("Figure", figure(incident.value)));
        shown.push(fact("Limit", figure(incident.limit)));
    }
    shown.extend(incident.worst.map(|worst| fact("Worst", figure(worst))));
    if incident.folded > 0 {
        shown.push(fact("Links", format!("{} more are bad with it", incident.folded).into_any()));
    }
    shown.collect_view().into_any()
}

const fn kind_word(kind: TimelineKind) -> &'static str {
    match kind {
        TimelineKind::Began => "began",
        TimelineKind::Fired => "fired",
        TimelineKind::Folded => "links",
        TimelineKind::Acknowledged => "acknowledged",
        TimelineKind::Unacknowledged => "given back",
        TimelineKind::Silenced => "silenced",
        TimelineKind::Unsilenced => "not silenced",
        TimelineKind::Notified => "told",
        TimelineKind::Resolved => "ended",
    }
}

#[component]
fn Timeline(details: RwSignal<Option<IncidentDetails>>) -> impl IntoView {
    let entry = |entry: TimelineEntry| {
        view! {
            <li class="run-event" data-testid="timeline-entry">
                <span class="run-event-at"><When at=entry.at /></span>
                <span class="run-event-text">{entry.text}</span>
                <span class="tag">{kind_word(entry.kind)}</span>
            </li>
        }
    };
    let all = move || details.with(|details| details.as_ref().map(|told| told.timeline.clone()).unwrap_or_default());
    let body = view! {
        <ul class="run-events" tabindex="0" aria-labelledby="timeline-title" data-testid="timeline">
            {move || all().into_iter().map(entry).collect_view()}
        </ul>
    };
    card("timeline-title", "incident-later", "What happened", ().into_any(), body.into_any())
}

/// Where to look on.
#[component]
fn Evidence(incident: Incident) -> impl IntoView {
    let (range, clock) = (TimeRange::expect(), Clock::expect());
    let mut places: Vec<(String, String)> = Vec::new();
    if let (Some(src), Some(dst)) = (incident.labels.get("src"), incident.labels.get("dst")) {
        places.push((format!("The link {src} → {dst} at that time"), link_path(src, dst)));
    }
    for node in nodes(&incident) {
        places.push((format!("The node {node} at that time"), format!("/nodes/{}", segment(node))));
    }
    if !incident.metric.is_empty() {
        let path = format!("/explore?metric={}", segment(&incident.metric));
        places.push((format!("{} of all at that time", incident.metric), path));
    }
    let now = match (incident.labels.get("src"), nodes(&incident).next()) {
        (Some(src), _) => Some((src.as_str(), incident.labels.get("dst").map(String::as_str))),
        (None, Some(node)) => Some((node, None)),
        (None, None) => None,
    };
    let now = now.map(|(node, host)| {
        let path = diagnose::path(node, host);
        view! { <li><a href=move || range.carry(&path) data-testid="diagnose-incident">"Check it now"</a></li> }
    });
    let place = move |(words, path): (String, String)| {
        // The stretch of time of this page, held fast there.
        let href = move || {
            let (from_ms, to_ms) = range.window().bounds(clock.now_untracked().ms());
            let separator = if path.contains('?') { '&' } else { '?' };
            format!("{path}{separator}from={from_ms}&to={to_ms}")
        };
        view! { <li><a href=href data-testid="evidence">{words}</a></li> }
    };
    let runbook = (!incident.runbook.is_empty()).then(|| {
        view! {
            <li>
                "What to do: "
                <a href=incident.runbook.clone() rel="external noopener noreferrer" target="_blank" data-testid="runbook">
                    {incident.runbook.clone()}
                </a>
            </li>
        }
    });
    let export = view! {
        <a
            class="card-note"
            href=format!("/api/v1/alerts/{}", incident.id)
            download=format!("netloom-alert-{}.json", incident.id)
            rel="external"
            data-testid="export-incident"
        >
            "Export as JSON"
        </a>
    };
    let body = view! { <ul class="evidence">{runbook} {now} {places.into_iter().map(place).collect_view()}</ul> };
    card("evidence-title", "", "Evidence", export.into_any(), body.into_any())
}

#[component]
fn Related(details: RwSignal<Option<IncidentDetails>>) -> impl IntoView {
    let incidents = Signal::derive(move || {
        details.with(|details| details.as_ref().map(|told| told.related.clone()).unwrap_or_default())
    });
    view! {
        <AlertCard id="related-title" title="Alerts of about that time" incidents testid="related">
            <p class="muted">"None on the same nodes."</p>
        </AlertCard>
    }
    .into_any()
}

/// Whether somebody can still do something about an incident.
const fn is_open(state: IncidentState) -> bool {
    matches!(state, IncidentState::Pending | IncidentState::Firing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn incident(started_ms: i64, resolved_ms: Option<i64>) -> Incident {
        let state = if resolved_ms.is_some() { IncidentState::Resolved } else { IncidentState::Firing };
        let one = example::incident("loss_high", state, "a");
        Incident { started_at: Timestamp(started_ms), resolved_at: resolved_ms.map(Timestamp), ..one }
    }

    #[test]
    fn a_short_incident_is_seen_within_ten_minutes() {
        let window = around(&incident(1_000_000, Some(1_060_000)), Timestamp(9_000_000));
        assert_eq!(window, Window::Fixed { from_ms: 730_000, to_ms: 1_330_000 });
    }

    #[test]
    fn a_long_one_has_half_its_length_on_either_side() {
        let window = around(&incident(10_000_000, Some(12_000_000)), Timestamp(90_000_000));
        assert_eq!(window, Window::Fixed { from_ms: 9_000_000, to_ms: 13_000_000 });
    }

    #[test]
    fn what_goes_on_or_just_ended_is_shown_until_now() {
        let grows = |window| matches!(window, Window::Growing { from_ms: 700_000, .. });
        assert!(grows(around(&incident(1_000_000, None), Timestamp(1_500_000))));
        let ended = around(&incident(1_000_000, Some(1_060_000)), Timestamp(1_100_000));
        assert!(matches!(ended, Window::Growing { from_ms: 730_000, .. }), "{ended:?}");
    }
}
