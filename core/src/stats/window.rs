//! The recent values of one series, for rules that look back a little.

use std::collections::VecDeque;

use super::aggregate::Aggregation;

/// The longest that a window looks back, ms: ten minutes. What is to be judged over longer is a share of a period, which
/// is kept in buckets and not value by value.
pub const WINDOW_MAX_MS: i64 = 600_000;
/// Values one window keeps: ten minutes at the fastest interval of 200 ms. The oldest go first.
pub const WINDOW_MAX_VALUES: usize = 3_000;

/// Recent values of one series, newest last, no older than a rule asks for.
#[derive(Debug, Clone, Default)]
pub struct Window {
    values: VecDeque<(i64, f64)>,
}

impl Window {
    /// Takes a value; one that is older than the newest is put where it belongs.
    pub fn push(&mut self, ts_ms: i64, value: f64) {
        if self.values.back().is_none_or(|(newest_ms, _)| *newest_ms <= ts_ms) {
            self.values.push_back((ts_ms, value));
        } else {
            let at = self.values.partition_point(|(ts, _)| *ts <= ts_ms);
            self.values.insert(at, (ts_ms, value));
        }
        if self.values.len() > WINDOW_MAX_VALUES {
            self.values.pop_front();
        }
    }

    /// Forgets values taken at or before `ts_ms`.
    pub fn forget_until(&mut self, ts_ms: i64) {
        self.keep(ts_ms, 0, ts_ms);
    }

    /// Forgets values taken after `ts_ms`: the clock that said so was wrong.
    pub fn forget_after(&mut self, ts_ms: i64) {
        while self.values.back().is_some_and(|(ts, _)| *ts > ts_ms) {
            self.values.pop_back();
        }
    }

    /// Forgets values taken at or before `ts_ms`, except the newest `count`, and of those what was taken at or before
    /// `oldest_ms`.
    pub fn keep(&mut self, ts_ms: i64, count: usize, oldest_ms: i64) {
        while let Some((ts, _)) = self.values.front() {
            let is_kept = *ts > ts_ms || (self.values.len() <= count && *ts > oldest_ms);
            if is_kept {
                break;
            }
            self.values.pop_front();
        }
    }

    /// The aggregate of the values taken after `ts_ms`; `None` when there are none.
    pub fn aggregate_since(&self, ts_ms: i64, aggregation: Aggregation) -> Option<f64> {
        self.aggregate((ts_ms, i64::MAX), aggregation, &mut Vec::new())
    }

    /// The aggregate of the values taken after the first and not after the second moment, ms; `None` when there are none.
    /// `scratch` is for percentiles, so that callers need no memory for each.
    pub fn aggregate(
        &self,
        (after_ms, until_ms): (i64, i64),
        aggregation: Aggregation,
        scratch: &mut Vec<f64>,
    ) -> Option<f64> {
        let (from, to) = (self.first_after(after_ms), self.first_after(until_ms));
        if from >= to {
            return None;
        }
        let count = to - from;
        let values = || self.values.range(from..to).map(|(_, value)| *value);
        if let Some(value) = aggregation.quantile().and_then(|quantile| of_largest(values(), count, quantile)) {
            return Some(value);
        }
        Some(match aggregation {
            Aggregation::Avg => self.sum(from, to) / count as f64,
            Aggregation::Min => values().fold(f64::INFINITY, f64::min),
            Aggregation::Max => values().fold(f64::NEG_INFINITY, f64::max),
            Aggregation::Last => self.values[to - 1].1,
            Aggregation::Count => count as f64,
            Aggregation::P50 | Aggregation::P95 | Aggregation::P99 => {
                scratch.clear();
                scratch.extend(values());
                return aggregation.apply(scratch);
            }
        })
    }

    /// The sum of the values between two places, four at a time: one after the other, each would wait for the one before.
    fn sum(&self, from: usize, to: usize) -> f64 {
        let (first, second) = self.values.as_slices();
        let split = first.len();
        let parts = [
            first.get(from.min(split)..to.min(split)).unwrap_or_default(),
            second.get(from.saturating_sub(split)..to.saturating_sub(split)).unwrap_or_default(),
        ];
        let mut sums = [0.0; 4];
        for part in parts {
            let fours = part.chunks_exact(4);
            sums[0] += fours.remainder().iter().map(|(_, value)| value).sum::<f64>();
            for four in fours {
                sums.iter_mut().zip(four).for_each(|(sum, (_, value))| *sum += value);
            }
        }
        sums.iter().sum()
    }

    /// The place of the first value taken after `ts_ms`. Looked for from the newest on, in steps that double: most rules
    /// look back a little only, and what is older is not in the cache.
    fn first_after(&self, ts_ms: i64) -> usize {
        let (mut high, mut step) = (self.values.len(), 1);
        loop {
            let low = high.saturating_sub(step);
            if low == high || self.values[low].0 <= ts_ms {
                break;
            }
            (high, step) = (low, step * 2);
        }
        let mut low = high.saturating_sub(step);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.values[middle].0 <= ts_ms {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The newest values, the newest first, none of them taken at or before `ts_ms`.
    pub fn newest(&self, count: usize, ts_ms: i64) -> impl Iterator<Item = f64> {
        let fresh = self.values.iter().rev().take(count).take_while(move |(ts, _)| *ts > ts_ms);
        fresh.map(|(_, value)| *value)
    }

    /// When the newest value was taken.
    pub fn newest_ms(&self) -> Option<i64> {
        self.values.back().map(|(ts, _)| *ts)
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many values there is room for without more memory.
    pub fn capacity(&self) -> usize {
        self.values.capacity()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

/// Values that are held at once to find a percentile among the largest: enough for the 95th of five minutes of seconds.
const LARGEST_MAX: usize = 16;

/// A percentile as [`super::aggregate::percentile`] has it, when it is among the few largest values: one look at each is
/// enough then, and most are smaller than all that are held.
fn of_largest(values: impl Iterator<Item = f64>, count: usize, quantile: f64) -> Option<f64> {
    let rank = quantile * (count - 1) as f64;
    let low = rank.floor() as usize;
    let held = count - low;
    if held > LARGEST_MAX {
        return None;
    }
    // In order, the smallest first.
    let mut largest = [f64::NEG_INFINITY; LARGEST_MAX];
    for value in values.filter(|value| value.is_finite()) {
        if value > largest[0] {
            let mut at = 0;
            while at + 1 < held && largest[at + 1] < value {
                largest[at] = largest[at + 1];
                at += 1;
            }
            largest[at] = value;
        }
    }
    let (low_value, high_value) = (largest[0], largest[1.min(held - 1)]);
    Some(low_value + (high_value - low_value) * (rank - low as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn late_values_land_in_their_place() {
        let mut window = Window::default();
        for (ts, value) in [(10, 1.0), (30, 3.0), (20, 2.0)] {
            window.push(ts, value);
        }
        assert_eq!(window.aggregate_since(0, Aggregation::Last), Some(3.0));
        assert_eq!(window.aggregate_since(10, Aggregation::Avg), Some(2.5));
        assert_eq!(window.aggregate_since(30, Aggregation::Avg), None);
        assert_eq!(window.aggregate((0, 20), Aggregation::Last, &mut Vec::new()), Some(2.0));
        assert_eq!(window.newest(2, 0).collect::<Vec<_>>(), [3.0, 2.0]);
        assert_eq!(window.newest(9, 20).collect::<Vec<_>>(), [3.0]);
        window.forget_until(20);
        assert_eq!(window.aggregate_since(0, Aggregation::Count), Some(1.0));
    }

    #[test]
    fn a_few_are_kept_even_when_they_are_old() {
        let mut window = Window::default();
        (1..=5).for_each(|ts| window.push(ts * 10, 0.0));
        window.keep(100, 3, 20);
        assert_eq!(window.aggregate_since(0, Aggregation::Count), Some(3.0));
        window.keep(100, 3, 40);
        assert_eq!(window.aggregate_since(0, Aggregation::Count), Some(1.0));
        window.forget_after(49);
        assert!(window.is_empty());
    }

    #[test]
    fn it_never_grows_past_its_limit() {
        let mut window = Window::default();
        for ts in 0..(WINDOW_MAX_VALUES as i64 + 10) {
            window.push(ts, 0.0);
        }
        assert_eq!(window.aggregate_since(-1, Aggregation::Count), Some(WINDOW_MAX_VALUES as f64));
    }

    proptest! {
        #[test]
        fn it_aggregates_like_a_list(values in prop::collection::vec((0_i64..50, -1e3_f64..1e3), 1..60), from in 0_i64..50, length in 1_i64..50) {
            let mut window = Window::default();
            values.iter().for_each(|(ts, value)| window.push(*ts, *value));
            let mut sorted = values;
            sorted.sort_by_key(|(ts, _)| *ts);
            let within = |(ts, _): &&(i64, f64)| *ts > from && *ts <= from + length;
            for (name, aggregation) in Aggregation::ALL {
                let mut list: Vec<f64> = sorted.iter().filter(within).map(|(_, value)| *value).collect();
                let (expected, found) = (aggregation.apply(&mut list), window.aggregate((from, from + length), aggregation, &mut Vec::new()));
                let is_same = match (expected, found) {
                    (Some(expected), Some(found)) => (expected - found).abs() < 1e-6,
                    (expected, found) => expected == found,
                };
                prop_assert!(is_same, "{} {:?} {:?}", name, expected, found);
            }
        }
    }
}
