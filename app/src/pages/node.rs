//! What one machine sees and suffers.

mod depth;
mod interfaces;
mod peers;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use netloom_core::{
    api::{Measurement, MeasurementState, NodeState, NodeStatus},
    incident::Incident,
    metric,
};

use crate::{
    charts::{self, marks::About, pair::Scene},
    clock::Clock,
    components::{
        alert_feed::AlertCard,
        chart_card::ChartCard,
        empty_state::EmptyState,
        stat_tile::{Stat, StatTile},
        status_badge::{StatusBadge, Tone, measurement_word, node_word},
        when::When,
    },
    live::{
        FeedHandle, Live,
        feed::{Interest, Points},
        marks::{Happenings, use_happenings},
        use_feed,
    },
    order,
    pages::{
        diagnose,
        nodes::{DoubtfulMark, Version, role_word},
    },
    range::TimeRange,
};
use depth::depth;
use interfaces::Interfaces;
use peers::{AgentHealth, Peers};

/// Alerts shown on the page; the page of alerts has all.
const FEED_MAX: usize = 8;

/// The page of the node that the address names.
#[component]
pub(crate) fn Node() -> impl IntoView {
    let (live, params) = (Live::expect(), use_params_map());
    let name = Memo::new(move |_| params.with(|params| params.get("node").unwrap_or_default()));
    let is_known = Memo::new(move |_| {
        let name = name.get();
        live.nodes.with(|nodes| nodes.iter().any(|node| node.info.node == name))
    });
    // Another name is another page: all its feeds begin anew.
    move || {
        let name = name.get();
        if is_known.get() { view! { <Body name /> }.into_any() } else { view! { <Unknown name /> }.into_any() }
    }
}

#[component]
fn Unknown(name: String) -> impl IntoView {
    let range = TimeRange::expect();
    view! {
        <Title text=name.clone() />
        <h1 class="page-title">{name.clone()}</h1>
        <section class="card" data-testid="not-found">
            <EmptyState title="No node of this name has reported">
                "It shows up here as soon as its agent reports. See "
                <a href=move || range.carry("/nodes")>"all nodes"</a> "."
            </EmptyState>
        </section>
    }
}

/// What the parts of the page share.
#[derive(Clone, Copy)]
struct Subject {
    live: Live,
    range: TimeRange,
    clock: Clock,
    name: StoredValue<String>,
    node: Memo<Option<NodeStatus>>,
    happenings: Happenings,
}

impl Subject {
    /// The newest value of a metric of the node, and its peak in the window.
    fn total(self, feed: FeedHandle, metric: &str) -> Stat {
        let unit = metric::unit_of(metric);
        let window = self.range.window().bounds(self.clock.now_exact().ms());
        let series = self.live.samples(|store| {
            let points = feed.of(store).into_iter().flat_map(|feed| feed.series().values());
            points.flat_map(Points::iter).collect::<Vec<_>>()
        });
        let newest = series.last().map_or(f64::NAN, |(_, value)| *value);
        let peak = series.iter().map(|(_, value)| *value).reduce(f64::max);
        let note = peak.map_or_else(String::new, |peak| format!("peak {}", unit.figure(peak)));
        Stat { figure: unit.figure(newest), note, tone: None, trend: Some((series, window)) }
    }

    /// Reads something of what the node said of itself.
    fn read<T>(self, read: impl FnOnce(&NodeStatus) -> T) -> Option<T> {
        self.node.with(|node| node.as_ref().map(read))
    }
}

#[component]
fn Body(name: String) -> impl IntoView {
    let live = Live::expect();
    let stored = StoredValue::new(name.clone());
    let node = Memo::new(move |_| {
        live.nodes.with(|nodes| nodes.iter().find(|node| stored.with_value(|name| *name == node.info.node)).cloned())
    });
    let happenings = use_happenings(Box::new(move |mark| stored.with_value(|name| About::Node(name).covers(mark))));
    let (range, clock) = (TimeRange::expect(), Clock::expect());
    let subject = Subject { live, range, clock, name: stored, node, happenings };
    view! {
        <Title text=name />
        <Header subject />
        <Totals subject />
        <Peers subject />
        <Interfaces subject />
        {depth(subject)}
        <div class="two-columns">
            <PairCharts subject />
        </div>
        <div class="two-columns">
            <Measurements subject />
            <Alerts subject />
        </div>
    }
    .into_any()
}

/// Name, state and what is known of the machine.
#[component]
fn Header(subject: Subject) -> impl IntoView {
    let clock = Clock::expect();
    let state = Memo::new(move |_| subject.read(|node| node.status).unwrap_or(NodeState::Silent));
    let text = move |read: fn(&NodeStatus) -> String| move || subject.read(read).unwrap_or_default();
    let last_seen = move || {
        subject.read(|node| (node.status == NodeState::Silent).then_some(node.last_seen)).flatten().map(|at| {
            view! { <div class="fact"><dt>"Last report"</dt><dd><When at /></dd></div> }
        })
    };
    let version = move || subject.read(|node| node.info.version.clone()).map(|version| view! { <Version version /> });
    let check = subject.name.with_value(|name| diagnose::path(name, None));
    let up_for = move || subject.read(|node| clock.ago(node.info.started_at)).unwrap_or_default();
    view! {
        <div class="page-head">
            <h1 class="page-title">{subject.name.get_value()}</h1>
            <StatusBadge tone=Signal::derive(move || state.get().into()) word=Signal::derive(move || node_word(state.get())) />
            <DoubtfulMark node=subject.name.get_value() />
            <a class="button" href=move || subject.range.carry(&check) data-testid="diagnose-from-here">"Diagnose from here"</a>
        </div>
        <dl class="facts" data-testid="node-facts">
            {last_seen}
            <div class="fact"><dt>"Role"</dt><dd>{text(|node| role_word(node.role).to_owned())}</dd></div>
            <div class="fact"><dt>"Address"</dt><dd><code>{text(|node| node.address.clone())}</code></dd></div>
            <div class="fact"><dt>"System"</dt><dd>{text(|node| node.info.os.clone())}</dd></div>
            <div class="fact"><dt>"Agent"</dt><dd>{version}</dd></div>
            <div class="fact"><dt>"Agent up for"</dt><dd>{up_for}</dd></div>
            <div class="fact"><dt>"Targets"</dt><dd>{text(|node| node.info.targets.len().to_string())}</dd></div>
            <AgentHealth subject />
        </dl>
    }
    .into_any()
}

/// Latency and loss of everything that the node probes.
#[component]
fn PairCharts(subject: Subject) -> impl IntoView {
    let live = subject.live;
    let of_node = |metric| subject.name.with_value(|name| Interest::all(metric).with("src", name));
    let (rtt, loss) = (use_feed(of_node(metric::RTT_US).extremes()), use_feed(of_node(metric::LOSS_RATIO).extremes()));
    // Its own list of targets gives the colours, and names need no source.
    let nodes = Memo::new(move |_| subject.node.get().into_iter().collect::<Vec<_>>());
    let settings = move || live.settings.with(|reply| reply.settings.alerts.clone());
    let latency_chart = Memo::new(move |_| {
        let series = rtt.labels(live).into_iter();
        let (nodes, incidents) = (nodes.read(), live.incidents.read());
        let scene = Scene { nodes: &nodes, incidents: &incidents };
        subject.happenings.on(charts::latency::chart(&scene, series, &settings().latency))
    });
    let loss_chart = Memo::new(move |_| {
        let series = loss.labels(live).into_iter();
        let (nodes, incidents) = (nodes.read(), live.incidents.read());
        let scene = Scene { nodes: &nodes, incidents: &incidents };
        subject.happenings.on(charts::loss::chart(&scene, series, &settings().loss))
    });
    view! {
        <ChartCard id="chart-latency" title="Latency to its targets" feeds=vec![rtt] chart=latency_chart />
        <ChartCard id="chart-loss" title="Loss to its targets" feeds=vec![loss] chart=loss_chart />
    }
    .into_any()
}

/// The newest totals of the node, each with how it went.
#[component]
fn Totals(subject: Subject) -> impl IntoView {
    let tile = move |(id, name, title): (&'static str, &'static str, &'static str)| {
        let feed = use_feed(subject.name.with_value(|node| Interest::all(name).with("node", node)));
        let stat = Memo::new(move |_| subject.total(feed, name));
        view! { <StatTile id title stat /> }
    };
    let tiles = [
        ("tile-in", metric::NET_RX_BPS, "In"),
        ("tile-out", metric::NET_TX_BPS, "Out"),
        ("tile-tcp-established", metric::SOCK_TCP_ESTABLISHED, "TCP established"),
        ("tile-tcp", metric::SOCK_TCP_TOTAL, "TCP sockets"),
        ("tile-udp", metric::SOCK_UDP_TOTAL, "UDP sockets"),
    ];
    view! { <div class="tiles">{tiles.map(tile)}</div> }
}

/// The place of a state in the list: what needs somebody comes first.
const fn rank(state: MeasurementState) -> usize {
    match state {
        MeasurementState::Failing => 0,
        MeasurementState::Degraded => 1,
        MeasurementState::Working => 2,
        MeasurementState::Off => 3,
    }
}

/// How many measurements are in each state, in words.
fn summary(all: &[Measurement]) -> String {
    let mut counts = [0; 4];
    all.iter().for_each(|measurement| counts[rank(measurement.state)] += 1);
    let words = counts.into_iter().zip(["failing", "degraded", "working", "off"]);
    let some = words.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    some.collect::<Vec<_>>().join(", ")
}

/// Everything that the node measures, and how that fares.
#[component]
fn Measurements(subject: Subject) -> impl IntoView {
    let all = Memo::new(move |_| {
        let mut all = subject.read(|node| node.info.measurements.clone()).unwrap_or_default();
        order::sort_by(&mut all, |a, b| rank(a.state).cmp(&rank(b.state)));
        all
    });
    let row = |measurement: Measurement| {
        view! {
            <li
                class="measurement"
                data-testid=format!("measurement-{}", measurement.name)
                data-state=measurement_word(measurement.state)
            >
                <StatusBadge tone=Tone::from(measurement.state) word=measurement_word(measurement.state) />
                <span class="measurement-name">{measurement.name.clone()}</span>
                <span class="measurement-since">"since " <When at=measurement.since /></span>
                <span class="measurement-detail">{measurement.detail}</span>
            </li>
        }
    };
    view! {
        <section class="card" aria-labelledby="measurements-title">
            <header class="card-header">
                <h2 id="measurements-title">"Measurements"</h2>
                <span class="card-note" data-testid="measurements-summary">{move || all.with(|all| summary(all))}</span>
            </header>
            <ul class="measurements">{move || all.get().into_iter().map(row).collect_view()}</ul>
        </section>
    }
    .into_any()
}

/// Whether an incident is about the node or about what it probes.
fn is_about(incident: &Incident, node: &str) -> bool {
    ["node", "src"].iter().any(|label| incident.labels.get(*label).is_some_and(|value| value == node))
}

/// The alerts of the node.
#[component]
fn Alerts(subject: Subject) -> impl IntoView {
    let shown = Memo::new(move |_| {
        subject.live.incidents.with(|all| {
            let own = all.iter().filter(|incident| subject.name.with_value(|name| is_about(incident, name)));
            own.take(FEED_MAX).cloned().collect::<Vec<_>>()
        })
    });
    view! {
        <AlertCard id="node-alerts-title" title="Alerts" incidents=shown>
            <EmptyState title="All quiet">"Nothing has fired on this node."</EmptyState>
        </AlertCard>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::incident;
    use netloom_core::{incident::IncidentState, time::Timestamp};

    #[test]
    fn measurements_are_counted_by_state_the_worst_first() {
        use MeasurementState::{Failing, Off, Working};
        let in_state = |state| Measurement { name: "x".into(), state, detail: String::new(), since: Timestamp(0) };
        assert_eq!(summary(&[Working, Off, Working, Failing].map(in_state)), "1 failing, 2 working, 1 off");
    }

    #[test]
    fn an_incident_is_about_the_node_that_measured_it() {
        let incident = incident("loss_high", IncidentState::Firing, "n2");
        assert!(is_about(&incident, "n1"));
        assert!(!is_about(&incident, "n2"));
    }
}
