//! Prometheus remote write 1.0: a `WriteRequest` of protocol buffers, packed with snappy.
//!
//! The labels of a series come with every sample. Their bytes are looked up as they are, so that only a series that was
//! not seen before is read as text.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
};
use netloom_core::{
    api::Problem,
    metric::NAME_MAX_CHARS,
    sample::{Labels, SeriesKey, check_time},
    series::{Row, SeriesId},
};

use super::super::{WebState, problem::ProblemReply};
use crate::clock;

/// The largest request unpacked: a hundred thousand samples with a hundred bytes of labels each.
const UNPACKED_MAX_BYTES: usize = 32 * 1_024 * 1_024;
/// Samples of one request: senders use 500 to 10,000.
const SAMPLES_MAX: usize = 100_000;
/// Label sets that are remembered; beyond that all are forgotten and looked up anew, which is slower and not wrong.
const KNOWN_MAX: usize = 200_000;
/// Bytes of one label set: as many labels as a series may have, with room for their framing.
const LABELS_MAX_BYTES: usize = 16 * 1_024;

/// Series by the bytes of their labels.
#[derive(Default)]
pub(in crate::web) struct Senders {
    known: RwLock<HashMap<Box<[u8]>, SeriesId, foldhash::fast::RandomState>>,
}

/// Samples of Prometheus, vmagent and other senders of remote write 1.0. Names are made to fit Netloom's: lower case, and
/// an underscore for what is not allowed, cut at 64. Markers of staleness and other values that are no number are left out.
#[utoipa::path(post, path = "/api/v1/write", tag = "push", request_body(content = String, content_type = "application/x-protobuf"), responses(
    (status = 204, description = "durable"),
    (status = 400, description = "not a remote write request, or a sample is wrong", body = Problem),
    (status = 413, description = "too large", body = Problem),
    (status = 429, description = "a limit of series is reached", body = Problem),
    (status = 503, description = "cannot be stored now, send it again", body = Problem),
    (status = 507, description = "the disk is full", body = Problem),
))]
pub(in crate::web) async fn write(
    senders: Arc<Senders>,
    State(state): State<WebState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ProblemReply> {
    let body = body.map_err(|why| super::too_large(&why))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.contains("io.prometheus.write.v2") {
        let detail = "remote write 2.0 is not understood, set the protobuf message to prometheus.WriteRequest";
        return Err(ProblemReply::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "remote-write-version", detail));
    }
    let bytes = unpack(&body)?;
    let parsed = parse(&bytes).map_err(|why| bad(&why))?;
    let rows = senders.rows(&state, &parsed).await?;
    let (now_ms, keep_ms) = (clock::now().ms(), state.ingest.keep_ms());
    for row in &rows {
        let name = || state.stores.samples.catalog().key(row.series).map(|key| key.metric.clone()).unwrap_or_default();
        if row.ts_ms > now_ms || row.ts_ms < now_ms - keep_ms {
            check_time(&name(), row.ts_ms, now_ms, keep_ms).map_err(|why| bad(&why))?;
        }
    }
    state.ingest.push_rows(rows).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 400 tells senders of remote write not to send the same again.
fn bad(why: &str) -> ProblemReply {
    ProblemReply::new(StatusCode::BAD_REQUEST, "bad-remote-write", why)
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, ProblemReply> {
    let length = snap::raw::decompress_len(body).map_err(|error| bad(&format!("not packed with snappy: {error}")))?;
    if length > UNPACKED_MAX_BYTES {
        let detail = format!("{length} bytes unpacked, at most {UNPACKED_MAX_BYTES}");
        return Err(ProblemReply::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(|error| bad(&format!("not packed with snappy: {error}")))
}

impl Senders {
    async fn rows(&self, state: &WebState, parsed: &[Series<'_>]) -> Result<Vec<Row>, ProblemReply> {
        let (mut rows, missing) = self.lookup(parsed);
        if !missing.is_empty() {
            let keys: Vec<SeriesKey> =
                missing.iter().map(|at| key(&parsed[*at])).collect::<Result<_, _>>().map_err(|why| bad(&why))?;
            let ids = state.ingest.intern(&keys).await?;
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() + ids.len() > KNOWN_MAX {
                known.clear();
            }
            for (at, id) in missing.into_iter().zip(ids) {
                known.insert(parsed[at].labels.into(), id);
                parsed[at].push(id, &mut rows);
            }
        }
        Ok(rows)
    }

    /// The rows of known series, and the places of the others.
    fn lookup(&self, parsed: &[Series<'_>]) -> (Vec<Row>, Vec<usize>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (mut rows, mut missing) = (Vec::with_capacity(parsed.len()), Vec::new());
        for (at, series) in parsed.iter().enumerate() {
            match known.get(series.labels) {
                Some(id) => series.push(*id, &mut rows),
                None => missing.push(at),
            }
        }
        (rows, missing)
    }
}

/// One `TimeSeries`: the bytes of its labels, and its samples.
struct Series<'a> {
    labels: &'a [u8],
    /// Most requests carry one sample a series.
    first: Option<(i64, f64)>,
    more: Vec<(i64, f64)>,
}

impl Series<'_> {
    fn push(&self, series: SeriesId, rows: &mut Vec<Row>) {
        let samples = self.first.iter().chain(&self.more);
        let numbers = samples.filter(|(_, value)| value.is_finite());
        rows.extend(numbers.map(|(ts_ms, value)| Row { series, ts_ms: *ts_ms, value: *value }));
    }
}

const ENDS_EARLY: &str = "the request ends early";

/// Reads the series of a `WriteRequest`: field 1, of which field 1 are labels and field 2 samples. Other fields, metadata
/// for example, are passed over.
fn parse(bytes: &[u8]) -> Result<Vec<Series<'_>>, String> {
    let mut request = Wire(bytes);
    let (mut all, mut count) = (Vec::new(), 0);
    while let Some((field, content)) = request.field()? {
        let (1, Content::Bytes(bytes)) = (field, content) else { continue };
        let series = parse_series(bytes)?;
        count += usize::from(series.first.is_some()) + series.more.len();
        if count > SAMPLES_MAX {
            return Err(format!("more than {SAMPLES_MAX} samples in one request"));
        }
        all.push(series);
    }
    Ok(all)
}

fn parse_series(bytes: &[u8]) -> Result<Series<'_>, String> {
    let mut wire = Wire(bytes);
    // Labels stand in front of samples, next to each other: their bytes are one slice.
    let mut end = 0;
    let (mut first, mut more) = (None, Vec::new());
    while let Some((field, content)) = wire.field()? {
        match (field, content) {
            (1, Content::Bytes(_)) if first.is_none() => end = bytes.len() - wire.0.len(),
            (1, _) => return Err("labels must stand before samples".into()),
            (2, Content::Bytes(sample)) => {
                let sample = parse_sample(sample)?;
                match first {
                    None => first = Some(sample),
                    Some(_) => more.push(sample),
                }
            }
            _ => {}
        }
    }
    if end > LABELS_MAX_BYTES {
        return Err(format!("the labels of a series take {end} bytes, at most {LABELS_MAX_BYTES}"));
    }
    Ok(Series { labels: &bytes[..end], first, more })
}

fn parse_sample(bytes: &[u8]) -> Result<(i64, f64), String> {
    let mut wire = Wire(bytes);
    let (mut ts_ms, mut value) = (0, 0.0);
    while let Some((field, content)) = wire.field()? {
        match (field, content) {
            (1, Content::Fixed(bits)) => value = f64::from_bits(bits),
            (2, Content::Number(number)) => ts_ms = number as i64,
            _ => {}
        }
    }
    Ok((ts_ms, value))
}

/// The series that labels stand for.
fn key(series: &Series<'_>) -> Result<SeriesKey, String> {
    let mut wire = Wire(series.labels);
    let (mut metric, mut labels) = (String::new(), Labels::new());
    while let Some((_, content)) = wire.field()? {
        let Content::Bytes(label) = content else { continue };
        let (mut name, mut value) = ("", "");
        let mut wire = Wire(label);
        while let Some((field, content)) = wire.field()? {
            let Content::Bytes(text) = content else { continue };
            let text = std::str::from_utf8(text).map_err(|error| format!("a label is not UTF-8: {error}"))?;
            match field {
                1 => name = text,
                2 => value = text,
                _ => {}
            }
        }
        if name == "__name__" {
            metric = fitting_name(value);
        } else if !value.is_empty() {
            // An empty label is the same as none.
            labels.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(SeriesKey { metric, labels })
}

/// A name that Netloom takes: lower case, with an underscore for every other character, cut to the longest that is taken.
fn fitting_name(name: &str) -> String {
    if netloom_core::metric::is_valid_name(name) {
        return name.to_owned();
    }
    let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let fitting: String = name.chars().map(fit).collect();
    let fitting = fitting.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    if fitting.len() <= NAME_MAX_CHARS {
        return fitting.to_owned();
    }
    // Two long names may begin alike: what is cut off is told apart by eight digits (FNV-1a).
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{}_{hash:08x}", &fitting[..NAME_MAX_CHARS - 9])
}

/// Protocol buffers on the wire.
struct Wire<'a>(&'a [u8]);

enum Content<'a> {
    Number(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> Wire<'a> {
    /// The next field's number and content; `None` at the end.
    fn field(&mut self) -> Result<Option<(u64, Content<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        let content = match tag & 7 {
            0 => Content::Number(self.number()?),
            1 => Content::Fixed(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| ENDS_EARLY)?)),
            2 => {
                let length = usize::try_from(self.number()?).map_err(|_| ENDS_EARLY)?;
                Content::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Content::Other
            }
            kind => return Err(format!("wire type {kind} is not understood")),
        };
        Ok(Some((tag >> 3, content)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, String> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(ENDS_EARLY)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number is too long".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
        [&[field << 3 | 2, content.len() as u8], content].concat()
    }

    fn label(name: &str, value: &str) -> Vec<u8> {
        bytes(1, &[bytes(1, name.as_bytes()), bytes(2, value.as_bytes())].concat())
    }

    fn sample(ts_ms: u8, value: f64) -> Vec<u8> {
        bytes(2, &[&[1 << 3 | 1][..], &value.to_le_bytes(), &[2 << 3, ts_ms]].concat())
    }

    #[test]
    fn series_are_read() {
        let labels = [label("__name__", "Node:Load.1"), label("instance", "a"), label("empty", "")].concat();
        let series = bytes(1, &[labels, sample(5, 1.5), sample(6, f64::NAN), sample(7, 2.5)].concat());
        let request = [bytes(3, b"metadata"), series].concat();
        let parsed = parse(&request).expect("is right");
        assert_eq!(key(&parsed[0]), Ok(SeriesKey::new("node_load_1", [("instance", "a")])));
        let mut rows = Vec::new();
        parsed[0].push(SeriesId(3), &mut rows);
        let rows: Vec<(i64, f64)> = rows.into_iter().map(|row| (row.ts_ms, row.value)).collect();
        assert_eq!(rows, [(5, 1.5), (7, 2.5)]);
    }

    #[test]
    fn long_names_are_cut_and_told_apart() {
        let long = |end: &str| format!("prometheus_{}_{end}", "remote_storage".repeat(5));
        let (a, b) = (fitting_name(&long("a")), fitting_name(&long("b")));
        assert!(netloom_core::metric::is_valid_name(&a), "{a}");
        assert_ne!(a, b);
    }

    #[test]
    fn nonsense_is_refused() {
        let whole = bytes(1, &[label("__name__", "x"), sample(5, 1.0)].concat());
        for length in 1..whole.len() {
            assert!(parse(&whole[..length]).is_err(), "{length}");
        }
        assert!(parse(&[0xff; 30]).is_err());
        assert!(parse(&bytes(1, &[sample(5, 1.0), label("__name__", "x")].concat())).is_err());
        assert!(unpack(b"not snappy").is_err());
    }
}
