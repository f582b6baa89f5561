//! The points behind a chart: history, and the live samples that continue it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
};

use netloom_core::{
    event::Interest as Wish,
    metric,
    query::QueryAnswer,
    sample::{Labels, SeriesKey},
    stats::aggregate::Aggregation,
};

use crate::range::Window;

/// Points one series keeps: five minutes at the fastest interval, twice over. The oldest go first.
const POINTS_MAX: usize = 3_000;
/// Series one feed keeps: a node that probes 64 targets in both modes. What comes later is left out.
const SERIES_MAX: usize = 128;
/// Two points further apart than this many expected intervals have a gap between them.
const GAP_INTERVALS: f64 = 2.5;

/// The label of a series that the page makes of all pairs itself.
pub(crate) const ACROSS_LABEL: &str = "across";
/// The width of a point of such a series, ms: the hub reads every pair for it.
const ACROSS_STEP_MS: i64 = 5_000;

/// The name of an aggregation in queries.
pub(crate) fn aggregation_name(wanted: Aggregation) -> &'static str {
    Aggregation::ALL.iter().find(|(_, known)| *known == wanted).map_or("", |(name, _)| name)
}

/// What a feed is about: all series of a metric that carry these labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interest {
    /// The metric.
    pub(crate) metric: Cow<'static, str>,
    /// Labels that a series must carry with exactly these values.
    pub(crate) labels: Labels,
    /// Whether a step is its smallest and its largest value, not its mean: on a chart no spike may vanish.
    pub(crate) keeps_extremes: bool,
    /// How all series become one, for a mesh with more pairs than a page could take: no samples of the pairs arrive, the
    /// line goes on with what the matrix adds up to.
    pub(crate) across: Option<Aggregation>,
}

impl Interest {
    /// Every series of a metric.
    pub(crate) fn all(metric: impl Into<Cow<'static, str>>) -> Self {
        Self { metric: metric.into(), labels: Labels::new(), keeps_extremes: false, across: None }
    }

    /// All series of a metric as one.
    pub(crate) fn across(metric: impl Into<Cow<'static, str>>, how: Aggregation) -> Self {
        Self { across: Some(how), ..Self::all(metric) }
    }

    /// What the stream has to carry for this.
    pub(crate) fn wish(&self) -> Option<Wish> {
        let wish = || Wish { metric: self.metric.clone().into_owned(), labels: self.labels.clone() };
        self.across.is_none().then(wish)
    }

    /// The series of a metric with one label.
    pub(crate) fn with(mut self, label: &str, value: &str) -> Self {
        self.labels.insert(label.to_owned(), value.to_owned());
        self
    }

    /// Keeps both extremes of a step.
    pub(crate) fn extremes(mut self) -> Self {
        self.keeps_extremes = true;
        self
    }

    /// Whether a series is meant.
    pub(crate) fn covers(&self, series: &SeriesKey) -> bool {
        series.metric == self.metric
            && series.label(ACROSS_LABEL) == self.across.map_or("", aggregation_name)
            && self.labels.iter().all(|(name, value)| series.label(name) == value)
    }
}

/// A value, and how many samples it is the mean of.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    ts_ms: i64,
    value: f64,
    weight: f64,
}

/// The points of one series in order of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Points(VecDeque<Point>);

impl Points {
    /// Adds a sample: as it is, or to the mean of its step.
    fn add(&mut self, step_ms: Option<i64>, ts_ms: i64, value: f64) {
        let ts_ms = step_ms.map_or(ts_ms, |step_ms| ts_ms.div_euclid(step_ms) * step_ms);
        let at = self.0.partition_point(|point| point.ts_ms < ts_ms);
        match self.0.get_mut(at).filter(|point| point.ts_ms == ts_ms) {
            Some(point) if step_ms.is_some() => {
                point.weight += 1.0;
                point.value += (value - point.value) / point.weight;
            }
            Some(point) => point.value = value,
            None => self.0.insert(at, Point { ts_ms, value, weight: 1.0 }),
        }
        if self.0.len() > POINTS_MAX {
            self.0.pop_front();
        }
    }

    /// Adds a sample to a step of which two points stand for the extremes, at its start and in its middle, so that all
    /// lines of a chart have points at the same moments. The newest extreme comes second.
    fn add_extreme(&mut self, step_ms: i64, ts_ms: i64, value: f64) {
        let start_ms = ts_ms.div_euclid(step_ms) * step_ms;
        let at = self.0.partition_point(|point| point.ts_ms < start_ms);
        let is_known = self.0.get(at).is_some_and(|point| point.ts_ms == start_ms) && self.0.len() > at + 1;
        if !is_known {
            self.0.insert(at, Point { ts_ms: start_ms + step_ms / 2, value, weight: 1.0 });
            self.0.insert(at, Point { ts_ms: start_ms, value, weight: 1.0 });
        } else if value < self.0[at].value.min(self.0[at + 1].value) {
            self.0[at].value = self.0[at].value.max(self.0[at + 1].value);
            self.0[at + 1].value = value;
        } else if value > self.0[at].value.max(self.0[at + 1].value) {
            self.0[at].value = self.0[at].value.min(self.0[at + 1].value);
            self.0[at + 1].value = value;
        }
        while self.0.len() > POINTS_MAX {
            self.0.pop_front();
        }
    }

    /// The last step of a history is not over: samples still to come are averaged with those it already holds.
    fn weigh_last(&mut self, (step_ms, interval_ms, to_ms): (i64, i64, i64)) {
        if let Some(last) = self.0.back_mut() {
            let covered_ms = (to_ms - last.ts_ms).min(step_ms);
            last.weight = (covered_ms as f64 / interval_ms as f64).max(1.0);
        }
    }

    fn newest_ms(&self) -> Option<i64> {
        self.0.back().map(|point| point.ts_ms)
    }

    /// Time in ms and value, in order of time.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> {
        self.0.iter().map(|point| (point.ts_ms, point.value))
    }
}

/// Where the history of a feed stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FeedState {
    /// The first answer is awaited.
    Loading,
    /// There was an answer.
    Ready,
    /// The last question failed; why, in words for people.
    Failed(String),
}

/// The series of one interest within the window of the page.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) interest: Interest,
    pub(crate) state: FeedState,
    window: Window,
    interval_ms: i64,
    /// How far apart the points of a metric are that somebody else pushes; 0 for Netloom's own, whose pace is known.
    observed_ms: i64,
    series: BTreeMap<Labels, Points>,
    // Samples that arrive while a question is under way: the answer will not know them.
    fresh: Option<BTreeMap<Labels, Points>>,
    asked: u64,
}

/// A question for history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Its number: the answer to an older one is dropped.
    pub(crate) number: u64,
    /// What is asked for.
    pub(crate) interest: Interest,
    /// From this moment on, ms.
    pub(crate) from_ms: i64,
    /// Up to this moment, ms.
    pub(crate) to_ms: i64,
    /// The width of a point, ms; raw points without it.
    pub(crate) step_ms: Option<i64>,
}

impl Feed {
    /// A feed without points.
    pub(crate) fn new(interest: Interest) -> Self {
        let window = Window::Live { span_ms: 0 };
        let (series, state) = (BTreeMap::new(), FeedState::Loading);
        Self { interest, state, window, interval_ms: 1, observed_ms: 0, series, fresh: None, asked: 0 }
    }

    /// Whether history was asked for since the feed began.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked > 0
    }

    fn step_ms(&self) -> Option<i64> {
        let step_ms = self.window.step_ms(self.interval_ms);
        if self.interest.across.is_some() { Some(step_ms.unwrap_or(0).max(ACROSS_STEP_MS)) } else { step_ms }
    }

    /// The step of which both extremes are kept, if any.
    fn extremes_step_ms(&self) -> Option<i64> {
        self.step_ms().filter(|_| self.interest.keeps_extremes)
    }

    /// The time between two points when nothing is missing, ms.
    pub(crate) fn spacing_ms(&self) -> i64 {
        let usual_ms = match self.extremes_step_ms() {
            Some(step_ms) => step_ms / 2,
            None => self.step_ms().unwrap_or(self.interval_ms),
        };
        usual_ms.max(self.observed_ms)
    }

    /// Turns to a window and says what has to be asked for. The old points stay until the answer is there, so that
    /// nothing flashes.
    pub(crate) fn ask(&mut self, window: Window, interval_ms: i64, now_ms: i64) -> Question {
        (self.window, self.interval_ms) = (window, interval_ms.max(1));
        self.fresh = Some(BTreeMap::new());
        self.asked += 1;
        let (from_ms, to_ms) = window.bounds(now_ms);
        Question { number: self.asked, interest: self.interest.clone(), from_ms, to_ms, step_ms: self.step_ms() }
    }

    /// Takes an answer; live samples that are newer stay behind it.
    pub(crate) fn answered(&mut self, question: &Question, answer: QueryAnswer) {
        if question.number != self.asked {
            return;
        }
        let fresh = self.fresh.take().unwrap_or_default();
        let is_own = metric::find(&self.interest.metric).is_some();
        let longest = answer.series.iter().map(|series| &series.points).max_by_key(|points| points.len());
        self.observed_ms = longest.filter(|_| !is_own).map_or(0, |points| usual_distance_ms(points));
        let extremes_step_ms = self.extremes_step_ms();
        let points = |raw: &[(i64, f64)]| match extremes_step_ms {
            Some(step_ms) => extremes(raw, step_ms),
            None => history(raw),
        };
        let across = self.interest.across.map(aggregation_name);
        self.series.clear();
        for found in answer.series.into_iter().take(SERIES_MAX) {
            let labels = across.map_or(found.labels, |how| SeriesKey::new("", [(ACROSS_LABEL, how)]).labels);
            self.series.insert(labels, points(&found.points));
        }
        if let Some(step_ms) = question.step_ms.filter(|_| extremes_step_ms.is_none()) {
            let step = (step_ms, self.interval_ms, question.to_ms);
            self.series.values_mut().for_each(|points| points.weigh_last(step));
        }
        for (labels, live) in fresh {
            let points = self.series.entry(labels).or_default();
            let newest_ms = points.newest_ms().unwrap_or(i64::MIN);
            points.0.extend(live.0.into_iter().filter(|point| point.ts_ms > newest_ms));
        }
        self.state = FeedState::Ready;
    }

    /// Notes that a question failed. What was there stays.
    pub(crate) fn failed(&mut self, question: &Question, why: String) {
        if question.number == self.asked {
            self.fresh = None;
            self.state = FeedState::Failed(why);
        }
    }

    /// Takes a live sample, if the feed is about it.
    pub(crate) fn take(&mut self, series: &SeriesKey, ts_ms: i64, value: f64) {
        let is_past = matches!(self.window, Window::Fixed { to_ms, .. } if ts_ms > to_ms);
        if is_past || !self.interest.covers(series) {
            return;
        }
        let (step_ms, extremes_step_ms) = (self.step_ms(), self.extremes_step_ms());
        let add = |points: &mut Points| match extremes_step_ms {
            Some(step_ms) => points.add_extreme(step_ms, ts_ms, value),
            None => points.add(step_ms, ts_ms, value),
        };
        for all in [Some(&mut self.series), self.fresh.as_mut()].into_iter().flatten() {
            if let Some(points) = all.get_mut(&series.labels) {
                add(points);
            } else if all.len() < SERIES_MAX {
                add(all.entry(series.labels.clone()).or_default());
            }
        }
    }

    /// Forgets what has moved out of a live window, and series of which nothing is left.
    pub(crate) fn forget(&mut self, now_ms: i64) {
        let Window::Live { span_ms } = self.window else { return };
        let first_ms = now_ms - span_ms - self.spacing_ms();
        for points in self.series.values_mut() {
            let old = points.0.partition_point(|point| point.ts_ms < first_ms);
            points.0.drain(..old);
        }
        self.series.retain(|_, points| !points.0.is_empty());
    }

    /// The series by their labels.
    pub(crate) fn series(&self) -> &BTreeMap<Labels, Points> {
        &self.series
    }
}

fn history(points: &[(i64, f64)]) -> Points {
    Points(points.iter().map(|(ts_ms, value)| Point { ts_ms: *ts_ms, value: *value, weight: 1.0 }).collect())
}

/// The distance between two points that half of all keep, ms.
pub(crate) fn usual_distance_ms(points: &[(i64, f64)]) -> i64 {
    let mut distances: Vec<i64> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    if distances.is_empty() {
        return 0;
    }
    let middle = distances.len() / 2;
    *distances.select_nth_unstable(middle).1
}

/// The extremes of steps, one or two points each, as two points a step.
fn extremes(points: &[(i64, f64)], step_ms: i64) -> Points {
    let mut pairs = Points::default();
    for step in points.chunk_by(|a, b| a.0.div_euclid(step_ms) == b.0.div_euclid(step_ms)) {
        let (first, last) = (step[0], step[step.len() - 1]);
        let start_ms = first.0.div_euclid(step_ms) * step_ms;
        for (ts_ms, value) in [(start_ms, first.1), (start_ms + step_ms / 2, last.1)] {
            pairs.0.push_back(Point { ts_ms, value, weight: 1.0 });
        }
    }
    pairs
}

/// Points as charts take them, flat `t, v` pairs, with a pair of NaN as value where points are missing.
pub(crate) fn with_gaps(points: impl Iterator<Item = (i64, f64)>, spacing_ms: i64) -> Vec<f64> {
    let widest_ms = (spacing_ms as f64 * GAP_INTERVALS) as i64;
    let mut flat = Vec::new();
    let mut last_ms = None;
    for (ts_ms, value) in points {
        if let Some(last_ms) = last_ms.filter(|last_ms| ts_ms - last_ms > widest_ms) {
            flat.extend([(last_ms + spacing_ms) as f64, f64::NAN]);
        }
        flat.extend([ts_ms as f64, value]);
        last_ms = Some(ts_ms);
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::{query::SeriesPoints, unit::Unit};

    const LIVE: Window = Window::Live { span_ms: 60_000 };
    const HOUR: Window = Window::Live { span_ms: 3_600_000 };

    fn key(dst: &str) -> SeriesKey {
        SeriesKey::new("rtt_us", [("src", "a"), ("dst", dst)])
    }

    fn answer(dst: &str, points: &[(i64, f64)]) -> QueryAnswer {
        let series = vec![SeriesPoints { labels: key(dst).labels, points: points.to_vec() }];
        QueryAnswer { metric: "rtt_us".into(), unit: Unit::Microseconds, series }
    }

    fn feed() -> Feed {
        Feed::new(Interest::all("rtt_us").with("src", "a"))
    }

    fn points(feed: &Feed, dst: &str) -> Vec<(i64, f64)> {
        feed.series().get(&key(dst).labels).map(|points| points.iter().collect()).unwrap_or_default()
    }

    #[test]
    fn live_samples_that_overtake_the_history_are_kept() {
        let mut feed = feed();
        let question = feed.ask(LIVE, 1_000, 10_000);
        feed.take(&key("b"), 9_000, 9.0);
        feed.take(&key("b"), 11_000, 11.0);
        feed.answered(&question, answer("b", &[(8_000, 8.0), (9_000, 9.0)]));
        feed.take(&key("b"), 12_000, 12.0);
        assert_eq!(points(&feed, "b"), [(8_000, 8.0), (9_000, 9.0), (11_000, 11.0), (12_000, 12.0)]);
        assert_eq!(feed.state, FeedState::Ready);
    }

    #[test]
    fn a_late_sample_lands_in_its_place_and_a_repeated_one_replaces() {
        let mut feed = feed();
        feed.ask(LIVE, 1_000, 0);
        for (ts, value) in [(1_000, 1.0), (3_000, 3.0), (2_000, 2.0), (3_000, 4.0)] {
            feed.take(&key("b"), ts, value);
        }
        assert_eq!(points(&feed, "b"), [(1_000, 1.0), (2_000, 2.0), (3_000, 4.0)]);
    }

    #[test]
    fn in_a_long_window_samples_join_the_mean_of_their_step() {
        let mut feed = feed();
        let question = feed.ask(HOUR, 1_000, 12_000);
        assert_eq!(question.step_ms, Some(5_000));
        feed.answered(&question, answer("b", &[(5_000, 1.0), (10_000, 4.0)]));
        feed.take(&key("b"), 12_500, 10.0);
        feed.take(&key("b"), 15_000, 7.0);
        assert_eq!(points(&feed, "b"), [(5_000, 1.0), (10_000, 6.0), (15_000, 7.0)]);
    }

    #[test]
    fn no_extreme_of_a_long_window_vanishes() {
        let mut feed = Feed::new(Interest::all("rtt_us").with("src", "a").extremes());
        let question = feed.ask(HOUR, 1_000, 12_000);
        assert_eq!((question.step_ms, feed.spacing_ms()), (Some(5_000), 2_500));
        feed.answered(&question, answer("b", &[(5_100, 1.0), (8_000, 9.0), (10_000, 4.0)]));
        assert_eq!(points(&feed, "b"), [(5_000, 1.0), (7_500, 9.0), (10_000, 4.0), (12_500, 4.0)]);
        for (ts_ms, value) in [(12_000, 3.0), (13_000, 70.0), (14_000, 5.0), (15_000, 6.0)] {
            feed.take(&key("b"), ts_ms, value);
        }
        assert_eq!(points(&feed, "b")[2..], [(10_000, 3.0), (12_500, 70.0), (15_000, 6.0), (17_500, 6.0)]);
    }

    #[test]
    fn what_all_pairs_add_up_to_is_a_series_of_its_own() {
        let mut feed = Feed::new(Interest::across("rtt_us", Aggregation::P99));
        let question = feed.ask(LIVE, 1_000, 60_000);
        assert_eq!(question.step_ms, Some(ACROSS_STEP_MS));
        feed.answered(&question, answer("b", &[(5_000, 1.0)]));
        feed.take(&key("b"), 11_000, 9.0);
        feed.take(&SeriesKey::new("rtt_us", [("across", "p50")]), 11_000, 8.0);
        feed.take(&SeriesKey::new("rtt_us", [("across", "p99")]), 11_000, 3.0);
        let points: Vec<_> = feed.series().values().flat_map(Points::iter).collect();
        assert_eq!((feed.series().len(), points), (1, vec![(5_000, 1.0), (10_000, 3.0)]));
        assert!(!Interest::all("rtt_us").covers(&SeriesKey::new("rtt_us", [("across", "p99")])));
    }

    #[test]
    fn what_others_push_has_a_pace_of_its_own() {
        let mut feed = Feed::new(Interest::all("queue_length"));
        let question = feed.ask(LIVE, 1_000, 60_000);
        feed.answered(&question, answer("b", &[(0, 1.0), (15_000, 2.0), (30_000, 3.0), (50_000, 4.0)]));
        assert_eq!(feed.spacing_ms(), 15_000);
    }

    #[test]
    fn the_answer_to_an_older_question_is_dropped() {
        let mut feed = feed();
        let old = feed.ask(HOUR, 1_000, 0);
        let new = feed.ask(LIVE, 1_000, 0);
        feed.answered(&new, answer("b", &[(1, 1.0)]));
        feed.answered(&old, answer("b", &[(2, 2.0)]));
        feed.failed(&old, "too late".into());
        assert_eq!((points(&feed, "b"), feed.state), (vec![(1, 1.0)], FeedState::Ready));
    }

    #[test]
    fn what_fails_keeps_what_was_there() {
        let mut feed = feed();
        let question = feed.ask(LIVE, 1_000, 0);
        feed.answered(&question, answer("b", &[(1, 1.0)]));
        let question = feed.ask(HOUR, 1_000, 0);
        feed.failed(&question, "no answer".into());
        assert_eq!((points(&feed, "b"), feed.state), (vec![(1, 1.0)], FeedState::Failed("no answer".into())));
    }

    #[test]
    fn a_fixed_window_takes_nothing_past_its_end_and_forgets_nothing() {
        let mut feed = feed();
        let question = feed.ask(Window::Fixed { from_ms: 0, to_ms: 5_000 }, 1_000, 99_000);
        feed.answered(&question, answer("b", &[(1_000, 1.0)]));
        feed.take(&key("b"), 6_000, 6.0);
        feed.forget(99_000_000);
        assert_eq!(points(&feed, "b"), [(1_000, 1.0)]);
    }

    #[test]
    fn others_samples_are_left_alone_and_old_ones_forgotten() {
        let mut feed = feed();
        feed.ask(LIVE, 1_000, 0);
        feed.take(&SeriesKey::new("rtt_us", [("src", "z"), ("dst", "b")]), 1_000, 1.0);
        feed.take(&SeriesKey::new("loss_ratio", [("src", "a"), ("dst", "b")]), 1_000, 1.0);
        feed.take(&key("b"), 1_000, 1.0);
        feed.take(&key("c"), 70_000, 1.0);
        feed.forget(70_000);
        assert_eq!(feed.series().len(), 1);
        assert_eq!(points(&feed, "c"), [(70_000, 1.0)]);
    }

    #[test]
    fn missing_points_make_a_gap() {
        let flat = with_gaps([(0, 1.0), (1_000, 2.0), (3_000, 3.0), (9_000, 4.0)].into_iter(), 1_000);
        assert_eq!(flat[..6], [0.0, 1.0, 1_000.0, 2.0, 3_000.0, 3.0]);
        assert!(flat[6].to_bits() == 4_000.0_f64.to_bits() && flat[7].is_nan());
        assert_eq!(flat[8..], [9_000.0, 4.0]);
    }
}
