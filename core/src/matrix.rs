//! All pairs at one moment: who hears whom, and how well.

mod live;

use serde::{Deserialize, Serialize};

pub use live::{CurrentFor, LiveMatrix};

use crate::{
    query::{BadParameter, Query, SeriesPoints, Shape, Step, parse_aggregation},
    sample::Labels,
    stats::aggregate::Aggregation,
    time::{Timestamp, parse_duration_ms},
    unit::Unit,
};

/// The window when none is asked for, ms: a few rounds of probes.
const WINDOW_MS: i64 = 60_000;
/// The longest window, ms: a week.
const WINDOW_MAX_MS: i64 = 7 * 86_400_000;

/// A question for a matrix as it stands in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct MatrixText {
    /// A metric of pairs.
    pub metric: Option<String>,
    /// Only series of this probe mode; when left out and a pair has several, UDP, then ICMP, then TCP.
    pub mode: Option<String>,
    /// RFC 3339, epoch milliseconds, `now` or `now-15m`; `now` when left out.
    pub at: Option<String>,
    /// How far back from `at`, such as `60s` or `15m`; a minute when left out.
    pub window: Option<String>,
    /// One of avg, min, max, p50, p95, p99, last, count; last when left out.
    pub agg: Option<String>,
}

impl MatrixText {
    /// Checks the question.
    ///
    /// # Errors
    /// The parameter to blame.
    pub fn parse(&self, now: Timestamp) -> Result<Query, BadParameter> {
        let bad = |parameter, message| BadParameter { parameter, message };
        let metric = self.metric.clone().ok_or_else(|| bad("metric", "is missing".into()))?;
        let at = Timestamp::parse_query(self.at.as_deref().unwrap_or("now"), now).map_err(|m| bad("at", m))?;
        let window_ms = match self.window.as_deref() {
            None => WINDOW_MS,
            Some(text) => parse_duration_ms(text)
                .filter(|ms| (1..=WINDOW_MAX_MS).contains(ms))
                .ok_or_else(|| bad("window", format!("{text:?} is not a duration between 1ms and 7d")))?,
        };
        let aggregation = parse_aggregation("agg", self.agg.as_deref())?.unwrap_or(Aggregation::Last);
        let labels: Labels = self.mode.iter().map(|mode| ("mode".to_owned(), mode.clone())).collect();
        let from_ms = at.0.saturating_sub(window_ms).saturating_add(1);
        let (step, shape) = (Step::Whole { at_ms: at.0 }, Shape::One(aggregation));
        Ok(Query { metric, labels, from_ms, to_ms: at.0, step, shape, across: None })
    }
}

/// The answer: one value per ordered pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Matrix {
    /// The metric asked for.
    pub metric: String,
    /// The unit of the values.
    pub unit: Unit,
    /// The moment asked for.
    pub at: Timestamp,
    /// The names of rows and columns.
    pub nodes: Vec<String>,
    /// Rows are sources, columns destinations; `null` where there is no data.
    pub values: Vec<Vec<Option<f64>>>,
}

/// Which mode stands for a pair that has several: the lower the better.
fn preference(mode: &str) -> usize {
    ["udp", "icmp", "tcp"].iter().position(|known| *known == mode).unwrap_or(usize::MAX)
}

/// What changed in the matrix of a metric, as the live stream carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MatrixChange {
    /// The metric.
    pub metric: String,
    /// When this was so.
    pub at: Timestamp,
    /// The names of rows and columns, when they are new; then every row follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<String>>,
    /// Rows that changed: which one, and its values; `null` where nothing current is known.
    pub rows: Vec<(u32, Vec<Option<f64>>)>,
}

impl Matrix {
    /// Puts one value per pair in rows and columns. Series without source and destination are left out.
    pub fn new(query: &Query, unit: Unit, series: &[SeriesPoints]) -> Self {
        let pair = |labels: &Labels| Some((labels.get("src")?.clone(), labels.get("dst")?.clone()));
        let mut cells: Vec<_> = series
            .iter()
            .filter_map(|series| {
                let mode = preference(series.labels.get("mode").map_or("", String::as_str));
                Some((pair(&series.labels)?, mode, series.points.last()?.1))
            })
            .collect();
        let mut nodes: Vec<String> = cells.iter().flat_map(|((src, dst), ..)| [src.clone(), dst.clone()]).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let mut values = vec![vec![None; nodes.len()]; nodes.len()];
        // The preferred mode is written last.
        cells.sort_by_key(|(_, mode, _)| std::cmp::Reverse(*mode));
        for ((src, dst), _, value) in cells {
            if let (Ok(row), Ok(column)) = (nodes.binary_search(&src), nodes.binary_search(&dst)) {
                values[row][column] = Some(value);
            }
        }
        Self { metric: query.metric.clone(), unit, at: Timestamp(query.to_ms), nodes, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn text() -> MatrixText {
        MatrixText { metric: Some("rtt_us".into()), ..Default::default() }
    }

    fn cell(src: &str, dst: &str, mode: &str, value: f64) -> SeriesPoints {
        let labels = [("src", src), ("dst", dst), ("mode", mode)].map(|(name, value)| (name.into(), value.into()));
        SeriesPoints { labels: labels.into(), points: vec![(1, value)] }
    }

    #[test]
    fn pairs_find_their_place_and_the_best_mode_wins() {
        let query = text().parse(NOW).expect("is right");
        assert_eq!((query.from_ms, query.to_ms), (940_001, 1_000_000));
        let cells = [
            cell("b", "a", "tcp", 9.0),
            cell("b", "a", "icmp", 1.0),
            cell("a", "c", "tcp", 3.0),
            cell("b", "a", "udp", 2.0),
        ];
        let matrix = Matrix::new(&query, Unit::Microseconds, &cells);
        assert_eq!(matrix.nodes, ["a", "b", "c"]);
        let expected = vec![vec![None, None, Some(3.0)], vec![Some(2.0), None, None], vec![None, None, None]];
        assert_eq!(matrix.values, expected);
    }

    #[test]
    fn the_parameter_to_blame_is_named() {
        let blamed = |text: MatrixText| text.parse(NOW).expect_err("is wrong").parameter;
        assert_eq!(blamed(MatrixText::default()), "metric");
        assert_eq!(blamed(MatrixText { at: Some("soon".into()), ..text() }), "at");
        assert_eq!(blamed(MatrixText { window: Some("0".into()), ..text() }), "window");
        assert_eq!(blamed(MatrixText { agg: Some("minmax".into()), ..text() }), "agg");
    }
}
