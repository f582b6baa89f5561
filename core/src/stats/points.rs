//! Values in order of time become the points of an answer.

use super::{
    aggregate::{Aggregation, percentile},
    sketch::Sketch,
    summary::Summary,
};
use crate::query::{Shape, Step};

/// Builds the points of one series. Values and summaries come in order of time.
#[derive(Debug)]
pub struct PointBuilder {
    step: Step,
    shape: Shape,
    points: Vec<(i64, f64)>,
    /// Where the open step starts and ends, and its values.
    open: Option<(i64, i64, Bucket)>,
    // One buffer for all buckets.
    values: Vec<f64>,
}

impl PointBuilder {
    /// A builder without points.
    pub fn new(step: Step, shape: Shape) -> Self {
        Self { step, shape, points: Vec::new(), open: None, values: Vec::new() }
    }

    /// Takes a raw value.
    pub fn value(&mut self, ts_ms: i64, value: f64) {
        if self.step == Step::Raw {
            self.points.push((ts_ms, value));
            return;
        }
        let is_percentile = self.quantile().is_some();
        self.bucket(ts_ms).value(ts_ms, value);
        if is_percentile {
            self.values.push(value);
        }
    }

    /// Takes many raw values at once, in order of time, each with its moment.
    pub fn values(&mut self, times_ms: &[i64], values: &[f64]) {
        if self.step == Step::Raw {
            self.points.extend(times_ms.iter().copied().zip(values.iter().copied()));
            return;
        }
        let is_percentile = self.quantile().is_some();
        let mut from = 0;
        while let Some(first_ms) = times_ms.get(from) {
            self.bucket(*first_ms);
            let Some((_, end_ms, bucket)) = &mut self.open else { return };
            let to = from + times_ms[from..].partition_point(|ts_ms| ts_ms < end_ms);
            bucket.values(&times_ms[from..to], &values[from..to]);
            if is_percentile {
                self.values.extend_from_slice(&values[from..to]);
            }
            from = to.max(from + 1);
        }
    }

    /// Takes the summary of an interval that starts at `ts_ms` and lies within one step. Without a step its mean stands
    /// for it: that is all that is left of such old values.
    pub fn summary(&mut self, ts_ms: i64, summary: &Summary) {
        if self.step == Step::Raw {
            self.points.extend(summary.aggregate(Aggregation::Avg).map(|mean| (ts_ms, mean)));
            return;
        }
        let is_percentile = self.quantile().is_some();
        let bucket = self.bucket(ts_ms);
        bucket.summary(ts_ms, summary);
        if is_percentile {
            bucket.sketch.get_or_insert_default().merge(&summary.sketch);
        }
    }

    /// The points, in order of time.
    pub fn finish(mut self) -> Vec<(i64, f64)> {
        self.close();
        self.points
    }

    fn quantile(&self) -> Option<f64> {
        match self.shape {
            Shape::One(aggregation) => aggregation.quantile(),
            Shape::Extremes => None,
        }
    }

    fn bucket(&mut self, ts_ms: i64) -> &mut Bucket {
        // Divided once a step, not once a value.
        if self.open.as_ref().is_none_or(|(start_ms, end_ms, _)| !(*start_ms..*end_ms).contains(&ts_ms)) {
            self.close();
        }
        let step = self.step;
        let begin = || {
            let (start_ms, end_ms) = match step {
                Step::Every(step_ms) => {
                    let start_ms = ts_ms.div_euclid(step_ms) * step_ms;
                    (start_ms, start_ms.saturating_add(step_ms))
                }
                Step::Raw | Step::Whole { .. } => (i64::MIN, i64::MAX),
            };
            (start_ms, end_ms, Bucket::default())
        };
        &mut self.open.get_or_insert_with(begin).2
    }

    fn close(&mut self) {
        let Some((start_ms, _, bucket)) = self.open.take() else { return };
        let at_ms = match self.step {
            Step::Whole { at_ms } => at_ms,
            Step::Raw | Step::Every(_) => start_ms,
        };
        match self.shape {
            Shape::Extremes => self.points.extend(bucket.extremes()),
            Shape::One(aggregation) => {
                let value = match aggregation.quantile() {
                    Some(q) => bucket.percentile(&mut self.values, q),
                    None => bucket.aggregate(aggregation),
                };
                self.points.push((at_ms, value));
            }
        }
        self.values.clear();
    }
}

/// The values of one step.
#[derive(Debug)]
struct Bucket {
    count: u64,
    sum: f64,
    min: (i64, f64),
    max: (i64, f64),
    last: f64,
    sketch: Option<Sketch>,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { count: 0, sum: 0.0, min: (0, f64::INFINITY), max: (0, f64::NEG_INFINITY), last: 0.0, sketch: None }
    }
}

impl Bucket {
    fn value(&mut self, ts_ms: i64, value: f64) {
        self.count += 1;
        self.sum += value;
        if value < self.min.1 {
            self.min = (ts_ms, value);
        }
        if value > self.max.1 {
            self.max = (ts_ms, value);
        }
        self.last = value;
    }

    fn values(&mut self, times_ms: &[i64], values: &[f64]) {
        self.count += values.len() as u64;
        self.sum += values.iter().sum::<f64>();
        // Extremes first, and then where they are: the first loop takes several values at a time.
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            min = if *value < min { *value } else { min };
            max = if *value > max { *value } else { max };
        }
        let place = |extreme: f64| values.iter().position(|value| value.to_bits() == extreme.to_bits());
        if min < self.min.1 {
            self.min = (place(min).map_or(0, |at| times_ms[at]), min);
        }
        if max > self.max.1 {
            self.max = (place(max).map_or(0, |at| times_ms[at]), max);
        }
        self.last = values.last().copied().unwrap_or(self.last);
    }

    fn summary(&mut self, ts_ms: i64, summary: &Summary) {
        self.count += summary.count;
        self.sum += summary.sum;
        if summary.min < self.min.1 {
            self.min = (ts_ms, summary.min);
        }
        if summary.max > self.max.1 {
            self.max = (ts_ms, summary.max);
        }
        self.last = summary.last;
    }

    fn aggregate(&self, aggregation: Aggregation) -> f64 {
        match aggregation {
            Aggregation::Min => self.min.1,
            Aggregation::Max => self.max.1,
            Aggregation::Last => self.last,
            Aggregation::Count => self.count as f64,
            _ => self.sum / self.count as f64,
        }
    }

    /// Exact from raw values; as soon as a summary is among them, within the sketch's error.
    fn percentile(self, values: &mut [f64], q: f64) -> f64 {
        let Some(mut sketch) = self.sketch else { return percentile(values, q) };
        for value in values {
            sketch.add(*value);
        }
        sketch.quantile(q).unwrap_or_default().clamp(self.min.1, self.max.1)
    }

    /// The smallest and the largest, in order of time; one point when they are the same.
    fn extremes(&self) -> impl Iterator<Item = (i64, f64)> {
        let (first, second) = if self.min.0 <= self.max.0 { (self.min, self.max) } else { (self.max, self.min) };
        let is_one = first.0 == second.0 && (first.1 - second.1).abs() < f64::EPSILON;
        std::iter::once(first).chain((!is_one).then_some(second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(step: Step, shape: Shape, values: &[(i64, f64)]) -> Vec<(i64, f64)> {
        let mut builder = PointBuilder::new(step, shape);
        values.iter().for_each(|(ts_ms, value)| builder.value(*ts_ms, *value));
        builder.finish()
    }

    #[test]
    fn steps_are_aligned_and_gaps_stay_gaps() {
        let values = [(100, 1.0), (900, 3.0), (1_000, 2.0), (5_500, 7.0)];
        let max = points(Step::Every(1_000), Shape::One(Aggregation::Max), &values);
        assert_eq!(max, [(0, 3.0), (1_000, 2.0), (5_000, 7.0)]);
        assert_eq!(points(Step::Raw, Shape::One(Aggregation::Max), &values), values);
        assert_eq!(points(Step::Whole { at_ms: 9 }, Shape::One(Aggregation::Count), &values), [(9, 4.0)]);
        assert_eq!(points(Step::Every(1_000), Shape::One(Aggregation::P50), &values)[0], (0, 2.0));
    }

    proptest! {
        #[test]
        fn many_at_once_are_the_same_as_one_by_one(
            samples in prop::collection::btree_map(0_i64..20_000, -1e3_f64..1e3, 0..200),
            step_ms in 1_i64..5_000,
            at in 0_usize..200,
        ) {
            let (times, values): (Vec<i64>, Vec<f64>) = samples.into_iter().unzip();
            let at = at.min(times.len());
            for shape in [Shape::Extremes, Shape::One(Aggregation::P95), Shape::One(Aggregation::Last), Shape::One(Aggregation::Count)] {
                for step in [Step::Raw, Step::Every(step_ms), Step::Whole { at_ms: 7 }] {
                    let mut one_by_one = PointBuilder::new(step, shape);
                    times.iter().zip(&values).for_each(|(ts_ms, value)| one_by_one.value(*ts_ms, *value));
                    let mut at_once = PointBuilder::new(step, shape);
                    at_once.values(&times[..at], &values[..at]);
                    at_once.values(&times[at..], &values[at..]);
                    prop_assert_eq!(at_once.finish(), one_by_one.finish());
                }
            }
        }
    }

    #[test]
    fn extremes_stay_where_they_were() {
        let values = [(100, 5.0), (200, 1.0), (300, 9.0), (400, 5.0), (1_000, 4.0)];
        let extremes = points(Step::Every(1_000), Shape::Extremes, &values);
        assert_eq!(extremes, [(200, 1.0), (300, 9.0), (1_000, 4.0)]);
    }

    #[test]
    fn summaries_and_values_share_a_step() {
        let mut summary = Summary::default();
        [1.0, 3.0].into_iter().for_each(|value| summary.add(value));
        for (aggregation, expected) in [(Aggregation::Avg, 3.0), (Aggregation::Min, 1.0), (Aggregation::Last, 5.0)] {
            let mut builder = PointBuilder::new(Step::Every(60_000), Shape::One(aggregation));
            builder.summary(0, &summary);
            builder.value(30_000, 5.0);
            assert_eq!(builder.finish(), [(0, expected)]);
        }
        let mut builder = PointBuilder::new(Step::Every(60_000), Shape::One(Aggregation::P50));
        builder.summary(0, &summary);
        builder.value(30_000, 5.0);
        let median = builder.finish()[0].1;
        assert!((median - 3.0).abs() < 3.0 * 0.0201, "{median}");
    }
}
