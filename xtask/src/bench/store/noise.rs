//! The random movements that the generated figures are made of.

use fastrand::Rng;

/// A value that wanders around zero with a standard deviation of one and remembers where it was: AR(1).
#[derive(Debug, Default)]
pub(crate) struct Wander {
    now: f64,
}

impl Wander {
    /// The next value; `memory` from 0 (none) up to 1 (it never moves) is the correlation with the one before.
    pub(crate) fn step(&mut self, rng: &mut Rng, memory: f64) -> f64 {
        self.now = memory * self.now + (1.0 - memory * memory).sqrt() * normal(rng);
        self.now
    }
}

/// A standard normal number, by the transform of Box and Muller.
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    // One minus a number below one is never zero, so the logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// A number between two limits, every order of magnitude as likely as the next.
pub(crate) fn log_uniform(rng: &mut Rng, least: f64, most: f64) -> f64 {
    least * (most / least).powf(rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wander_has_the_deviation_and_the_memory_it_was_given() {
        let (mut rng, mut wander) = (Rng::with_seed(1), Wander::default());
        let values: Vec<f64> = (0..50_000).map(|_| wander.step(&mut rng, 0.9)).collect();
        let variance = values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64;
        let together = values.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / values.len() as f64;
        assert!((variance - 1.0).abs() < 0.1, "{variance}");
        assert!((together / variance - 0.9).abs() < 0.02, "{together}");
    }

    #[test]
    fn log_uniform_stays_between_its_limits() {
        let mut rng = Rng::with_seed(2);
        let values: Vec<f64> = (0..1_000).map(|_| log_uniform(&mut rng, 40.0, 900.0)).collect();
        assert!(values.iter().all(|value| (40.0..=900.0).contains(value)));
        let below = values.iter().filter(|value| **value < (40.0f64 * 900.0).sqrt()).count();
        assert!((400..600).contains(&below), "{below}");
    }
}
