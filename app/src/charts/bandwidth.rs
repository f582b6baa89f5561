//! What comes in and goes out, added up over all nodes.

use netloom_core::{
    metric,
    sample::{Labels, SeriesKey},
};

use super::{COLOURS, Fold, Line, TimeChart};

/// The colours of the two directions, the same wherever traffic is shown.
pub(crate) const COLOUR_IN: &str = COLOURS[0];
/// See [`COLOUR_IN`].
pub(crate) const COLOUR_OUT: &str = COLOURS[1];

/// The chart of the totals of the given nodes, by the labels of their series.
pub(crate) fn chart(received: impl Iterator<Item = Labels>, sent: impl Iterator<Item = Labels>) -> TimeChart {
    let mut chart = TimeChart::new(metric::NET_RX_BPS, Fold::Sum);
    chart.lines =
        vec![line("in", COLOUR_IN, metric::NET_RX_BPS, received), line("out", COLOUR_OUT, metric::NET_TX_BPS, sent)];
    chart
}

fn line(name: &str, colour: &'static str, metric: &str, series: impl Iterator<Item = Labels>) -> Line {
    let sources = series.map(|labels| SeriesKey { metric: metric.to_owned(), labels }).collect();
    Line { id: name.into(), name: name.into(), colour, is_dashed: false, sources }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_add_up_to_one_line_per_direction() {
        let labels = |node: &str| SeriesKey::new("", [("node", node)]).labels;
        let chart = chart([labels("a"), labels("b")].into_iter(), [labels("a")].into_iter());
        let lines: Vec<_> = chart.lines.iter().map(|line| (line.name.as_str(), line.sources.len())).collect();
        assert_eq!(lines, [("in", 2), ("out", 1)]);
        assert_eq!(chart.fold, Fold::Sum);
    }
}
