//! What round-trip time is usual between two nodes, learned slowly and not from bad moments.

/// Rounds after which it is known what is usual.
const ROUNDS_UNTIL_KNOWN: u16 = 10;
/// The slowest learning: one part in this many rounds, half an hour at one round a second.
const ROUNDS_REMEMBERED: u16 = 1_800;
/// A round moves what is usual by no more than this many spreads times the pace of learning, however odd it is (Huber's
/// estimator of location, 1964).
const CLIP_SPREADS: f32 = 3.0;
/// Over the usual by this many spreads is slow ...
const SLOW_SPREADS: f32 = 4.0;
/// ... if it is also this part of the usual more ...
const SLOW_SHARE: f32 = 0.25;
/// ... and this much, µs: less is the scheduling of the hosts, not the network.
const SLOW_LEAST_US: f32 = 200.0;

/// What is usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usual {
    middle_us: f32,
    /// The mean absolute deviation.
    spread_us: f32,
    rounds: u16,
}

impl Usual {
    /// Learns from a good round; `recent` are the medians of the newest rounds, this one included.
    pub fn learn(&mut self, rtt_us: f32, recent: &[f32]) {
        self.rounds = (self.rounds + 1).min(ROUNDS_REMEMBERED);
        if self.rounds <= ROUNDS_UNTIL_KNOWN {
            *self = Self { rounds: self.rounds, ..Self::of(recent) };
            return;
        }
        let pace = 1.0 / f32::from(self.rounds);
        let off = rtt_us - self.middle_us;
        // A spread of nothing would never let it move.
        let clip = CLIP_SPREADS * self.spread_us + self.middle_us * 0.001;
        self.middle_us += pace * off.clamp(-clip, clip);
        self.spread_us += pace * (off.abs().min(2.0 * clip) - self.spread_us);
    }

    /// The median and the spread around it.
    fn of(recent: &[f32]) -> Self {
        let middle_us = median(recent);
        let deviations = recent.iter().map(|rtt_us| (rtt_us - middle_us).abs());
        let spread_us = deviations.sum::<f32>() / recent.len().max(1) as f32;
        Self { middle_us, spread_us, rounds: 0 }
    }

    /// Begins anew with what is measured now.
    pub fn adopt(&mut self, recent: &[f32]) {
        *self = Self { rounds: ROUNDS_UNTIL_KNOWN, ..Self::of(recent) };
    }

    /// The usual round-trip time, µs; `None` before enough rounds.
    pub fn rtt_us(&self) -> Option<f32> {
        (self.rounds >= ROUNDS_UNTIL_KNOWN).then_some(self.middle_us)
    }

    /// By how much a round-trip time must exceed the usual to be slow, µs.
    pub fn margin_us(&self) -> f32 {
        (SLOW_SPREADS * self.spread_us).max(SLOW_SHARE * self.middle_us).max(SLOW_LEAST_US)
    }
}

/// The median of a few values; 0 of none. Works on the stack.
pub fn median(values: &[f32]) -> f32 {
    let mut sorted = [0.0; super::cell::ROUNDS];
    let count = values.len().min(sorted.len());
    let sorted = &mut sorted[..count];
    sorted.copy_from_slice(&values[..count]);
    sorted.sort_unstable_by(f32::total_cmp);
    match count {
        0 => 0.0,
        _ if count % 2 == 1 => sorted[count / 2],
        _ => f32::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_after_enough_rounds_and_follows_slowly() {
        let mut usual = Usual::default();
        let mut recent = Vec::new();
        for round in 0..ROUNDS_UNTIL_KNOWN {
            assert_eq!(usual.rtt_us(), None, "after {round} rounds");
            recent.push(200.0 + f32::from(round % 3));
            usual.learn(200.0, &recent);
        }
        let known = usual.rtt_us().expect("is known");
        assert!((known - 201.0).abs() < 1.0, "{known}");
        for _ in 0..3 {
            usual.learn(90_000.0, &[]);
        }
        let after = usual.rtt_us().expect("is known");
        assert!(after < 205.0, "three odd rounds moved it to {after}");
    }

    #[test]
    fn noise_widens_the_margin() {
        let mut calm = Usual::default();
        calm.adopt(&[1_000.0; 10]);
        let mut noisy = Usual::default();
        noisy.adopt(&[500.0, 1_500.0, 500.0, 1_500.0]);
        assert!((calm.margin_us() - 250.0).abs() < 0.1, "{}", calm.margin_us());
        assert!((noisy.margin_us() - 2_000.0).abs() < 0.1, "{}", noisy.margin_us());
    }
}
