//! From series to the points of a chart's lines.

use std::collections::BTreeMap;

use netloom_core::sample::SeriesKey;

use super::{Band, Fold, Line, TimeChart};
use crate::{
    live::feed::{Feed, usual_distance_ms, with_gaps},
    order,
};

/// Rows of the table that stands in for a chart: a minute at the usual pace.
const ROWS_MAX: usize = 60;

/// The points of a line, folded if it has several series.
fn of_line(line: &Line, feeds: &[&Feed], fold: Fold) -> (Vec<(i64, f64)>, i64) {
    let spacing_ms = spacing_ms(feeds);
    let all = line.sources.iter().filter_map(|source| {
        let feed = feeds.iter().find(|feed| feed.interest.covers(source))?;
        feed.series().get(&source.labels)
    });
    let mut all: Vec<_> = all.collect();
    if line.sources.len() <= 1 {
        return (all.pop().map(|points| points.iter().collect()).unwrap_or_default(), spacing_ms);
    }
    let mut folded: BTreeMap<i64, BTreeMap<usize, f64>> = BTreeMap::new();
    for (at, points) in all.into_iter().enumerate() {
        for (ts_ms, value) in points.iter() {
            // Of two samples of one series in one step the later one stands.
            folded.entry(ts_ms.div_euclid(spacing_ms) * spacing_ms).or_default().insert(at, value);
        }
    }
    if fold == Fold::Sum {
        drop_unfinished(&mut folded);
    }
    let value = |values: BTreeMap<usize, f64>| match fold {
        Fold::Worst => values.into_values().fold(f64::NEG_INFINITY, f64::max),
        Fold::Sum => values.into_values().sum(),
    };
    (folded.into_iter().map(|(ts_ms, values)| (ts_ms, value(values))).collect(), spacing_ms)
}

/// Drops the last step of a sum when not all series have reported in it yet: it would look like a breakdown.
fn drop_unfinished(folded: &mut BTreeMap<i64, BTreeMap<usize, f64>>) {
    let mut last = folded.values().rev().map(BTreeMap::len);
    if let (Some(last), Some(before)) = (last.next(), last.next())
        && last < before
    {
        folded.pop_last();
    }
}

/// The points of every line as the bridge takes them, and when the newest was taken.
///
/// Lines are moved onto a common grid, by half a step at most: series are sampled at their own moments, and a cross-hair
/// finds those lines only that have a point at the same one.
pub(crate) fn flat(chart: &TimeChart, feeds: &[&Feed]) -> (Vec<Vec<f64>>, Option<i64>) {
    let mut newest_ms = None;
    let mut flat = Vec::with_capacity(chart.lines.len());
    for line in &chart.lines {
        let (points, spacing_ms) = of_line(line, feeds, chart.fold);
        newest_ms = newest_ms.max(points.last().map(|(ts_ms, _)| *ts_ms));
        let points = if chart.lines.len() > 1 || chart.band.is_some() { snapped(points, spacing_ms) } else { points };
        // Some series of a metric come more seldom than the others: their own pace says what is a gap.
        let spacing_ms = spacing_ms.max(usual_distance_ms(&points));
        flat.push(with_gaps(points.into_iter(), spacing_ms));
    }
    (flat, newest_ms)
}

/// The ids of what [`flat`] and [`band`] give, in their order.
pub(crate) fn ids(chart: &TimeChart) -> Vec<String> {
    let band = chart.band.iter().flat_map(|_| Band::IDS).map(str::to_owned);
    chart.lines.iter().map(|line| line.id.clone()).chain(band).collect()
}

/// The points of a series, on the grid that lines beside each other share.
fn on_grid(key: &SeriesKey, feeds: &[&Feed]) -> Vec<(i64, f64)> {
    let feed = feeds.iter().find(|feed| feed.interest.covers(key));
    let points = feed.and_then(|feed| feed.series().get(&key.labels));
    snapped(points.map(|points| points.iter().collect()).unwrap_or_default(), spacing_ms(feeds))
}

/// The lower edge of the band and its height, as the bridge takes them: both have the same moments, and a gap where
/// either edge has one.
pub(crate) fn band(chart: &TimeChart, feeds: &[&Feed]) -> Vec<Vec<f64>> {
    let Some(band) = &chart.band else { return Vec::new() };
    let high = on_grid(&band.high, feeds);
    let at = |ts_ms: i64| Some(high[high.binary_search_by_key(&ts_ms, |point| point.0).ok()?].1);
    let both = on_grid(&band.low, feeds).into_iter().filter_map(|(ts_ms, low)| Some((ts_ms, low, at(ts_ms)?)));
    let both: Vec<(i64, f64, f64)> = both.collect();
    let low_points: Vec<(i64, f64)> = both.iter().map(|(ts_ms, low, _)| (*ts_ms, *low)).collect();
    let spacing_ms = spacing_ms(feeds).max(usual_distance_ms(&low_points));
    let low = with_gaps(low_points.into_iter(), spacing_ms);
    let height = with_gaps(both.iter().map(|(ts_ms, low, high)| (*ts_ms, (high - low).max(0.0))), spacing_ms);
    vec![low, height]
}

/// Points moved to the nearest multiple of the step. Of two that meet the larger stays: no spike is hidden.
fn snapped(points: Vec<(i64, f64)>, spacing_ms: i64) -> Vec<(i64, f64)> {
    let mut snapped: Vec<(i64, f64)> = Vec::with_capacity(points.len());
    for (ts_ms, value) in points {
        let ts_ms = (ts_ms + spacing_ms / 2).div_euclid(spacing_ms) * spacing_ms;
        match snapped.last_mut().filter(|(last_ms, _)| *last_ms == ts_ms) {
            Some((_, last)) => *last = last.max(value),
            None => snapped.push((ts_ms, value)),
        }
    }
    snapped
}

/// The time between two points when nothing is missing, ms.
pub(crate) fn spacing_ms(feeds: &[&Feed]) -> i64 {
    feeds.iter().map(|feed| feed.spacing_ms()).max().unwrap_or(1)
}

/// The newest point of one line, by its place in the chart.
pub(crate) fn newest(chart: &TimeChart, feeds: &[&Feed], at: usize) -> Option<(i64, f64)> {
    let line = chart.lines.get(at)?;
    match line.sources.as_slice() {
        // The usual case, without a copy of all points.
        [source] => {
            feeds.iter().find(|feed| feed.interest.covers(source))?.series().get(&source.labels)?.iter().next_back()
        }
        _ => of_line(line, feeds, chart.fold).0.pop(),
    }
}

/// Whether there is anything to draw.
pub(crate) fn any(chart: &TimeChart, feeds: &[&Feed]) -> bool {
    (0..chart.lines.len()).any(|at| newest(chart, feeds, at).is_some())
}

/// The points of one line, by its place in the chart.
pub(crate) fn line(chart: &TimeChart, feeds: &[&Feed], at: usize) -> Vec<(i64, f64)> {
    chart.lines.get(at).map(|line| of_line(line, feeds, chart.fold).0).unwrap_or_default()
}

/// A moment and the value of each line then.
pub(crate) type Row = (i64, Vec<Option<f64>>);

/// The last rows of the table that stands in for the chart, newest first. Samples of several lines that were taken
/// within one step share a row; no sample is left out.
pub(crate) fn rows(chart: &TimeChart, feeds: &[&Feed]) -> Vec<Row> {
    let mut samples: Vec<(i64, usize, f64)> = Vec::new();
    let mut spacing_ms = 1;
    for (at, line) in chart.lines.iter().enumerate() {
        let (points, line_ms) = of_line(line, feeds, chart.fold);
        spacing_ms = line_ms;
        samples.extend(points.into_iter().rev().take(ROWS_MAX).map(|(ts_ms, value)| (ts_ms, at, value)));
    }
    order::sort_by(&mut samples, |a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut rows: Vec<Row> = Vec::new();
    for (ts_ms, at, value) in samples {
        let shared = rows.last_mut().filter(|(row_ms, values)| row_ms - ts_ms < spacing_ms && values[at].is_none());
        if let Some((_, values)) = shared {
            values[at] = Some(value);
        } else {
            let mut values = vec![None; chart.lines.len()];
            values[at] = Some(value);
            rows.push((ts_ms, values));
        }
    }
    rows.truncate(ROWS_MAX);
    rows
}

/// The largest value of all lines.
pub(crate) fn max(chart: &TimeChart, feeds: &[&Feed]) -> Option<f64> {
    let lines = chart.lines.iter().flat_map(|line| of_line(line, feeds, chart.fold).0);
    let band = chart.band.iter().flat_map(|band| on_grid(&band.high, feeds));
    lines.chain(band).map(|(_, value)| value).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{live::feed::Interest, range::Window};
    use netloom_core::{metric, sample::SeriesKey};

    fn feed(samples: &[(&str, i64, f64)]) -> Feed {
        let mut feed = Feed::new(Interest::all(metric::NET_RX_BPS));
        feed.ask(Window::Live { span_ms: 60_000 }, 1_000, 0);
        for (node, ts_ms, value) in samples {
            feed.take(&key(node), *ts_ms, *value);
        }
        feed
    }

    fn key(node: &str) -> SeriesKey {
        SeriesKey::new(metric::NET_RX_BPS, [("node", node)])
    }

    fn chart(fold: Fold, nodes: &[&str]) -> TimeChart {
        let sources = nodes.iter().map(|node| key(node)).collect();
        let line = Line { id: "l".into(), name: "l".into(), colour: "--x", is_dashed: false, sources };
        TimeChart { lines: vec![line], ..TimeChart::new(metric::NET_RX_BPS, fold) }
    }

    #[test]
    fn a_line_of_one_series_keeps_its_moments() {
        let feed = feed(&[("a", 1_234, 1.0), ("b", 1_300, 5.0)]);
        let flat = flat(&chart(Fold::Sum, &["a"]), &[&feed]);
        assert_eq!(flat, (vec![vec![1_234.0, 1.0]], Some(1_234)));
    }

    #[test]
    fn a_series_that_comes_seldom_is_a_line_all_the_same() {
        let feed = feed(&[("a", 10_000, 1.0), ("a", 20_000, 2.0), ("a", 30_000, 3.0), ("a", 90_000, 4.0)]);
        let points = flat(&chart(Fold::Worst, &["a"]), &[&feed]).0;
        assert_eq!(points[0].iter().filter(|value| value.is_nan()).count(), 1, "only the long silence is a gap");
    }

    #[test]
    fn lines_beside_each_other_share_their_moments() {
        let feed = feed(&[("a", 1_234, 1.0), ("b", 900, 5.0), ("b", 1_400, 3.0), ("b", 1_600, 4.0)]);
        let mut chart = chart(Fold::Worst, &["a"]);
        chart.lines.push(Line { sources: vec![key("b")], ..chart.lines[0].clone() });
        let (points, newest_ms) = flat(&chart, &[&feed]);
        assert_eq!(points, [vec![1_000.0, 1.0], vec![1_000.0, 5.0, 2_000.0, 4.0]]);
        assert_eq!(newest_ms, Some(1_600));
    }

    #[test]
    fn several_series_fold_step_by_step() {
        let feed = feed(&[("a", 1_234, 1.0), ("b", 1_900, 5.0), ("a", 2_100, 7.0)]);
        let (sum, worst) = (chart(Fold::Sum, &["a", "b"]), chart(Fold::Worst, &["a", "b"]));
        assert_eq!(flat(&worst, &[&feed]).0, [vec![1_000.0, 5.0, 2_000.0, 7.0]]);
        assert_eq!(flat(&sum, &[&feed]).0, [vec![1_000.0, 6.0]], "the second step is not complete");
        assert_eq!(newest(&sum, &[&feed], 0), Some((1_000, 6.0)));
        assert_eq!(line(&sum, &[&feed], 0), [(1_000, 6.0)]);
    }

    #[test]
    fn the_table_begins_with_the_newest_and_leaves_nothing_out() {
        let feed = feed(&[("a", 1_000, 1.0), ("b", 2_300, 2.0), ("a", 2_900, 3.0), ("a", 2_100, 4.0)]);
        let mut chart = chart(Fold::Sum, &["a"]);
        chart.lines.push(Line { sources: vec![key("b")], ..chart.lines[0].clone() });
        let rows = rows(&chart, &[&feed]);
        assert_eq!(rows[0], (2_900, vec![Some(3.0), Some(2.0)]));
        assert_eq!(rows[1..], [(2_100, vec![Some(4.0), None]), (1_000, vec![Some(1.0), None])]);
        assert_eq!(max(&chart, &[&feed]), Some(4.0));
    }

    #[test]
    fn the_edges_of_a_band_share_their_moments() {
        let mut samples =
            vec![("a", 1_100, 2.0), ("b", 1_300, 5.0), ("a", 9_000, 1.0), ("b", 9_100, 4.0), ("a", 4_000, 9.0)];
        samples.extend([2_000, 3_000].into_iter().flat_map(|ts_ms| [("a", ts_ms, 2.0), ("b", ts_ms, 3.0)]));
        let feed = feed(&samples);
        let mut chart = chart(Fold::Worst, &["a"]);
        chart.band = Some(Band { name: "spread", colour: "--x", low: key("a"), high: key("b") });
        let edges = band(&chart, &[&feed]);
        assert_eq!((&edges[0][..2], &edges[1][..2]), (&[1_000.0, 2.0][..], &[1_000.0, 3.0][..]));
        assert!(edges.iter().all(|edge| edge.len() == 10 && edge[7].is_nan()), "both have the same gap");
        assert_eq!((ids(&chart).len(), max(&chart, &[&feed])), (3, Some(9.0)));
    }

    #[test]
    fn a_line_without_points_is_empty() {
        assert_eq!(flat(&chart(Fold::Sum, &["a"]), &[]), (vec![Vec::new()], None));
        assert!(!any(&chart(Fold::Sum, &["a"]), &[]));
    }
}
