//! What one interface carries, and what goes wrong on it.

use netloom_core::{metric, sample::SeriesKey};

use super::{
    COLOURS, Fold, Line, TimeChart,
    bandwidth::{COLOUR_IN, COLOUR_OUT},
};

/// A row of a chart of an interface: metric, what its line is called, colour.
type Row = (&'static str, &'static str, &'static str);
/// The rows of one chart; all metrics have the same unit.
pub(crate) type Rows = &'static [Row];

/// Bits per second.
pub(crate) const BITS: Rows = &[(metric::IF_RX_BPS, "in", COLOUR_IN), (metric::IF_TX_BPS, "out", COLOUR_OUT)];
/// Packets per second.
pub(crate) const PACKETS: Rows = &[(metric::IF_RX_PPS, "in", COLOUR_IN), (metric::IF_TX_PPS, "out", COLOUR_OUT)];
/// Errors and drops per second.
pub(crate) const FAULTS: Rows = &[
    (metric::IF_RX_ERRORS_PS, "errors in", COLOURS[2]),
    (metric::IF_TX_ERRORS_PS, "errors out", COLOURS[3]),
    (metric::IF_RX_DROPS_PS, "drops in", COLOURS[4]),
    (metric::IF_TX_DROPS_PS, "drops out", COLOURS[5]),
];

/// What a row of the table of interfaces shows.
pub(crate) const ROWS: [&str; 6] = [
    metric::IF_RX_BPS,
    metric::IF_TX_BPS,
    metric::IF_RX_ERRORS_PS,
    metric::IF_TX_ERRORS_PS,
    metric::IF_RX_DROPS_PS,
    metric::IF_TX_DROPS_PS,
];

/// The chart of some metrics of one interface.
pub(crate) fn chart(rows: Rows, node: &str, interface: &str) -> TimeChart {
    let mut chart = TimeChart::new(rows.first().map_or("", |row| row.0), Fold::Sum);
    chart.lines = rows
        .iter()
        .map(|(metric, name, colour)| Line {
            id: (*metric).to_owned(),
            name: (*name).to_owned(),
            colour,
            is_dashed: false,
            sources: vec![SeriesKey::new(metric, [("node", node), ("interface", interface)])],
        })
        .collect();
    chart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chart_has_one_unit_and_its_series() {
        for rows in [BITS, PACKETS, FAULTS] {
            let chart = chart(rows, "n1", "eth0");
            assert!(rows.iter().all(|row| metric::unit_of(row.0) == chart.unit));
            assert!(chart.lines.iter().all(|line| line.sources[0].label("interface") == "eth0"));
        }
    }
}
