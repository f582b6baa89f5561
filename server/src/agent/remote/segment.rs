//! One file of the spool: records one after the other, each with its length and a checksum, so that what a process left
//! half-written is recognised.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use netloom_core::sample::{Batch, Reading, SeriesKey};
use serde::{Deserialize, Serialize};

use crate::agent::hub_clock::Reckoning;

/// Bytes before each record: its length and its CRC-32.
const HEAD_BYTES: usize = 8;
/// The largest record: a batch of the most samples takes a fifth of it. More is damage.
const RECORD_MAX_BYTES: usize = 1_024 * 1_024;

/// A record. Series get numbers in the order in which they come.
#[derive(Serialize, Deserialize)]
enum Record {
    Series(SeriesKey),
    Batch(Spooled),
    /// Of the provisional batches of the segment: one process writes it.
    Reckoning(Reckoning),
}

/// A batch that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Spooled {
    pub(super) epoch: i64,
    pub(super) seq: u64,
    /// Its times were taken before the hub's clock was known.
    pub(super) is_provisional: bool,
    /// By the segment's numbers of series.
    pub(super) samples: Vec<Reading>,
    /// How provisional times were reckoned, where that is known; it stands once in a segment.
    #[serde(skip)]
    pub(super) reckoning: Option<Reckoning>,
}

/// When the newest sample of a batch was taken, ms, as far as its age is known: provisional times may be off by years, and
/// are never too old.
pub(super) fn newest_ms(is_provisional: bool, samples: &[Reading]) -> i64 {
    if is_provisional {
        return i64::MAX;
    }
    samples.iter().map(|reading| reading.ts_ms).max().unwrap_or(i64::MIN)
}

/// The place of a segment in its folder.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.spool"))
}

/// A segment that grows.
pub(super) struct Writer {
    file: File,
    bytes: u64,
    has_reckoning: bool,
    /// Half a record is at its end, and cannot be taken away.
    is_torn: bool,
    series: HashMap<SeriesKey, u32>,
}

impl Writer {
    pub(super) fn create(folder: &Path, number: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        // Always at the end of the file, also when that was moved back: a gap would hide all that comes behind it.
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self {
            file: options.open(path(folder, number))?,
            bytes: 0,
            has_reckoning: false,
            is_torn: false,
            series: HashMap::new(),
        })
    }

    /// Appends a batch, all of it or nothing, and how its times were reckoned when they are provisional. Returns how long
    /// the segment is then.
    pub(super) fn append(&mut self, batch: &Batch, reckoning: Option<&Reckoning>) -> io::Result<u64> {
        let (mut records, mut fresh) = (Vec::new(), Vec::new());
        let mut numbers = Vec::with_capacity(batch.readings.series.len());
        for key in &batch.readings.series {
            let next = (self.series.len() + fresh.len()) as u32;
            let known = self.series.get(key).copied();
            let known = known.or_else(|| fresh.iter().find(|(new, _)| *new == key).map(|(_, number)| *number));
            numbers.push(known.unwrap_or(next));
            if known.is_none() {
                put(&mut records, &Record::Series(key.clone()))?;
                fresh.push((key, next));
            }
        }
        let renumber = |reading: &Reading| Some(Reading { series: *numbers.get(reading.series as usize)?, ..*reading });
        let samples = batch.readings.samples.iter().filter_map(renumber).collect();
        if let Some(reckoning) = reckoning.filter(|_| !self.has_reckoning) {
            put(&mut records, &Record::Reckoning(reckoning.clone()))?;
        }
        let (epoch, seq, is_provisional) = (batch.epoch, batch.seq, reckoning.is_some());
        put(&mut records, &Record::Batch(Spooled { epoch, seq, is_provisional, samples, reckoning: None }))?;
        if let Err(error) = self.file.write_all(&records) {
            self.take_back();
            return Err(error);
        }
        self.bytes += records.len() as u64;
        self.has_reckoning |= reckoning.is_some();
        self.series.extend(fresh.into_iter().map(|(key, number)| (key.clone(), number)));
        Ok(self.bytes)
    }

    /// Takes back what was written by half: it would hide what comes behind it.
    fn take_back(&mut self) {
        self.is_torn = self.file.set_len(self.bytes).is_err();
    }

    /// Whether another batch may come behind what is there.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_torn
    }

    /// Waits until everything is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn put(records: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    let body = postcard::to_stdvec(record).map_err(io::Error::other)?;
    records.extend((body.len() as u32).to_le_bytes());
    records.extend(crc32fast::hash(&body).to_le_bytes());
    records.extend(body);
    Ok(())
}

/// A segment that is read.
pub(super) struct Reader {
    bytes: Vec<u8>,
    pub(super) series: Vec<SeriesKey>,
    /// Where its batches lie.
    pub(super) batches: Vec<std::ops::Range<usize>>,
    /// When the newest sample was taken, ms.
    pub(super) newest_ms: i64,
    reckoning: Option<Reckoning>,
}

impl Reader {
    /// Reads a segment up to the first record that is not whole.
    pub(super) fn open(file: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(file)?;
        let mut reader =
            Self { bytes: Vec::new(), series: Vec::new(), batches: Vec::new(), newest_ms: i64::MIN, reckoning: None };
        let mut at = 0;
        while let Some(range) = record_at(&bytes, at) {
            match postcard::from_bytes(&bytes[range.clone()]) {
                Ok(Record::Series(key)) => reader.series.push(key),
                Ok(Record::Reckoning(reckoning)) => reader.reckoning = Some(reckoning),
                Ok(Record::Batch(batch)) => {
                    reader.newest_ms = reader.newest_ms.max(newest_ms(batch.is_provisional, &batch.samples));
                    reader.batches.push(range.clone());
                }
                Err(_) => break,
            }
            at = range.end;
        }
        if at < bytes.len() {
            tracing::warn!(file = %file.display(), bytes = bytes.len() - at, "the end of a segment is not whole");
        }
        reader.bytes = bytes;
        Ok(reader)
    }

    /// A batch, by its place among them.
    pub(super) fn batch(&self, at: usize) -> Option<Spooled> {
        match postcard::from_bytes(&self.bytes[self.batches.get(at)?.clone()]) {
            Ok(Record::Batch(batch)) => {
                let reckoning = self.reckoning.clone().filter(|_| batch.is_provisional);
                Some(Spooled { reckoning, ..batch })
            }
            _ => None,
        }
    }
}

/// The body of the record that begins there, when it is whole.
fn record_at(bytes: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (length, crc) = (word(at)? as usize, word(at + 4)?);
    let start = at + HEAD_BYTES;
    let body = bytes.get(start..start.checked_add(length)?)?;
    // Where a disk has zeros instead of what was written, they are no record: the check sum of nothing is zero, too.
    ((1..=RECORD_MAX_BYTES).contains(&length) && crc32fast::hash(body) == crc).then_some(start..start + length)
}

#[cfg(test)]
mod tests {
    use netloom_core::sample::Readings;

    use super::*;

    fn batch(seq: u64) -> Batch {
        let mut readings = Readings::default();
        readings.push(SeriesKey::new("step", [("node", "a")]), seq as i64, 1.0);
        Batch { node: "a".into(), epoch: 7, seq, readings, info: None }
    }

    fn numbers(folder: &Path) -> Vec<u64> {
        let reader = Reader::open(&path(folder, 0)).expect("reads");
        (0..reader.batches.len()).map(|at| reader.batch(at).expect("whole").seq).collect()
    }

    #[test]
    fn what_comes_after_a_write_that_broke_off_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::create(folder.path(), 0).expect("created");
        writer.append(&batch(0), None).expect("written");
        // As on a disk that has room for half of it only.
        writer.file.write_all(&[9; 100]).expect("written");
        writer.take_back();
        assert!(writer.is_whole());
        let bytes = writer.append(&batch(1), None).expect("written");
        assert_eq!(writer.file.metadata().expect("there").len(), bytes);
        assert_eq!(numbers(folder.path()), [0, 1]);
    }

    #[test]
    fn zeros_are_no_records() {
        assert_eq!(record_at(&[0; 64], 0), None);
        let folder = tempfile::tempdir().expect("a folder");
        Writer::create(folder.path(), 0).expect("created").append(&batch(0), None).expect("written");
        let file = path(folder.path(), 0);
        let mut bytes = std::fs::read(&file).expect("there");
        bytes.extend([0; 4_096]);
        std::fs::write(&file, bytes).expect("written");
        assert_eq!(numbers(folder.path()), [0]);
    }
}
