//! Rows of the log: what was acknowledged and is not in a block yet. A log row holds samples of one window only, so that
//! it can go as soon as that window is sealed.

use netloom_core::series::{Row, SeriesId};

use super::{tier::Tier, varint};
use crate::store::StoreError;

/// Samples of one window, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogPart {
    pub(super) window: i64,
    pub(super) samples: usize,
    pub(super) data: Vec<u8>,
}

/// Cuts rows by window and encodes them.
pub(super) fn encode(rows: &[Row]) -> Vec<LogPart> {
    let window = |row: &Row| Tier::Raw.window_of(row.ts_ms);
    let Some(first) = rows.first() else { return Vec::new() };
    // The usual case, without a copy: all of one window.
    if rows.iter().all(|row| window(row) == window(first)) {
        return vec![encode_part(window(first), rows)];
    }
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(window);
    sorted.chunk_by(|a, b| window(a) == window(b)).map(|part| encode_part(window(&part[0]), part)).collect()
}

fn encode_part(window: i64, rows: &[Row]) -> LogPart {
    let mut data = Vec::with_capacity(rows.len() * 6);
    let (mut series, mut ts_ms) = (0, Tier::Raw.bounds(window).0);
    for row in rows {
        varint::put_signed(&mut data, i64::from(row.series.0) - series);
        varint::put_signed(&mut data, row.ts_ms - ts_ms);
        varint::put_value(&mut data, 0.0, row.value);
        (series, ts_ms) = (i64::from(row.series.0), row.ts_ms);
    }
    LogPart { window, samples: rows.len(), data }
}

/// The rows of a part.
pub(super) fn decode(window: i64, data: &[u8]) -> Result<Vec<Row>, StoreError> {
    let mut reader = varint::Reader(data);
    let (mut series, mut ts_ms) = (0, Tier::Raw.bounds(window).0);
    let mut rows = Vec::with_capacity(data.len() / 4);
    while !reader.0.is_empty() {
        let row = (|| {
            series += reader.signed()?;
            ts_ms += reader.signed()?;
            let value = reader.value(0.0)?;
            Some(Row { series: SeriesId(u32::try_from(series).ok()?), ts_ms, value })
        })();
        rows.push(row.ok_or_else(|| StoreError::Damaged(format!("a log row of window {window}")))?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(series: u32, ts_ms: i64, value: f64) -> Row {
        Row { series: SeriesId(series), ts_ms, value }
    }

    #[test]
    fn rows_come_back_window_by_window() {
        let rows = [row(5, 900_100, 1.5), row(2, 100, 7.0), row(9, 900_050, -3.0)];
        let parts = encode(&rows);
        let back: Vec<_> = parts.iter().map(|part| decode(part.window, &part.data).expect("decodes")).collect();
        assert_eq!(back, [vec![rows[1]], vec![rows[0], rows[2]]]);
        assert_eq!(parts.iter().map(|part| (part.window, part.samples)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        assert_eq!(encode(&[]), []);
    }

    #[test]
    fn damage_is_an_error() {
        assert!(decode(0, &[2, 2, 1, 9]).is_err());
    }
}
