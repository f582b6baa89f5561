//! Whether a host is starved, from how late it was.

/// Late seconds in a row that make a host starved, about; a single hiccup does not.
const STARVED_AT: u8 = 3;
/// Seconds in time, in a row, after which it is starved no longer.
const CALM_FROM: u8 = 5;

/// How late a host was lately: a count that goes up with every late second and down with every other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lateness {
    late: u8,
    is_starved: bool,
}

impl Lateness {
    /// Takes how late the host was in one second, and says whether it is starved.
    pub fn take(&mut self, lag_us: f64, doubtful_after_us: f64) -> bool {
        self.late =
            if lag_us > doubtful_after_us { (self.late + 1).min(CALM_FROM) } else { self.late.saturating_sub(1) };
        self.is_starved = self.late >= STARVED_AT || self.is_starved && self.late > 0;
        self.is_starved
    }

    /// Whether it is starved.
    pub fn is_starved(self) -> bool {
        self.is_starved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hiccup_is_forgiven_and_lasting_lateness_is_not() {
        let mut lateness = Lateness::default();
        let mut second = |lag_us: f64| lateness.take(lag_us, 10_000.0);
        assert_eq!([20_000.0, 20_000.0, 50.0].map(&mut second), [false; 3]);
        assert_eq!([20_000.0, 20_000.0, 50.0, 50.0].map(&mut second), [false, true, true, true]);
        assert_eq!([50.0, 20_000.0, 50.0].map(&mut second), [false; 3]);
    }
}
