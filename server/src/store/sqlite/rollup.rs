//! Blocks of summaries, and how they are made.

use std::collections::BTreeMap;

use netloom_core::stats::{sketch::Sketch, summary::Summary};

use super::{
    block::Samples,
    column::{self, ColumnReader},
    tier::Tier,
    varint,
};
use crate::store::StoreError;

const VERSION: u8 = 1;

/// Summaries of one series by the start of their interval, in order of time.
pub(super) type Summaries = Vec<(i64, Summary)>;

/// Sums samples up, which are in order of time.
pub(super) fn of_samples(tier: Tier, samples: &Samples) -> Summaries {
    let start = |ts_ms: i64| ts_ms.div_euclid(tier.entry_ms()) * tier.entry_ms();
    let sum_up = |chunk: &[(i64, f64)]| {
        let mut summary = Summary::default();
        for (_, value) in chunk {
            summary.add(*value);
        }
        (start(chunk[0].0), summary)
    };
    samples.chunk_by(|a, b| start(a.0) == start(b.0)).map(sum_up).collect()
}

/// Sums summaries of a finer tier up, which are in order of time.
pub(super) fn of_summaries(tier: Tier, finer: &Summaries) -> Summaries {
    let start = |ts_ms: i64| ts_ms.div_euclid(tier.entry_ms()) * tier.entry_ms();
    let sum_up = |chunk: &[(i64, Summary)]| {
        let mut merged = Summary::default();
        for (_, summary) in chunk {
            merged.merge(summary);
        }
        (start(chunk[0].0), merged)
    };
    finer.chunk_by(|a, b| start(a.0) == start(b.0)).map(sum_up).collect()
}

/// Encodes a window of a group: summaries by slot, each in order.
pub(super) fn encode(tier: Tier, window: i64, slots: &[(u32, Summaries)]) -> Vec<u8> {
    let (mut head, mut body) = (vec![VERSION], Vec::new());
    varint::put(&mut head, slots.len() as u64);
    for (slot, summaries) in slots {
        let before = body.len();
        put_summaries(&mut body, tier, window, summaries);
        for number in [*slot as usize, summaries.len(), body.len() - before] {
            varint::put(&mut head, number as u64);
        }
    }
    head.append(&mut body);
    head
}

fn put_summaries(body: &mut Vec<u8>, tier: Tier, window: i64, summaries: &Summaries) {
    let start_ms = tier.bounds(window).0;
    let wholes = |body: &mut Vec<u8>, of: &dyn Fn(&(i64, Summary)) -> i64| {
        column::put_wholes(body, &summaries.iter().map(of).collect::<Vec<_>>());
    };
    let values = |body: &mut Vec<u8>, of: &dyn Fn(&Summary) -> f64| {
        column::put_values(body, &summaries.iter().map(|(_, summary)| of(summary)).collect::<Vec<_>>());
    };
    wholes(body, &|(at_ms, _)| (at_ms - start_ms) / tier.entry_ms());
    wholes(body, &|(_, summary)| summary.count as i64);
    values(body, &|summary| summary.sum);
    values(body, &|summary| summary.min);
    values(body, &|summary| summary.max);
    values(body, &|summary| summary.last);
    wholes(body, &|(_, summary)| summary.sketch.buckets().len() as i64);
    // Buckets lie side by side: the first of each sketch, then distances.
    let (mut gaps, mut counts) = (Vec::new(), Vec::new());
    for (_, summary) in summaries {
        let mut before = 0;
        for (bucket, count) in summary.sketch.buckets() {
            gaps.push(i64::from(bucket - before));
            counts.push(count as i64);
            before = bucket;
        }
    }
    varint::put(body, gaps.len() as u64);
    column::put_wholes(body, &gaps);
    column::put_wholes(body, &counts);
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("a block of summaries: {what}"))
}

/// The summaries of the wanted slots of a block.
pub(super) fn decode(
    tier: Tier,
    window: i64,
    bytes: &[u8],
    is_wanted: impl Fn(u32) -> bool,
) -> Result<BTreeMap<u32, Summaries>, StoreError> {
    let (&version, rest) = bytes.split_first().ok_or_else(|| damaged("it is empty"))?;
    if version != VERSION {
        return Err(damaged(&format!("version {version}")));
    }
    let mut reader = varint::Reader(rest);
    let mut number = || reader.number().ok_or_else(|| damaged("it ends early"));
    let mut entries = Vec::new();
    for _ in 0..number()? {
        entries.push((number()? as u32, number()? as usize, number()? as usize));
    }
    let mut slots = BTreeMap::new();
    for (slot, count, length) in entries {
        let bytes = reader.bytes(length).ok_or_else(|| damaged("it ends early"))?;
        if is_wanted(slot) {
            slots.insert(slot, read_summaries(tier, window, bytes, count)?);
        }
    }
    Ok(slots)
}

fn read_summaries(tier: Tier, window: i64, bytes: &[u8], count: usize) -> Result<Summaries, StoreError> {
    let start_ms = tier.bounds(window).0;
    let mut column = ColumnReader::new(bytes)?;
    let at = column.wholes(count)?;
    let counts = column.wholes(count)?;
    let [sum, min, max, last] =
        [column.values(count)?, column.values(count)?, column.values(count)?, column.values(count)?];
    let sizes = column.wholes(count)?;
    let total = column.number()? as usize;
    let (gaps, weights) = (column.wholes(total)?, column.wholes(total)?);
    let mut buckets = gaps.into_iter().zip(weights);
    let mut summaries = Vec::with_capacity(count);
    for n in 0..count {
        let mut before = 0;
        let sketch: Sketch = buckets
            .by_ref()
            .take(sizes[n] as usize)
            .map(|(gap, weight)| {
                before += gap as i32;
                (before, weight as u64)
            })
            .collect();
        let summary = Summary { count: counts[n] as u64, sum: sum[n], min: min[n], max: max[n], last: last[n], sketch };
        summaries.push((start_ms + at[n] * tier.entry_ms(), summary));
    }
    Ok(summaries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Samples {
        (0..2_000).map(|n| (n * 10_000 + 5, ((n * 7_919) % 1_009) as f64)).collect()
    }

    #[test]
    fn summaries_come_back() {
        let summaries = of_samples(Tier::Minute, &samples());
        assert_eq!(summaries.len(), 334);
        let bytes = encode(Tier::Minute, 0, &[(4, summaries.clone()), (9, Vec::new())]);
        let back = decode(Tier::Minute, 0, &bytes, |slot| slot == 4).expect("reads");
        assert_eq!(back, BTreeMap::from([(4, summaries)]));
    }

    #[test]
    fn an_hour_of_minutes_is_the_hour_of_the_samples() {
        let by_hour = of_samples(Tier::Hour, &samples());
        assert_eq!(of_summaries(Tier::Hour, &of_samples(Tier::Minute, &samples())), by_hour);
    }

    #[test]
    fn damage_is_an_error() {
        for bytes in [&[][..], &[7], &[VERSION, 1, 1, 5, 200], &[VERSION, 1, 1, 2, 3, 9, 9, 9]] {
            assert!(decode(Tier::Minute, 0, bytes, |_| true).is_err(), "{bytes:?}");
        }
    }
}
