//! How one run went: what it was, what the network did meanwhile, what happened in it.

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use netloom_core::{
    incident::{Incident, IncidentState},
    run::{Run, RunEvent, RunStatus},
    time::Timestamp,
    unit::Unit,
};

use super::{
    details::{Facts, Head, Notes, Tags},
    figures::Figures,
};
use crate::{
    api,
    clock::Clock,
    components::{alert_feed::AlertCard, empty_state::EmptyState, when::When},
    live::Live,
    range::TimeRange,
};

/// Alerts shown on the page; the page of alerts has all.
const ALERTS_MAX: usize = 20;
/// The status of an answer that there is no such run.
const NOT_FOUND: u16 = 404;

/// The page of the run that the address names.
#[component]
pub(crate) fn RunPage() -> impl IntoView {
    let (live, params) = (Live::expect(), use_params_map());
    let id = Memo::new(move |_| params.with(|params| params.get("run").unwrap_or_default()));
    let is_known = Memo::new(move |_| {
        let id = id.get();
        live.runs.with(|runs| runs.iter().any(|run| run.id == id))
    });
    let trouble = RwSignal::new(None::<String>);
    // The server gives the run with the page; one that another page leads to may be older than those at hand.
    Effect::new(move |_| {
        let id = id.get();
        trouble.set(None);
        if is_known.get() {
            return;
        }
        spawn_local(async move {
            match api::run(&id).await {
                Ok(run) => live.take_runs([run]),
                Err(problem) if problem.status == NOT_FOUND => {
                    trouble.try_set(Some("No run has this id".to_owned()));
                }
                Err(problem) => {
                    trouble.try_set(Some(problem.detail));
                }
            }
        });
    });
    move || {
        let id = id.get();
        if is_known.get() { view! { <Body id /> }.into_any() } else { view! { <Unknown id trouble /> }.into_any() }
    }
}

#[component]
fn Unknown(id: String, trouble: RwSignal<Option<String>>) -> impl IntoView {
    let range = TimeRange::expect();
    view! {
        <Title text="Run" />
        <h1 class="page-title">{id}</h1>
        <section class="card" data-testid="not-found">
            <EmptyState title="This run is not at hand">
                {move || trouble.get().unwrap_or_else(|| "It is being looked up".to_owned())} ". See "
                <a href=move || range.carry("/runs")>"all runs"</a> "."
            </EmptyState>
        </section>
    }
}

/// What the parts of the page share.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    pub(super) live: Live,
    pub(super) clock: Clock,
    pub(super) run: Memo<Run>,
    pub(super) status: Memo<RunStatus>,
    pub(super) events: RwSignal<Vec<RunEvent>>,
    /// What came of the last change, when it was refused.
    pub(super) trouble: RwSignal<Option<String>>,
}

impl Subject {
    fn begin(id: String) -> Option<Self> {
        let (live, clock) = (Live::expect(), Clock::expect());
        let find = move || live.runs.with(|runs| runs.iter().find(|run| run.id == id).cloned());
        let first = untrack(&find)?;
        // A run that moves out of the list of those at hand stays on its page as it was.
        let run =
            Memo::new(move |before: Option<&Run>| find().or_else(|| before.cloned()).unwrap_or_else(|| first.clone()));
        let status = Memo::new(move |_| run.with(|run| run.status_at(clock.now())));
        let (events, trouble) = (RwSignal::new(Vec::new()), RwSignal::new(None));
        let count = Memo::new(move |_| run.with(|run| (run.id.clone(), run.events)));
        Effect::new(move |_| {
            let (id, count) = count.get();
            if count == 0 {
                return;
            }
            spawn_local(async move {
                if let Ok(all) = api::run_events(&id).await {
                    events.try_set(all);
                }
            });
        });
        Some(Self { live, clock, run, status, events, trouble })
    }

    /// Sends a change, and shows what came of it.
    pub(super) fn settle(self, done: impl Future<Output = Result<Run, netloom_core::api::Problem>> + 'static) {
        spawn_local(async move {
            match done.await {
                Ok(run) => {
                    self.trouble.try_set(None);
                    self.live.take_runs([run]);
                }
                Err(problem) => {
                    self.trouble.try_set(Some(problem.detail));
                }
            }
        });
    }
}

#[component]
fn Body(id: String) -> impl IntoView {
    let Some(subject) = Subject::begin(id) else { return ().into_any() };
    let name = Memo::new(move |_| subject.run.with(|run| run.name.clone()));
    view! {
        <Title text=move || name.get() />
        <Head subject />
        <p class="run-trouble" role="alert" hidden=move || subject.trouble.with(Option::is_none)>
            {subject.trouble}
        </p>
        <Facts subject />
        <Figures subject>
            <Tags subject />
            <Notes subject />
            <Alerts subject />
            <Events subject />
        </Figures>
    }
    .into_any()
}

/// What happened in the run, the newest first.
#[component]
fn Events(subject: Subject) -> impl IntoView {
    let item = |event: RunEvent| {
        let value = event.value.map(|value| Unit::Count.figure(value).to_string());
        view! {
            <li class="run-event">
                <span class="run-event-at"><When at=event.at /></span>
                <span class="run-event-text">{event.text}</span>
                <span class="run-event-value">{value}</span>
                <span class="tag">{event.kind}</span>
            </li>
        }
    };
    let is_empty = Memo::new(move |_| subject.run.with(|run| run.events == 0));
    view! {
        <section class="card" aria-labelledby="run-events-title">
            <header class="card-header">
                <h2 id="run-events-title">"Events"</h2>
                <span class="card-note">{move || subject.run.with(|run| run.events)}</span>
            </header>
            <ul class="run-events" tabindex="0" aria-labelledby="run-events-title" data-testid="run-events">
                {move || subject.events.get().into_iter().rev().map(item).collect_view()}
            </ul>
            <Show when=move || is_empty.get()>
                <p class="muted">
                    "None. A job tells of its own with a POST to " <code>"/api/v1/runs/ID/events"</code> "."
                </p>
            </Show>
        </section>
    }
    .into_any()
}

/// Whether an incident was there while the run went on, on one of its nodes.
fn overlaps(run: &Run, incident: &Incident, now: Timestamp) -> bool {
    let (from_ms, to_ms) = run.interval(now);
    let ended_ms = incident.resolved_at.unwrap_or(now).ms();
    incident.state != IncidentState::Inactive
        && incident.started_at.ms() <= to_ms
        && ended_ms >= from_ms
        && run.covers(&incident.labels)
}

/// The alerts that overlap the run.
#[component]
fn Alerts(subject: Subject) -> impl IntoView {
    let shown = Memo::new(move |_| {
        let run = subject.run.read();
        let now = subject.clock.now();
        subject.live.incidents.with(|all| {
            let meanwhile = all.iter().filter(|incident| overlaps(&run, incident, now));
            meanwhile.take(ALERTS_MAX).cloned().collect::<Vec<_>>()
        })
    });
    view! {
        <AlertCard id="run-alerts-title" title="Alerts meanwhile" incidents=shown leads_on=true testid="run-alerts">
            <p class="muted">"Nothing fired during this run."</p>
        </AlertCard>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn only_what_was_wrong_meanwhile_on_its_nodes_is_shown() {
        let run = example::run("a");
        let incident = |state, from_ms, to_ms: Option<i64>| Incident {
            started_at: Timestamp(from_ms),
            resolved_at: to_ms.map(Timestamp),
            ..example::incident("loss_high", state, "b")
        };
        let now = Timestamp(500_000);
        assert!(overlaps(&run, &incident(IncidentState::Resolved, 0, Some(70_000)), now));
        assert!(overlaps(&run, &incident(IncidentState::Firing, 100_000, None), now));
        assert!(!overlaps(&run, &incident(IncidentState::Resolved, 0, Some(59_000)), now));
        assert!(!overlaps(&run, &incident(IncidentState::Firing, 121_000, None), now));
        assert!(!overlaps(&run, &incident(IncidentState::Inactive, 70_000, None), now));
        let elsewhere = Run { nodes: vec!["n9".into()], ..run };
        assert!(!overlaps(&elsewhere, &incident(IncidentState::Firing, 100_000, None), now));
    }
}
