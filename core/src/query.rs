//! Questions about stored samples, and how raw points become the answer.

use serde::{Deserialize, Serialize};

use crate::{
    sample::{Labels, SeriesKey},
    stats::aggregate::Aggregation,
    time::{Timestamp, parse_duration_ms},
    unit::Unit,
};

/// Points of one series in one answer: what Prometheus allows too, and more than any chart has pixels.
pub const POINTS_MAX: i64 = 11_000;

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
    /// The width of a point, ms; raw points without it.
    pub step_ms: Option<i64>,
    /// How a point is made from its values.
    pub aggregation: Aggregation,
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
    /// RFC 3339, epoch milliseconds, `now` or `now-15m`; `now-15m` when left out.
    pub from: Option<String>,
    /// Like `from`; `now` when left out.
    pub to: Option<String>,
    /// `500ms`, `10s`, `5m`, `1h`; raw points when left out.
    pub step: Option<String>,
    /// One of avg, min, max, p50, p95, p99, last, count; avg when left out.
    pub agg: Option<String>,
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
        let step_ms = self.step.as_deref().map(|text| {
            let step_ms = parse_duration_ms(text).filter(|ms| *ms > 0);
            step_ms.ok_or_else(|| bad("step", format!("{text:?} is not a duration such as 500ms, 10s or 5m")))
        });
        let step_ms = step_ms.transpose()?;
        if let Some(step_ms) = step_ms.filter(|step_ms| (to.0 - from.0) / step_ms > POINTS_MAX) {
            return Err(bad("step", format!("{step_ms} ms gives more than {POINTS_MAX} points, take a larger one")));
        }
        let aggregation = match self.agg.as_deref() {
            None => Aggregation::default(),
            Some(name) => Aggregation::parse(name).ok_or_else(|| {
                let names = Aggregation::ALL.map(|(name, _)| name).join(", ");
                bad("agg", format!("{name:?} is not one of {names}"))
            })?,
        };
        let labels = [
            ("src", &self.src),
            ("dst", &self.dst),
            ("node", &self.node),
            ("interface", &self.interface),
            ("mode", &self.mode),
        ];
        let labels = labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
        Ok(Query { metric, labels, from_ms: from.0, to_ms: to.0, step_ms, aggregation })
    }
}

impl Query {
    /// Whether a series is asked for.
    pub fn selects(&self, series: &SeriesKey) -> bool {
        series.metric == self.metric && self.labels.iter().all(|(name, value)| series.labels.get(name) == Some(value))
    }

    /// Raw points in order of time as the points of the answer. A point of a step stands at the step's start, steps are
    /// aligned to the epoch, and a step without values has no point: a gap stays a gap.
    pub fn points(&self, raw: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
        let Some(step_ms) = self.step_ms else { return raw };
        let mut points = Vec::new();
        let mut values = Vec::new();
        for bucket in raw.chunk_by(|a, b| a.0.div_euclid(step_ms) == b.0.div_euclid(step_ms)) {
            values.clear();
            values.extend(bucket.iter().map(|(_, value)| *value));
            let start_ms = bucket[0].0.div_euclid(step_ms) * step_ms;
            points.extend(self.aggregation.apply(&mut values).map(|value| (start_ms, value)));
        }
        points
    }
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
    fn labels_select_series() {
        let query = QueryText { dst: Some("b".into()), ..text() }.parse(NOW).expect("is right");
        assert!(query.selects(&SeriesKey::new("rtt_us", [("src", "a"), ("dst", "b")])));
        assert!(!query.selects(&SeriesKey::new("rtt_us", [("src", "a"), ("dst", "c")])));
        assert!(!query.selects(&SeriesKey::new("loss_ratio", [("dst", "b")])));
    }

    #[test]
    fn steps_are_aligned_and_gaps_stay_gaps() {
        let query =
            QueryText { step: Some("1s".into()), agg: Some("max".into()), ..text() }.parse(NOW).expect("is right");
        let points = query.points(vec![(100, 1.0), (900, 3.0), (1_000, 2.0), (5_500, 7.0)]);
        assert_eq!(points, [(0, 3.0), (1_000, 2.0), (5_000, 7.0)]);
    }
}
