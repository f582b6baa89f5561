//! The tiers in which samples are kept, and how time is cut in each.

/// How fine samples are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Tier {
    /// As they were taken.
    Raw,
    /// Summed up by the minute.
    Minute,
    /// Summed up by the hour.
    Hour,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

impl Tier {
    /// All of them, the finest first.
    pub(super) const ALL: [Tier; 3] = [Tier::Raw, Tier::Minute, Tier::Hour];

    /// The tier of a number, as the database keeps it.
    pub(super) fn of_number(number: i64) -> Option<Tier> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Its name, in settings and figures.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Tier::Raw => "raw",
            Tier::Minute => "minute",
            Tier::Hour => "hour",
        }
    }

    /// The time that one block covers, ms. Raw: 900 samples of a second compress well and are read in no time. The others
    /// hold a few hundred summaries, for the same reasons.
    pub(super) const fn window_ms(self) -> i64 {
        match self {
            Tier::Raw => 15 * MINUTE_MS,
            Tier::Minute => 6 * HOUR_MS,
            Tier::Hour => 24 * HOUR_MS,
        }
    }

    /// The time that one summary covers, ms; raw samples are not summed up.
    pub(super) const fn entry_ms(self) -> i64 {
        match self {
            Tier::Raw => 1,
            Tier::Minute => MINUTE_MS,
            Tier::Hour => HOUR_MS,
        }
    }

    /// The tier that this one is made from.
    pub(super) const fn finer(self) -> Option<Tier> {
        match self {
            Tier::Raw => None,
            Tier::Minute => Some(Tier::Raw),
            Tier::Hour => Some(Tier::Minute),
        }
    }

    /// The number of the window that a moment lies in.
    pub(super) const fn window_of(self, ts_ms: i64) -> i64 {
        ts_ms.div_euclid(self.window_ms())
    }

    /// The first moment of a window and the first one after it, ms.
    pub(super) const fn bounds(self, window: i64) -> (i64, i64) {
        (window * self.window_ms(), (window + 1) * self.window_ms())
    }

    /// The windows of a tier below that lie in one of this tier.
    pub(super) fn windows_below(self, window: i64, finer: Tier) -> std::ops::Range<i64> {
        let (from_ms, to_ms) = self.bounds(window);
        finer.window_of(from_ms)..finer.window_of(to_ms)
    }

    /// The row of a block: tier, group and window in one number, so that the blocks of a group lie side by side in order
    /// of time and need no index. Windows count from 1970 and stay below 2^32 for 120,000 years.
    pub(super) const fn row(self, group: u32, window: i64) -> i64 {
        ((self as i64) << 60) | ((group as i64) << 32) | (window & 0xffff_ffff)
    }

    /// The window of a row.
    pub(super) const fn window_of_row(row: i64) -> i64 {
        row & 0xffff_ffff
    }

    /// The tier of a row.
    pub(super) fn of_row(row: i64) -> Option<Tier> {
        Self::of_number(row >> 60)
    }

    /// The group of a row.
    pub(super) const fn group_of_row(row: i64) -> u32 {
        (row >> 32) as u32 & 0x0fff_ffff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_nest() {
        assert_eq!(Tier::Minute.windows_below(0, Tier::Raw), 0..24);
        assert_eq!(Tier::Hour.windows_below(2, Tier::Minute), 8..12);
        for tier in Tier::ALL {
            assert_eq!(tier.window_ms() % tier.entry_ms(), 0);
            assert_eq!(tier.window_of(tier.bounds(7).1), 8);
        }
    }

    #[test]
    fn rows_read_back() {
        let row = Tier::Hour.row(123_456, 987_654);
        assert_eq!((Tier::group_of_row(row), Tier::window_of_row(row)), (123_456, 987_654));
        assert!(Tier::Raw.row(5, 10) < Tier::Raw.row(6, 1) && Tier::Raw.row(u32::MAX >> 4, 1) < Tier::Minute.row(0, 0));
    }
}
