//! The recent values of one series, for rules that look back a little.

use std::collections::VecDeque;

use super::aggregate::Aggregation;

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
        let at = self.values.partition_point(|(ts, _)| *ts <= ts_ms);
        self.values.insert(at, (ts_ms, value));
        if self.values.len() > WINDOW_MAX_VALUES {
            self.values.pop_front();
        }
    }

    /// Forgets values taken at or before `ts_ms`.
    pub fn forget_until(&mut self, ts_ms: i64) {
        while self.values.front().is_some_and(|(ts, _)| *ts <= ts_ms) {
            self.values.pop_front();
        }
    }

    /// The aggregate of the values taken after `ts_ms`; `None` when there are none.
    pub fn aggregate_since(&self, ts_ms: i64, aggregation: Aggregation) -> Option<f64> {
        let mut values: Vec<f64> = self.values.iter().filter(|(ts, _)| *ts > ts_ms).map(|(_, value)| *value).collect();
        aggregation.apply(&mut values)
    }

    /// When the newest value was taken.
    pub fn newest_ms(&self) -> Option<i64> {
        self.values.back().map(|(ts, _)| *ts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_values_land_in_their_place() {
        let mut window = Window::default();
        for (ts, value) in [(10, 1.0), (30, 3.0), (20, 2.0)] {
            window.push(ts, value);
        }
        assert_eq!(window.aggregate_since(0, Aggregation::Last), Some(3.0));
        assert_eq!(window.aggregate_since(10, Aggregation::Avg), Some(2.5));
        assert_eq!(window.aggregate_since(30, Aggregation::Avg), None);
        window.forget_until(20);
        assert_eq!(window.aggregate_since(0, Aggregation::Count), Some(1.0));
    }

    #[test]
    fn it_never_grows_past_its_limit() {
        let mut window = Window::default();
        for ts in 0..(WINDOW_MAX_VALUES as i64 + 10) {
            window.push(ts, 0.0);
        }
        assert_eq!(window.aggregate_since(-1, Aggregation::Count), Some(WINDOW_MAX_VALUES as f64));
    }
}
