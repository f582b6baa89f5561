//! Samples as scripts push them: a line of JSON each.

use serde::Deserialize;

use crate::sample::{BATCH_MAX_SAMPLES, Labels, Readings, SeriesKey};

/// A line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    metric: String,
    /// Now when left out.
    ts_ms: Option<i64>,
    value: f64,
    #[serde(default)]
    labels: Labels,
}

/// A line that cannot be taken, counted from 1, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadLine {
    /// Which line.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Reads newline-delimited JSON; empty lines are left out. Series, values and times are checked like those of agents.
///
/// # Errors
/// The first line that is wrong; nothing is taken then.
pub fn parse(text: &str, now_ms: i64, keep_ms: i64) -> Result<Readings, BadLine> {
    let mut readings = Readings::default();
    let mut index = std::collections::HashMap::<SeriesKey, u32>::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (at, text) in lines {
        let bad = |why: String| BadLine { line: at + 1, why };
        if readings.samples.len() >= BATCH_MAX_SAMPLES {
            return Err(bad(format!("more than {BATCH_MAX_SAMPLES} samples in one request")));
        }
        let line: Line = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        let series = SeriesKey { metric: line.metric, labels: line.labels };
        series.validate().map_err(bad)?;
        let ts_ms = line.ts_ms.unwrap_or(now_ms);
        crate::sample::check_time(&series.metric, ts_ms, now_ms, keep_ms).map_err(bad)?;
        let next = readings.series.len() as u32;
        let series = *index.entry(series).or_insert_with_key(|series| {
            readings.series.push(series.clone());
            next
        });
        readings.samples.push((series, ts_ms, line.value).into());
    }
    Ok(readings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text, 1_000, 900).expect_err("is wrong").to_string()
    }

    #[test]
    fn lines_become_readings() {
        let text = "{\"metric\":\"step_time_s\",\"value\":1.5}\n\n{\"metric\":\"step_time_s\",\"ts_ms\":990,\"value\":2,\"labels\":{}}\r\n\
                    {\"metric\":\"step_time_s\",\"value\":3,\"labels\":{\"node\":\"a\"}}";
        let readings = parse(text, 1_000, 900).expect("is right");
        assert_eq!(readings.series.len(), 2);
        let samples: Vec<(u32, i64, f64)> = readings.samples.into_iter().map(Into::into).collect();
        assert_eq!(samples, [(0, 1_000, 1.5), (0, 990, 2.0), (1, 1_000, 3.0)]);
        assert_eq!(parse("", 1_000, 900), Ok(Readings::default()));
    }

    #[test]
    fn the_line_to_blame_is_named() {
        let good = "{\"metric\":\"x\",\"value\":1}\n";
        let cases = [
            ("{\"metric\":\"x\"}", "missing field `value`"),
            ("{\"metric\":\"x\",\"value\":null}", "invalid type"),
            ("{\"metric\":\"x\",\"value\":NaN}", "expected value"),
            ("{\"metric\":\"x\",\"value\":1e999}", "out of range"),
            ("{\"metric\":\"No Name\",\"value\":1}", "not a metric name"),
            ("{\"metric\":\"x\",\"value\":1,\"labels\":{\"a\":\"\\u0007\"}}", "control character"),
            ("{\"metric\":\"x\",\"value\":1,\"colour\":2}", "unknown field"),
            ("{\"metric\":\"x\",\"value\":1,\"ts_ms\":50}", "before what is kept"),
            ("{\"metric\":\"x\",\"value\":1,\"ts_ms\":4102444800000}", "in the future"),
            ("rtt 5", "expected value"),
        ];
        for (line, why) in cases {
            let said = refused(&format!("{good}{line}\n{good}"));
            assert!(said.starts_with("line 2: ") && said.contains(why), "{said}");
        }
    }
}
