//! Chance that can be repeated.

/// Numbers that look random and follow from a seed, the same on every machine and in every release: `SplitMix64` (Steele,
/// Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014). Not for secrets.
#[derive(Debug, Clone)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Another one, evenly over [0, 1).
    pub fn unit(&mut self) -> f64 {
        // The upper 53 bits: as many as the mantissa holds.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens. What never happens, or always does, takes no number.
    pub fn happens(&mut self, probability: f64) -> bool {
        if probability <= 0.0 {
            return false;
        }
        probability >= 1.0 || self.unit() < probability
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_reference() {
        // The first outputs of the authors' program for seed 1234567.
        let mut chance = Chance::new(1_234_567);
        let first = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([chance.next(), chance.next(), chance.next()], first);
    }

    #[test]
    fn what_never_or_always_happens_is_no_matter_of_chance() {
        let mut chance = Chance::new(1);
        assert!((0..1_000).all(|_| !chance.happens(0.0) && chance.happens(1.0)));
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&chance.unit())));
    }
}
