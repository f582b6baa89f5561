//! What is known of one ordered pair, kept from sample to sample in a fixed number of bytes.
//!
//! An echo goes there and back, so a cell tells of both directions of a path at once: loss or delay in either one makes
//! the cells `(a, b)` and `(b, a)` bad alike.

use super::{
    Fault,
    chance::{BLAMED_LOSS, USUAL_LOSS, wilson_lower},
    usual::{Usual, median},
};

/// Rounds whose median is remembered.
pub const ROUNDS: usize = 10;
/// Lost packets are counted in stretches of this length, ms.
const STRETCH_MS: i64 = 5_000;
/// Stretches that are kept: a minute shows 2 % on one link.
const STRETCHES: usize = 12;
/// Stretches of the short view: ten seconds show what is heavy, or what many cells share.
const STRETCHES_SHORT: usize = 2;
/// Nothing comes through when this many packets in a row were lost ...
const DEAD_AFTER_PACKETS: u32 = 10;
/// ... over this time, ms.
const DEAD_AFTER_MS: i64 = 2_000;
/// ... and that is less likely than this by the loss there was before.
const BY_CHANCE: f64 = 1e-6;
/// It comes through again when something came back in every round for this long, ms.
const ALIVE_AFTER_MS: i64 = 5_000;
/// Answers are slow when they have been for this long, ms.
const SLOW_AFTER_MS: i64 = 3_000;
/// They are no longer when they have not been for this long, ms.
const QUICK_AFTER_MS: i64 = 5_000;
/// What has been slow for this long is the new usual, ms: a way changed for good.
const SLOW_IS_USUAL_AFTER_MS: i64 = 30 * 60_000;
/// The rounds whose median is held against the usual.
const ROUNDS_JUDGED: usize = 3;
/// How sure loss must be, in standard deviations: one cell of a thousand is wrong by chance.
const SURE_Z: f64 = 3.0;
/// One lost packet is no news, however few were sent.
const LOST_LEAST: u32 = 2;

/// Packets sent and lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Sent.
    pub sent: u32,
    /// Lost.
    pub lost: u32,
}

impl Count {
    /// Lost over sent; `None` when none was sent.
    pub fn ratio(self) -> Option<f64> {
        (self.sent > 0).then(|| f64::from(self.lost) / f64::from(self.sent))
    }
}

/// Whether something is so, judged with hysteresis: `turning` since when it has looked otherwise than it is taken to be.
#[derive(Debug, Clone, Copy, Default)]
struct Flag {
    since_ms: Option<i64>,
    turning_ms: Option<i64>,
}

impl Flag {
    /// Takes how it looks now; it must have looked so for `on_ms` to be so, and otherwise for `off_ms` to cease.
    fn step(&mut self, looks: bool, at_ms: i64, on_ms: i64, off_ms: i64) {
        if looks == self.since_ms.is_some() {
            self.turning_ms = None;
            return;
        }
        let turning_ms = *self.turning_ms.get_or_insert(at_ms);
        if at_ms - turning_ms >= if looks { on_ms } else { off_ms } {
            self.since_ms = looks.then_some(turning_ms);
            self.turning_ms = None;
        }
    }
}

/// The state of one ordered pair.
#[derive(Debug, Clone)]
pub struct Cell {
    counts: [(u16, u16); STRETCHES],
    /// The number of the newest stretch.
    stretch: i64,
    rtts: [f32; ROUNDS],
    rounds: u8,
    usual: Usual,
    newest_ms: i64,
    replied_ms: i64,
    lost_in_row: u32,
    dead: Flag,
    slow: Flag,
    lossy_since_ms: Option<i64>,
}

impl Cell {
    /// A cell of which a first sample comes at `at_ms`.
    pub fn new(at_ms: i64) -> Self {
        Self {
            counts: [(0, 0); STRETCHES],
            stretch: at_ms.div_euclid(STRETCH_MS),
            rtts: [0.0; ROUNDS],
            rounds: 0,
            usual: Usual::default(),
            newest_ms: at_ms,
            replied_ms: at_ms,
            lost_in_row: 0,
            dead: Flag::default(),
            slow: Flag::default(),
            lossy_since_ms: None,
        }
    }

    /// Takes the loss of one round of `packets`.
    pub fn take_loss(&mut self, at_ms: i64, ratio: f64, packets: u32) {
        let lost = ((ratio.clamp(0.0, 1.0) * f64::from(packets)).round() as u32).min(packets);
        self.newest_ms = self.newest_ms.max(at_ms);
        let was_dead = self.is(Fault::Dead);
        if lost == packets {
            self.lost_in_row = self.lost_in_row.saturating_add(lost);
        } else {
            // Only now it is known that they were lost on a link that works.
            let in_row = if was_dead { 0 } else { self.lost_in_row };
            self.count(at_ms, packets.saturating_add(in_row), lost.saturating_add(in_row));
            self.lost_in_row = 0;
            self.replied_ms = self.replied_ms.max(at_ms);
        }
        // These conditions hold a stretch of time already, so it is so at once.
        let looks_dead = self.nothing_comes(at_ms) || was_dead && lost == packets;
        self.dead.step(looks_dead, at_ms, 0, ALIVE_AFTER_MS);
        if self.is(Fault::Dead) && !was_dead {
            self.dead.since_ms = Some(self.replied_ms);
            self.counts = [(0, 0); STRETCHES];
        }
        self.judge_loss(at_ms);
    }

    /// Whether so much was lost in a row that the loss it had before does not account for it.
    fn nothing_comes(&self, at_ms: i64) -> bool {
        let before = self.long(at_ms).ratio().unwrap_or(0.0);
        self.lost_in_row >= DEAD_AFTER_PACKETS
            && at_ms - self.replied_ms >= DEAD_AFTER_MS
            && before.powi(self.lost_in_row.min(1_000) as i32) < BY_CHANCE
    }

    fn count(&mut self, at_ms: i64, packets: u32, lost: u32) {
        let stretch = at_ms.div_euclid(STRETCH_MS);
        self.turn_to(stretch);
        if stretch > self.stretch - STRETCHES as i64 {
            let (sent, gone) = &mut self.counts[place(stretch)];
            let narrow = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
            *sent = sent.saturating_add(narrow(packets));
            *gone = gone.saturating_add(narrow(lost));
        }
    }

    /// Empties the stretches up to a new one.
    fn turn_to(&mut self, stretch: i64) {
        let steps = (stretch - self.stretch).clamp(0, STRETCHES as i64);
        for step in 0..steps {
            self.counts[place(stretch - step)] = (0, 0);
        }
        self.stretch = self.stretch.max(stretch);
    }

    fn judge_loss(&mut self, at_ms: i64) {
        let sure = |count: Count| wilson_lower(f64::from(count.lost), f64::from(count.sent), SURE_Z);
        let (short, long) = (self.short(at_ms), self.long(at_ms));
        let surest = if long.lost < LOST_LEAST { 0.0 } else { sure(short).max(sure(long)) };
        if surest > BLAMED_LOSS && !self.is(Fault::Dead) {
            self.lossy_since_ms.get_or_insert(at_ms);
        } else if surest < USUAL_LOSS || self.is(Fault::Dead) {
            self.lossy_since_ms = None;
        }
    }

    /// Takes the median round-trip time of one round.
    pub fn take_rtt(&mut self, at_ms: i64, rtt_us: f64) {
        self.newest_ms = self.newest_ms.max(at_ms);
        self.rtts.copy_within(1.., 0);
        self.rtts[ROUNDS - 1] = rtt_us as f32;
        self.rounds = (self.rounds + 1).min(ROUNDS as u8);
        let Some(usual_us) = self.usual.rtt_us() else {
            self.learn(rtt_us as f32);
            return;
        };
        let recent_us = median(&self.rtts[ROUNDS - ROUNDS_JUDGED..]);
        // Half of the margin on the way back: what lies between changes nothing.
        let margin_us = self.usual.margin_us() * if self.is(Fault::Latency) { 0.5 } else { 1.0 };
        let looks_slow = recent_us > usual_us + margin_us;
        self.slow.step(looks_slow, at_ms, SLOW_AFTER_MS, QUICK_AFTER_MS);
        if self.slow.since_ms.is_some_and(|since_ms| at_ms - since_ms > SLOW_IS_USUAL_AFTER_MS) {
            self.usual.adopt(&self.rtts[ROUNDS - usize::from(self.rounds)..]);
            self.slow = Flag::default();
        } else if !looks_slow && !self.is(Fault::Latency) {
            self.learn(rtt_us as f32);
        }
    }

    fn learn(&mut self, rtt_us: f32) {
        self.usual.learn(rtt_us, &self.rtts[ROUNDS - usize::from(self.rounds)..]);
    }

    /// Packets of the last ten seconds.
    pub fn short(&self, now_ms: i64) -> Count {
        self.sum(now_ms, STRETCHES_SHORT)
    }

    /// Packets of the last minute.
    pub fn long(&self, now_ms: i64) -> Count {
        self.sum(now_ms, STRETCHES)
    }

    fn sum(&self, now_ms: i64, stretches: usize) -> Count {
        let newest = now_ms.div_euclid(STRETCH_MS).max(self.stretch);
        let oldest = (newest - stretches as i64 + 1).max(self.stretch - STRETCHES as i64 + 1);
        let mut count = Count::default();
        for stretch in oldest..=self.stretch {
            let (sent, lost) = self.counts[place(stretch)];
            count.sent += u32::from(sent);
            count.lost += u32::from(lost);
        }
        count
    }

    /// Whether this is wrong with it. A host that is starved is no matter of one cell.
    pub fn is(&self, fault: Fault) -> bool {
        self.since_ms(fault).is_some()
    }

    /// Since when this has been wrong with it, ms.
    pub fn since_ms(&self, fault: Fault) -> Option<i64> {
        match fault {
            Fault::Dead => self.dead.since_ms,
            Fault::Loss => self.lossy_since_ms,
            Fault::Latency => self.slow.since_ms,
            Fault::Starved => None,
        }
    }

    /// Whether it may be about to become so: neither evidence for nor against.
    pub fn is_unsure(&self, fault: Fault) -> bool {
        match fault {
            Fault::Dead => !self.is(fault) && self.lost_in_row > 0,
            Fault::Latency => self.usual.rtt_us().is_none() || !self.is(fault) && self.slow.turning_ms.is_some(),
            Fault::Loss | Fault::Starved => false,
        }
    }

    /// Whether anything is wrong with it.
    pub fn is_bad(&self) -> bool {
        [Fault::Dead, Fault::Loss, Fault::Latency].into_iter().any(|fault| self.is(fault))
    }

    /// Packets lost since one came back.
    pub fn lost_in_row(&self) -> u32 {
        self.lost_in_row
    }

    /// When the last sample came, ms.
    pub fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// When something came back last, ms.
    pub fn replied_ms(&self) -> i64 {
        self.replied_ms
    }

    /// The median of the newest rounds, µs; `None` when nothing comes back.
    pub fn rtt_us(&self) -> Option<f64> {
        let is_known = self.rounds > 0 && !self.is(Fault::Dead);
        let rounds = usize::from(self.rounds).min(ROUNDS_JUDGED);
        is_known.then(|| f64::from(median(&self.rtts[ROUNDS - rounds..])))
    }

    /// What is usual, µs.
    pub fn usual_rtt_us(&self) -> Option<f64> {
        self.usual.rtt_us().map(f64::from)
    }
}

fn place(stretch: i64) -> usize {
    stretch.rem_euclid(STRETCHES as i64) as usize
}

#[cfg(test)]
mod tests;
