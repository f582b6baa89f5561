//! One value out of many: the aggregations of queries and rules.

use serde::{Deserialize, Serialize};

/// How values of an interval become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// Arithmetic mean.
    #[default]
    Avg,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Median.
    P50,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
    /// The newest.
    Last,
    /// How many there are.
    Count,
}

impl Aggregation {
    /// Every aggregation, by the name queries use.
    pub const ALL: [(&'static str, Aggregation); 8] = [
        ("avg", Aggregation::Avg),
        ("min", Aggregation::Min),
        ("max", Aggregation::Max),
        ("p50", Aggregation::P50),
        ("p95", Aggregation::P95),
        ("p99", Aggregation::P99),
        ("last", Aggregation::Last),
        ("count", Aggregation::Count),
    ];

    /// The aggregation of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, aggregation)| *aggregation)
    }

    /// The quantile that a percentile stands for.
    pub const fn quantile(self) -> Option<f64> {
        match self {
            Aggregation::P50 => Some(0.50),
            Aggregation::P95 => Some(0.95),
            Aggregation::P99 => Some(0.99),
            _ => None,
        }
    }

    /// The aggregate of values in the order in which they were taken; `None` when there are none. Reorders `values` for
    /// percentiles, so that callers can reuse one buffer.
    pub fn apply(self, values: &mut [f64]) -> Option<f64> {
        let last = *values.last()?;
        Some(match self {
            Aggregation::Avg => values.iter().sum::<f64>() / values.len() as f64,
            Aggregation::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Aggregation::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Aggregation::P50 => percentile(values, 0.50),
            Aggregation::P95 => percentile(values, 0.95),
            Aggregation::P99 => percentile(values, 0.99),
            Aggregation::Last => last,
            Aggregation::Count => values.len() as f64,
        })
    }
}

/// The quantile `q` by linear interpolation between closest ranks (type 7 of Hyndman and Fan, 1996). Reorders `values`,
/// which must not be empty; selecting takes linear time, sorting does not.
pub(crate) fn percentile(values: &mut [f64], q: f64) -> f64 {
    let rank = q * (values.len() - 1) as f64;
    let low = rank.floor() as usize;
    let (_, low_value, above) = values.select_nth_unstable_by(low, f64::total_cmp);
    let low_value = *low_value;
    let high_value = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low_value);
    low_value + (high_value - low_value) * (rank - low as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        let cases = [
            (Aggregation::Avg, 2.5),
            (Aggregation::Min, 1.0),
            (Aggregation::Max, 4.0),
            (Aggregation::P50, 2.5),
            (Aggregation::P95, 3.85),
            (Aggregation::Last, 3.0),
            (Aggregation::Count, 4.0),
        ];
        for (aggregation, expected) in cases {
            let value = aggregation.apply(&mut [4.0, 1.0, 2.0, 3.0]).expect("has values");
            assert!((value - expected).abs() < 1e-9, "{aggregation:?}: {value}");
        }
    }

    #[test]
    fn nothing_aggregates_to_nothing() {
        for (name, aggregation) in Aggregation::ALL {
            assert_eq!(aggregation.apply(&mut []), None);
            assert_eq!(Aggregation::parse(name), Some(aggregation));
        }
        assert_eq!(Aggregation::parse("median"), None);
    }

    proptest! {
        #[test]
        fn percentiles_are_ordered_and_within_the_extremes(mut values in prop::collection::vec(-1e9_f64..1e9, 1..200)) {
            let mut of = |aggregation: Aggregation| aggregation.apply(&mut values).expect("has values");
            let (min, p50, p95, p99, max) = (of(Aggregation::Min), of(Aggregation::P50), of(Aggregation::P95), of(Aggregation::P99), of(Aggregation::Max));
            prop_assert!(min <= p50 && p50 <= p95 && p95 <= p99 && p99 <= max);
        }
    }
}
