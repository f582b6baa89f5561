//! What happened between these two?

pub(crate) mod path;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use netloom_core::{incident::Incident, metric, unit::us_from_ms};

use crate::{
    charts::{self, Span, link::DIRECTIONS, marks::About},
    clock::Clock,
    components::{
        alert_feed::AlertCard,
        chart_card::ChartCard,
        empty_state::EmptyState,
        heat_map::link_path,
        stat_tile::{Stat, StatTile},
    },
    live::{
        FeedHandle, Live,
        feed::{Interest, Points},
        marks::use_happenings,
        use_feed,
    },
    pages::diagnose,
    range::{TimeRange, segment},
};

/// Alerts shown on the page.
const FEED_MAX: usize = 8;

/// The page of the link that the address names.
#[component]
pub(crate) fn Link() -> impl IntoView {
    let params = use_params_map();
    let ends =
        Memo::new(move |_| params.with(|params| ["src", "dst"].map(|name| params.get(name).unwrap_or_default())));
    // Another link is another page: all its feeds begin anew.
    move || {
        let [src, dst] = ends.get();
        view! { <Body src dst /> }
    }
}

/// The feeds of one direction.
#[derive(Clone, Copy)]
struct Way {
    live: Live,
    rtt: FeedHandle,
    low: FeedHandle,
    high: FeedHandle,
    loss: FeedHandle,
    jitter: FeedHandle,
    lag: FeedHandle,
}

impl Way {
    fn begin(live: Live, src: &str, dst: &str) -> Self {
        let feed = |metric: &'static str| use_feed(Interest::all(metric).with("src", src).with("dst", dst).extremes());
        Self {
            live,
            rtt: feed(metric::RTT_US),
            low: feed(metric::RTT_MIN_US),
            high: feed(metric::RTT_MAX_US),
            loss: feed(metric::LOSS_RATIO),
            jitter: feed(metric::JITTER_US),
            lag: use_feed(Interest::all(metric::ECHO_LAG_US).with("node", src).extremes()),
        }
    }

    /// When the sender was so late that its figures may be its own slowness.
    fn doubtful(self) -> Vec<Span> {
        let limit_us = self.live.settings.with(|reply| us_from_ms(reply.settings.mesh.doubtful_after_ms));
        self.live.samples(|store| {
            let Some(feed) = self.lag.of(store) else { return Vec::new() };
            let points = feed.series().values().flat_map(Points::iter);
            charts::link::beyond(points, limit_us, feed.spacing_ms())
        })
    }

    /// The newest figure of a metric, and its extreme in the window.
    fn stat(self, feed: FeedHandle, metric: &str, window: (i64, i64)) -> Stat {
        let unit = metric::unit_of(metric);
        let labels = feed.labels(self.live);
        let best = charts::link::preferred(labels);
        let points = self.live.samples(|store| {
            let points = feed.of(store).zip(best).and_then(|(feed, labels)| feed.series().get(&labels));
            points.map(|points| points.iter().collect::<Vec<_>>()).unwrap_or_default()
        });
        let newest = points.last().map_or(f64::NAN, |(_, value)| *value);
        let peak = points.iter().map(|(_, value)| *value).reduce(f64::max);
        let note = peak.map_or_else(String::new, |peak| format!("peak {}", unit.figure(peak)));
        Stat { figure: unit.figure(newest), note, tone: None, trend: Some((points, window)) }
    }
}

#[component]
fn Body(src: String, dst: String) -> impl IntoView {
    let (live, range, clock) = (Live::expect(), TimeRange::expect(), Clock::expect());
    let ways = [(&src, &dst), (&dst, &src)].map(|(from, to)| Way::begin(live, from, to));
    let names = [format!("{src} → {dst}"), format!("{dst} → {src}")];
    let stored = StoredValue::new(names.clone());
    let alerts = move || live.settings.with(|reply| reply.settings.alerts.clone());
    let ends = (src.clone(), dst.clone());
    let happenings = use_happenings(Box::new(move |mark| About::Pair(&ends.0, &ends.1).covers(mark)));
    let latency = |at: usize| {
        let way = ways[at];
        let chart = Memo::new(move |_| {
            let mut chart = charts::link::latency(way.rtt.labels(live), DIRECTIONS[at], &alerts().latency);
            chart.doubtful = way.doubtful();
            happenings.on(chart)
        });
        let title = format!("Latency, {}", names[at]);
        view! {
            <ChartCard
                id=["chart-latency", "chart-latency-back"][at]
                title
                feeds=vec![way.rtt, way.low, way.high]
                chart
            />
        }
    };
    let named = move |labels: [Vec<_>; 2]| {
        let [there, back] = labels;
        let [first, second] = stored.get_value();
        [(first, there), (second, back)]
    };
    let loss = Memo::new(move |_| {
        let labels = named(ways.map(|way| way.loss.labels(live)));
        happenings.on(charts::link::loss(labels, &alerts().loss))
    });
    let jitter = Memo::new(move |_| {
        let labels = named(ways.map(|way| way.jitter.labels(live)));
        happenings.on(charts::link::both(metric::JITTER_US, labels))
    });
    let tile = move |(id, title, at, is_loss): (&'static str, &'static str, usize, bool)| {
        let stat = Memo::new(move |_| {
            let window = range.window().bounds(clock.now_exact().ms());
            let (way, loss, rtt) = (ways[at], metric::LOSS_RATIO, metric::RTT_US);
            if is_loss { way.stat(way.loss, loss, window) } else { way.stat(way.rtt, rtt, window) }
        });
        view! { <StatTile id title stat /> }
    };
    let tiles = [
        ("tile-there", "Latency there", 0, false),
        ("tile-back", "Latency back", 1, false),
        ("tile-loss-there", "Loss there", 0, true),
        ("tile-loss-back", "Loss back", 1, true),
    ];
    view! {
        <Title text=names[0].clone() />
        <Head src=src.clone() dst=dst.clone() />
        <div class="tiles">{tiles.map(tile)}</div>
        <div class="link-charts">
            {latency(0)} {latency(1)}
            <ChartCard id="chart-loss" title="Loss, both ways" feeds=ways.map(|way| way.loss).to_vec() chart=loss />
            <ChartCard id="chart-jitter" title="Jitter, both ways" feeds=ways.map(|way| way.jitter).to_vec() chart=jitter />
        </div>
        <div class="link-charts">
            {path::ways(live, ("way-there", "The way there"), src.clone(), dst.clone())}
            {path::ways(live, ("way-back", "The way back"), dst.clone(), src.clone())}
        </div>
        <Alerts src dst />
    }
    .into_any()
}

/// The name of the link, its ends, and the way back.
#[component]
fn Head(src: String, dst: String) -> impl IntoView {
    let range = TimeRange::expect();
    let end = move |name: String| {
        let path = format!("/nodes/{}", segment(&name));
        view! { <a href=move || range.carry(&path)>{name}</a> }
    };
    let (back, check) = (link_path(&dst, &src), diagnose::path(&src, Some(&dst)));
    view! {
        <div class="page-head">
            <h1 class="page-title" data-testid="link-title">{end(src)} " → " {end(dst)}</h1>
            <a class="button" href=move || range.carry(&back) data-testid="link-back">"The other way"</a>
            <a class="button" href=move || range.carry(&check) data-testid="diagnose-link">"Diagnose"</a>
            <a href=move || range.carry("/matrix")>"All pairs"</a>
        </div>
    }
}

/// Whether an incident is about the link, in either direction.
fn is_about(incident: &Incident, src: &str, dst: &str) -> bool {
    let label = |name: &str| incident.labels.get(name).map_or("", String::as_str);
    let ends = (label("src"), label("dst"));
    ends == (src, dst) || ends == (dst, src)
}

#[component]
fn Alerts(src: String, dst: String) -> impl IntoView {
    let live = Live::expect();
    let shown = Memo::new(move |_| {
        live.incidents.with(|all| {
            all.iter().filter(|incident| is_about(incident, &src, &dst)).take(FEED_MAX).cloned().collect::<Vec<_>>()
        })
    });
    view! {
        <AlertCard id="link-alerts-title" title="Alerts of this link" incidents=shown>
            <EmptyState title="All quiet">"Nothing has fired between these two."</EmptyState>
        </AlertCard>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::incident;
    use netloom_core::incident::IncidentState;

    #[test]
    fn an_incident_is_about_both_directions() {
        let incident = incident("loss_high", IncidentState::Firing, "n2");
        assert!(is_about(&incident, "n1", "n2") && is_about(&incident, "n2", "n1"));
        assert!(!is_about(&incident, "n1", "n3"));
    }
}
