//! Whether one run was worse for the network than another: figures side by side, what got worse first, and where.

mod first;
mod link;

use serde::{Deserialize, Serialize};

use super::Run;
use crate::{
    metric,
    query::SeriesPoints,
    sample::Labels,
    stats::{aggregate::Aggregation, rank_test::mann_whitney},
    time::Timestamp,
    unit::Unit,
};

pub use first::FirstWorse;
pub use link::LinkChange;

/// The metrics that are held against each other, in the order of the page.
pub const METRICS: [&str; 5] =
    [metric::RTT_US, metric::JITTER_US, metric::LOSS_RATIO, metric::NET_RX_BPS, metric::NET_TX_BPS];

/// Points of one series that a comparison touches: more would tell nothing new, and hold up everybody else.
const POINTS_WANTED: i64 = 2_000;
/// Points are at least this far apart, ms: nothing is measured much more often.
const STEP_MIN_MS: i64 = 1_000;
/// Means over this long are compared, ms: what is measured within one of them depends on its neighbours, and a test
/// that counted every sample by itself would find differences everywhere.
const BUCKET_MS: i64 = 10_000;
/// Metrics of jobs that are held against each other besides: those of one training script. More would take long to ask for,
/// and every one of them makes it harder for the others to be told from chance.
pub const PUSHED_MAX: usize = 20;
/// How likely a difference may be by mere chance to be called one: a twentieth, shared among the metrics that are compared
/// (Bonferroni), because five tests at once would otherwise find something between equal runs once in four times.
const P_MAX: f64 = 0.05;

/// What has to be asked for to know how one run fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The run's beginning, ms.
    pub from_ms: i64,
    /// Its end, ms.
    pub to_ms: i64,
    /// The width of a point, ms.
    pub step_ms: i64,
}

impl Span {
    /// The span of a run at a moment.
    pub fn of(run: &Run, now: Timestamp) -> Self {
        let (from_ms, to_ms) = run.interval(now);
        let wanted_ms = (to_ms - from_ms).max(0) as u64;
        let step_ms = wanted_ms.div_ceil((POINTS_WANTED * STEP_MIN_MS) as u64) as i64 * STEP_MIN_MS;
        Self { from_ms, to_ms, step_ms: step_ms.max(STEP_MIN_MS) }
    }

    fn bucket_ms(self) -> i64 {
        BUCKET_MS.max(self.step_ms)
    }

    /// Points as means of buckets that are counted from the beginning of the run: number and mean, in order.
    fn buckets(self, mut points: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
        points.sort_unstable_by_key(|(ts_ms, _)| *ts_ms);
        let bucket = |ts_ms: i64| (ts_ms - self.from_ms).div_euclid(self.bucket_ms());
        let mean = |points: &[(i64, f64)]| points.iter().map(|(_, value)| value).sum::<f64>() / points.len() as f64;
        points.chunk_by(|a, b| bucket(a.0) == bucket(b.0)).map(|points| (bucket(points[0].0), mean(points))).collect()
    }
}

/// How one metric went in one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// The mean of each step, series by series.
    pub means: Vec<SeriesPoints>,
    /// The largest value of each step, series by series.
    pub peaks: Vec<SeriesPoints>,
}

impl Course {
    /// Only what belongs to a run.
    #[must_use]
    pub fn of(mut self, run: &Run) -> Self {
        self.means.retain(|series| run.covers(&series.labels));
        self.peaks.retain(|series| run.covers(&series.labels));
        self
    }

    fn series(&self, labels: &Labels) -> Option<&SeriesPoints> {
        self.means.iter().find(|series| series.labels == *labels)
    }

    fn points(&self) -> impl Iterator<Item = (i64, f64)> {
        self.means.iter().flat_map(|series| series.points.iter().copied())
    }

    fn figure(&self, aggregation: Aggregation) -> Option<f64> {
        let of = if aggregation == Aggregation::Max { &self.peaks } else { &self.means };
        let mut values: Vec<f64> = of.iter().flat_map(|series| series.points.iter().map(|(_, value)| *value)).collect();
        aggregation.apply(&mut values)
    }
}

/// How one metric went in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The metric.
    pub metric: String,
    /// In the first run.
    pub a: Course,
    /// In the second run.
    pub b: Course,
}

/// Two runs beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunComparison {
    /// The run that is compared with.
    pub a: Run,
    /// The run in question.
    pub b: Run,
    /// The widths of the points that all figures are made of, ms: of the first run and of the second.
    pub step_ms: (i64, i64),
    /// One entry per metric that was measured in one of them.
    pub metrics: Vec<MetricComparison>,
    /// What left the range of the first run before everything else.
    pub first_worse: Option<FirstWorse>,
    /// The links that got worse, the worst first.
    pub links: Vec<LinkChange>,
}

/// One metric in both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricComparison {
    /// Its name.
    pub metric: String,
    /// What people call it.
    pub title: String,
    /// The unit of its figures.
    pub unit: Unit,
    /// Mean, percentiles and maximum over all series.
    pub figures: Vec<FigureComparison>,
    /// Whether the second run differs.
    pub verdict: Verdict,
    /// How likely a difference at least as large is by mere chance; nothing where there is too little to tell.
    pub p: Option<f64>,
}

/// One figure in both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FigureComparison {
    /// `avg`, `p50`, `p95`, `p99` or `max`.
    pub name: String,
    /// In the first run.
    pub a: Option<f64>,
    /// In the second run.
    pub b: Option<f64>,
    /// Second less first.
    pub difference: Option<f64>,
    /// The same in percent of the first; nothing where that is 0.
    pub percent: Option<f64>,
}

/// Whether the second run differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It tends to be worse.
    Worse,
    /// It tends to be better.
    Better,
    /// It tends to be higher, which is neither good nor bad.
    Higher,
    /// It tends to be lower, which is neither good nor bad.
    Lower,
    /// Chance may well be all there is to it.
    NoClearDifference,
    /// Too little was measured.
    TooLittle,
}

impl Verdict {
    /// The verdict in words.
    pub const fn words(self) -> &'static str {
        match self {
            Verdict::Worse => "worse",
            Verdict::Better => "better",
            Verdict::Higher => "higher",
            Verdict::Lower => "lower",
            Verdict::NoClearDifference => "no clear difference",
            Verdict::TooLittle => "too little to tell",
        }
    }
}

/// Whether more of it is worse: times, losses and faults are; traffic and counts are neither good nor bad.
pub const fn is_more_worse(unit: Unit) -> bool {
    match unit {
        Unit::Microseconds | Unit::Ratio | Unit::PerSecond => true,
        Unit::BitsPerSecond | Unit::PacketsPerSecond | Unit::Count => false,
    }
}

/// Holds the second run against the first, with their spans in the same order.
pub fn compare(a: Run, b: Run, spans: (Span, Span), pairs: &[Pair]) -> RunComparison {
    let known: Vec<&Pair> = pairs.iter().filter(|pair| !(pair.a.means.is_empty() && pair.b.means.is_empty())).collect();
    let p_max = P_MAX / known.len().max(1) as f64;
    RunComparison {
        step_ms: (spans.0.step_ms, spans.1.step_ms),
        metrics: known.into_iter().map(|pair| of_metric(pair, spans, p_max)).collect(),
        first_worse: first::find(pairs, spans),
        links: link::worst(pairs),
        a,
        b,
    }
}

fn of_metric(pair: &Pair, spans: (Span, Span), p_max: f64) -> MetricComparison {
    let names = ["avg", "p50", "p95", "p99", "max"];
    let figures = names.into_iter().filter_map(|name| Some((name, Aggregation::parse(name)?)));
    let figures = figures.map(|(name, aggregation)| {
        let (a, b) = (pair.a.figure(aggregation), pair.b.figure(aggregation));
        let difference = a.zip(b).map(|(a, b)| b - a);
        FigureComparison { name: name.to_owned(), a, b, difference, percent: percent(a, b) }
    });
    let (unit, name) = (metric::unit_of(&pair.metric), pair.metric.as_str());
    let title = metric::find(name).map_or(name, |row| row.title);
    let means = |course: &Course, span: Span| -> Vec<f64> {
        span.buckets(course.points().collect()).into_iter().map(|(_, mean)| mean).collect()
    };
    let test = mann_whitney(&means(&pair.a, spans.0), &means(&pair.b, spans.1));
    let verdict = match test {
        None => Verdict::TooLittle,
        Some(test) if test.p > p_max => Verdict::NoClearDifference,
        Some(test) => match (test.share > 0.5, is_more_worse(unit)) {
            (true, true) => Verdict::Worse,
            (false, true) => Verdict::Better,
            (true, false) => Verdict::Higher,
            (false, false) => Verdict::Lower,
        },
    };
    let (metric, title) = (name.to_owned(), title.to_owned());
    MetricComparison { metric, title, unit, figures: figures.collect(), verdict, p: test.map(|test| test.p) }
}

/// The difference in percent of the first; nothing where that is 0.
fn percent(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    let (a, b) = a.zip(b)?;
    (a.abs() > f64::EPSILON).then(|| (b - a) / a.abs() * 100.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::run::tests::run;

    /// Ten minutes from second 100 on.
    pub(in crate::run) const SPAN: Span = Span { from_ms: 100_000, to_ms: 700_000, step_ms: 1_000 };

    /// One value a second: `value` of the seconds since the beginning.
    pub(in crate::run) fn course(dst: &str, value: impl Fn(i64) -> f64) -> Course {
        let labels = Labels::from([("src", "n1"), ("dst", dst)].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let points = (0..600).map(|second| (SPAN.from_ms + second * 1_000, value(second))).collect();
        let means = vec![SeriesPoints { labels, points }];
        Course { peaks: means.clone(), means }
    }

    /// Between 0 and 1, always the same.
    pub(in crate::run) fn noise(second: i64) -> f64 {
        (second * 7_919 % 101) as f64 / 101.0
    }

    fn verdict(metric: &'static str, a: Course, b: Course) -> Verdict {
        of_metric(&Pair { metric: metric.into(), a, b }, (SPAN, SPAN), P_MAX / 5.0).verdict
    }

    #[test]
    fn more_latency_is_worse_and_more_traffic_is_only_more() {
        let (low, high) = (|second| 100.0 + noise(second), |second| 103.0 + noise(second));
        let of = |metric| verdict(metric, course("b", low), course("b", high));
        assert_eq!((of(metric::RTT_US), of(metric::NET_RX_BPS)), (Verdict::Worse, Verdict::Higher));
        let back = |metric| verdict(metric, course("b", high), course("b", low));
        assert_eq!((back(metric::RTT_US), back(metric::NET_RX_BPS)), (Verdict::Better, Verdict::Lower));
    }

    #[test]
    fn equal_runs_show_no_clear_difference_and_short_ones_too_little() {
        let shifted = |second: i64| 100.0 + noise(second + 37);
        let same = verdict(metric::RTT_US, course("b", |s| 100.0 + noise(s)), course("b", shifted));
        assert_eq!(same, Verdict::NoClearDifference);
        let mut short = course("b", noise);
        short.means[0].points.truncate(30);
        assert_eq!(verdict(metric::RTT_US, course("b", noise), short), Verdict::TooLittle);
        assert_eq!(verdict(metric::RTT_US, course("b", noise), Course::default()), Verdict::TooLittle);
    }

    #[test]
    fn figures_stand_beside_each_other_with_their_difference() {
        let pair =
            Pair { metric: metric::LOSS_RATIO.into(), a: course("b", |_| 0.0), b: course("b", |s| f64::from(s == 9)) };
        let compared = of_metric(&pair, (SPAN, SPAN), P_MAX);
        let max = compared.figures.last().expect("has figures");
        assert_eq!((max.name.as_str(), max.a, max.b), ("max", Some(0.0), Some(1.0)));
        assert_eq!((max.difference, max.percent), (Some(1.0), None), "nothing is no part of something");
        assert_eq!(percent(Some(200.0), Some(150.0)), Some(-25.0));
    }

    #[test]
    fn only_what_was_measured_is_listed() {
        let pair = |metric: &str, a| Pair { metric: metric.into(), a, b: Course::default() };
        let pairs = [pair(metric::RTT_US, course("b", noise)), pair(metric::JITTER_US, Course::default())];
        let compared = compare(run("a"), run("b"), (SPAN, SPAN), &pairs);
        assert_eq!(compared.metrics.iter().map(|m| m.metric.as_str()).collect::<Vec<_>>(), [metric::RTT_US]);
        assert_eq!((compared.first_worse, compared.links.len()), (None, 0));
    }

    #[test]
    fn long_runs_are_asked_for_in_wider_steps() {
        let long = |to_ms| Run { started_at: Timestamp(0), ended_at: Some(Timestamp(to_ms)), ..run("a") };
        let step = |to_ms| Span::of(&long(to_ms), Timestamp(to_ms)).step_ms;
        assert_eq!([0, 1_000, 2_000_000, 2_000_001, 86_400_000].map(step), [1_000, 1_000, 1_000, 2_000, 44_000]);
    }
}
