//! How late the echo was: samples that were taken while the host was starved say so.

use std::collections::VecDeque;

/// Rounds whose lag is remembered: the longest timeout in the shortest intervals, and a few.
const ROUNDS_MAX: usize = 64;

/// The worst of each round. Moments and times are ns of the steady clock.
#[derive(Debug, Default)]
pub(super) struct Lag {
    worst_ns: u64,
    /// When each of the last rounds ended, and its worst.
    rounds: VecDeque<(u64, u64)>,
}

impl Lag {
    /// Notes that something was done late by so much.
    pub(super) fn note(&mut self, late_ns: u64) {
        self.worst_ns = self.worst_ns.max(late_ns);
    }

    /// Ends a round whose first packet was sent at `since_ns`, which may be rounds ago, and returns the worst since then.
    pub(super) fn end_round(&mut self, now_ns: u64, since_ns: u64) -> u64 {
        self.rounds.push_back((now_ns, std::mem::take(&mut self.worst_ns)));
        if self.rounds.len() > ROUNDS_MAX {
            self.rounds.pop_front();
        }
        let spanned = self.rounds.iter().filter(|(end_ns, _)| *end_ns >= since_ns);
        spanned.map(|(_, worst_ns)| *worst_ns).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_tells_the_worst_of_its_time() {
        let mut lag = Lag::default();
        lag.note(5);
        lag.note(90);
        lag.note(7);
        assert_eq!(lag.end_round(1_000, 100), 90);
        lag.note(6);
        assert_eq!(lag.end_round(2_000, 1_100), 6);
    }

    #[test]
    fn a_packet_given_up_now_tells_how_late_it_was_sent_then() {
        let mut lag = Lag::default();
        lag.note(90);
        lag.end_round(1_000, 500);
        lag.note(6);
        assert_eq!(lag.end_round(2_000, 900), 90);
        for round in 3..200 {
            lag.end_round(round * 1_000, 0);
        }
        assert_eq!(lag.rounds.len(), ROUNDS_MAX);
    }
}
