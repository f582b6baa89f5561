//! Which tier answers which part of a question: the coarsest that gives the same answer, and where that is gone, the
//! finest that is left.

use std::ops::RangeInclusive;

use netloom_core::query::{Query, Shape, Step};

use super::tier::Tier;

/// A stretch of time, both ends included, and the tier that answers for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) tier: Tier,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

impl Segment {
    /// The windows that it touches. Before 1970 and after the year 120,000 there are none.
    pub(super) fn windows(&self) -> RangeInclusive<i64> {
        let window = |ts_ms: i64| self.tier.window_of(ts_ms).clamp(0, i64::from(u32::MAX));
        window(self.from_ms)..=window(self.to_ms)
    }
}

/// What the store holds.
pub(super) struct Coverage<'a> {
    /// Whether a window of a tier is summed up.
    pub(super) is_rolled: &'a dyn Fn(Tier, i64) -> bool,
    /// The first moment from which raw samples are kept, ms; older ones are only there summed up.
    pub(super) raw_from_ms: i64,
    /// The first moment from which summaries of a minute are kept, ms.
    pub(super) minute_from_ms: i64,
    /// The oldest moment that anything is known of, ms.
    pub(super) oldest_ms: i64,
    /// The newest one.
    pub(super) newest_ms: i64,
}

/// Cuts a question into segments in order of time. Summaries that stick out of the range are left to finer tiers.
pub(super) fn plan(query: &Query, coverage: &Coverage) -> Vec<Segment> {
    let (from_ms, to_ms) = (query.from_ms.max(coverage.oldest_ms), query.to_ms.min(coverage.newest_ms));
    let mut segments = Vec::new();
    if from_ms > to_ms {
        return segments;
    }
    let raw_from_ms = coverage.raw_from_ms.max(from_ms);
    if raw_from_ms > from_ms {
        let is_coarse = usable(query) == Some(Tier::Hour);
        old(coverage, is_coarse, (from_ms, (raw_from_ms - 1).min(to_ms)), &mut segments);
    }
    if raw_from_ms <= to_ms {
        let tier = usable(query).unwrap_or(Tier::Raw);
        cover(coverage, tier, Segment { tier, from_ms: raw_from_ms, to_ms }, &mut segments);
    }
    segments
}

/// The coarsest tier whose summaries fit into the steps. Extremes at their own times need the samples for short steps;
/// for long ones a minute is near enough.
fn usable(query: &Query) -> Option<Tier> {
    let fits = |tier: &Tier| match (query.step, query.shape) {
        (Step::Raw, _) => false,
        (Step::Whole { .. }, _) => true,
        (Step::Every(step_ms), Shape::One(_)) => step_ms % tier.entry_ms() == 0,
        (Step::Every(step_ms), Shape::Extremes) => step_ms % tier.entry_ms() == 0 && step_ms >= 5 * tier.entry_ms(),
    };
    [Tier::Hour, Tier::Minute].into_iter().find(fits)
}

/// Covers a stretch of which raw samples are kept.
fn cover(coverage: &Coverage, tier: Tier, part: Segment, into: &mut Vec<Segment>) {
    let Some(finer) = tier.finer() else {
        push(Segment { tier, ..part }, into);
        return;
    };
    let entry_ms = tier.entry_ms();
    for window in tier.window_of(part.from_ms)..=tier.window_of(part.to_ms) {
        let (start_ms, end_ms) = tier.bounds(window);
        let (from_ms, to_ms) = (part.from_ms.max(start_ms), part.to_ms.min(end_ms - 1));
        // Whole summaries only.
        let inner_from = from_ms.div_euclid(entry_ms) * entry_ms + if from_ms % entry_ms == 0 { 0 } else { entry_ms };
        let inner_to = (to_ms + 1).div_euclid(entry_ms) * entry_ms - 1;
        if !(coverage.is_rolled)(tier, window) || inner_from > inner_to {
            cover(coverage, finer, Segment { tier: finer, from_ms, to_ms }, into);
            continue;
        }
        if from_ms < inner_from {
            cover(coverage, finer, Segment { tier: finer, from_ms, to_ms: inner_from - 1 }, into);
        }
        push(Segment { tier, from_ms: inner_from, to_ms: inner_to }, into);
        if inner_to < to_ms {
            cover(coverage, finer, Segment { tier: finer, from_ms: inner_to + 1, to_ms }, into);
        }
    }
}

/// Covers a stretch of which only summaries are left: those of a minute, as long as they are kept and hours would not do. A
/// summary belongs to the stretch that its start lies in.
fn old(coverage: &Coverage, is_coarse: bool, (from_ms, to_ms): (i64, i64), into: &mut Vec<Segment>) {
    let hour = Tier::Hour;
    for window in hour.window_of(from_ms)..=hour.window_of(to_ms) {
        let (start_ms, end_ms) = hour.bounds(window);
        let (from_ms, to_ms) = (from_ms.max(start_ms), to_ms.min(end_ms - 1));
        let fine_from_ms =
            if is_coarse && (coverage.is_rolled)(hour, window) { i64::MAX } else { coverage.minute_from_ms };
        if from_ms < fine_from_ms {
            push(Segment { tier: hour, from_ms, to_ms: to_ms.min(fine_from_ms - 1) }, into);
        }
        if to_ms >= fine_from_ms {
            push(Segment { tier: Tier::Minute, from_ms: from_ms.max(fine_from_ms), to_ms }, into);
        }
    }
}

fn push(segment: Segment, into: &mut Vec<Segment>) {
    match into.last_mut() {
        Some(last) if last.tier == segment.tier && last.to_ms + 1 == segment.from_ms => last.to_ms = segment.to_ms,
        _ => into.push(segment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::{query::QueryText, time::Timestamp};

    const HOUR_MS: i64 = 3_600_000;
    const DAY_MS: i64 = 24 * HOUR_MS;

    fn planned(
        from_ms: i64,
        to_ms: i64,
        step: Option<&str>,
        rolled: &[(Tier, i64)],
        raw_from_ms: i64,
    ) -> Vec<(Tier, i64, i64)> {
        let text = QueryText {
            metric: Some("rtt_us".into()),
            from: Some(from_ms.to_string()),
            to: Some(to_ms.to_string()),
            step: step.map(str::to_owned),
            ..Default::default()
        };
        let query = text.parse(Timestamp(to_ms)).expect("is right");
        let is_rolled = |tier, window| rolled.contains(&(tier, window));
        let minute_from_ms = if rolled.iter().any(|(tier, _)| *tier == Tier::Minute) { 0 } else { DAY_MS };
        let coverage =
            Coverage { is_rolled: &is_rolled, raw_from_ms, minute_from_ms, oldest_ms: 0, newest_ms: 10 * DAY_MS };
        plan(&query, &coverage).into_iter().map(|s| (s.tier, s.from_ms, s.to_ms)).collect()
    }

    #[test]
    fn whole_summaries_come_from_the_coarsest_tier_and_the_edges_from_finer_ones() {
        let rolled = [(Tier::Minute, 0), (Tier::Minute, 1), (Tier::Minute, 2), (Tier::Minute, 3), (Tier::Hour, 0)];
        let (from, to) = (HOUR_MS + 61_000, 30 * HOUR_MS);
        assert_eq!(
            planned(from, to, Some("1h"), &rolled, 0),
            [
                (Tier::Raw, from, HOUR_MS + 119_999),
                (Tier::Minute, HOUR_MS + 120_000, 2 * HOUR_MS - 1),
                (Tier::Hour, 2 * HOUR_MS, DAY_MS - 1),
                (Tier::Raw, DAY_MS, to),
            ]
        );
        assert_eq!(planned(from, to, Some("10s"), &rolled, 0), [(Tier::Raw, from, to)]);
        assert_eq!(planned(from, to, None, &rolled, 0), [(Tier::Raw, from, to)]);
    }

    #[test]
    fn where_samples_are_gone_summaries_stand_in() {
        let rolled = [(Tier::Minute, 0), (Tier::Minute, 1), (Tier::Minute, 2), (Tier::Minute, 3), (Tier::Hour, 0)];
        assert_eq!(
            planned(0, 2 * DAY_MS, None, &rolled, DAY_MS),
            [(Tier::Minute, 0, DAY_MS - 1), (Tier::Raw, DAY_MS, 2 * DAY_MS)]
        );
        let only_hours = [(Tier::Hour, 0)];
        assert_eq!(planned(0, DAY_MS - 1, Some("1m"), &only_hours, DAY_MS), [(Tier::Hour, 0, DAY_MS - 1)]);
    }

    #[test]
    fn nothing_is_planned_outside_of_what_is_known() {
        assert_eq!(planned(11 * DAY_MS, 12 * DAY_MS, None, &[], 0), []);
        assert_eq!(planned(0, 99 * DAY_MS, None, &[], 0), [(Tier::Raw, 0, 10 * DAY_MS)]);
    }
}
