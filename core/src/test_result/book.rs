//! Keeps what came of probes, in whatever order they come back, and tells which rounds are whole.

use super::{Plan, Round, Tally};
use crate::{probe::Outcome, time::Timestamp};

/// What came of the probes of a test.
#[derive(Debug)]
pub struct Book {
    plan: Plan,
    outcomes: Vec<Option<Outcome>>,
    /// Rounds that were handed out, from the first one on.
    told: u64,
}

impl Book {
    /// Nothing has come back yet.
    pub fn new(plan: Plan) -> Self {
        Self { plan, outcomes: Vec::new(), told: 0 }
    }

    /// Notes what came of a probe. What was noted before stays.
    pub fn note(&mut self, probe: u64, outcome: Outcome) {
        let at = probe as usize;
        if at >= self.outcomes.len() {
            self.outcomes.resize(at + 1, None);
        }
        self.outcomes[at].get_or_insert(outcome);
    }

    /// The next round, once all of its probes have come back. Rounds come in their order, each once.
    pub fn next_whole(&mut self) -> Option<(u64, Tally)> {
        let (from, to) = self.bounds(self.told);
        if from >= to || to > self.outcomes.len() || self.outcomes[from..to].iter().any(Option::is_none) {
            return None;
        }
        self.told += 1;
        Some((self.told, Tally::of(self.outcomes[from..to].iter().flatten())))
    }

    /// Everything that has come back.
    pub fn summary(&self) -> Tally {
        Tally::of(self.known())
    }

    /// Why probes could not be sent, the newest reason.
    pub fn newest_cause(&self) -> Option<&str> {
        self.outcomes.iter().rev().flatten().find_map(|outcome| match outcome {
            Outcome::Failed { cause } => Some(cause.as_str()),
            _ => None,
        })
    }

    /// The rounds, those that are not whole with what has come back of them; nothing of a probe that is on its way.
    pub fn rounds(&self, started_at: Timestamp) -> Vec<Round> {
        let packets = (self.plan.packets.max(1)) as usize;
        let round = |(index, slots): (usize, &[Option<Outcome>])| {
            let known: Vec<&Outcome> = slots.iter().flatten().collect();
            (!known.is_empty()).then(|| Round {
                round: index as u64 + 1,
                at: Timestamp(started_at.ms() + (index as u64).saturating_mul(self.plan.interval_ms) as i64),
                tally: Tally::of(known.iter().copied()),
                rtts_us: slots.iter().map(|outcome| outcome.as_ref().and_then(Outcome::rtt_us)).collect(),
            })
        };
        self.outcomes.chunks(packets).enumerate().filter_map(round).collect()
    }

    fn known(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().flatten()
    }

    /// The probes of a round, counted from 0.
    fn bounds(&self, round: u64) -> (usize, usize) {
        let packets = u64::from(self.plan.packets.max(1));
        let from = round.saturating_mul(packets);
        (from as usize, from.saturating_add(packets).min(self.plan.probes()) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        Book::new(Plan { duration_ms: 5_000, interval_ms: 2_000, packets: 2, timeout_ms: 1_000, payload_bytes: None })
    }

    fn reply(rtt_us: f64) -> Outcome {
        Outcome::Reply { rtt_us }
    }

    #[test]
    fn rounds_are_told_in_order_once_they_are_whole() {
        let mut book = book();
        book.note(0, reply(1.0));
        book.note(2, reply(3.0));
        book.note(3, reply(4.0));
        assert_eq!(book.next_whole(), None, "a probe of the first round is on its way");
        book.note(1, Outcome::Lost);
        assert_eq!(book.next_whole().map(|(round, tally)| (round, tally.received)), Some((1, 1)));
        assert_eq!(book.next_whole().map(|(round, tally)| (round, tally.received)), Some((2, 2)));
        assert_eq!(book.next_whole(), None);
        book.note(4, reply(5.0));
        assert_eq!(
            book.next_whole().map(|(round, tally)| (round, tally.sent)),
            Some((3, 1)),
            "the last one is shorter"
        );
        assert_eq!(book.next_whole(), None);
    }

    #[test]
    fn what_there_is_can_be_had_at_any_time() {
        let mut book = book();
        assert_eq!((book.rounds(Timestamp(0)).len(), book.summary().sent), (0, 0));
        book.note(3, reply(9.0));
        book.note(2, Outcome::Failed { cause: "no route to host".into() });
        let rounds = book.rounds(Timestamp(1_000));
        assert_eq!(rounds.len(), 1, "of the first round nothing is known");
        assert_eq!((rounds[0].round, rounds[0].at), (2, Timestamp(3_000)));
        assert_eq!(rounds[0].rtts_us, [None, Some(9.0)], "a probe that was not sent keeps its place");
        assert_eq!(book.newest_cause(), Some("no route to host"));
    }
}
