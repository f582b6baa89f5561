//! What one agent measures on the path to one other node.

use fastrand::Rng;

use super::noise::{Wander, log_uniform};

/// Where the latency of a path lies, µs: from one switch between two nodes to the far side of a data centre.
const BASE_US: (f64, f64) = (40.0, 900.0);
/// How far latency strays, as a standard deviation of its natural logarithm: a tenth of itself.
const STRAY: f64 = 0.1;
/// How alike one second is to the next: queues fill and drain over some seconds.
const MEMORY: f64 = 0.9;
/// How often a round of probes is held up: about twice an hour on each path.
const SPIKE_CHANCE: f64 = 1.0 / 2_000.0;
/// How many times longer it then takes.
const SPIKE_FACTOR: (f64, f64) = (3.0, 20.0);
/// How often a round loses a probe.
const LOSS_CHANCE: f64 = 1.0 / 2_000.0;
/// Probes in a round: loss comes in steps of 0.05.
const PROBES: u8 = 20;
/// The most probes that are lost in one round.
const MOST_LOST: u8 = 4;

/// A path from one node to another.
#[derive(Debug)]
pub(crate) struct Path {
    base_us: f64,
    wander: Wander,
}

impl Path {
    /// The metrics of a path, in the order of `step`.
    pub(crate) const METRICS: [&str; 2] = ["rtt_us", "loss_ratio"];

    /// A path with a length of its own.
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self { base_us: log_uniform(rng, BASE_US.0, BASE_US.1), wander: Wander::default() }
    }

    /// The next second's round: latency in whole microseconds and the share of lost probes.
    pub(crate) fn step(&mut self, rng: &mut Rng) -> [f64; 2] {
        let mut rtt_us = self.base_us * (STRAY * self.wander.step(rng, MEMORY)).exp();
        if rng.f64() < SPIKE_CHANCE {
            rtt_us *= log_uniform(rng, SPIKE_FACTOR.0, SPIKE_FACTOR.1);
        }
        let lost = if rng.f64() < LOSS_CHANCE { rng.u8(1..=MOST_LOST) } else { 0 };
        [rtt_us.round(), f64::from(lost) / f64::from(PROBES)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_whole_and_loss_is_rare_and_in_steps() {
        let mut rng = Rng::with_seed(3);
        let mut path = Path::new(&mut rng);
        let rounds: Vec<_> = (0..20_000).map(|_| path.step(&mut rng)).collect();
        assert!(rounds.iter().all(|[rtt_us, _]| *rtt_us >= 20.0 && rtt_us.fract() == 0.0));
        let losses: Vec<f64> = rounds.iter().map(|[_, loss]| *loss).filter(|loss| *loss > 0.0).collect();
        assert!((1..100).contains(&losses.len()), "{}", losses.len());
        assert!(losses.iter().all(|loss| [0.05, 0.1, 0.15, 0.2].contains(loss)), "{losses:?}");
    }

    #[test]
    fn latency_stays_near_its_base_but_for_spikes() {
        let mut rng = Rng::with_seed(4);
        let mut path = Path::new(&mut rng);
        let base_us = path.base_us;
        let far = (0..20_000).filter(|_| path.step(&mut rng)[0] > 2.0 * base_us).count();
        assert!((1..100).contains(&far), "{far}");
    }
}
