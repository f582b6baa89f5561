//! The overview of a mesh: a small map, and with many nodes figures of all pairs at once in place of one line for each.
//! 64 nodes make 4,032 pairs, each with a sample a second; the matrix brings their newest values in a few kilobytes.

use std::sync::Arc;

use leptos::prelude::*;
use netloom_core::{
    metric,
    sample::SeriesKey,
    stats::aggregate::Aggregation,
    unit::{Unit, us_from_ms},
};

use super::{Panels, tiles};
use crate::{
    charts::{
        COLOURS, Fold, Line, Threshold, TimeChart,
        matrix::{self, Sort},
        racks::Racks,
    },
    components::{
        chart_card::ChartCard,
        heat_map::{HeatMap, MapFigures, MapView},
        stat_tile::Stat,
    },
    live::{
        FeedHandle, Live,
        feed::{ACROSS_LABEL, Interest, Points, aggregation_name},
        use_feed, use_matrix,
    },
    range::TimeRange,
};

/// From more nodes than this on, pairs are not shown one by one: 240 pairs have no room on a page.
pub(super) const MANY_NODES: usize = 16;
/// The small map lies beside charts.
const AROUND_PX: u32 = 10_000;

/// The feed of a figure about all pairs: pair by pair, or already added up.
pub(super) fn feed(is_many: bool, metric: &'static str, how: Aggregation) -> FeedHandle {
    use_feed(if is_many { Interest::across(metric, how) } else { Interest::all(metric) })
}

/// How many pairs there are.
pub(super) fn pairs(live: Live) -> usize {
    let size = live.grid(metric::RTT_US, |grid| grid.map_or(0, crate::live::matrix::Grid::size));
    size * size.saturating_sub(1)
}

/// One line for each of some aggregations.
fn chart(metric: &'static str, rows: &[(Aggregation, &str, usize)], threshold: Option<f64>) -> TimeChart {
    let mut chart = TimeChart::new(metric, Fold::Worst);
    let line = |(how, name, colour): &(Aggregation, &str, usize)| Line {
        id: aggregation_name(*how).to_owned(),
        name: (*name).to_owned(),
        colour: COLOURS[*colour],
        is_dashed: false,
        sources: vec![SeriesKey::new(metric, [(ACROSS_LABEL, aggregation_name(*how))])],
    };
    chart.lines = rows.iter().map(line).collect();
    let name = |value| format!("limit {}", chart.unit.figure(value));
    chart.thresholds = threshold.into_iter().map(|value| Threshold { name: name(value), value }).collect();
    chart
}

const LATENCY: [(Aggregation, &str, usize); 3] = [
    (Aggregation::P50, "half of the pairs", 0),
    (Aggregation::P99, "99 of 100 pairs", 1),
    (Aggregation::Max, "slowest pair", 4),
];
const LOSS: [(Aggregation, &str, usize); 2] =
    [(Aggregation::Avg, "mean of all pairs", 0), (Aggregation::Max, "worst pair", 1)];

/// Latency and loss of all pairs.
pub(super) fn charts(live: Live) -> AnyView {
    // Each line goes on with what the matrix adds up to.
    [metric::RTT_US, metric::LOSS_RATIO].into_iter().for_each(|name| use_matrix(Signal::stored(name.to_owned())));
    let feeds = |metric: &'static str, rows: &[(Aggregation, &str, usize)]| {
        rows.iter().map(|row| use_feed(Interest::across(metric, row.0))).collect::<Vec<_>>()
    };
    let (rtt, lost) = (feeds(metric::RTT_US, &LATENCY), feeds(metric::LOSS_RATIO, &LOSS));
    let latency = Memo::new(move |_| {
        let rule = live.settings.with(|reply| reply.settings.alerts.latency.clone());
        chart(metric::RTT_US, &LATENCY, rule.enabled.then(|| us_from_ms(rule.limit_ms)))
    });
    let all_lost = Signal::stored(chart(metric::LOSS_RATIO, &LOSS, None));
    view! {
        <ChartCard id="chart-latency" title="Latency of all pairs" feeds=rtt chart=latency />
        <ChartCard id="chart-loss" title="Loss of all pairs" feeds=lost chart=all_lost />
    }
    .into_any()
}

/// The tiles of latency and loss.
pub(super) fn stats(panels: Panels) -> (Memo<Stat>, Memo<Stat>) {
    let live = panels.live;
    let p99 = use_feed(Interest::across(metric::RTT_US, Aggregation::P99));
    let newest = move |feed: FeedHandle| {
        live.samples(|store| feed.of(store)?.series().values().flat_map(Points::iter).last().map(|point| point.1))
    };
    let latency = Memo::new(move |_| {
        let trend = panels.read(&[panels.rtt], tiles::trend);
        let figure = Unit::Microseconds.figure(newest(panels.rtt).unwrap_or(f64::NAN));
        let note = newest(p99).map_or_else(String::new, |p99| format!("p99 {}", Unit::Microseconds.figure(p99)));
        Stat { figure, note, tone: None, trend: Some(trend) }
    });
    let loss = Memo::new(move |_| {
        let trend = panels.read(&[panels.loss], tiles::trend);
        let worst = live.grid(metric::LOSS_RATIO, |grid| {
            let grid = grid?;
            let (src, dst, value) = matrix::worst(grid, 1, Unit::Ratio).into_iter().next()?;
            Some((format!("{} → {}", grid.nodes[src], grid.nodes[dst]), value))
        });
        let note = match worst {
            Some((pair, value)) if value > 0.0 => format!("{pair} {}", Unit::Ratio.figure(value)),
            Some(_) => "every probe answered".to_owned(),
            None => String::new(),
        };
        let figure = Unit::Ratio.figure(newest(panels.loss).unwrap_or(f64::NAN));
        Stat { figure, note, tone: None, trend: Some(trend) }
    });
    (latency, loss)
}

/// All pairs in a corner, as soon as there are two nodes.
#[component]
pub(super) fn SmallMatrix(live: Live) -> impl IntoView {
    let range = TimeRange::expect();
    let is_mesh = Memo::new(move |_| live.nodes.with(|nodes| nodes.len() > 1));
    move || {
        is_mesh.get().then(|| {
            let figures = MapFigures::begin(Memo::new(|_| metric::RTT_US.to_owned()));
            let view =
                MapView::new(figures, Signal::stored(Sort::Name), Signal::stored(Arc::new(Racks::default())));
            view! {
                <section class="card small-matrix" aria-labelledby="small-matrix-title">
                    <header class="card-header">
                        <h2 id="small-matrix-title">"Latency, all pairs"</h2>
                        <a class="card-note" href=move || range.carry("/matrix")>"Matrix"</a>
                    </header>
                    <HeatMap id="small-matrix" label="Latency of all pairs: rows send, columns receive" around=AROUND_PX figures view />
                </section>
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_of_all_pairs_has_a_line_for_each_way_to_add_them_up() {
        let chart = chart(metric::RTT_US, &LATENCY, Some(2_000.0));
        assert_eq!(chart.lines.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), ["p50", "p99", "max"]);
        assert_eq!(chart.thresholds[0].name, "limit 2 ms");
        let owned = Interest::across(metric::RTT_US, Aggregation::P99);
        assert!(owned.covers(&chart.lines[1].sources[0]) && !owned.covers(&chart.lines[0].sources[0]));
    }
}
