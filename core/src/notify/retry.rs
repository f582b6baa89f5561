//! How often, and after which waits, a message is sent again.

/// The waits between attempts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Attempts at most, the first included: with these waits they take about an hour, longer than a server needs to be
    /// put back, and shorter than anybody wants to be told of what is long over.
    pub attempts: u32,
    /// The wait after the first attempt, ms: longer than a server takes to restart a worker.
    pub first_ms: i64,
    /// How much longer each wait is than the one before.
    pub factor: f64,
    /// The longest wait, ms.
    pub ceiling_ms: i64,
    /// By how much a wait may be shorter or longer, so that receivers that failed together do not come back together.
    pub jitter: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 12, first_ms: 5_000, factor: 2.0, ceiling_ms: 600_000, jitter: 0.2 }
    }
}

impl Retry {
    /// The wait after an attempt (from 1), ms; `None` when it was the last. `random` is from 0 to 1, `asked_ms` what the
    /// server asked for.
    pub fn wait_ms(&self, attempt: u32, random: f64, asked_ms: Option<i64>) -> Option<i64> {
        if attempt >= self.attempts {
            return None;
        }
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let wait = (self.first_ms as f64 * self.factor.powi(exponent)).min(self.ceiling_ms as f64);
        let wait = wait * (1.0 + self.jitter * (2.0 * random.clamp(0.0, 1.0) - 1.0));
        Some((wait as i64).max(asked_ms.unwrap_or(0).min(self.ceiling_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_ceiling_and_end() {
        let retry = Retry::default();
        let waits: Vec<_> = (1..=12).map(|attempt| retry.wait_ms(attempt, 0.5, None)).collect();
        assert_eq!(waits[..3], [Some(5_000), Some(10_000), Some(20_000)]);
        assert_eq!((waits[10], waits[11]), (Some(600_000), None));
        assert_eq!((retry.wait_ms(1, 0.0, None), retry.wait_ms(1, 1.0, None)), (Some(4_000), Some(6_000)));
    }

    #[test]
    fn a_server_may_ask_for_longer_within_the_ceiling() {
        let retry = Retry::default();
        assert_eq!(retry.wait_ms(1, 0.5, Some(30_000)), Some(30_000));
        assert_eq!(retry.wait_ms(1, 0.5, Some(i64::MAX)), Some(600_000));
    }
}
