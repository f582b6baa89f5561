//! Blocks of raw samples: one window of one group of series, in one row of the database.
//!
//! ```text
//! version, number of series, then for each: slot, samples, bytes of times, bytes of values; then the columns
//! ```
//!
//! Times that follow each other evenly take two numbers, times that another series of the block has take one.

use std::collections::BTreeMap;

use super::{
    column::{self, ColumnReader},
    tier::Tier,
    varint::{self, Reader},
};
use crate::store::StoreError;

const VERSION: u8 = 1;

/// Times are `start + n * step`.
const EVEN: u64 = 0;
/// Times are those of another series of the block.
const LIKE: u64 = 1;
/// Times are a column of differences.
const UNEVEN: u64 = 2;

/// Samples of one series in order of time, each time once.
pub(super) type Samples = Vec<(i64, f64)>;

/// Sorts by time; of several samples of one moment the one that came last stays.
pub(super) fn in_order(samples: &mut Samples) {
    if samples.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return;
    }
    samples.sort_by_key(|(ts_ms, _)| *ts_ms);
    samples.reverse();
    samples.dedup_by_key(|(ts_ms, _)| *ts_ms);
    samples.reverse();
}

/// Encodes a window of a group: samples by slot, each in order.
pub(super) fn encode(window: i64, slots: &[(u32, Samples)]) -> Vec<u8> {
    let start_ms = Tier::Raw.bounds(window).0;
    let (mut head, mut body) = (vec![VERSION], Vec::new());
    varint::put(&mut head, slots.len() as u64);
    for (at, (slot, samples)) in slots.iter().enumerate() {
        let before = body.len();
        put_times(&mut body, start_ms, &slots[..at], samples);
        let times = body.len() - before;
        let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
        column::put_values(&mut body, &values);
        for number in [*slot as usize, samples.len(), times, body.len() - before - times] {
            varint::put(&mut head, number as u64);
        }
    }
    head.append(&mut body);
    head
}

fn put_times(body: &mut Vec<u8>, start_ms: i64, others: &[(u32, Samples)], samples: &Samples) {
    let times = || samples.iter().map(|(ts_ms, _)| *ts_ms);
    if let Some(like) = others.iter().rposition(|(_, other)| other.iter().map(|(ts_ms, _)| *ts_ms).eq(times())) {
        varint::put(body, LIKE);
        varint::put(body, like as u64);
        return;
    }
    let first_ms = times().next().unwrap_or(start_ms);
    let steps: Vec<i64> = samples.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let is_even = steps.windows(2).all(|pair| pair[0] == pair[1]);
    varint::put(body, if is_even { EVEN } else { UNEVEN });
    varint::put_signed(body, first_ms - start_ms);
    if is_even {
        varint::put_signed(body, steps.first().copied().unwrap_or(0));
    } else {
        column::put_wholes(body, &steps);
    }
}

struct Entry<'a> {
    slot: u32,
    count: usize,
    times: &'a [u8],
    values: &'a [u8],
}

/// A block that can be read series by series.
pub(super) struct Block<'a> {
    start_ms: i64,
    end_ms: i64,
    entries: Vec<Entry<'a>>,
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("a block: {what}"))
}

impl<'a> Block<'a> {
    /// Reads where everything is.
    pub(super) fn parse(window: i64, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let (&version, rest) = bytes.split_first().ok_or_else(|| damaged("it is empty"))?;
        if version != VERSION {
            return Err(damaged(&format!("version {version}")));
        }
        let mut reader = Reader(rest);
        let mut number = || reader.number().map(|number| number as usize).ok_or_else(|| damaged("it ends early"));
        let count = number()?;
        let mut sizes = Vec::new();
        for _ in 0..count {
            sizes.push((number()?, number()?, number()?, number()?));
        }
        let mut body = reader.0;
        let mut take = |length: usize| {
            let (bytes, rest) = body.split_at_checked(length).ok_or_else(|| damaged("it ends early"))?;
            body = rest;
            Ok::<_, StoreError>(bytes)
        };
        let mut entries = Vec::with_capacity(sizes.len());
        for (slot, count, times, values) in sizes {
            entries.push(Entry { slot: slot as u32, count, times: take(times)?, values: take(values)? });
        }
        let (start_ms, end_ms) = Tier::Raw.bounds(window);
        Ok(Self { start_ms, end_ms, entries })
    }

    /// The first moment after the block's window, ms.
    pub(super) fn end_ms(&self) -> i64 {
        self.end_ms
    }

    /// Appends the samples of a slot; nothing when it has none.
    pub(super) fn read(&self, slot: u32, into: &mut Samples) -> Result<(), StoreError> {
        let (times, values) = self.columns(slot)?;
        into.extend(times.into_iter().zip(values));
        Ok(())
    }

    /// Times and values of a slot, in order; nothing when it has none.
    pub(super) fn columns(&self, slot: u32) -> Result<(Vec<i64>, Vec<f64>), StoreError> {
        let at = self.entries.iter().position(|entry| entry.slot == slot);
        let Some(at) = at else { return Ok((Vec::new(), Vec::new())) };
        let entry = &self.entries[at];
        Ok((self.times(at)?, ColumnReader::new(entry.values)?.values(entry.count)?))
    }

    fn times(&self, at: usize) -> Result<Vec<i64>, StoreError> {
        let entry = &self.entries[at];
        let mut column = ColumnReader::new(entry.times)?;
        let kind = column.number()?;
        if kind == LIKE {
            let like = column.number()? as usize;
            // Only what stands before: references cannot go round in a circle.
            return if like < at { self.times(like) } else { Err(damaged("a reference forward")) };
        }
        let mut ended = || column.reader.signed().ok_or_else(|| damaged("it ends early"));
        let mut ts_ms = self.start_ms + ended()?;
        if kind == EVEN {
            let step_ms = ended()?;
            return Ok((0..entry.count as i64).map(|n| ts_ms + n * step_ms).collect());
        }
        let steps = column.wholes(entry.count.saturating_sub(1))?;
        let mut times = vec![ts_ms];
        times.extend(steps.into_iter().map(|step_ms| {
            ts_ms += step_ms;
            ts_ms
        }));
        Ok(times)
    }
}

/// All samples of a block, by slot.
pub(super) fn decode(window: i64, bytes: &[u8]) -> Result<Vec<(u32, Samples)>, StoreError> {
    let block = Block::parse(window, bytes)?;
    let slot = |slot| {
        let mut samples = Samples::new();
        block.read(slot, &mut samples)?;
        Ok((slot, samples))
    };
    block.entries.iter().map(|entry| slot(entry.slot)).collect()
}

/// Samples with others over them, by slot, in order.
pub(super) fn merge(stored: Vec<(u32, Samples)>, fresh: Vec<(u32, Samples)>) -> Vec<(u32, Samples)> {
    let mut slots = BTreeMap::<u32, Samples>::new();
    for (slot, samples) in stored.into_iter().chain(fresh) {
        slots.entry(slot).or_default().extend(samples);
    }
    slots.values_mut().for_each(in_order);
    slots.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(window: i64, bytes: &[u8]) -> Vec<(u32, Samples)> {
        decode(window, bytes).expect("reads")
    }

    #[test]
    fn shared_and_even_times_take_no_room() {
        let even: Samples = (0..900).map(|n| (900_000 + n * 1_000, 3.0)).collect();
        let jittered: Samples = (0..900).map(|n| (900_000 + n * 1_000 + (n * 7_919) % 13, 3.0)).collect();
        let one = encode(1, &[(0, even.clone())]);
        assert!(one.len() < 20, "{}", one.len());
        let (single, double) =
            (encode(1, &[(1, jittered.clone())]), encode(1, &[(1, jittered.clone()), (2, jittered.clone())]));
        assert!(double.len() < single.len() + 12);
        assert_eq!(read(1, &double), [(1, jittered.clone()), (2, jittered)]);
    }

    #[test]
    fn what_comes_later_replaces() {
        let stored = encode(0, &[(3, vec![(10, 1.0), (30, 3.0)])]);
        let merged = merge(read(0, &stored), vec![(3, vec![(30, 9.0), (20, 2.0)]), (1, vec![(5, 5.0)])]);
        assert_eq!(merged, [(1, vec![(5, 5.0)]), (3, vec![(10, 1.0), (20, 2.0), (30, 9.0)])]);
    }

    proptest! {
        #[test]
        fn blocks_come_back(slots in prop::collection::btree_map(0_u32..32, prop::collection::btree_map(0_i64..900_000, -1e6_f64..1e6, 1..40), 0..6)) {
            let slots: Vec<(u32, Samples)> = slots.into_iter().map(|(slot, samples)| (slot, samples.into_iter().collect())).collect();
            prop_assert_eq!(read(0, &encode(0, &slots)), slots);
        }

        #[test]
        fn nonsense_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(0, &bytes);
            let with_version: Vec<u8> = [VERSION].into_iter().chain(bytes).collect();
            let _ = decode(0, &with_version);
        }
    }
}
