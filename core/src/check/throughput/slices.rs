//! From counts at moments to a rate: what is warm-up, what each slice carried.

use super::Flowed;

/// Slices of one test at most: what a chart of a test shows, and what fits into one message.
pub const SLICES_MAX: u64 = 120;
/// The shortest slice, ms: below it the wake-ups of the receiver would show, not the network.
pub const SLICE_MIN_MS: u64 = 100;

/// How long a slice of a test is, ms: one of 100, 200, 500, 1000, 2000, 5000 ..., so that there are not too many.
pub fn slice_ms(duration_ms: u64) -> u64 {
    let mut slice = SLICE_MIN_MS;
    for step in [2, 5, 10].into_iter().cycle() {
        if duration_ms / slice <= SLICES_MAX {
            break;
        }
        let decade = 10_u64.pow(slice.ilog10());
        slice = decade * step;
    }
    slice
}

/// What had arrived at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// The time since the first byte, ms.
    pub at_ms: f64,
    /// Bytes until then.
    pub bytes: u64,
    /// Datagrams until then.
    pub datagrams: u64,
    /// The datagrams that were sent until then, as their numbers tell.
    pub sent: u64,
}

/// What a receiver counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counted {
    points: Vec<Point>,
}

impl Counted {
    /// Notes a moment. They come in order; after [`SLICES_MAX`] and a few, the last one is replaced.
    pub fn push(&mut self, point: Point) {
        if self.points.len() > SLICES_MAX as usize + 8 {
            self.points.pop();
        }
        self.points.push(point);
    }

    /// The moment that was noted last.
    pub fn last(&self) -> Option<Point> {
        self.points.last().copied()
    }

    /// What was carried after the warm-up. When it ended before that, all of it counts, and `false` is returned with it.
    pub fn flowed(&self, warm_up_ms: u64) -> (Flowed, bool) {
        // A wake-up is late, never early; half a millisecond is what a float may be off by, and no slice.
        let is_warm = |point: &&Point| point.at_ms + 0.5 >= warm_up_ms as f64;
        let warm = self.points.iter().position(|point| is_warm(&point)).filter(|at| at + 1 < self.points.len());
        let measured = &self.points[warm.unwrap_or(0)..];
        let (Some(first), Some(last)) = (measured.first(), measured.last()) else { return (Flowed::default(), false) };
        let slices = measured.windows(2).filter(|pair| pair[1].at_ms - pair[0].at_ms >= SLICE_MIN_MS as f64 / 2.0);
        let sent = last.sent.saturating_sub(first.sent);
        let arrived = last.datagrams.saturating_sub(first.datagrams);
        let flowed = Flowed {
            bps: bps(first, last),
            bytes: last.bytes.saturating_sub(first.bytes),
            duration_ms: last.at_ms - first.at_ms,
            retransmits: None,
            // What was sent before the warm-up ended may arrive after it.
            loss_ratio: (sent > 0).then(|| (1.0 - arrived as f64 / sent as f64).max(0.0)),
            jitter_us: None,
            slices_bps: slices.map(|pair| bps(&pair[0], &pair[1])).collect(),
        };
        (flowed, warm.is_some())
    }
}

fn bps(from: &Point, to: &Point) -> f64 {
    let ms = to.at_ms - from.at_ms;
    if ms > 0.0 { to.bytes.saturating_sub(from.bytes) as f64 * 8_000.0 / ms } else { 0.0 }
}

/// When a receiver looks, ms since the first byte: at the first byte, when the warm-up ends, at every slice, in the end.
pub fn moments(warm_up_ms: u64, duration_ms: u64, slice_ms: u64) -> impl Iterator<Item = u64> {
    let slice_ms = slice_ms.max(1);
    let slices = (1..=duration_ms / slice_ms).map(move |at| warm_up_ms + at * slice_ms);
    let rest = (!duration_ms.is_multiple_of(slice_ms)).then_some(warm_up_ms + duration_ms);
    std::iter::once(warm_up_ms).chain(slices).chain(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(points: &[(f64, u64)]) -> Counted {
        let mut counted = Counted::default();
        points.iter().for_each(|&(at_ms, bytes)| counted.push(Point { at_ms, bytes, ..Point::default() }));
        counted
    }

    #[test]
    fn slices_are_few_and_round() {
        let slices: Vec<u64> = [100, 5_000, 12_000, 12_200, 60_000, 120_000, 3_600_000].map(slice_ms).into();
        assert_eq!(slices, [100, 100, 100, 200, 500, 1_000, 50_000]);
    }

    #[test]
    fn the_warm_up_is_left_out() {
        // Slow at first, then 1 MB every 100 ms.
        let (flowed, is_whole) =
            counted(&[(0.0, 10), (500.2, 1_000), (600.2, 1_001_000), (700.2, 2_001_000)]).flowed(500);
        assert!(is_whole);
        assert_eq!(flowed.bytes, 2_000_000);
        assert!((flowed.bps - 80e6).abs() < 1.0, "{flowed:?}");
        assert_eq!(flowed.slices_bps.len(), 2);
    }

    #[test]
    fn what_ended_within_the_warm_up_counts_as_a_whole_and_is_told() {
        let (flowed, is_whole) = counted(&[(0.0, 0), (200.0, 1_000_000)]).flowed(500);
        assert_eq!((flowed.bytes, is_whole), (1_000_000, false));
        assert_eq!(counted(&[]).flowed(0), (Flowed::default(), false));
    }

    #[test]
    fn lost_datagrams_are_those_whose_numbers_are_missing() {
        let mut counted = Counted::default();
        for (at_ms, datagrams, sent) in [(0.0, 1, 1), (100.0, 11, 11), (200.0, 91, 111)] {
            counted.push(Point { at_ms, bytes: datagrams * 1_000, datagrams, sent });
        }
        let (flowed, _) = counted.flowed(100);
        assert!((flowed.loss_ratio.expect("numbers") - 0.2).abs() < 1e-9);
    }

    #[test]
    fn a_receiver_looks_when_the_warm_up_ends_at_each_slice_and_in_the_end() {
        assert_eq!(moments(500, 250, 100).collect::<Vec<_>>(), [500, 600, 700, 750]);
        assert_eq!(moments(0, 200, 100).collect::<Vec<_>>(), [0, 100, 200]);
    }

    proptest! {
        #[test]
        fn no_count_makes_a_rate_that_is_no_number(
            points in proptest::collection::vec((0.0..1e9_f64, any::<u64>()), 0..300), warm_up_ms in any::<u64>(),
        ) {
            let (flowed, _) = counted(&points).flowed(warm_up_ms);
            prop_assert!(flowed.bps.is_finite() && flowed.bps >= 0.0);
            prop_assert!(flowed.slices_bps.iter().all(|bps| bps.is_finite()));
        }

        #[test]
        fn there_are_never_too_many_slices(duration_ms in 1..=3_600_000_u64) {
            prop_assert!(duration_ms / slice_ms(duration_ms) <= SLICES_MAX);
        }
    }
}
