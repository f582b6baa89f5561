//! Probes of a round that share a socket: when each goes, what came for it, when the round is over.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use netloom_core::{
    check::{Finding, Outcome, Phase, round, spec::RoundSpec},
    probe::stamped_rtt_us,
};

use super::steps::us;

/// How long answers are still taken when all are there: a duplicate follows on the heels of its original.
const DUPLICATES_LINGER: Duration = Duration::from_millis(10);
/// Sentences of routers that differ; more say nothing new.
const REFUSALS_MAX: usize = 4;

/// A round under way.
pub(super) struct Flight {
    packets: usize,
    interval: Duration,
    timeout: Duration,
    begun: Instant,
    sent: Vec<Probe>,
    settled: Option<Instant>,
    duplicates: u32,
    late: u32,
    changed: u32,
    refusals: BTreeMap<String, u32>,
}

struct Probe {
    at: Instant,
    wall_ns: Option<u64>,
    rtt_us: Option<f64>,
    is_refused: bool,
}

/// What to do next.
pub(super) enum Next {
    /// Send the probe of this number, at this moment.
    Send(u32, Instant),
    /// Take what comes until this moment; then the round is over.
    Wait(Instant),
}

impl Flight {
    pub(super) fn new(spec: &RoundSpec) -> Self {
        Self {
            packets: spec.packets as usize,
            interval: Duration::from_millis(spec.interval_ms),
            timeout: Duration::from_millis(spec.timeout_ms),
            begun: Instant::now(),
            sent: Vec::new(),
            settled: None,
            duplicates: 0,
            late: 0,
            changed: 0,
            refusals: BTreeMap::new(),
        }
    }

    pub(super) fn next(&mut self) -> Next {
        let number = self.sent.len() as u32;
        if self.sent.len() < self.packets {
            return Next::Send(number, self.begun + self.interval.saturating_mul(number));
        }
        let open =
            self.sent.iter().filter(|probe| probe.rtt_us.is_none() && !probe.is_refused).map(|probe| probe.at).max();
        Next::Wait(
            open.map_or_else(
                || *self.settled.get_or_insert_with(Instant::now) + DUPLICATES_LINGER,
                |at| at + self.timeout,
            ),
        )
    }

    /// The number of the probe that was sent last.
    pub(super) fn newest(&self) -> u32 {
        self.sent.len().saturating_sub(1) as u32
    }

    /// The part that is over.
    pub(super) fn done_ratio(&self) -> f64 {
        self.sent.len() as f64 / self.packets.max(1) as f64
    }

    /// A probe is about to leave.
    pub(super) fn sent(&mut self, wall_ns: Option<u64>) {
        self.sent.push(Probe { at: Instant::now(), wall_ns, rtt_us: None, is_refused: false });
    }

    /// An answer came, perhaps with the kernel's stamp of when.
    pub(super) fn answered(&mut self, number: u32, stamp_ns: Option<u64>) {
        let timeout = self.timeout;
        let Some(probe) = self.sent.get_mut(number as usize) else { return };
        if probe.rtt_us.is_some() {
            self.duplicates += 1;
            return;
        }
        // The stamp leaves out how long this process slept. Without one of the beginning, none is believed.
        let rtt_us = stamped_rtt_us(probe.wall_ns.unwrap_or(0), stamp_ns, probe.at.elapsed().as_nanos() as u64);
        if rtt_us > us(timeout) {
            self.late += 1;
        } else {
            probe.rtt_us = Some(rtt_us);
        }
    }

    /// An answer came whose content is another one.
    pub(super) fn changed(&mut self) {
        self.changed += 1;
    }

    /// Somebody says that a probe did not arrive.
    pub(super) fn refused(&mut self, number: u32, by: Option<IpAddr>, words: &str) {
        if let Some(probe) = self.sent.get_mut(number as usize) {
            probe.is_refused = true;
        }
        let who = by.map_or_else(|| "this machine".to_owned(), |by| by.to_string());
        let sentence = format!("{who} says: {words}");
        if self.refusals.len() < REFUSALS_MAX || self.refusals.contains_key(&sentence) {
            *self.refusals.entry(sentence).or_default() += 1;
        }
    }

    /// What the round says. With no answer and somebody's word against it, it failed, and the word is the cause.
    pub(super) fn finding(self, cure: &str) -> Finding {
        let mut finding = round::finding(self.sent.iter().map(|probe| probe.rtt_us).collect());
        let mut refusals = self.refusals.iter().max_by_key(|(_, count)| **count).into_iter();
        if let (Outcome::Lost, Some((words, _))) = (&finding.outcome, refusals.next()) {
            finding.outcome = Outcome::Failed { phase: Phase::Wait, cause: words.clone(), cure: cure.to_owned() };
        }
        let total = self.sent.len();
        for (words, count) in &self.refusals {
            finding.note(format!("{count} of {total}: {words}"));
        }
        let notes = [
            (self.duplicates, "came more than once"),
            (self.late, "came after their time"),
            (self.changed, "came back with another content than was sent"),
        ];
        for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
            let answers = if count == 1 { "1 answer".to_owned() } else { format!("{count} answers") };
            finding.note(format!("{answers} {what}"));
        }
        if self.duplicates > 0 {
            finding.figure("duplicates", f64::from(self.duplicates));
        }
        finding
    }
}
