//! What a link does to packets: rate, delay, jitter, loss, a queue that runs full.
//!
//! The demo and the lab put real packets through this; tests put none. One [`Way`] is one direction of a link. It is told
//! the time and answers when a packet comes out at the other end, or why it never does. The same seed and the same offers
//! give the same fates.

pub mod chance;
pub mod pending;
pub mod preset;
pub mod script;

use serde::{Deserialize, Serialize};

use self::chance::Chance;

/// One way of a link, as it is meant to be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Impairment {
    /// Bits per second that the link carries; without it packets take no time of their own.
    pub rate_bps: Option<u64>,
    /// Time on the way, µs.
    pub delay_us: f64,
    /// How far the delay strays, µs, in the way that `spread` says.
    pub jitter_us: f64,
    /// The distribution of the jitter.
    pub spread: Spread,
    /// Share of packets that get lost, 0 to 1.
    pub loss_ratio: f64,
    /// Mean length of a burst of lost packets. Up to 1, packets get lost independently of each other.
    pub burst_packets: f64,
    /// Bytes that wait at most for a link that is busy; what comes on top is dropped. Means nothing without a rate.
    pub queue_bytes: Option<u64>,
    /// Share of packets that arrive twice, 0 to 1.
    pub duplicate_ratio: f64,
    /// Share of packets that are held up and overtaken, 0 to 1.
    pub reorder_ratio: f64,
    /// How long those are held up, µs.
    pub reorder_by_us: f64,
    /// Whether nothing comes through.
    pub is_down: bool,
}

/// How the delays of packets are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// Evenly between delay − jitter and delay + jitter.
    #[default]
    Uniform,
    /// Delay plus an exponential with the jitter as its mean: many a little late, few very, as behind a queue.
    Exponential,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It never arrives.
    Dropped(DropReason),
    /// It arrives then, ns.
    DeliverAt(u64),
    /// It arrives then, and once more, ns.
    DeliverTwice(u64, u64),
}

/// Why a packet never arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// By chance.
    Lost,
    /// The queue before the link was full.
    QueueFull,
    /// The link is down.
    Down,
}

/// What became of all packets of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WayCounts {
    /// Packets offered.
    pub offered: u64,
    /// Of those, lost by chance.
    pub lost: u64,
    /// Of those, dropped because the queue was full.
    pub queue_full: u64,
    /// Of those, offered while the link was down.
    pub down: u64,
    /// Of those, delivered twice.
    pub duplicated: u64,
    /// Of those, held up and overtaken.
    pub reordered: u64,
}

impl WayCounts {
    /// Packets that never arrive.
    pub fn dropped(&self) -> u64 {
        self.lost + self.queue_full + self.down
    }
}

/// One way of a link at work.
#[derive(Debug, Clone)]
pub struct Way {
    impairment: Impairment,
    chance: Chance,
    /// When the link has sent everything that was offered before, ns.
    free_at_ns: u64,
    /// When the last packet that keeps its place arrives, ns.
    last_at_ns: u64,
    in_burst: bool,
    counts: WayCounts,
}

impl Way {
    /// A way on which nothing is under way yet.
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        let chance = Chance::new(seed);
        Self { impairment, chance, free_at_ns: 0, last_at_ns: 0, in_burst: false, counts: WayCounts::default() }
    }

    /// What the way is meant to be.
    pub fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// Makes it another one from now on; what is under way stays so.
    pub fn set(&mut self, impairment: Impairment) {
        self.impairment = impairment;
    }

    /// What became of all packets so far.
    pub fn counts(&self) -> WayCounts {
        self.counts
    }

    /// Takes a packet of `bytes` on the wire at `now_ns` and decides its fate. Time must not go backwards.
    pub fn offer(&mut self, now_ns: u64, bytes: u32) -> Fate {
        self.counts.offered += 1;
        if self.impairment.is_down {
            self.counts.down += 1;
            return Fate::Dropped(DropReason::Down);
        }
        let Some(sent_ns) = self.serialise(now_ns, bytes) else {
            self.counts.queue_full += 1;
            return Fate::Dropped(DropReason::QueueFull);
        };
        // A packet that gets lost on the wire has taken its time there.
        if self.is_lost() {
            self.counts.lost += 1;
            return Fate::Dropped(DropReason::Lost);
        }
        let arrives_ns = self.arrival(sent_ns);
        if self.chance.happens(self.impairment.duplicate_ratio) {
            self.counts.duplicated += 1;
            return Fate::DeliverTwice(arrives_ns, arrives_ns);
        }
        Fate::DeliverAt(arrives_ns)
    }

    /// Puts the packet behind what waits for the link. Returns when its last bit is sent; `None` when the queue is full.
    fn serialise(&mut self, now_ns: u64, bytes: u32) -> Option<u64> {
        let Some(rate_bps) = self.impairment.rate_bps.filter(|rate| *rate > 0) else { return Some(now_ns) };
        let waiting_ns = self.free_at_ns.saturating_sub(now_ns);
        let waiting_bytes = u128::from(waiting_ns) * u128::from(rate_bps) / (8 * 1_000_000_000);
        let limit = self.impairment.queue_bytes.unwrap_or(u64::MAX);
        // An idle link takes any packet: the queue is for those that wait.
        if waiting_ns > 0 && waiting_bytes + u128::from(bytes) > u128::from(limit) {
            return None;
        }
        let takes_ns = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(rate_bps);
        self.free_at_ns = now_ns.max(self.free_at_ns) + takes_ns as u64;
        Some(self.free_at_ns)
    }

    /// Two states, good and bad, and everything in the bad one gets lost: Gilbert, "Capacity of a burst-noise channel",
    /// Bell System Technical Journal 39 (1960). The ways between the states follow from the mean burst and the share.
    fn is_lost(&mut self) -> bool {
        let loss = self.impairment.loss_ratio;
        let burst = self.impairment.burst_packets;
        if loss <= 0.0 || loss >= 1.0 || burst <= 1.0 {
            return self.chance.happens(loss);
        }
        let changes = if self.in_burst { 1.0 / burst } else { loss / (burst * (1.0 - loss)) };
        self.in_burst ^= self.chance.happens(changes);
        self.in_burst
    }

    /// When a packet that was sent at `sent_ns` arrives. Packets keep their order unless one is chosen to be overtaken.
    fn arrival(&mut self, sent_ns: u64) -> u64 {
        let Impairment { delay_us, jitter_us, .. } = self.impairment;
        let strays_us = match self.impairment.spread {
            _ if jitter_us <= 0.0 => 0.0,
            Spread::Uniform => jitter_us * (2.0 * self.chance.unit() - 1.0),
            Spread::Exponential => -jitter_us * (1.0 - self.chance.unit()).ln(),
        };
        let arrives_ns = sent_ns + ns_from_us(delay_us + strays_us);
        if self.chance.happens(self.impairment.reorder_ratio) {
            self.counts.reordered += 1;
            return arrives_ns + ns_from_us(self.impairment.reorder_by_us);
        }
        self.last_at_ns = self.last_at_ns.max(arrives_ns);
        self.last_at_ns
    }
}

/// Microseconds as nanoseconds; what is negative or no number is 0.
fn ns_from_us(us: f64) -> u64 {
    (us * 1_000.0).round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn arrivals(impairment: Impairment, count: u64, gap_ns: u64, bytes: u32) -> (Vec<Option<u64>>, WayCounts) {
        let mut way = Way::new(impairment, 7);
        let fates = (0..count).map(|index| match way.offer(index * gap_ns, bytes) {
            Fate::Dropped(_) => None,
            Fate::DeliverAt(at_ns) | Fate::DeliverTwice(at_ns, _) => Some(at_ns),
        });
        (fates.collect(), way.counts())
    }

    #[test]
    fn a_link_without_faults_delivers_at_once() {
        let (fates, counts) = arrivals(Impairment::default(), 3, 10, 1_500);
        assert_eq!(fates, [Some(0), Some(10), Some(20)]);
        assert_eq!(counts, WayCounts { offered: 3, ..WayCounts::default() });
    }

    #[test]
    fn the_rate_spaces_packets_and_the_delay_moves_them() {
        // 1,250 bytes at 10 Mbit/s take a millisecond.
        let link = Impairment { rate_bps: Some(10_000_000), delay_us: 500.0, ..Impairment::default() };
        let (fates, _) = arrivals(link.clone(), 4, 0, 1_250);
        assert_eq!(fates, [Some(1_500_000), Some(2_500_000), Some(3_500_000), Some(4_500_000)]);
        // Offered more slowly than the link sends, no packet waits for another.
        let (fates, _) = arrivals(link, 3, 2_000_000, 1_250);
        assert_eq!(fates, [Some(1_500_000), Some(3_500_000), Some(5_500_000)]);
    }

    #[test]
    fn over_a_second_exactly_the_rate_comes_through() {
        let link = Impairment { rate_bps: Some(8_000_000), queue_bytes: Some(10_000), ..Impairment::default() };
        // Twice the rate is offered for a second.
        let (fates, counts) = arrivals(link, 2_000, 500_000, 1_000);
        let in_time = fates.iter().flatten().filter(|at_ns| **at_ns <= SECOND_NS).count();
        assert_eq!(in_time, 1_000);
        assert!(counts.queue_full > 900 && counts.queue_full == counts.dropped(), "{counts:?}");
    }

    #[test]
    fn a_full_queue_drops_the_last_and_holds_no_more_than_it_may() {
        let link = Impairment { rate_bps: Some(8_000), queue_bytes: Some(3_000), ..Impairment::default() };
        let (fates, counts) = arrivals(link, 6, 0, 1_000);
        // One is being sent, and the queue counts what of it is not sent yet.
        assert_eq!(fates.iter().flatten().count(), 3);
        assert_eq!((counts.queue_full, counts.lost), (3, 0));
        assert!(fates[3..].iter().all(Option::is_none));
    }

    #[test]
    fn losses_are_the_share_that_was_asked_for() {
        for (loss_ratio, burst_packets) in [(0.005, 1.0), (0.02, 1.0), (0.05, 1.0), (0.3, 1.0), (0.05, 4.0)] {
            let count = 200_000_u64;
            let link = Impairment { loss_ratio, burst_packets, ..Impairment::default() };
            let (fates, counts) = arrivals(link, count, 1, 100);
            let lost = fates.iter().filter(|fate| fate.is_none()).count() as f64;
            assert_eq!(lost as u64, counts.lost);
            // Five standard deviations of the binomial; bursts widen it by the square root of twice their length.
            let deviation = (count as f64 * loss_ratio * (1.0 - loss_ratio) * (2.0 * burst_packets - 1.0)).sqrt();
            let expected = count as f64 * loss_ratio;
            assert!((lost - expected).abs() < 5.0 * deviation, "{loss_ratio} {burst_packets}: {lost} of {expected}");
            let bursts = fates.windows(2).filter(|pair| pair[0].is_some() && pair[1].is_none()).count() as f64;
            let mean_burst = lost / bursts;
            let expected_burst = if burst_packets > 1.0 { burst_packets } else { 1.0 / (1.0 - loss_ratio) };
            assert!((mean_burst / expected_burst - 1.0).abs() < 0.1, "{mean_burst} instead of {expected_burst}");
        }
    }

    #[test]
    fn jitter_keeps_to_its_distribution_and_to_the_order() {
        let link = Impairment { delay_us: 100.0, jitter_us: 20.0, ..Impairment::default() };
        let delays = |link: &Impairment| -> Vec<f64> {
            let (fates, _) = arrivals(link.clone(), 20_000, SECOND_NS, 100);
            let sent = (0_u64..).map(|index| index * SECOND_NS);
            fates.iter().flatten().zip(sent).map(|(at_ns, sent_ns)| (at_ns - sent_ns) as f64 / 1_000.0).collect()
        };
        let mean = |delays: &[f64]| delays.iter().sum::<f64>() / delays.len() as f64;
        let uniform = delays(&link);
        assert!(uniform.iter().all(|delay| (80.0..=120.0).contains(delay)));
        assert!((mean(&uniform) - 100.0).abs() < 0.5);
        let exponential = delays(&Impairment { spread: Spread::Exponential, ..link.clone() });
        assert!(exponential.iter().all(|delay| *delay >= 100.0));
        assert!((mean(&exponential) - 120.0).abs() < 1.0);
        // Packets a microsecond apart would overtake each other, and must not.
        let (fates, _) = arrivals(link, 1_000, 1_000, 100);
        assert!(fates.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn some_are_overtaken_and_some_come_twice() {
        let link = Impairment {
            delay_us: 10.0,
            reorder_ratio: 0.1,
            reorder_by_us: 50.0,
            duplicate_ratio: 0.1,
            ..Impairment::default()
        };
        let (fates, counts) = arrivals(link, 10_000, 10_000, 100);
        let overtaken = fates.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((700..1_100).contains(&overtaken), "{overtaken}");
        assert!((800..1_200).contains(&counts.reordered) && (800..1_200).contains(&counts.duplicated), "{counts:?}");
    }

    #[test]
    fn a_dead_link_drops_everything_until_it_is_mended() {
        let mut way = Way::new(Impairment { is_down: true, ..Impairment::default() }, 1);
        assert_eq!(way.offer(0, 100), Fate::Dropped(DropReason::Down));
        way.set(Impairment::default());
        assert_eq!(way.offer(5, 100), Fate::DeliverAt(5));
        assert_eq!(way.counts(), WayCounts { offered: 2, down: 1, ..WayCounts::default() });
    }

    #[test]
    fn the_same_seed_gives_the_same_fates() {
        let link = Impairment { delay_us: 10.0, jitter_us: 5.0, loss_ratio: 0.2, ..Impairment::default() };
        let fates = |seed| {
            let mut way = Way::new(link.clone(), seed);
            (0..100).map(|index| way.offer(index * 1_000_000, 100)).collect::<Vec<_>>()
        };
        assert_eq!(fates(3), fates(3));
        assert_ne!(fates(3), fates(4));
    }
}
