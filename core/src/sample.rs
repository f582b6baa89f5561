//! Samples, the series they belong to, and the batches in which agents send them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{api::NodeInfo, metric, time::Timestamp};

/// Labels a series may carry: the contract names at most three, Prometheus' own series carry up to eight, and senders add
/// a few of their own.
pub const LABELS_MAX: usize = 16;
/// Longest label name or value: a host name is at most 253 bytes (RFC 1035), so nothing real is cut.
pub const LABEL_MAX_BYTES: usize = 256;
/// Samples in one batch: ten seconds of a node with a thousand series. A larger batch is refused whole.
pub const BATCH_MAX_SAMPLES: usize = 10_000;
/// How far ahead of the hub a sample may be: more is a clock that is wrong, not a network that is slow.
pub const FUTURE_MAX_MS: i64 = 60_000;

/// The labels of a series, ordered by name.
pub type Labels = BTreeMap<String, String>;

/// What a sequence of values describes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SeriesKey {
    /// A name of the catalogue, or one that a job pushed.
    pub metric: String,
    /// `node` and `interface`, or `src`, `dst` and `mode`.
    pub labels: Labels,
}

impl SeriesKey {
    /// A series with the given labels.
    pub fn new<const N: usize>(metric: &str, labels: [(&str, &str); N]) -> Self {
        Self {
            metric: metric.to_owned(),
            labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// A label's value, empty when the series does not carry it.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// Whether the series carries all of these labels with exactly these values.
    pub fn carries(&self, labels: &Labels) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(name) == Some(value))
    }

    /// The node that the series belongs to: the one measured, or the one that probes.
    pub fn node(&self) -> &str {
        self.labels.get("node").or_else(|| self.labels.get("src")).map_or("", String::as_str)
    }

    /// Checks the name and every label against the limits.
    ///
    /// # Errors
    /// One sentence that names what is wrong.
    pub fn validate(&self) -> Result<(), String> {
        if !metric::is_valid_name(&self.metric) {
            return Err(format!("{:?} is not a metric name ([a-z][a-z0-9_]{{0,63}})", self.metric));
        }
        if self.labels.len() > LABELS_MAX {
            return Err(format!("{} has {} labels, at most {LABELS_MAX} are kept", self.metric, self.labels.len()));
        }
        for (name, value) in &self.labels {
            if name.is_empty() || name.len() > LABEL_MAX_BYTES || value.len() > LABEL_MAX_BYTES {
                return Err(format!("a label of {} is empty or longer than {LABEL_MAX_BYTES} bytes", self.metric));
            }
            if name.chars().chain(value.chars()).any(char::is_control) {
                return Err(format!("a label of {} contains a control character", self.metric));
            }
        }
        Ok(())
    }
}

/// One value of one series, the series given by its place in the list beside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u32, i64, f64)", into = "(u32, i64, f64)")]
pub struct Reading {
    /// Index into the list of series beside the readings.
    pub series: u32,
    /// When it was taken, milliseconds since the epoch.
    pub ts_ms: i64,
    /// The value, in the metric's unit.
    pub value: f64,
}

impl From<(u32, i64, f64)> for Reading {
    fn from((series, ts_ms, value): (u32, i64, f64)) -> Self {
        Self { series, ts_ms, value }
    }
}

impl From<Reading> for (u32, i64, f64) {
    fn from(reading: Reading) -> Self {
        (reading.series, reading.ts_ms, reading.value)
    }
}

/// Readings with the series they refer to: what agents send and what the live stream carries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Readings {
    /// The series, each once.
    pub series: Vec<SeriesKey>,
    /// `[series index, epoch milliseconds, value]`.
    pub samples: Vec<Reading>,
}

impl Readings {
    /// Adds a value of a series that is not in the list yet.
    pub fn push(&mut self, series: SeriesKey, ts_ms: i64, value: f64) {
        let index = self.series.len() as u32;
        self.series.push(series);
        self.samples.push(Reading { series: index, ts_ms, value });
    }

    /// Each reading with its series. Readings that point nowhere are left out; `validate` refuses them at the door.
    pub fn iter(&self) -> impl Iterator<Item = (&SeriesKey, Reading)> {
        self.samples.iter().filter_map(|reading| Some((self.series.get(reading.series as usize)?, *reading)))
    }

    /// Puts another list behind this one.
    pub fn append(&mut self, other: Readings) {
        let offset = self.series.len() as u32;
        self.series.extend(other.series);
        self.samples.extend(other.samples.into_iter().map(|r| Reading { series: r.series + offset, ..r }));
    }

    /// Checks sizes, names, times and values. What is older than `keep_ms` would be deleted at once and is refused.
    ///
    /// # Errors
    /// One sentence that names the first thing that is wrong.
    pub fn validate(&self, now_ms: i64, keep_ms: i64) -> Result<(), String> {
        if self.samples.len() > BATCH_MAX_SAMPLES || self.series.len() > BATCH_MAX_SAMPLES {
            return Err(format!("{} samples in one batch, at most {BATCH_MAX_SAMPLES}", self.samples.len()));
        }
        self.series.iter().try_for_each(SeriesKey::validate)?;
        for reading in &self.samples {
            let series =
                self.series.get(reading.series as usize).ok_or("a sample refers to a series that is not listed")?;
            if !reading.value.is_finite() {
                return Err(format!("{} is {}, not a number", series.metric, reading.value));
            }
            check_time(&series.metric, reading.ts_ms, now_ms, keep_ms)?;
        }
        Ok(())
    }
}

/// Checks that a name can stand in the labels of a node's series.
///
/// # Errors
/// One phrase that says what is wrong.
pub fn check_node_name(name: &str) -> Result<(), String> {
    let is_printable = !name.chars().any(char::is_control) && name.trim() == name;
    if name.is_empty() || name.len() > LABEL_MAX_BYTES || !is_printable {
        return Err(format!("{name:?} is not a usable name of a node"));
    }
    Ok(())
}

/// Checks that a sample was taken neither in the future nor before what is kept.
///
/// # Errors
/// One sentence that says when it was taken and what is allowed.
pub fn check_time(metric: &str, ts_ms: i64, now_ms: i64, keep_ms: i64) -> Result<(), String> {
    if ts_ms > now_ms + FUTURE_MAX_MS {
        let (taken, now) = (Timestamp(ts_ms), Timestamp(now_ms));
        return Err(format!("{metric} was taken at {taken}, which is in the future: the hub's clock says {now}"));
    }
    if ts_ms < 0 || ts_ms < now_ms - keep_ms {
        let hours = keep_ms / 3_600_000;
        return Err(format!(
            "{metric} was taken at {}, before what is kept ({hours} h, storage.raw_hours)",
            Timestamp(ts_ms.max(0))
        ));
    }
    Ok(())
}

/// What an agent sends at once, and gets acknowledged at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The sending node.
    pub node: String,
    /// When the agent started, epoch milliseconds: sequence numbers begin anew with it.
    pub epoch: i64,
    /// Grows by one with every batch of an epoch. A batch that was sent twice is stored once.
    pub seq: u64,
    /// The samples.
    pub readings: Readings,
    /// What the node is and how its measurements fare; sent when it changed.
    pub info: Option<NodeInfo>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(value: f64, ts_ms: i64) -> Readings {
        let mut readings = Readings::default();
        readings.push(SeriesKey::new("rtt_us", [("src", "a"), ("dst", "b")]), ts_ms, value);
        readings
    }

    #[test]
    fn good_readings_pass_and_appended_ones_keep_their_series() {
        let mut all = readings(1.0, 5);
        let mut other = Readings::default();
        other.push(SeriesKey::new("loss_ratio", [("src", "a")]), 6, 0.5);
        all.append(other);
        assert_eq!(all.validate(10, 100), Ok(()));
        let metrics: Vec<_> = all.iter().map(|(series, reading)| (series.metric.as_str(), reading.ts_ms)).collect();
        assert_eq!(metrics, [("rtt_us", 5), ("loss_ratio", 6)]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let nan = readings(f64::NAN, 5).validate(10, 100).expect_err("not a number");
        assert!(nan.contains("rtt_us"), "{nan}");
        assert!(readings(1.0, 10 + FUTURE_MAX_MS + 1).validate(10, 100).is_err());
        assert!(readings(1.0, -1).validate(10, 100).is_err());
        let mut dangling = readings(1.0, 5);
        dangling.samples[0].series = 7;
        assert!(dangling.validate(10, 100).is_err());
        let mut control = readings(1.0, 5);
        control.series[0].labels.insert("dst".into(), "a\nb".into());
        assert!(control.validate(10, 100).is_err());
    }

    #[test]
    fn names_of_nodes_can_be_labels() {
        assert_eq!(check_node_name("node 7 (rack-3)"), Ok(()));
        for bad in ["", " n1", "n\n1", &"n".repeat(LABEL_MAX_BYTES + 1)] {
            assert!(check_node_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_reading_is_a_short_array_on_the_wire() {
        let json = serde_json::to_string(&readings(1.5, 7)).expect("serialises");
        assert_eq!(json, r#"{"series":[{"metric":"rtt_us","labels":{"dst":"b","src":"a"}}],"samples":[[0,7,1.5]]}"#);
    }
}
