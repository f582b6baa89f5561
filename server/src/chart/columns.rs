//! Rounds as columns of a chart: each its own, and when there are too many, several in one, with their extremes.

use netloom_core::test_result::{Round, TestResult};

/// What a column shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Column {
    /// From when to when, s from the start.
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Smallest, mean and largest time, µs.
    pub(super) rtt_us: Option<(f64, f64, f64)>,
}

impl Column {
    /// Lost probes over sent ones.
    pub(super) fn loss_ratio(&self) -> Option<f64> {
        (self.sent > 0).then(|| (self.sent - self.received.min(self.sent)) as f64 / self.sent as f64)
    }
}

/// The rounds of a test in at most that many columns.
pub(super) fn columns(result: &TestResult, at_most: usize) -> Vec<Column> {
    let interval_s = result.plan.interval_ms as f64 / 1e3;
    let last = result.rounds.last().map_or(0, |round| round.round);
    let share = last.div_ceil(at_most.max(1) as u64).max(1);
    let mut columns: Vec<(u64, Column)> = Vec::new();
    for round in &result.rounds {
        let index = round.round.saturating_sub(1) / share;
        match columns.last_mut() {
            Some((at, column)) if *at == index => merge(column, round),
            _ => {
                let from_s = (index * share) as f64 * interval_s;
                let to_s = ((index + 1) * share).min(last) as f64 * interval_s;
                let mut column = Column { from_s, to_s, sent: 0, received: 0, rtt_us: None };
                merge(&mut column, round);
                columns.push((index, column));
            }
        }
    }
    columns.into_iter().map(|(_, column)| column).collect()
}

fn merge(column: &mut Column, round: &Round) {
    let tally = &round.tally;
    if let (Some(min), Some(avg), Some(max)) = (tally.rtt_min_us, tally.rtt_avg_us, tally.rtt_max_us) {
        let (had, has) = (column.received as f64, tally.received as f64);
        column.rtt_us = Some(match column.rtt_us {
            Some((low, mean, high)) => (low.min(min), (mean * had + avg * has) / (had + has), high.max(max)),
            None => (min, avg, max),
        });
    }
    column.sent += tally.sent;
    column.received += tally.received;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::latency::tests::result;

    #[test]
    fn each_round_is_a_column_where_there_is_room() {
        let columns = columns(&result(&[vec![Some(10.0), None], vec![Some(30.0), Some(50.0)]]), 10);
        assert_eq!(columns.len(), 2);
        assert_eq!((columns[0].loss_ratio(), columns[0].rtt_us), (Some(0.5), Some((10.0, 10.0, 10.0))));
        assert_eq!((columns[1].from_s, columns[1].to_s), (5.0, 10.0));
    }

    #[test]
    fn columns_of_many_rounds_keep_the_extremes_and_weigh_the_mean() {
        let columns = columns(&result(&[vec![Some(10.0)], vec![Some(20.0), Some(60.0)], vec![None]]), 2);
        assert_eq!((columns.len(), columns[0].rtt_us), (2, Some((10.0, 30.0, 60.0))));
        assert_eq!((columns[1].loss_ratio(), columns[1].rtt_us), (Some(1.0), None));
    }
}
