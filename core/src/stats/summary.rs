//! What remains of many values: count, sum, extremes, the last one, and a sketch for percentiles.

use super::{aggregate::Aggregation, sketch::Sketch};

/// The values of an interval, summed up. Two intervals next to each other merge to the one that covers both.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The newest.
    pub last: f64,
    /// Their distribution.
    pub sketch: Sketch,
}

impl Default for Summary {
    fn default() -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { count: 0, sum: 0.0, min, max, last: 0.0, sketch: Sketch::default() }
    }
}

impl Summary {
    /// Takes the value that follows.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.last = value;
        self.sketch.add(value);
    }

    /// Takes the interval that follows.
    pub fn merge(&mut self, next: &Summary) {
        if next.count == 0 {
            return;
        }
        self.count += next.count;
        self.sum += next.sum;
        self.min = self.min.min(next.min);
        self.max = self.max.max(next.max);
        self.last = next.last;
        self.sketch.merge(&next.sketch);
    }

    /// One value for all of them; `None` when there are none. Percentiles are within the sketch's relative error.
    pub fn aggregate(&self, aggregation: Aggregation) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let quantile = |q| self.sketch.quantile(q).map(|value| value.clamp(self.min, self.max));
        match aggregation {
            Aggregation::Avg => Some(self.sum / self.count as f64),
            Aggregation::Min => Some(self.min),
            Aggregation::Max => Some(self.max),
            Aggregation::P50 => quantile(0.50),
            Aggregation::P95 => quantile(0.95),
            Aggregation::P99 => quantile(0.99),
            Aggregation::Last => Some(self.last),
            Aggregation::Count => Some(self.count as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn summary(values: &[f64]) -> Summary {
        let mut summary = Summary::default();
        values.iter().for_each(|value| summary.add(*value));
        summary
    }

    proptest! {
        #[test]
        fn a_summary_answers_like_its_values(values in prop::collection::vec(0.0_f64..1e6, 1..100), at in 0_usize..100) {
            let (left, right) = values.split_at(at.min(values.len()));
            let mut merged = summary(left);
            merged.merge(&summary(right));
            for (name, aggregation) in Aggregation::ALL {
                let exact = aggregation.apply(&mut values.clone()).expect("has values");
                let found = merged.aggregate(aggregation).expect("has values");
                prop_assert!((found - exact).abs() <= exact.abs() * 0.0201 + 1e-9, "{name}: {found} {exact}");
            }
        }
    }

    #[test]
    fn nothing_aggregates_to_nothing() {
        assert_eq!(Summary::default().aggregate(Aggregation::Count), None);
    }
}
