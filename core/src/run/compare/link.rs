//! Which links got worse.

use serde::{Deserialize, Serialize};

use super::{Pair, percent};
use crate::{metric, query::SeriesPoints, sample::Labels, stats::aggregate::Aggregation};

/// Links that are named: more is a table nobody reads.
const LINKS_MAX: usize = 10;
/// A link that got worse by less than this part is as it was: medians of equal runs differ by as much.
const WORSE_MIN: f64 = 0.05;
/// Points that a link needs in each run: the median of fewer says more about chance than about the link.
const POINTS_MIN: usize = 30;
/// A judgement, not a law: one packet in a hundred lost counts as much as a tenth more latency, because whoever sent it
/// waits for it several round trips long.
const LOSS_WEIGHT: f64 = 10.0;

/// A link in both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LinkChange {
    /// Where it begins, where it ends, and how it was probed.
    pub labels: Labels,
    /// Median latency in the first run, µs.
    pub rtt_a_us: Option<f64>,
    /// Median latency in the second run, µs.
    pub rtt_b_us: Option<f64>,
    /// Second less first, in percent of the first.
    pub rtt_percent: Option<f64>,
    /// Mean loss in the first run.
    pub loss_a: Option<f64>,
    /// Mean loss in the second run.
    pub loss_b: Option<f64>,
}

impl LinkChange {
    /// How much worse it got: the part by which latency grew, and ten times the part of packets that are lost besides.
    fn worsening(&self) -> f64 {
        let rtt = self.rtt_percent.map_or(0.0, |percent| percent / 100.0);
        let loss = self.loss_a.zip(self.loss_b).map_or(0.0, |(a, b)| b - a);
        rtt + LOSS_WEIGHT * loss
    }
}

/// The links that got worse most, the worst first.
pub(super) fn worst(pairs: &[Pair]) -> Vec<LinkChange> {
    let of = |metric: &str| pairs.iter().find(|pair| pair.metric == metric);
    let (rtt, loss) = (of(metric::RTT_US), of(metric::LOSS_RATIO));
    let mut all: Vec<&Labels> = Vec::new();
    for series in [rtt, loss].into_iter().flatten().flat_map(|pair| &pair.b.means) {
        if !all.contains(&&series.labels) {
            all.push(&series.labels);
        }
    }
    let figures = |pair: Option<&Pair>, labels: &Labels, aggregation: Aggregation| {
        let of = |series: Option<&SeriesPoints>| {
            let mut values: Vec<f64> = series?.points.iter().map(|(_, value)| *value).collect();
            (values.len() >= POINTS_MIN).then(|| aggregation.apply(&mut values))?
        };
        pair.map_or((None, None), |pair| (of(pair.a.series(labels)), of(pair.b.series(labels))))
    };
    let change = |labels: &Labels| {
        let rtt_us = figures(rtt, labels, Aggregation::P50);
        let (loss_a, loss_b) = figures(loss, labels, Aggregation::Avg);
        let rtt_percent = percent(rtt_us.0, rtt_us.1);
        LinkChange { labels: labels.clone(), rtt_a_us: rtt_us.0, rtt_b_us: rtt_us.1, rtt_percent, loss_a, loss_b }
    };
    let mut changes: Vec<LinkChange> =
        all.into_iter().map(change).filter(|change| change.worsening() >= WORSE_MIN).collect();
    changes.sort_by(|x, y| y.worsening().total_cmp(&x.worsening()));
    changes.truncate(LINKS_MAX);
    changes
}

#[cfg(test)]
mod tests {
    use super::super::{Course, tests::course};
    use super::*;

    fn pair(metric: &'static str, links: &[(&str, f64, f64)]) -> Pair {
        let join = |pick: fn(&(&str, f64, f64)) -> f64| {
            let courses = links.iter().map(|link| course(link.0, |_| pick(link)));
            courses.fold(Course::default(), |mut all, course| {
                all.means.extend(course.means);
                all
            })
        };
        Pair { metric: metric.into(), a: join(|link| link.1), b: join(|link| link.2) }
    }

    fn names(pairs: &[Pair]) -> Vec<String> {
        worst(pairs).into_iter().map(|link| link.labels["dst"].clone()).collect()
    }

    #[test]
    fn the_worst_comes_first_and_what_is_as_it_was_is_left_out() {
        let rtt = pair(metric::RTT_US, &[("same", 100.0, 104.0), ("slow", 100.0, 150.0), ("fast", 100.0, 50.0)]);
        let loss = pair(metric::LOSS_RATIO, &[("slow", 0.0, 0.0), ("lossy", 0.0, 0.1)]);
        assert_eq!(names(&[rtt, loss]), ["lossy", "slow"]);
    }

    #[test]
    fn ten_are_named_and_new_links_are_not_worse() {
        let many: Vec<(String, f64)> = (0..20).map(|at| (format!("n{at:02}"), 200.0 + f64::from(at))).collect();
        let links: Vec<(&str, f64, f64)> = many.iter().map(|(name, b)| (name.as_str(), 100.0, *b)).collect();
        let found = names(&[pair(metric::RTT_US, &links)]);
        assert_eq!((found.len(), found[0].as_str()), (LINKS_MAX, "n19"));
        let new = Pair { metric: metric::RTT_US.into(), a: Course::default(), b: course("new", |_| 9.0) };
        assert!(names(&[new]).is_empty());
    }

    #[test]
    fn a_few_points_say_nothing_of_a_link() {
        let mut pair = pair(metric::RTT_US, &[("slow", 100.0, 900.0)]);
        assert_eq!(names(std::slice::from_ref(&pair)), ["slow"]);
        pair.b.means[0].points.truncate(POINTS_MIN - 1);
        assert!(names(&[pair]).is_empty());
    }
}
