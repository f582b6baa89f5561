//! Samples of a batch as a compact blob.

use netloom_core::sample::Reading;

use crate::store::StoreError;

/// Samples that lie close together in time.
pub(super) struct Part {
    pub(super) t0_ms: i64,
    pub(super) t1_ms: i64,
    pub(super) blob: Vec<u8>,
}

/// Cuts the samples into parts that span at most `span_max_ms` each, series named by `ids`.
pub(super) fn parts(samples: &[Reading], ids: &[i64], span_max_ms: i64) -> Vec<Part> {
    let mut sorted: Vec<&Reading> = samples.iter().collect();
    sorted.sort_by_key(|reading| reading.ts_ms);
    let mut parts = Vec::new();
    let mut rest = sorted.as_slice();
    while let Some(first) = rest.first() {
        let t0_ms = first.ts_ms;
        let (part, later) = rest.split_at(rest.partition_point(|reading| reading.ts_ms - t0_ms <= span_max_ms));
        rest = later;
        let t1_ms = part.last().map_or(t0_ms, |reading| reading.ts_ms);
        let rows: Vec<(i64, i64, f64)> = part
            .iter()
            .filter_map(|reading| Some((*ids.get(reading.series as usize)?, reading.ts_ms - t0_ms, reading.value)))
            .collect();
        // Integers and floats into memory: there is nothing that could fail.
        let blob = postcard::to_stdvec(&rows).unwrap_or_default();
        parts.push(Part { t0_ms, t1_ms, blob });
    }
    parts
}

/// The samples of a part: series id, time, value.
pub(super) fn decode(t0_ms: i64, blob: &[u8]) -> Result<impl Iterator<Item = (i64, i64, f64)>, StoreError> {
    let rows: Vec<(i64, i64, f64)> = postcard::from_bytes(blob).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok(rows.into_iter().map(move |(id, after_ms, value)| (id, t0_ms + after_ms, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_from_as_many_parts_as_they_span() {
        let samples = [(0, 100, 1.0), (1, 90, 2.0), (0, 100_000, 3.0)].map(Reading::from);
        let parts = parts(&samples, &[7, 8], 60_000);
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].t0_ms, parts[0].t1_ms), (90, 100));
        let back: Vec<_> = parts.iter().flat_map(|part| decode(part.t0_ms, &part.blob).expect("decodes")).collect();
        assert_eq!(back, [(8, 90, 2.0), (7, 100, 1.0), (7, 100_000, 3.0)]);
    }

    #[test]
    fn damage_is_an_error() {
        assert!(decode(0, &[9, 1]).is_err());
    }
}
