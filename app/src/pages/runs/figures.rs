//! What the network did while a run went on, on its nodes.

use leptos::prelude::*;
use netloom_core::{
    metric,
    run::{Run, RunEvent},
    sample::Labels,
    stats::aggregate::Aggregation,
    unit::Unit,
};

use super::run::Subject;
use crate::{
    charts::{self, MARKS_MAX, Mark, TimeChart, pair::Scene, points},
    components::{
        chart_card::ChartCard,
        sparkline::Trend,
        stat_tile::{Stat, StatTile},
    },
    live::{
        FeedHandle,
        feed::{Feed, Interest, Points},
        use_feed,
    },
    range::TimeRange,
};

/// Events as marks, the newest of them.
fn marks(events: &[RunEvent]) -> Vec<Mark> {
    let mark = |event: &RunEvent| Mark { name: event.text.clone(), at_ms: event.at.ms() };
    events.iter().rev().take(MARKS_MAX).map(mark).collect()
}

/// The points of the series of a run, and the window that they are shown in.
fn points_of(run: &Run, feeds: &[&Feed], window: (i64, i64)) -> Trend {
    let series = feeds.iter().flat_map(|feed| feed.series()).filter(|(labels, _)| run.covers(labels));
    (series.flat_map(|(_, points)| Points::iter(points)).collect(), window)
}

/// One aggregate as the figure of a tile, another as what belongs to it.
fn stat(trend: Trend, unit: Unit, main: Aggregation, note: (&str, Aggregation)) -> Stat {
    let mut values: Vec<f64> = trend.0.iter().map(|(_, value)| *value).collect();
    let figure = unit.figure(main.apply(&mut values).unwrap_or(f64::NAN));
    let note = note.1.apply(&mut values).map_or_else(String::new, |value| format!("{} {}", note.0, unit.figure(value)));
    Stat { figure, note, tone: None, trend: Some(trend) }
}

/// Tiles and charts of the run; what else there is to say stands beside the charts.
#[component]
pub(super) fn Figures(subject: Subject, children: Children) -> impl IntoView {
    let Subject { live, run, events, .. } = subject;
    let feed = |metric| use_feed(Interest::all(metric));
    let (rtt, loss) = (feed(metric::RTT_US), feed(metric::LOSS_RATIO));
    let (received, sent) = (feed(metric::NET_RX_BPS), feed(metric::NET_TX_BPS));
    let own = move |feed: FeedHandle| -> Vec<Labels> {
        run.with(|run| feed.labels(live).into_iter().filter(|labels| run.covers(labels)).collect())
    };
    let settings = move || live.settings.with(|reply| reply.settings.alerts.clone());
    let marks = Memo::new(move |_| events.with(|events| marks(events)));
    let latency = Memo::new(move |_| {
        let nodes = live.nodes.read();
        // Lines are not moved about by what fires now: the run is what it was.
        let scene = Scene { nodes: &nodes, incidents: &[] };
        let chart = charts::latency::chart(&scene, own(rtt).into_iter(), &settings().latency);
        TimeChart { marks: marks.get(), ..chart }
    });
    let losses = Memo::new(move |_| {
        let nodes = live.nodes.read();
        let scene = Scene { nodes: &nodes, incidents: &[] };
        let chart = charts::loss::chart(&scene, own(loss).into_iter(), &settings().loss);
        TimeChart { marks: marks.get(), ..chart }
    });
    let bandwidth = Memo::new(move |_| {
        let chart = charts::bandwidth::chart(own(received).into_iter(), own(sent).into_iter());
        TimeChart { marks: marks.get(), ..chart }
    });
    view! {
        <Tiles subject pairs=(rtt, loss) traffic=(received, sent) bandwidth />
        <div class="overview-grid">
            <div class="overview-charts">
                <ChartCard id="chart-latency" title="Latency" feeds=vec![rtt] chart=latency />
                <ChartCard id="chart-loss" title="Loss" feeds=vec![loss] chart=losses />
                <ChartCard id="chart-bandwidth" title="Bandwidth" feeds=vec![received, sent] chart=bandwidth />
            </div>
            <div class="overview-side">{children()}</div>
        </div>
    }
    .into_any()
}

/// How the run went in five figures.
#[component]
fn Tiles(
    subject: Subject,
    pairs: (FeedHandle, FeedHandle),
    traffic: (FeedHandle, FeedHandle),
    bandwidth: Memo<TimeChart>,
) -> impl IntoView {
    let Subject { live, clock, run, .. } = subject;
    let range = TimeRange::expect();
    let window = move || range.window().bounds(clock.now_exact().ms());
    let of_pairs = move |feed: FeedHandle, main: Aggregation, note: (&'static str, Aggregation)| {
        Memo::new(move |_| {
            let window = window();
            live.samples(|store| {
                let feeds: Vec<&Feed> = feed.of(store).into_iter().collect();
                let unit = feeds.first().map_or(Unit::Count, |feed| metric::unit_of(&feed.interest.metric));
                stat(run.with(|run| points_of(run, &feeds, window)), unit, main, note)
            })
        })
    };
    let of_traffic = move |at: usize| {
        Memo::new(move |_| {
            let window = window();
            live.samples(|store| {
                let feeds: Vec<&Feed> = [traffic.0, traffic.1].iter().filter_map(|feed| feed.of(store)).collect();
                let points = bandwidth.with(|chart| points::line(chart, &feeds, at));
                stat((points, window), Unit::BitsPerSecond, Aggregation::Avg, ("peak", Aggregation::Max))
            })
        })
    };
    let latency = of_pairs(pairs.0, Aggregation::P50, ("p99", Aggregation::P99));
    let loss = of_pairs(pairs.1, Aggregation::Avg, ("worst round", Aggregation::Max));
    view! {
        <div class="tiles">
            <StatTile id="tile-latency" title="Latency p50" stat=latency />
            <StatTile id="tile-loss" title="Loss" stat=loss />
            <StatTile id="tile-in" title="In, mean" stat=of_traffic(0) />
            <StatTile id="tile-out" title="Out, mean" stat=of_traffic(1) />
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{example, range::Window};
    use netloom_core::{sample::SeriesKey, time::Timestamp};

    #[test]
    fn only_the_nodes_of_the_run_count() {
        let mut feed = Feed::new(Interest::all(metric::RTT_US));
        feed.ask(Window::Fixed { from_ms: 0, to_ms: 9_000 }, 1_000, 0);
        for (src, value) in [("n1", 100.0), ("n2", 900.0)] {
            feed.take(&SeriesKey::new(metric::RTT_US, [("src", src), ("dst", "x")]), 1_000, value);
        }
        let run = Run { nodes: vec!["n1".into()], ..example::run("a") };
        let stat = stat(
            points_of(&run, &[&feed], (0, 9_000)),
            Unit::Microseconds,
            Aggregation::P50,
            ("p99", Aggregation::P99),
        );
        assert_eq!((stat.figure.to_string(), stat.note.as_str()), ("100 µs".into(), "p99 100 µs"));
    }

    #[test]
    fn the_newest_events_are_marked() {
        let event =
            |at: usize| RunEvent { at: Timestamp(at as i64), kind: "note".into(), text: at.to_string(), value: None };
        let marks = marks(&(0..100).map(event).collect::<Vec<_>>());
        assert_eq!((marks.len(), marks[0].at_ms), (MARKS_MAX, 99));
    }
}
