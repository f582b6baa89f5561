//! When things happen: starts that are spread out, intervals that do not march in step, retries that back off.

/// Where in the interval the start of item `index` of `count` lies, in ms. `random` is in 0..1 and moves it within its
/// own slot, so that agents started together do not probe together.
pub fn stagger_ms(index: usize, count: usize, interval_ms: u64, random: f64) -> u64 {
    let slot = interval_ms as f64 / count.max(1) as f64;
    ((index as f64 + random.clamp(0.0, 1.0)) * slot) as u64 % interval_ms.max(1)
}

/// The wait before retry number `attempt` (from 0): doubled each time from `first_ms` up to `most_ms`, the upper half of
/// it by chance, so that clients cut off together do not return together.
pub fn backoff_ms(attempt: u32, first_ms: u64, most_ms: u64, random: f64) -> u64 {
    let full = first_ms.saturating_mul(1_u64 << attempt.min(20)).min(most_ms);
    full / 2 + (full as f64 / 2.0 * random.clamp(0.0, 1.0)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_spread_over_the_interval() {
        let starts: Vec<_> = (0..4).map(|index| stagger_ms(index, 4, 1_000, 0.5)).collect();
        assert_eq!(starts, [125, 375, 625, 875]);
        assert_eq!(stagger_ms(0, 0, 0, 0.9), 0);
        assert!(stagger_ms(3, 4, 1_000, 1.0) < 1_000);
    }

    #[test]
    fn retries_back_off_up_to_a_limit() {
        assert_eq!(backoff_ms(0, 200, 10_000, 1.0), 200);
        assert_eq!(backoff_ms(3, 200, 10_000, 0.0), 800);
        assert_eq!(backoff_ms(63, 200, 10_000, 1.0), 10_000);
    }
}
