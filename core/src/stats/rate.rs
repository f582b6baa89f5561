//! Rates from counters, over the time that really passed.

/// The last reading of a counter, from which the next one's rate is taken.
///
/// The first reading yields nothing, a counter that runs backwards (wrapped, or its interface was made anew) yields
/// nothing, and so does a clock that did not advance: no figure is better than a spike.
#[derive(Debug, Clone, Copy, Default)]
pub struct CounterRate {
    last: Option<(u64, u64)>,
}

impl CounterRate {
    /// Takes a reading at `now_ns` of a monotonic clock; returns the increase per second since the one before.
    pub fn update(&mut self, now_ns: u64, count: u64) -> Option<f64> {
        let (then_ns, before) = self.last.replace((now_ns, count))?;
        let elapsed_ns = now_ns.checked_sub(then_ns).filter(|ns| *ns > 0)?;
        let increase = count.checked_sub(before)?;
        Some(increase as f64 * 1e9 / elapsed_ns as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn the_first_reading_yields_nothing() {
        assert_eq!(CounterRate::default().update(SECOND, 1_000), None);
    }

    #[test]
    fn the_rate_is_over_the_true_elapsed_time() {
        let mut rate = CounterRate::default();
        rate.update(0, 0);
        assert_eq!(rate.update(SECOND * 5 / 4, 1_000), Some(800.0));
    }

    #[test]
    fn a_counter_that_runs_backwards_yields_nothing_once() {
        let mut rate = CounterRate::default();
        rate.update(0, 5_000);
        assert_eq!(rate.update(SECOND, 10), None);
        assert_eq!(rate.update(2 * SECOND, 30), Some(20.0));
    }

    #[test]
    fn no_time_or_time_running_backwards_yields_no_rate() {
        let mut rate = CounterRate::default();
        rate.update(SECOND, 0);
        assert_eq!(rate.update(SECOND, 10), None);
        assert_eq!(rate.update(SECOND / 2, 20), None);
    }
}
