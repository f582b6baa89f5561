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
    let end_s = end_s(result);
    let last = result.rounds.last().map_or(0, |round| round.round);
    let share = last.div_ceil(at_most.max(1) as u64).max(1);
    let mut columns: Vec<(u64, Column)> = Vec::new();
    for round in &result.rounds {
        let index = round.round.saturating_sub(1) / share;
        match columns.last_mut() {
            Some((at, column)) if *at == index => merge(column, round),
            _ => {
                let from_s = (index * share) as f64 * interval_s;
                let to_s = (((index + 1) * share).min(last) as f64 * interval_s).min(end_s);
                let mut column = Column { from_s, to_s, sent: 0, received: 0, rtt_us: None };
                merge(&mut column, round);
                columns.push((index, column));
            }
        }
    }
    columns.into_iter().map(|(_, column)| column).collect()
}

/// When the test was over, s from the start: as it was meant to be, or when it was stopped; never before its last probe,
/// whatever the clock said.
fn end_s(result: &TestResult) -> f64 {
    let plan = &result.plan;
    let probes = |round: &Round| round.round.saturating_sub(1) * u64::from(plan.packets) + round.rtts_us.len() as u64;
    let last_ms = result.rounds.last().map_or(0.0, |round| plan.probe_at_ms(probes(round).saturating_sub(1)));
    let took_ms = (result.ended_at.ms() - result.started_at.ms()) as f64;
    let meant_ms = plan.duration_ms as f64;
    let end_ms = if result.is_complete { meant_ms } else { meant_ms.min(took_ms) };
    end_ms.max(last_ms) / 1e3
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
    use netloom_core::time::Timestamp;

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
    fn a_column_ends_with_the_test() {
        let mut short = result(&[vec![Some(1.0); 2], vec![Some(1.0)]]);
        short.plan.duration_ms = 7_000;
        let ends = |result: &TestResult| columns(result, 10).iter().map(|column| column.to_s).collect::<Vec<_>>();
        assert_eq!(ends(&short), [5.0, 7.0], "the last round is cut short");
        let mut stopped = result(&[vec![Some(1.0); 2]]);
        stopped.plan.duration_ms = 600_000;
        stopped.is_complete = false;
        stopped.ended_at = Timestamp(stopped.started_at.ms() + 4_000);
        assert_eq!(ends(&stopped), [4.0]);
        // The clock was set back: the second probe was sent all the same.
        stopped.ended_at = stopped.started_at;
        assert_eq!(ends(&stopped), [2.5]);
    }

    #[test]
    fn columns_of_many_rounds_keep_the_extremes_and_weigh_the_mean() {
        let columns = columns(&result(&[vec![Some(10.0)], vec![Some(20.0), Some(60.0)], vec![None]]), 2);
        assert_eq!((columns.len(), columns[0].rtt_us), (2, Some((10.0, 30.0, 60.0))));
        assert_eq!((columns[1].loss_ratio(), columns[1].rtt_us), (Some(1.0), None));
    }
}
