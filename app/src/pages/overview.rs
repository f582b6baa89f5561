//! Is the network holding training back, where, since when?

mod mesh;
mod tiles;
mod topology;
mod verdict;
mod ways;

use leptos::prelude::*;
use leptos_meta::Title;
use netloom_core::{
    incident::{Incident, IncidentState},
    metric,
    stats::aggregate::Aggregation,
};

use crate::{
    charts::{self, TimeChart, pair::Scene, topology::Way},
    clock::Clock,
    components::{
        alert_feed::AlertCard,
        chart_card::ChartCard,
        empty_state::EmptyState,
        measurement_notice::MeasurementNotice,
        status_badge::{Shape, health_word},
        when::When,
    },
    live::{
        FeedHandle, Live,
        feed::{Feed, Interest, Points},
        use_feed,
    },
    range::TimeRange,
};
use mesh::{MANY_NODES, SmallMatrix};
use tiles::Tiles;
use topology::Topology;
use verdict::{Facts, Part, Typical, Verdict};

/// Incidents in the short feed: what is now, and a little of what was.
const FEED_MAX: usize = 6;

/// What the panels of the page share.
#[derive(Clone, Copy)]
struct Panels {
    live: Live,
    range: TimeRange,
    clock: Clock,
    rtt: FeedHandle,
    loss: FeedHandle,
    received: FeedHandle,
    sent: FeedHandle,
    bandwidth: Memo<TimeChart>,
    ways: Memo<Vec<Way>>,
    /// Whether there are more pairs than a page can take one by one.
    is_many: bool,
}

impl Panels {
    fn begin(is_many: bool) -> Self {
        let (live, clock) = (Live::expect(), Clock::expect());
        let (received, sent) =
            (use_feed(Interest::all(metric::NET_RX_BPS)), use_feed(Interest::all(metric::NET_TX_BPS)));
        let bandwidth = Memo::new(move |_| {
            charts::bandwidth::chart(received.labels(live).into_iter(), sent.labels(live).into_iter())
        });
        let ways = Memo::new(move |_| {
            let now_ms = clock.now().ms();
            let (nodes, incidents) = (live.nodes.read(), live.incidents.read());
            live.samples(|store| ways::ways(&nodes, &incidents, store, now_ms))
        });
        Self {
            live,
            range: TimeRange::expect(),
            clock,
            rtt: mesh::feed(is_many, metric::RTT_US, Aggregation::P50),
            loss: mesh::feed(is_many, metric::LOSS_RATIO, Aggregation::Avg),
            received,
            sent,
            bandwidth,
            ways,
            is_many,
        }
    }

    /// Reads feeds and the window of the page, and again whenever there are new samples.
    fn read<T>(self, feeds: &[FeedHandle], read: impl FnOnce(&[&Feed], (i64, i64)) -> T) -> T {
        let window = self.range.window().bounds(self.clock.now_exact().ms());
        self.live.samples(|store| {
            let feeds: Vec<&Feed> = feeds.iter().filter_map(|feed| feed.of(store)).collect();
            read(&feeds, window)
        })
    }

    /// What is usual in the window, as far as it is known.
    fn typical(self) -> Option<Typical> {
        let aggregate = |feed: FeedHandle, aggregation: Aggregation| {
            self.read(&[feed], |feeds, (from_ms, to_ms)| {
                let series = feeds.iter().flat_map(|feed| feed.series().values());
                let points: Vec<(i64, f64)> = series.flat_map(Points::iter).collect();
                let oldest_ms = points.iter().map(|(ts_ms, _)| *ts_ms).min()?;
                let mut values: Vec<f64> = points.into_iter().map(|(_, value)| value).collect();
                Some((aggregation.apply(&mut values)?, to_ms - oldest_ms.max(from_ms)))
            })
        };
        let (rtt_us, _) = aggregate(self.rtt, Aggregation::P50)?;
        let (loss_ratio, span_ms) = aggregate(self.loss, Aggregation::Avg)?;
        Some(Typical { rtt_us, loss_ratio, span_ms })
    }
}

/// The page.
#[component]
pub(crate) fn Overview() -> impl IntoView {
    let live = Live::expect();
    let is_many = Memo::new(move |_| live.nodes.with(|nodes| nodes.len() > MANY_NODES));
    view! {
        <Title text="Overview" />
        <h1 class="visually-hidden">"Overview"</h1>
        // Many nodes are another page: its feeds are about all pairs at once.
        {move || view! { <Body is_many=is_many.get() /> }}
    }
}

#[component]
fn Body(is_many: bool) -> impl IntoView {
    let panels = Panels::begin(is_many);
    view! {
        <VerdictCard panels />
        <MeasurementNotice />
        <Tiles panels />
        <div class="overview-grid">
            <div class="overview-charts">
                {if is_many { mesh::charts(panels.live) } else { pair_charts(panels) }}
                <ChartCard
                    id="chart-bandwidth"
                    title="Bandwidth"
                    feeds=vec![panels.received, panels.sent]
                    chart=panels.bandwidth
                />
            </div>
            <div class="overview-side">
                <SmallMatrix live=panels.live />
                {(!is_many).then(|| view! { <Topology panels /> })}
                <RecentAlerts />
            </div>
        </div>
    }
    .into_any()
}

/// Latency and loss of every pair, as far as there is room for lines.
fn pair_charts(panels: Panels) -> AnyView {
    let live = panels.live;
    let settings = move || live.settings.with(|reply| reply.settings.alerts.clone());
    let latency = Memo::new(move |_| {
        let series = panels.rtt.labels(live).into_iter();
        let (nodes, incidents) = (live.nodes.read(), live.incidents.read());
        charts::latency::chart(&Scene { nodes: &nodes, incidents: &incidents }, series, &settings().latency)
    });
    let loss = Memo::new(move |_| {
        let series = panels.loss.labels(live).into_iter();
        let (nodes, incidents) = (live.nodes.read(), live.incidents.read());
        charts::loss::chart(&Scene { nodes: &nodes, incidents: &incidents }, series, &settings().loss)
    });
    // Figures are about all values; charts keep the extremes of long windows.
    let drawn = |metric| use_feed(Interest::all(metric).extremes());
    let (drawn_rtt, drawn_loss) = (drawn(metric::RTT_US), drawn(metric::LOSS_RATIO));
    view! {
        <ChartCard id="chart-latency" title="Latency" feeds=vec![drawn_rtt] chart=latency />
        <ChartCard id="chart-loss" title="Loss" feeds=vec![drawn_loss] chart=loss />
    }
    .into_any()
}

/// The sentence, and the score that goes with it.
#[component]
fn VerdictCard(panels: Panels) -> impl IntoView {
    let (live, range) = (panels.live, panels.range);
    let verdict = Memo::new(move |_| {
        let typical = panels.typical();
        let (nodes, incidents, ways) = (live.nodes.read(), live.incidents.read(), panels.ways.read());
        let mesh = live.verdict.read();
        let pairs = if panels.is_many { mesh::pairs(live) } else { 0 };
        Verdict::of(&Facts { nodes: &nodes, incidents: &incidents, ways: &ways, mesh: &mesh, pairs, typical })
    });
    let part = move |part: Part| match part {
        Part::Text(text) => text.into_any(),
        Part::Moment(at) => view! { <When at /> }.into_any(),
        Part::Link(text, path) => view! { <a href=move || range.carry(&path)>{text}</a> }.into_any(),
    };
    let health = live.health;
    let tone = Signal::derive(move || verdict.with(|verdict| verdict.tone));
    view! {
        <section class=move || format!("card verdict tone-{}", tone.get().name()) aria-label="Verdict">
            <Shape tone />
            // The sentence changes with every figure; only a change of the word is worth interrupting someone.
            <span class="visually-hidden" role="status">
                {move || health.with(|health| health_word(health.status))}
            </span>
            <p class="verdict-text" data-testid="verdict">
                {move || verdict.get().parts.into_iter().map(part).collect_view()}
            </p>
            <p
                class="score"
                data-testid="health-score"
                data-status=move || health.with(|health| health_word(health.status))
                title="Health score: 100 less what each firing alert and each silent node takes away"
            >
                <span class="score-value">{move || health.with(|health| health.score)}</span>
                <span class="score-of">"/ 100"</span>
                <span class="score-name">"health"</span>
            </p>
        </section>
    }
    .into_any()
}

/// What fires and what is about to, before what is over.
fn short_feed(incidents: &[Incident]) -> Vec<Incident> {
    let is_now = |incident: &&Incident| matches!(incident.state, IncidentState::Firing | IncidentState::Pending);
    let now = incidents.iter().filter(is_now);
    let over = incidents.iter().filter(|incident| incident.state == IncidentState::Resolved);
    now.chain(over).take(FEED_MAX).cloned().collect()
}

#[component]
fn RecentAlerts() -> impl IntoView {
    let (live, range) = (Live::expect(), TimeRange::expect());
    let shown = Memo::new(move |_| live.incidents.with(|all| short_feed(all)));
    view! {
        <AlertCard id="recent-alerts" title="Alerts" incidents=shown leads_on=true>
            <EmptyState title="All quiet">
                "Nothing has fired. Limits are in the " <a href=move || range.carry("/settings")>"settings"</a> "."
            </EmptyState>
        </AlertCard>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::incident;

    #[test]
    fn what_fires_comes_before_what_is_over() {
        let states = [IncidentState::Resolved, IncidentState::Inactive, IncidentState::Firing];
        let incidents = states.map(|state| incident("loss_high", state, "a"));
        let shown: Vec<_> = short_feed(&incidents).into_iter().map(|incident| incident.state).collect();
        assert_eq!(shown, [IncidentState::Firing, IncidentState::Resolved]);
    }
}
