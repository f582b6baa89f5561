//! Questions about stored samples, and how raw points become the answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    sample::Labels,
    stats::{aggregate::Aggregation, points::PointBuilder},
    time::{Timestamp, parse_duration_ms},
    unit::Unit,
};

/// Points of one series in one answer: what Prometheus allows too, and more than any chart has pixels.
pub const POINTS_MAX: i64 = 11_000;

/// Into what stretches of time the values of an answer are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Not at all.
    Raw,
    /// Stretches of this many ms, aligned to the epoch; a point stands at the start of its stretch.
    Every(i64),
    /// One stretch, and where its point stands.
    Whole {
        /// The moment of the one point, ms.
        at_ms: i64,
    },
}

/// What becomes of the values of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value.
    One(Aggregation),
    /// The smallest and the largest, each at its own time: for charts, where a spike of a second must not vanish.
    Extremes,
}

/// The name of [`Shape::Extremes`] in `agg`.
const EXTREMES: &str = "minmax";

/// A question, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The metric.
    pub metric: String,
    /// Labels that a series must carry with exactly these values.
    pub labels: Labels,
    /// From this moment on, ms.
    pub from_ms: i64,
    /// Up to and with this moment, ms.
    pub to_ms: i64,
    /// How time is cut.
    pub step: Step,
    /// How the points of a stretch are made from its values.
    pub shape: Shape,
    /// How the series become one, point by point; they stay apart without it.
    pub across: Option<Aggregation>,
}

/// A question as it stands in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct QueryText {
    /// A metric's name.
    pub metric: Option<String>,
    /// Only series with this source.
    pub src: Option<String>,
    /// Only series with this destination.
    pub dst: Option<String>,
    /// Only series of this node.
    pub node: Option<String>,
    /// Only series of this interface.
    pub interface: Option<String>,
    /// Only series of this probe mode.
    pub mode: Option<String>,
    /// Only series with these labels: `job=train,rank=3`, or an object of JSON where values have commas.
    pub labels: Option<String>,
    /// RFC 3339, epoch milliseconds, `now` or `now-15m`; `now-15m` when left out.
    pub from: Option<String>,
    /// Like `from`; `now` when left out.
    pub to: Option<String>,
    /// `500ms`, `10s`, `5m`, `1h`; raw points when left out.
    pub step: Option<String>,
    /// One of avg, min, max, p50, p95, p99, last, count, or minmax for both extremes of a step; avg when left out.
    pub agg: Option<String>,
    /// Makes one series of all, step by step, with one of the same; needs a step.
    pub across: Option<String>,
}

/// A parameter that is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {message}")]
pub struct BadParameter {
    /// The parameter's name.
    pub parameter: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl QueryText {
    /// Checks the question.
    ///
    /// # Errors
    /// The parameter to blame.
    pub fn parse(&self, now: Timestamp) -> Result<Query, BadParameter> {
        let bad = |parameter, message| BadParameter { parameter, message };
        let metric = self.metric.clone().ok_or_else(|| bad("metric", "is missing".into()))?;
        let moment = |parameter, text: &Option<String>, default| {
            Timestamp::parse_query(text.as_deref().unwrap_or(default), now).map_err(|message| bad(parameter, message))
        };
        let (from, to) = (moment("from", &self.from, "now-15m")?, moment("to", &self.to, "now")?);
        if from > to {
            return Err(bad("from", format!("{from} is after to, {to}")));
        }
        let step = self.parse_step(from.0, to.0)?;
        let shape = match self.agg.as_deref() {
            Some(EXTREMES) => Shape::Extremes,
            agg => Shape::One(parse_aggregation("agg", agg)?.unwrap_or_default()),
        };
        let across = parse_aggregation("across", self.across.as_deref())?;
        if across.is_some() && (step == Step::Raw || shape == Shape::Extremes) {
            return Err(bad("across", "needs a step and an agg other than minmax".into()));
        }
        let labels = [
            ("src", &self.src),
            ("dst", &self.dst),
            ("node", &self.node),
            ("interface", &self.interface),
            ("mode", &self.mode),
        ];
        let mut labels: Labels =
            labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
        labels.extend(parse_labels(self.labels.as_deref().unwrap_or_default()).map_err(|why| bad("labels", why))?);
        Ok(Query { metric, labels, from_ms: from.0, to_ms: to.0, step, shape, across })
    }

    fn parse_step(&self, from_ms: i64, to_ms: i64) -> Result<Step, BadParameter> {
        let Some(text) = self.step.as_deref() else { return Ok(Step::Raw) };
        let bad = |message| BadParameter { parameter: "step", message };
        let step_ms = parse_duration_ms(text).filter(|ms| *ms > 0);
        let step_ms = step_ms.ok_or_else(|| bad(format!("{text:?} is not a duration such as 500ms, 10s or 5m")))?;
        if to_ms.saturating_sub(from_ms) / step_ms > POINTS_MAX {
            return Err(bad(format!("{step_ms} ms gives more than {POINTS_MAX} points, take a larger one")));
        }
        Ok(Step::Every(step_ms))
    }
}

/// Labels as `name=value`, separated by commas, or as an object of JSON.
fn parse_labels(text: &str) -> Result<Labels, String> {
    if text.starts_with('{') {
        return serde_json::from_str(text).map_err(|why| format!("is no object of texts: {why}"));
    }
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').filter(|(name, _)| !name.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    };
    let pairs = text.split(',').filter(|part| !part.is_empty());
    pairs.map(|part| pair(part).ok_or_else(|| format!("{part:?} is not name=value"))).collect()
}

impl Query {
    /// A builder of the points of one series.
    pub fn builder(&self) -> PointBuilder {
        PointBuilder::new(self.step, self.shape)
    }

    /// All series as one, point by point.
    pub fn fold(&self, series: Vec<SeriesPoints>) -> Vec<SeriesPoints> {
        let Some(across) = self.across.filter(|_| !series.is_empty()) else { return series };
        let mut at: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (ts_ms, value) in series.iter().flat_map(|series| &series.points) {
            at.entry(*ts_ms).or_default().push(*value);
        }
        let point = |(ts_ms, mut values): (i64, Vec<f64>)| Some((ts_ms, across.apply(&mut values)?));
        vec![SeriesPoints { labels: self.labels.clone(), points: at.into_iter().filter_map(point).collect() }]
    }
}

pub(crate) fn parse_aggregation(
    parameter: &'static str,
    name: Option<&str>,
) -> Result<Option<Aggregation>, BadParameter> {
    let Some(name) = name else { return Ok(None) };
    Aggregation::parse(name).map(Some).ok_or_else(|| {
        let names = Aggregation::ALL.map(|(name, _)| name).join(", ");
        BadParameter { parameter, message: format!("{name:?} is not one of {names}") }
    })
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueryAnswer {
    /// The metric asked for.
    pub metric: String,
    /// The unit of the values.
    pub unit: Unit,
    /// One entry per series that has points.
    pub series: Vec<SeriesPoints>,
}

/// The points of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SeriesPoints {
    /// What the series describes.
    pub labels: Labels,
    /// `[epoch milliseconds, value]`, in order of time.
    pub points: Vec<(i64, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sample::SeriesKey,
        series::{Catalog, GROUP, SeriesId},
    };

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn text() -> QueryText {
        QueryText { metric: Some("rtt_us".into()), ..Default::default() }
    }

    fn blamed(text: &QueryText) -> &'static str {
        text.parse(NOW).expect_err("is wrong").parameter
    }

    #[test]
    fn the_parameter_to_blame_is_named() {
        assert_eq!(blamed(&QueryText::default()), "metric");
        assert_eq!(blamed(&QueryText { from: Some("later".into()), ..text() }), "from");
        assert_eq!(blamed(&QueryText { from: Some("now".into()), to: Some("now-1h".into()), ..text() }), "from");
        assert_eq!(blamed(&QueryText { step: Some("0".into()), ..text() }), "step");
        assert_eq!(blamed(&QueryText { from: Some("now-7d".into()), step: Some("1ms".into()), ..text() }), "step");
        assert_eq!(blamed(&QueryText { agg: Some("median".into()), ..text() }), "agg");
    }

    #[test]
    fn labels_of_any_name_are_taken_in_two_ways() {
        let labels = |text: &str| {
            let text = QueryText { metric: Some("m".into()), labels: Some(text.into()), ..QueryText::default() };
            text.parse(Timestamp(0)).map(|query| query.labels)
        };
        let wanted: Labels = [("job", "train"), ("rank", "3")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        assert_eq!(labels("job=train,rank=3"), Ok(wanted.clone()));
        assert_eq!(labels(r#"{"job":"train","rank":"3"}"#), Ok(wanted));
        for wrong in ["job", "=x", "{", r#"{"rank":3}"#] {
            assert_eq!(labels(wrong).map_err(|bad| bad.parameter), Err("labels"), "{wrong}");
        }
    }

    #[test]
    fn labels_select_series() {
        let query = QueryText { dst: Some("b".into()), ..text() }.parse(NOW).expect("is right");
        let mut catalog = Catalog::default();
        let keys = [("rtt_us", "b"), ("rtt_us", "c"), ("loss_ratio", "b")];
        for (number, (metric, dst)) in keys.into_iter().enumerate() {
            catalog.insert(SeriesId(number as u32 * GROUP), SeriesKey::new(metric, [("src", "a"), ("dst", dst)]));
        }
        assert_eq!(catalog.select(&query.metric, &query.labels), [SeriesId(0)]);
    }

    #[test]
    fn series_fold_point_by_point() {
        let text = QueryText { step: Some("1s".into()), across: Some("max".into()), ..text() };
        let query = text.parse(NOW).expect("is right");
        let series = |points: &[(i64, f64)]| SeriesPoints { labels: Labels::new(), points: points.to_vec() };
        let folded = query.fold(vec![series(&[(0, 1.0), (1, 5.0)]), series(&[(1, 3.0), (2, 2.0)])]);
        assert_eq!(folded, [series(&[(0, 1.0), (1, 5.0), (2, 2.0)])]);
        assert_eq!(query.fold(Vec::new()), []);
        assert_eq!(blamed(&QueryText { step: None, ..text }), "across");
    }
}
