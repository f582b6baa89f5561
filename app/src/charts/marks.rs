//! What happened to the network, or was done to it, on the time axis of a chart.

use netloom_core::{
    mark::{Mark as Happening, MarkKind},
    time::Timestamp,
};

use super::{MARKS_MAX, Mark, Span, TimeChart};

/// A test that goes on is shaded for this long at least, ms: its end comes with the mark.
const GOES_ON_MS: i64 = 5_000;

/// What a happening must be about to stand on a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About<'a> {
    /// A node, alone or as one end of a pair.
    Node(&'a str),
    /// A pair, in either direction, or one of its ends alone.
    Pair(&'a str, &'a str),
}

impl About<'_> {
    /// Whether a happening is meant.
    pub(crate) fn covers(self, one: &Happening) -> bool {
        let (src, dst) = (one.mark.src.as_str(), one.mark.dst.as_str());
        match self {
            About::Node(node) => src == node || dst == node,
            About::Pair(a, b) => {
                let is_alone = dst.is_empty() && (src == a || src == b);
                // Whoever is an end of a test feels it, wherever the other end is.
                let is_felt =
                    one.mark.kind == MarkKind::Throughput && [src, dst].iter().any(|end| *end == a || *end == b);
                is_alone || is_felt || (src, dst) == (a, b) || (src, dst) == (b, a)
            }
        }
    }
}

/// Lays happenings over a chart: tests of throughput as stretches, everything else as lines.
pub(crate) fn lay(chart: &mut TimeChart, all: &[Happening], now_ms: i64) {
    let (tests, others): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.mark.kind == MarkKind::Throughput);
    let span = |one: &&Happening| {
        let from_ms = one.mark.at.ms();
        Span { from_ms, to_ms: one.mark.until.map_or(now_ms.max(from_ms + GOES_ON_MS), Timestamp::ms) }
    };
    chart.tests = tests.iter().take(MARKS_MAX).map(span).collect();
    let line = |one: &Happening| Mark { name: one.mark.text.clone(), at_ms: one.mark.at.ms() };
    chart.marks.extend(others.into_iter().take(MARKS_MAX).map(line));
    chart.marks.truncate(MARKS_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{charts::Fold, example::mark};

    #[test]
    fn a_chart_shows_what_is_about_its_node_or_pair() {
        let change = mark(MarkKind::PathChange, "a", "b");
        assert!(About::Node("b").covers(&change) && About::Pair("b", "a").covers(&change));
        assert!(!About::Pair("a", "c").covers(&change));
        let test = mark(MarkKind::Throughput, "a", "x");
        assert!(About::Pair("a", "c").covers(&test), "its end is busy");
        assert!(!About::Pair("b", "c").covers(&test));
        assert!(About::Pair("a", "b").covers(&mark(MarkKind::Around, "a", "")));
    }

    #[test]
    fn tests_are_stretches_and_the_rest_are_lines() {
        let mut chart = TimeChart::new("rtt_us", Fold::Worst);
        let mut going = mark(MarkKind::Throughput, "a", "b");
        going.mark.until = None;
        lay(&mut chart, &[mark(MarkKind::Throughput, "a", "b"), going, mark(MarkKind::Around, "a", "")], 90_000);
        let spans = [Span { from_ms: 60_000, to_ms: 70_000 }, Span { from_ms: 60_000, to_ms: 90_000 }];
        assert_eq!(chart.tests, spans);
        assert_eq!((chart.marks.len(), chart.marks[0].at_ms), (1, 60_000));
    }
}
