//! The figures at the top of the overview.

use leptos::prelude::*;
use netloom_core::{
    api::{NodeState, NodeStatus},
    incident::{Incident, IncidentState},
    stats::aggregate::Aggregation,
    unit::{Figure, Unit},
};

use super::{Panels, mesh};
use crate::{
    charts::{TimeChart, points},
    components::{
        sparkline::Trend,
        stat_tile::{Stat, StatTile},
    },
    live::feed::{Feed, Points},
};

fn plain(text: impl Into<String>, unit: &'static str) -> Figure {
    Figure { number: text.into(), unit }
}

/// Every value of the feeds, as they were taken.
fn values(feeds: &[&Feed]) -> Vec<f64> {
    feeds
        .iter()
        .flat_map(|feed| feed.series().values())
        .flat_map(|points| points.iter().map(|(_, value)| value))
        .collect()
}

/// The worst of all series at each moment, for the line beside the figure.
pub(super) fn trend(feeds: &[&Feed], window: (i64, i64)) -> Trend {
    let points = feeds.iter().flat_map(|feed| feed.series().values()).flat_map(Points::iter);
    (points.collect(), window)
}

/// Median over the window and all targets, and what one round in a hundred exceeds.
fn latency(feeds: &[&Feed], window: (i64, i64)) -> Stat {
    let mut values = values(feeds);
    let p50 = Aggregation::P50.apply(&mut values);
    let p99 = Aggregation::P99.apply(&mut values);
    let figure = Unit::Microseconds.figure(p50.unwrap_or(f64::NAN));
    let note = p99.map_or_else(String::new, |p99| format!("p99 {}", Unit::Microseconds.figure(p99)));
    Stat { figure, note, tone: None, trend: Some(trend(feeds, window)) }
}

/// Mean over the window and all targets, and the worst target.
fn loss(feeds: &[&Feed], window: (i64, i64)) -> Stat {
    let mean = Aggregation::Avg.apply(&mut values(feeds));
    let series = feeds.iter().flat_map(|feed| feed.series());
    let means = series.filter_map(|(labels, points)| {
        let mut values: Vec<f64> = points.iter().map(|(_, value)| value).collect();
        Some((Aggregation::Avg.apply(&mut values)?, labels.get("dst").cloned().unwrap_or_default()))
    });
    let worst = means.max_by(|a, b| a.0.total_cmp(&b.0));
    let note = match (mean, worst) {
        (Some(_), Some((worst, dst))) if worst > 0.0 => format!("{dst} {}", Unit::Ratio.figure(worst)),
        (Some(_), _) => "every probe answered".to_owned(),
        (None, _) => String::new(),
    };
    Stat { figure: Unit::Ratio.figure(mean.unwrap_or(f64::NAN)), note, tone: None, trend: Some(trend(feeds, window)) }
}

/// The newest value of one direction, and its peak in the window.
fn bandwidth((chart, at): (&TimeChart, usize), feeds: &[&Feed], window: (i64, i64)) -> Stat {
    let points = points::line(chart, feeds, at);
    let newest = points.last().map_or(f64::NAN, |(_, value)| *value);
    let peak = points.iter().map(|(_, value)| *value).reduce(f64::max);
    let note = peak.map_or_else(String::new, |peak| format!("peak {}", chart.unit.figure(peak)));
    Stat { figure: chart.unit.figure(newest), note, tone: None, trend: Some((points, window)) }
}

/// How many nodes report.
fn nodes(nodes: &[NodeStatus]) -> Stat {
    let silent: Vec<&str> =
        nodes.iter().filter(|node| node.status == NodeState::Silent).map(|node| node.info.node.as_str()).collect();
    let degraded = nodes.iter().filter(|node| node.status == NodeState::Degraded).count();
    let note = match (silent.as_slice(), degraded) {
        ([only], _) => format!("{only} is silent"),
        ([_, ..], _) => format!("{} are silent", silent.len()),
        ([], 0) if nodes.is_empty() => "none has reported yet".to_owned(),
        ([], 0) => "all measurements work".to_owned(),
        ([], degraded) => format!("{degraded} degraded"),
    };
    let figure = plain((nodes.len() - silent.len()).to_string(), "");
    let figure = Figure { unit: if nodes.len() == 1 { "of 1 up" } else { figure.unit }, ..figure };
    let note = if nodes.len() > 1 { format!("of {}; {note}", nodes.len()) } else { note };
    Stat { figure, note, tone: (!silent.is_empty()).then_some("critical"), trend: None }
}

/// How many alerts fire.
fn alerts(incidents: &[Incident]) -> Stat {
    let count = |state| incidents.iter().filter(|incident| incident.state == state).count();
    let (firing, pending) = (count(IncidentState::Firing), count(IncidentState::Pending));
    let worst = incidents.iter().filter(|i| i.state == IncidentState::Firing).map(|i| i.severity).max();
    let tone = worst.map(|severity| crate::components::status_badge::Tone::from(severity).name());
    let note = if pending == 0 { "none pending".to_owned() } else { format!("{pending} pending") };
    Stat { figure: plain(firing.to_string(), "firing"), note, tone, trend: None }
}

/// The tiles, all of one height whatever they say.
#[component]
pub(super) fn Tiles(panels: Panels) -> impl IntoView {
    let live = panels.live;
    let (latency, loss) = if panels.is_many {
        mesh::stats(panels)
    } else {
        let latency = Memo::new(move |_| panels.read(&[panels.rtt], latency));
        (latency, Memo::new(move |_| panels.read(&[panels.loss], loss)))
    };
    let direction = move |at: usize| {
        Memo::new(move |_| {
            let chart = panels.bandwidth.get();
            panels.read(&[panels.received, panels.sent], |feeds, window| bandwidth((&chart, at), feeds, window))
        })
    };
    let nodes = Memo::new(move |_| live.nodes.with(|all| nodes(all)));
    let alerts = Memo::new(move |_| live.incidents.with(|all| alerts(all)));
    view! {
        <div class="tiles">
            <StatTile id="tile-latency" title="Latency p50" stat=latency />
            <StatTile id="tile-loss" title="Loss" stat=loss />
            <StatTile id="tile-in" title="In" stat=direction(0) />
            <StatTile id="tile-out" title="Out" stat=direction(1) />
            <StatTile id="tile-nodes" title="Nodes" stat=nodes />
            <StatTile id="tile-alerts" title="Alerts" stat=alerts />
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        example::{incident, labels, node},
        live::feed::Interest,
        range::Window,
    };
    use netloom_core::{metric, sample::SeriesKey};

    fn feed(metric: &'static str, samples: &[(&str, f64)]) -> Feed {
        let mut feed = Feed::new(Interest::all(metric));
        feed.ask(Window::Live { span_ms: 60_000 }, 1_000, 0);
        for (at, (dst, value)) in samples.iter().enumerate() {
            let series = SeriesKey { metric: metric.into(), labels: labels(dst, "icmp") };
            feed.take(&series, at as i64 * 1_000, *value);
        }
        feed
    }

    #[test]
    fn latency_is_the_median_of_all_targets() {
        let feed = feed(metric::RTT_US, &[("a", 100.0), ("b", 300.0), ("a", 200.0)]);
        let stat = latency(&[&feed], (0, 1));
        assert_eq!((stat.figure.to_string(), stat.note), ("200 µs".into(), "p99 298 µs".into()));
    }

    #[test]
    fn loss_names_the_worst_target() {
        let lossy = feed(metric::LOSS_RATIO, &[("a", 0.0), ("b", 0.5)]);
        assert_eq!(loss(&[&lossy], (0, 1)).note, "b 50 %");
        let fine = feed(metric::LOSS_RATIO, &[("a", 0.0)]);
        assert_eq!(loss(&[&fine], (0, 1)).note, "every probe answered");
        assert_eq!(loss(&[], (0, 1)).figure.number, "–");
    }

    #[test]
    fn silent_nodes_and_firing_alerts_stand_out() {
        let mut silent = node("n2", &[]);
        silent.status = NodeState::Silent;
        let stat = nodes(&[node("n1", &[]), silent]);
        assert_eq!((stat.figure.to_string(), stat.note.as_str()), ("1".into(), "of 2; n2 is silent"));
        assert_eq!(stat.tone, Some("critical"));
        assert_eq!(nodes(&[node("n1", &[])]).figure.to_string(), "1 of 1 up");
        let stat = alerts(&[incident("loss_high", IncidentState::Firing, "a")]);
        assert_eq!((stat.figure.to_string(), stat.tone), ("1 firing".into(), Some("critical")));
    }
}
