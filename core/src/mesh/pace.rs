//! When packets are sent to one peer: trains that are spread over the interval, and more packets for a while after a loss.

/// Each train starts up to this part of the interval late, by chance, so that nodes do not march in step.
const JITTER_PART: f64 = 0.05;
/// A lossy path is probed more closely for this long, ns: at the pace below that makes a hundred packets, among which
/// two lost ones can be told from none.
const CONFIRM_NS: u64 = 5_000_000_000;
/// Time between the packets that are sent in addition meanwhile, ns.
const CONFIRM_SPACING_NS: u64 = 50_000_000;
/// After that, a further loss has none sent for this long, ns, so that other peers get their turn.
const CONFIRM_PAUSE_NS: u64 = 10_000_000_000;
/// Peers that are probed more closely at the same time: together they add eighty packets a second at most.
pub const CONFIRMING_MAX: usize = 4;

/// The plan of trains to one peer. Moments are ns of the prober's steady clock.
#[derive(Debug, Clone)]
pub struct Pace {
    interval_ns: u64,
    packets: u32,
    /// When this train starts but for the jitter.
    train_ns: u64,
    jitter_ns: u64,
    place: u32,
}

impl Pace {
    /// Trains of `packets` each `interval_ns`, the first one at `first_ns`.
    pub fn new(interval_ns: u64, packets: u32, first_ns: u64) -> Self {
        Self { interval_ns: interval_ns.max(1), packets: packets.max(1), train_ns: first_ns, jitter_ns: 0, place: 0 }
    }

    /// When the next packet is to be sent.
    pub fn due_ns(&self) -> u64 {
        let within = self.interval_ns * u64::from(self.place) / u64::from(self.packets);
        self.train_ns + self.jitter_ns + within
    }

    /// The place of that packet in its train.
    pub fn place(&self) -> u32 {
        self.place
    }

    /// Goes on to the next packet whose time has not passed: what a stalled prober missed is left out, because sent all at
    /// once it would measure itself. `random` is in 0..1.
    pub fn advance(&mut self, now_ns: u64, random: f64) {
        let missed = now_ns.saturating_sub(self.train_ns) / self.interval_ns;
        self.train_ns += missed.saturating_sub(1) * self.interval_ns;
        loop {
            self.place += 1;
            if self.place >= self.packets {
                self.place = 0;
                self.train_ns += self.interval_ns;
                self.jitter_ns = (self.interval_ns as f64 * JITTER_PART * random.clamp(0.0, 1.0)) as u64;
            }
            if self.due_ns() > now_ns {
                return;
            }
        }
    }
}

/// Whether a peer is probed more closely now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confirming {
    /// It is not.
    #[default]
    No,
    /// Until a moment, with the next packet at another.
    Until {
        /// When it ends, ns.
        end_ns: u64,
        /// When the next packet is to be sent, ns.
        due_ns: u64,
    },
    /// It was, and is not again before this moment, ns.
    Paused(u64),
}

impl Confirming {
    /// Whether a loss now would begin it.
    pub fn may_begin(self, now_ns: u64) -> bool {
        match self {
            Confirming::No => true,
            Confirming::Until { .. } => false,
            Confirming::Paused(until_ns) => now_ns >= until_ns,
        }
    }

    /// It begins.
    pub fn begin(now_ns: u64) -> Self {
        Confirming::Until { end_ns: now_ns + CONFIRM_NS, due_ns: now_ns }
    }

    /// When the next packet is to be sent, ns; `None` without one.
    pub fn due_ns(self) -> Option<u64> {
        match self {
            Confirming::Until { due_ns, .. } => Some(due_ns),
            _ => None,
        }
    }

    /// Goes on to the next packet, or ends.
    pub fn advance(&mut self, now_ns: u64) {
        if let Confirming::Until { end_ns, .. } = *self {
            let due_ns = now_ns + CONFIRM_SPACING_NS;
            *self = if due_ns < end_ns {
                Confirming::Until { end_ns, due_ns }
            } else {
                Confirming::Paused(now_ns + CONFIRM_PAUSE_NS)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_train_is_spread_over_the_interval() {
        let mut pace = Pace::new(1_000, 5, 70);
        let mut sent = Vec::new();
        for _ in 0..6 {
            sent.push((pace.due_ns(), pace.place()));
            pace.advance(pace.due_ns(), 1.0);
        }
        assert_eq!(sent, [(70, 0), (270, 1), (470, 2), (670, 3), (870, 4), (1_120, 0)]);
    }

    #[test]
    fn what_was_missed_is_left_out() {
        let mut pace = Pace::new(1_000, 5, 0);
        pace.advance(430, 0.0);
        assert_eq!((pace.due_ns(), pace.place()), (600, 3));
        pace.advance(3_600_000_000_430, 0.0);
        assert_eq!((pace.due_ns(), pace.place()), (3_600_000_000_600, 3));
    }

    #[test]
    fn a_loss_adds_a_hundred_packets_and_then_pauses() {
        let mut confirming = Confirming::No;
        assert!(confirming.may_begin(0));
        confirming = Confirming::begin(0);
        let (mut sent, mut now_ns) = (0, 0);
        while let Some(due_ns) = confirming.due_ns() {
            assert!(!confirming.may_begin(now_ns));
            now_ns = due_ns;
            sent += 1;
            confirming.advance(now_ns);
        }
        assert_eq!(sent, 100);
        assert!(!confirming.may_begin(now_ns));
        assert!(confirming.may_begin(now_ns + CONFIRM_PAUSE_NS));
    }

    proptest! {
        #[test]
        fn the_next_packet_is_always_ahead_and_never_far(
            interval_ms in 200_u64..60_000,
            packets in 1_u32..=20,
            stalls in prop::collection::vec((0_u64..100_000, 0.0_f64..1.0), 1..50),
        ) {
            let interval_ns = interval_ms * 1_000_000;
            let mut pace = Pace::new(interval_ns, packets, 0);
            for (late_ms, random) in stalls {
                let now_ns = pace.due_ns() + late_ms * 1_000_000;
                pace.advance(now_ns, random);
                prop_assert!(pace.due_ns() > now_ns);
                prop_assert!(pace.due_ns() <= now_ns + interval_ns / u64::from(packets) + interval_ns / 10);
            }
        }
    }
}
