//! What got worse first.

use serde::{Deserialize, Serialize};

use super::{Pair, Span, is_more_worse};
use crate::{metric, sample::Labels, stats::aggregate::Aggregation, unit::Unit};

/// A value must stay out of its range for this long, ms, to have left it.
const STAYS_MS: i64 = 30_000;
/// Means that the first run needs to have a range: a minute of them.
const RANGE_MIN_BUCKETS: usize = 6;
/// The end of the range that is usual: one mean in twenty lies above it.
const USUAL: Aggregation = Aggregation::P95;

/// The series that left the range of the first run before all others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FirstWorse {
    /// Its metric.
    pub metric: String,
    /// What people call the metric.
    pub title: String,
    /// The unit of its values.
    pub unit: Unit,
    /// What it describes.
    pub labels: Labels,
    /// How long after the start of the second run, ms.
    pub after_ms: i64,
    /// Its mean then.
    pub value: f64,
    /// What 95 of 100 means of the first run stayed below.
    pub usual: f64,
}

/// Looks through all series of which more is worse.
pub(super) fn find(pairs: &[Pair], spans: (Span, Span)) -> Option<FirstWorse> {
    let bad = pairs.iter().filter(|pair| is_more_worse(metric::unit_of(&pair.metric)));
    let all = bad.flat_map(|pair| {
        let series = pair.b.means.iter();
        series.filter_map(move |series| {
            let before = pair.a.series(&series.labels)?;
            let usual = spans.0.buckets(before.points.clone());
            let mut usual: Vec<f64> = usual.into_iter().map(|(_, mean)| mean).collect();
            if usual.len() < RANGE_MIN_BUCKETS {
                return None;
            }
            let usual = USUAL.apply(&mut usual)?;
            let (after_ms, value) = left(&spans.1.buckets(series.points.clone()), usual, spans.1.bucket_ms())?;
            let title = metric::find(&pair.metric).map_or(pair.metric.as_str(), |row| row.title).to_owned();
            let (labels, unit) = (series.labels.clone(), metric::unit_of(&pair.metric));
            Some(FirstWorse { metric: pair.metric.clone(), title, unit, labels, after_ms, value, usual })
        })
    });
    all.min_by_key(|found| found.after_ms)
}

/// When means first lie above the usual and stay there, and the first of them.
fn left(means: &[(i64, f64)], usual: f64, bucket_ms: i64) -> Option<(i64, f64)> {
    let needed = (STAYS_MS as u64).div_ceil(bucket_ms as u64) as usize;
    let stays = |means: &[(i64, f64)]| {
        means.iter().all(|(_, mean)| *mean > usual) && means.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1)
    };
    let found = means.windows(needed).find(|means| stays(means))?;
    Some((found[0].0 * bucket_ms, found[0].1))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SPAN, course, noise};
    use super::*;
    use crate::run::compare::Course;

    #[test]
    fn the_first_series_that_stays_out_is_named_with_its_moment() {
        let late = Pair {
            metric: metric::RTT_US.into(),
            a: course("late", noise),
            b: course("late", |second| if second >= 300 { 50.0 } else { noise(second) }),
        };
        let early = Pair {
            metric: metric::LOSS_RATIO.into(),
            a: course("early", |_| 0.0),
            b: course("early", |second| if second >= 120 { 0.5 } else { 0.0 }),
        };
        let found = find(&[late, early], (SPAN, SPAN)).expect("something left");
        assert_eq!((found.metric.as_str(), found.labels["dst"].as_str()), (metric::LOSS_RATIO, "early"));
        assert_eq!((found.after_ms, found.value, found.usual), (120_000, 0.5, 0.0));
    }

    #[test]
    fn a_spike_and_traffic_are_nothing() {
        let spike = |second: i64| if (100..120).contains(&second) { 50.0 } else { noise(second) };
        let pair = |metric: &str, b: Course| Pair { metric: metric.into(), a: course("b", noise), b };
        assert_eq!(find(&[pair(metric::RTT_US, course("b", spike))], (SPAN, SPAN)), None);
        assert_eq!(find(&[pair(metric::NET_RX_BPS, course("b", |_| 99.0))], (SPAN, SPAN)), None);
        assert_eq!(find(&[pair(metric::RTT_US, course("other", |_| 99.0))], (SPAN, SPAN)), None);
    }

    #[test]
    fn a_gap_begins_anew() {
        assert_eq!(left(&[(0, 9.0), (2, 9.0), (3, 9.0), (4, 9.0)], 1.0, 10_000), Some((20_000, 9.0)));
        assert_eq!(left(&[(0, 9.0), (2, 9.0), (4, 9.0)], 1.0, 10_000), None);
        assert_eq!(left(&[(3, 9.0)], 1.0, 60_000), Some((180_000, 9.0)), "one long mean is long enough");
    }
}
