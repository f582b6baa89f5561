//! What happened between two nodes: the time there and back with its spread, loss, and when not to trust either.

use netloom_core::{
    metric,
    sample::{Labels, SeriesKey},
    settings::alerts::{LatencySettings, LossSettings},
};

use crate::order;

use super::{Band, COLOURS, Fold, Line, Span, TimeChart, latency, loss, pair::Scene};

/// The modes in the order in which one stands for the pair.
const MODES: [&str; 3] = ["udp", "icmp", "tcp"];
/// Shaded stretches closer than this are one, ms: a starved host is late in bursts.
const JOIN_MS: i64 = 5_000;

/// The two directions have a colour each, the same in all charts of the page.
pub(crate) const DIRECTIONS: [&str; 2] = [COLOURS[0], COLOURS[1]];

/// The place of a mode in the order of preference.
fn preference(labels: &Labels) -> usize {
    let mode = labels.get("mode").map_or("", String::as_str);
    MODES.iter().position(|known| *known == mode).unwrap_or(MODES.len())
}

/// The series of a pair, the preferred mode first.
fn by_preference(mut series: Vec<Labels>) -> Vec<Labels> {
    order::sort_by(&mut series, |a, b| preference(a).cmp(&preference(b)));
    series
}

/// The series that stands for the pair.
pub(crate) fn preferred(series: Vec<Labels>) -> Option<Labels> {
    by_preference(series).into_iter().next()
}

fn mode_name(labels: &Labels) -> String {
    labels.get("mode").map_or_else(|| "other".to_owned(), |mode| mode.to_ascii_uppercase())
}

/// Latency of one direction: the median of each round, the spread behind it, and the other modes beside it.
pub(crate) fn latency(series: Vec<Labels>, colour: &'static str, settings: &LatencySettings) -> TimeChart {
    let empty = latency::chart(&Scene { nodes: &[], incidents: &[] }, std::iter::empty(), settings);
    let mut chart = TimeChart { lines: Vec::new(), ..empty };
    let key = |metric: &str, labels: &Labels| SeriesKey { metric: metric.to_owned(), labels: labels.clone() };
    for (at, labels) in by_preference(series).into_iter().enumerate() {
        if at == 0 {
            let (low, high) = (key(metric::RTT_MIN_US, &labels), key(metric::RTT_MAX_US, &labels));
            chart.band = Some(Band { name: "fastest to slowest", colour, low, high });
        }
        chart.lines.push(Line {
            id: mode_name(&labels),
            name: if at == 0 { format!("median · {}", mode_name(&labels)) } else { mode_name(&labels) },
            colour: if at == 0 { colour } else { COLOURS[(at + 2).min(COLOURS.len() - 1)] },
            is_dashed: at > 0,
            sources: vec![key(metric::RTT_US, &labels)],
        });
    }
    chart
}

/// A metric of both directions, the preferred mode of each.
pub(crate) fn both(metric: &str, ways: [(String, Vec<Labels>); 2]) -> TimeChart {
    let mut chart = TimeChart::new(metric, Fold::Worst);
    for ((name, series), colour) in ways.into_iter().zip(DIRECTIONS) {
        if let Some(labels) = preferred(series) {
            let sources = vec![SeriesKey { metric: metric.to_owned(), labels }];
            chart.lines.push(Line { id: name.clone(), name, colour, is_dashed: false, sources });
        }
    }
    chart
}

/// Loss of both directions, as bars.
pub(crate) fn loss(ways: [(String, Vec<Labels>); 2], settings: &LossSettings) -> TimeChart {
    let empty = loss::chart(&Scene { nodes: &[], incidents: &[] }, std::iter::empty(), settings);
    TimeChart { thresholds: empty.thresholds, is_bars: true, ..both(metric::LOSS_RATIO, ways) }
}

/// The stretches in which values, taken every `spacing_ms`, were beyond a limit.
pub(crate) fn beyond(points: impl Iterator<Item = (i64, f64)>, limit: f64, spacing_ms: i64) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (ts_ms, _) in points.filter(|(_, value)| *value > limit) {
        let span = Span { from_ms: ts_ms - spacing_ms, to_ms: ts_ms };
        match spans.last_mut().filter(|last| span.from_ms - last.to_ms <= JOIN_MS) {
            Some(last) => last.to_ms = span.to_ms,
            None => spans.push(span),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::labels;

    #[test]
    fn the_mesh_stands_for_the_pair_and_other_modes_lie_beside_it() {
        let settings = LatencySettings { enabled: true, limit_ms: 1.0, for_s: 0.0 };
        let series = vec![labels("a", "tcp"), labels("a", "icmp"), labels("a", "udp")];
        let chart = latency(series, DIRECTIONS[1], &settings);
        let names: Vec<_> = chart.lines.iter().map(|line| (line.name.as_str(), line.is_dashed)).collect();
        assert_eq!(names, [("median · UDP", false), ("ICMP", true), ("TCP", true)]);
        assert_eq!(chart.band.expect("has one").low.label("mode"), "udp");
        assert_eq!(chart.thresholds.len(), 1);
        assert_eq!(latency(Vec::new(), DIRECTIONS[0], &settings).band, None);
    }

    #[test]
    fn both_directions_keep_their_colours_when_one_is_missing() {
        let ways = || [("a → b".to_owned(), Vec::new()), ("b → a".to_owned(), vec![labels("a", "udp")])];
        let chart = both(metric::JITTER_US, ways());
        assert_eq!((chart.lines.len(), chart.lines[0].colour), (1, DIRECTIONS[1]));
        let settings = LossSettings { enabled: true, limit_percent: 5.0, for_s: 0.0 };
        assert!(loss(ways(), &settings).is_bars);
    }

    #[test]
    fn doubtful_moments_close_to_each_other_are_one_stretch() {
        let points = [(1_000, 9.0), (2_000, 1.0), (4_000, 9.0), (5_000, 9.0), (60_000, 9.0)];
        let spans = beyond(points.into_iter(), 5.0, 1_000);
        assert_eq!(spans, [Span { from_ms: 0, to_ms: 5_000 }, Span { from_ms: 59_000, to_ms: 60_000 }]);
    }
}
