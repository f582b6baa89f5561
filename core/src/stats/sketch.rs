//! Percentiles of many values in little space, mergeable without loss.
//!
//! Buckets grow by a constant factor, so that whatever value stands for a bucket is within a constant relative error of
//! every value in it (C. Masson, J. E. Rim, H. K. Lee: `DDSketch`, VLDB 2019). Merging adds counts, so a sketch of an hour
//! made of sixty sketches of a minute is the sketch of the hour's values.

use std::collections::BTreeMap;

/// The relative error of a percentile, at most.
pub const RELATIVE_ERROR: f64 = 0.02;

/// How much a bucket's upper end is above its lower one.
const GROWTH: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);

/// Smaller magnitudes count as zero: far below any unit's resolution, and it bounds the number of buckets.
const ZERO_BELOW: f64 = 1e-9;

/// Counts of values by magnitude and sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Bucket and count. Buckets of positive values are `2 i + 1`, of negative ones `-(2 i + 1)` with `i` shifted so
    /// that the order of buckets is the order of values; zero is bucket 0.
    buckets: BTreeMap<i32, u64>,
}

/// Shifts bucket numbers so that those of all magnitudes from [`ZERO_BELOW`] on are positive.
const SHIFT: i32 = 600;

fn bucket_of(value: f64) -> i32 {
    let magnitude = value.abs();
    if magnitude < ZERO_BELOW {
        return 0;
    }
    let index = (magnitude.ln() / GROWTH.ln()).ceil() as i32 + SHIFT;
    if value < 0.0 { -index } else { index }
}

/// The value that stands for a bucket: the one with the same relative distance to both ends.
fn value_of(bucket: i32) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let upper = (f64::from(bucket.abs() - SHIFT) * GROWTH.ln()).exp();
    let middle = 2.0 * upper / (GROWTH + 1.0);
    if bucket < 0 { -middle } else { middle }
}

impl Sketch {
    /// Counts a value.
    pub fn add(&mut self, value: f64) {
        *self.buckets.entry(bucket_of(value)).or_default() += 1;
    }

    /// Adds the counts of another sketch.
    pub fn merge(&mut self, other: &Sketch) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.buckets.values().sum()
    }

    /// The quantile `q` by linear interpolation between closest ranks, like that of raw values; each of the two is within
    /// [`RELATIVE_ERROR`] of the true one. `None` without values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let rank = q * last as f64;
        let (low, high) = (rank.floor() as u64, rank.ceil() as u64);
        let (low_value, high_value) = (self.at(low), self.at(high));
        Some(low_value + (high_value - low_value) * (rank - low as f64))
    }

    fn at(&self, rank: u64) -> f64 {
        let mut below = 0;
        for (bucket, count) in &self.buckets {
            below += count;
            if below > rank {
                return value_of(*bucket);
            }
        }
        self.buckets.last_key_value().map_or(0.0, |(bucket, _)| value_of(*bucket))
    }

    /// Bucket and count, in order: what a store keeps.
    pub fn buckets(&self) -> impl ExactSizeIterator<Item = (i32, u64)> {
        self.buckets.iter().map(|(bucket, count)| (*bucket, *count))
    }
}

impl FromIterator<(i32, u64)> for Sketch {
    fn from_iter<I: IntoIterator<Item = (i32, u64)>>(buckets: I) -> Self {
        Self { buckets: buckets.into_iter().filter(|(_, count)| *count > 0).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::aggregate::Aggregation;
    use proptest::prelude::*;

    fn sketch(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|value| sketch.add(*value));
        sketch
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Sketch::default().quantile(0.5), None);
    }

    #[test]
    fn zero_and_signs_keep_their_order() {
        let sketch = sketch(&[-5.0, 0.0, 5.0]);
        assert!(sketch.quantile(0.0).expect("has values") < -4.8);
        assert_eq!(sketch.quantile(0.5), Some(0.0));
        assert!(sketch.quantile(1.0).expect("has values") > 4.8);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_the_error(values in prop::collection::vec(1e-6_f64..1e12, 1..300)) {
            let all = sketch(&values);
            for (aggregation, q) in [(Aggregation::P50, 0.50), (Aggregation::P95, 0.95), (Aggregation::P99, 0.99)] {
                let exact = aggregation.apply(&mut values.clone()).expect("has values");
                let found = all.quantile(q).expect("has values");
                prop_assert!((found - exact).abs() <= exact * (RELATIVE_ERROR + 1e-9), "{found} {exact}");
            }
        }

        #[test]
        fn parts_merge_to_the_whole(values in prop::collection::vec(-1e9_f64..1e9, 0..200), at in 0_usize..200) {
            let (left, right) = values.split_at(at.min(values.len()));
            let mut merged = sketch(left);
            merged.merge(&sketch(right));
            prop_assert_eq!(&merged, &sketch(&values));
            prop_assert_eq!(&merged.buckets().collect::<Sketch>(), &merged);
        }
    }
}
