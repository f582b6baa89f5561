//! From series to the points of a chart's lines.

use std::collections::BTreeMap;

use super::{Fold, Line, TimeChart};
use crate::live::feed::{Feed, with_gaps};

/// Rows of the table that stands in for a chart: what fits a screen.
const ROWS_MAX: usize = 20;

/// The points of a line, folded if it has several series.
fn of_line(line: &Line, feeds: &[&Feed], fold: Fold) -> (Vec<(i64, f64)>, i64) {
    let spacing_ms = feeds.iter().map(|feed| feed.spacing_ms()).max().unwrap_or(1);
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

/// The points of every line as the bridge takes them.
pub(crate) fn flat(chart: &TimeChart, feeds: &[&Feed]) -> Vec<Vec<f64>> {
    let flat = |line| {
        let (points, spacing_ms) = of_line(line, feeds, chart.fold);
        with_gaps(points.into_iter(), spacing_ms)
    };
    chart.lines.iter().map(flat).collect()
}

/// The newest value of every line.
pub(crate) fn newest(chart: &TimeChart, feeds: &[&Feed]) -> Vec<Option<(i64, f64)>> {
    let newest = |line: &Line| match line.sources.as_slice() {
        // The usual case, without a copy of all points.
        [source] => {
            feeds.iter().find(|feed| feed.interest.covers(source))?.series().get(&source.labels)?.iter().next_back()
        }
        _ => of_line(line, feeds, chart.fold).0.pop(),
    };
    chart.lines.iter().map(newest).collect()
}

/// The points of one line, by its place in the chart.
pub(crate) fn line(chart: &TimeChart, feeds: &[&Feed], at: usize) -> Vec<(i64, f64)> {
    chart.lines.get(at).map(|line| of_line(line, feeds, chart.fold).0).unwrap_or_default()
}

/// A moment and the value of each line then.
pub(crate) type Row = (i64, Vec<Option<f64>>);

/// The last rows of the table that stands in for the chart, newest first.
pub(crate) fn rows(chart: &TimeChart, feeds: &[&Feed]) -> Vec<Row> {
    let mut rows: BTreeMap<i64, Vec<Option<f64>>> = BTreeMap::new();
    for (at, line) in chart.lines.iter().enumerate() {
        let (points, spacing_ms) = of_line(line, feeds, chart.fold);
        for (ts_ms, value) in points.into_iter().rev().take(ROWS_MAX) {
            let row = rows.entry(ts_ms.div_euclid(spacing_ms) * spacing_ms);
            row.or_insert_with(|| vec![None; chart.lines.len()])[at].get_or_insert(value);
        }
    }
    rows.into_iter().rev().take(ROWS_MAX).collect()
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
        assert_eq!(flat, [vec![1_234.0, 1.0]]);
    }

    #[test]
    fn several_series_fold_step_by_step() {
        let feed = feed(&[("a", 1_234, 1.0), ("b", 1_900, 5.0), ("a", 2_100, 7.0)]);
        let (sum, worst) = (chart(Fold::Sum, &["a", "b"]), chart(Fold::Worst, &["a", "b"]));
        assert_eq!(flat(&worst, &[&feed]), [vec![1_000.0, 5.0, 2_000.0, 7.0]]);
        assert_eq!(flat(&sum, &[&feed]), [vec![1_000.0, 6.0]], "the second step is not complete");
        assert_eq!(newest(&sum, &[&feed]), [Some((1_000, 6.0))]);
        assert_eq!(line(&sum, &[&feed], 0), [(1_000, 6.0)]);
    }

    #[test]
    fn the_table_begins_with_the_newest_and_shows_what_is_missing() {
        let feed = feed(&[("a", 1_000, 1.0), ("b", 2_000, 2.0)]);
        let mut chart = chart(Fold::Sum, &["a"]);
        chart.lines.push(Line { sources: vec![key("b")], ..chart.lines[0].clone() });
        assert_eq!(rows(&chart, &[&feed]), [(2_000, vec![None, Some(2.0)]), (1_000, vec![Some(1.0), None])]);
    }

    #[test]
    fn a_line_without_points_is_empty() {
        assert_eq!(flat(&chart(Fold::Sum, &["a"]), &[]), [Vec::<f64>::new()]);
        assert_eq!(newest(&chart(Fold::Sum, &["a"]), &[]), [None]);
    }
}
