//! Samples as text for other programs, and the question for them: lines of JSON as `POST /api/v1/samples` takes them, or
//! comma-separated values as tables read them.

use serde::{Deserialize, Serialize};

use crate::{
    query::BadParameter,
    sample::{Labels, SeriesKey},
    time::Timestamp,
};

/// The labels that have a column of their own; others share the last column, as JSON.
const COLUMNS: [&str; 5] = ["node", "interface", "src", "dst", "mode"];

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180 with a header, lines end with a line feed.
    Csv,
    /// One object per line.
    JsonLines,
}

impl ExportFormat {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 2] = [("csv", Self::Csv), ("jsonl", Self::JsonLines)];

    /// The format of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, format)| format)
    }

    /// Its name, which is the ending of its files too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/x-ndjson",
        }
    }

    /// What stands above the samples.
    pub const fn head(self) -> &'static str {
        match self {
            Self::Csv => "metric,ts_ms,time,value,node,interface,src,dst,mode,labels\n",
            Self::JsonLines => "",
        }
    }

    /// When the sample of a line was taken, ms; `None` for a header and for what is no line of this format.
    pub fn time_of(self, line: &[u8]) -> Option<i64> {
        /// The one field that is looked at.
        #[derive(Deserialize)]
        struct Line {
            ts_ms: i64,
        }
        match self {
            // Names of metrics are never quoted, so that the second field is easy to find.
            Self::Csv => std::str::from_utf8(line).ok()?.split(',').nth(1)?.parse().ok(),
            Self::JsonLines => serde_json::from_slice::<Line>(line).ok().map(|line| line.ts_ms),
        }
    }
}

/// Writes the samples of one series. What is the same in every line is made once.
#[derive(Debug, Clone)]
pub struct LineWriter {
    format: ExportFormat,
    before: String,
    after: String,
}

impl LineWriter {
    /// A writer for a series.
    pub fn new(format: ExportFormat, series: &SeriesKey) -> Self {
        let (before, after) = match format {
            ExportFormat::Csv => (format!("{},", series.metric), columns(&series.labels)),
            ExportFormat::JsonLines => {
                let metric = json(&series.metric);
                (format!("{{\"metric\":{metric},\"ts_ms\":"), format!(",\"labels\":{}}}\n", json(&series.labels)))
            }
        };
        Self { format, before, after }
    }

    /// Appends a line. Values read back as exactly the same number.
    pub fn write(&self, ts_ms: i64, value: f64, into: &mut Vec<u8>) {
        into.extend_from_slice(self.before.as_bytes());
        let between = match self.format {
            ExportFormat::Csv => format!("{ts_ms},{},", Timestamp(ts_ms)),
            ExportFormat::JsonLines => format!("{ts_ms},\"value\":"),
        };
        into.extend_from_slice(between.as_bytes());
        // The shortest digits that read back the same; writing into memory cannot fail.
        let _ = serde_json::to_writer(&mut *into, &value);
        into.extend_from_slice(self.after.as_bytes());
    }
}

pub(crate) fn json<T: Serialize>(value: &T) -> String {
    // Strings and maps of strings can always be written.
    serde_json::to_string(value).unwrap_or_default()
}

/// The labels as the last columns of a line.
fn columns(labels: &Labels) -> String {
    let mut line = String::new();
    for name in COLUMNS {
        line.push(',');
        line.push_str(&quoted(labels.get(name).map_or("", String::as_str)));
    }
    let others: Labels = labels
        .iter()
        .filter(|(name, _)| !COLUMNS.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    line.push(',');
    if !others.is_empty() {
        line.push_str(&quoted(&json(&others)));
    }
    line.push('\n');
    line
}

/// A field as RFC 4180 wants it: in quotes when it holds a comma, a quote or the end of a line.
pub(crate) fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// A moment as part of a file name that sorts by time: `20231114T221320.123Z`.
pub fn file_stamp(at: Timestamp) -> String {
    at.to_string().replace(['-', ':'], "")
}

/// A wish for samples as it stands in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub struct ExportText {
    /// `csv` or `jsonl`; `jsonl` when left out.
    pub format: Option<String>,
    /// Names of metrics, several or separated by commas; all when left out.
    pub metric: Vec<String>,
    /// Only what a training run saw: its time and its nodes.
    pub run: Option<String>,
    /// Only series of this node.
    pub node: Option<String>,
    /// Only series with this source.
    pub src: Option<String>,
    /// Only series with this destination.
    pub dst: Option<String>,
    /// Only series of this interface.
    pub interface: Option<String>,
    /// Only series of this probe mode.
    pub mode: Option<String>,
    /// RFC 3339, epoch milliseconds, `now` or `now-15m`; the oldest sample when left out.
    pub from: Option<String>,
    /// Like `from`; `now` when left out.
    pub to: Option<String>,
}

/// A wish for samples, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// How they are written.
    pub format: ExportFormat,
    /// Only these metrics, each once; all when empty.
    pub metrics: Vec<String>,
    /// Labels that a series must carry with exactly these values.
    pub labels: Labels,
    /// From this moment on, ms.
    pub from_ms: i64,
    /// Up to and with this moment, ms.
    pub to_ms: i64,
}

impl ExportText {
    /// Takes a parameter in; one without a value counts as left out.
    ///
    /// # Errors
    /// What is wrong with it, when there is no such parameter or it stands there twice.
    pub fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let place = match name {
            "metric" => {
                self.metric.push(value);
                return Ok(());
            }
            "format" => &mut self.format,
            "run" => &mut self.run,
            "node" => &mut self.node,
            "src" => &mut self.src,
            "dst" => &mut self.dst,
            "interface" => &mut self.interface,
            "mode" => &mut self.mode,
            "from" => &mut self.from,
            "to" => &mut self.to,
            _ => return Err("there is no such parameter".to_owned()),
        };
        if value.is_empty() {
            return Ok(());
        }
        if place.replace(value).is_some() {
            return Err("it is there twice".to_owned());
        }
        Ok(())
    }

    /// The parameters that are there.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let metrics = self.metric.iter().map(|metric| ("metric", metric.as_str()));
        let others = [
            ("format", &self.format),
            ("run", &self.run),
            ("node", &self.node),
            ("src", &self.src),
            ("dst", &self.dst),
            ("interface", &self.interface),
            ("mode", &self.mode),
            ("from", &self.from),
            ("to", &self.to),
        ];
        metrics.chain(others.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))))
    }

    /// Checks everything. The run is left to whoever knows runs.
    ///
    /// # Errors
    /// The first parameter that is wrong.
    pub fn parse(&self, now: Timestamp) -> Result<Export, BadParameter> {
        let bad = |parameter, message| BadParameter { parameter, message };
        let name = self.format.as_deref().unwrap_or(ExportFormat::JsonLines.name());
        let format = ExportFormat::parse(name).ok_or_else(|| {
            bad("format", format!("{name:?} is not one of {}", ExportFormat::ALL.map(|(name, _)| name).join(", ")))
        })?;
        let time = |parameter, text: &Option<String>, default| match text.as_deref() {
            Some(text) => {
                Timestamp::parse_query(text, now).map(Timestamp::ms).map_err(|message| bad(parameter, message))
            }
            None => Ok(default),
        };
        let (from_ms, to_ms) = (time("from", &self.from, 0)?, time("to", &self.to, now.ms())?);
        if from_ms > to_ms {
            return Err(bad("from", "is after to".to_owned()));
        }
        let names = self.metric.iter().flat_map(|metric| metric.split(',')).map(str::trim);
        let mut metrics: Vec<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        metrics.sort_unstable();
        metrics.dedup();
        let labels = [&self.node, &self.interface, &self.src, &self.dst, &self.mode];
        let labels = COLUMNS.into_iter().zip(labels);
        let labels = labels.filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
        Ok(Export { format, metrics, labels, from_ms, to_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn line(format: ExportFormat, series: &SeriesKey, ts_ms: i64, value: f64) -> String {
        let mut bytes = Vec::new();
        LineWriter::new(format, series).write(ts_ms, value, &mut bytes);
        String::from_utf8(bytes).expect("is text")
    }

    /// The fields of one line, read as RFC 4180 says.
    fn fields(line: &str) -> Vec<String> {
        let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
        let mut chars = line.strip_suffix('\n').expect("a whole line").chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if is_quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
                c => field.push(c),
            }
        }
        fields.push(field);
        fields
    }

    #[test]
    fn lines_are_what_the_contract_says() {
        let pair = SeriesKey::new("rtt_us", [("src", "a"), ("dst", "b")]);
        assert_eq!(
            line(ExportFormat::JsonLines, &pair, NOW.ms(), 12.5),
            "{\"metric\":\"rtt_us\",\"ts_ms\":1700000000000,\"value\":12.5,\"labels\":{\"dst\":\"b\",\"src\":\"a\"}}\n"
        );
        assert_eq!(
            line(ExportFormat::Csv, &pair, NOW.ms(), 12.5),
            "rtt_us,1700000000000,2023-11-14T22:13:20.000Z,12.5,,,a,b,,\n"
        );
        let odd = SeriesKey::new("step_time_s", [("node", "a,\"b\""), ("rank", "7")]);
        assert_eq!(
            line(ExportFormat::Csv, &odd, 0, 1e300),
            "step_time_s,0,1970-01-01T00:00:00.000Z,1e+300,\"a,\"\"b\"\"\",,,,,\"{\"\"rank\"\":\"\"7\"\"}\"\n"
        );
        assert_eq!(fields(ExportFormat::Csv.head()).len(), fields(&line(ExportFormat::Csv, &odd, 0, 1.0)).len());
    }

    #[test]
    fn the_time_of_a_line_is_found() {
        let odd = SeriesKey::new("step_time_s", [("node", "a,\"b\""), ("ts_ms", "7")]);
        for (_, format) in ExportFormat::ALL {
            assert_eq!(format.time_of(line(format, &odd, 5, 1.0).trim_end().as_bytes()), Some(5));
            assert_eq!(format.time_of(format.head().trim_end().as_bytes()), None);
            assert_eq!(format.time_of(b"nonsense"), None);
        }
    }

    #[test]
    fn the_parameter_to_blame_is_named() {
        let blamed = |name: &str, value: &str| {
            let mut text = ExportText::default();
            text.set(name, value.to_owned()).expect("is known");
            text.parse(NOW).map_err(|bad| bad.parameter)
        };
        assert_eq!(blamed("format", "xml").expect_err("is wrong"), "format");
        assert_eq!(blamed("from", "later").expect_err("is wrong"), "from");
        assert_eq!(blamed("to", "never").expect_err("is wrong"), "to");
        assert_eq!(blamed("to", "").expect("is left out").to_ms, NOW.ms());
        let mut text = ExportText { from: Some("now".into()), to: Some("now-1h".into()), ..Default::default() };
        assert_eq!(text.parse(NOW).expect_err("is wrong").parameter, "from");
        assert!(text.set("from", "now".into()).is_err() && text.set("colour", "red".into()).is_err());
    }

    #[test]
    fn metrics_come_in_every_form() {
        let mut text = ExportText::default();
        for (name, value) in [("metric", "rtt_us, loss_ratio"), ("metric", "rtt_us"), ("metric", ""), ("src", "a")] {
            text.set(name, value.to_owned()).expect("is known");
        }
        let export = text.parse(NOW).expect("is right");
        assert_eq!(export.metrics, ["loss_ratio", "rtt_us"]);
        assert_eq!(export.labels, SeriesKey::new("x", [("src", "a")]).labels);
        assert_eq!((export.from_ms, export.to_ms, export.format), (0, NOW.ms(), ExportFormat::JsonLines));
        assert!(text.pairs().any(|pair| pair == ("src", "a")) && text.pairs().all(|(name, _)| name != "to"));
    }

    #[test]
    fn file_stamps_are_short() {
        assert_eq!(file_stamp(Timestamp(1_700_000_000_123)), "20231114T221320.123Z");
    }

    proptest! {
        #[test]
        fn everything_reads_back(labels in prop::collection::btree_map("\\PC{1,9}", "\\PC{0,9}", 0..5), ts_ms in 0_i64..4_000_000_000_000, value in prop::num::f64::NORMAL | prop::num::f64::ZERO) {
            let series = SeriesKey { metric: "rtt_us".into(), labels };
            let json: serde_json::Value = serde_json::from_str(&line(ExportFormat::JsonLines, &series, ts_ms, value)).expect("is JSON");
            prop_assert_eq!(&json["labels"], &serde_json::to_value(&series.labels).expect("serialises"));
            let fields = fields(&line(ExportFormat::Csv, &series, ts_ms, value));
            prop_assert_eq!(fields[1].parse(), Ok(ts_ms));
            prop_assert_eq!(Timestamp::parse_rfc3339(&fields[2]), Some(Timestamp(ts_ms)));
            prop_assert_eq!(fields[3].parse(), Ok(value));
            let mut read: Labels = serde_json::from_str(if fields[9].is_empty() { "{}" } else { &fields[9] }).expect("is JSON");
            let own = COLUMNS.iter().zip(&fields[4..9]).filter(|(name, _)| series.labels.contains_key(**name));
            read.extend(own.map(|(name, value)| ((*name).to_owned(), value.clone())));
            prop_assert_eq!(read, series.labels);
        }
    }
}
