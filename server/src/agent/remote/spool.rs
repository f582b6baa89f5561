//! What waits on disk while the hub cannot take it.
//!
//! Batches are appended to segments, and delivered from the oldest one. A segment is deleted when all of it is with the
//! hub; one that was delivered in part when the process ended is delivered again, and the hub knows what it has.
//!
//! An append is written at once, so it survives the death of the process; the disk is waited for at most once a second and
//! when a segment is finished, so a loss of power takes about a second.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use netloom_core::sample::{Batch, SeriesKey};

use super::segment::{self, Reader, Spooled, Writer};
use crate::{agent::hub_clock::Reckoning, private};

/// Bytes of the spool unless told otherwise: a day of a node that probes 64 others.
pub const SPOOL_MAX_BYTES: u64 = 256 * 1_024 * 1_024;
/// A segment is finished at this size: what is read into memory at once, and delivered again at most.
const SEGMENT_BYTES: u64 = 1_024 * 1_024;
/// Parts into which even a small spool is cut, so that dropping the oldest does not drop most of it.
const PARTS: u64 = 8;
/// The longest that what was appended waits for the disk.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Batches and samples of one delivery: well within what the hub takes in one body.
const CHUNK_MAX_BATCHES: usize = 32;
const CHUNK_MAX_SAMPLES: usize = 20_000;
/// How often a segment is read that cannot be: what is the matter may pass, as when too many files are open, but must not
/// hold up for ever what comes behind.
const READ_ATTEMPTS: u32 = 3;

struct Segment {
    number: u64,
    bytes: u64,
    /// Batches that are not with the hub yet.
    batches: u64,
    /// As [`segment::newest_ms`] tells of each of them.
    newest_ms: i64,
}

/// What is to be delivered next.
pub(super) struct Chunk {
    pub(super) series: Vec<SeriesKey>,
    pub(super) batches: Vec<Spooled>,
    /// The segment, and where its next batch is then.
    place: (u64, usize),
}

/// Batches on disk.
pub struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    /// The oldest first.
    segments: VecDeque<Segment>,
    /// Of the newest segment.
    writer: Option<Writer>,
    /// Of the oldest segment, and its next batch.
    reader: Option<(Reader, usize)>,
    /// How often the oldest segment could not be read.
    failed_reads: u32,
    next_number: u64,
    synced: Instant,
    dropped: u64,
}

impl Spool {
    /// Opens what an earlier process left.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        private::make_folder(folder)?;
        let number = |entry: io::Result<std::fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.strip_suffix(".spool")?.parse::<u64>().ok()
        };
        let mut numbers: Vec<u64> = std::fs::read_dir(folder)?.filter_map(number).collect();
        numbers.sort_unstable();
        let mut spool = Self {
            folder: folder.to_owned(),
            bytes_max,
            segments: VecDeque::new(),
            writer: None,
            reader: None,
            failed_reads: 0,
            next_number: numbers.last().map_or(0, |last| last + 1),
            synced: Instant::now(),
            dropped: 0,
        };
        for number in numbers {
            let file = segment::path(folder, number);
            let read = Reader::open(&file).and_then(|reader| Ok((reader, std::fs::metadata(&file)?.len())));
            match read {
                Ok((reader, bytes)) => {
                    let (batches, newest_ms) = (reader.batches.len() as u64, reader.newest_ms);
                    spool.segments.push_back(Segment { number, bytes, batches, newest_ms });
                }
                Err(error) => {
                    tracing::error!(%error, file = %file.display(), "a segment of the spool cannot be read and is dropped");
                    // How many were in it nobody can tell.
                    spool.dropped += 1;
                    spool.forget(number);
                }
            }
        }
        spool.keep_within_limits();
        Ok(spool)
    }

    /// Batches that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.segments.iter().map(|segment| segment.batches).sum()
    }

    /// Batches that were dropped since the start, because there was no room, they grew too old or could not be read.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Appends a batch, and how its times were reckoned when they are provisional.
    pub(super) fn append(&mut self, batch: &Batch, reckoning: Option<&Reckoning>) -> io::Result<()> {
        let segment_max = SEGMENT_BYTES.min(self.bytes_max / PARTS);
        if self.writer.is_some() && self.segments.back().is_some_and(|newest| newest.bytes >= segment_max) {
            self.finish()?;
        }
        self.writer = self.writer.take().filter(Writer::is_whole);
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.begin()?,
        };
        let appended = writer.append(batch, reckoning);
        self.writer = Some(writer);
        let bytes = appended?;
        if let Some(newest) = self.segments.back_mut() {
            newest.bytes = bytes;
            newest.batches += 1;
            let taken_ms = segment::newest_ms(reckoning.is_some(), &batch.readings.samples);
            newest.newest_ms = newest.newest_ms.max(taken_ms);
        }
        self.keep_within_limits();
        if self.synced.elapsed() >= SYNC_INTERVAL {
            self.synced = Instant::now();
            self.sync()?;
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<Writer> {
        let number = self.next_number;
        let writer = Writer::create(&self.folder, number)?;
        self.next_number += 1;
        self.segments.push_back(Segment { number, bytes: 0, batches: 0, newest_ms: i64::MIN });
        Ok(writer)
    }

    /// Waits until everything is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.writer.as_ref().map_or(Ok(()), Writer::sync)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sync()?;
        self.writer = None;
        Ok(())
    }

    fn keep_within_limits(&mut self) {
        while self.segments.len() > 1 && self.segments.iter().map(|segment| segment.bytes).sum::<u64>() > self.bytes_max
        {
            self.drop_oldest("the spool is full");
        }
    }

    /// Drops what the hub would not take any more, because it does not keep what is so old.
    pub(super) fn forget_before(&mut self, ts_ms: i64) {
        while self.segments.front().is_some_and(|oldest| oldest.batches > 0 && oldest.newest_ms < ts_ms) {
            self.drop_oldest("older than the hub keeps");
        }
    }

    fn drop_oldest(&mut self, why: &str) {
        let Some(oldest) = self.segments.pop_front() else { return };
        self.dropped += oldest.batches;
        tracing::warn!(batches = oldest.batches, why, "batches are dropped");
        self.forget(oldest.number);
    }

    fn forget(&mut self, number: u64) {
        (self.reader, self.failed_reads) = (None, 0);
        if self.segments.is_empty() {
            self.writer = None;
        }
        if let Err(error) = std::fs::remove_file(segment::path(&self.folder, number)) {
            tracing::error!(%error, number, "cannot delete a segment of the spool");
        }
    }

    /// The oldest batches, as many as go at once; `None` when none waits. They stay until they are [`Spool::done`]. What
    /// cannot be read is given up after a few attempts.
    pub(super) fn next(&mut self) -> io::Result<Option<Chunk>> {
        while let Some(oldest) = self.segments.front() {
            let number = oldest.number;
            if self.segments.len() == 1 && self.writer.is_some() {
                self.finish()?;
            }
            let (reader, at) = match self.reader.take() {
                Some(known) => known,
                None => match Reader::open(&segment::path(&self.folder, number)) {
                    Ok(reader) => (reader, 0),
                    Err(error) => {
                        self.failed_reads += 1;
                        if self.failed_reads < READ_ATTEMPTS {
                            return Err(error);
                        }
                        tracing::error!(%error, number, "a segment of the spool cannot be read");
                        self.drop_oldest("they cannot be read");
                        continue;
                    }
                },
            };
            self.failed_reads = 0;
            let (mut batches, mut samples, mut end) = (Vec::new(), 0, at);
            while batches.len() < CHUNK_MAX_BATCHES && samples < CHUNK_MAX_SAMPLES {
                let Some(batch) = reader.batch(end) else { break };
                samples += batch.samples.len();
                batches.push(batch);
                end += 1;
            }
            if !batches.is_empty() {
                let chunk = Chunk { series: reader.series.clone(), batches, place: (number, end) };
                self.reader = Some((reader, at));
                return Ok(Some(chunk));
            }
            self.segments.pop_front();
            self.forget(number);
        }
        Ok(None)
    }

    /// A chunk is with the hub.
    pub(super) fn done(&mut self, chunk: &Chunk) {
        let (number, end) = chunk.place;
        // It may have been dropped meanwhile.
        let Some(oldest) = self.segments.front_mut().filter(|oldest| oldest.number == number) else { return };
        oldest.batches -= (chunk.batches.len() as u64).min(oldest.batches);
        if let Some((reader, at)) = &mut self.reader {
            *at = end;
            if end >= reader.batches.len() {
                self.segments.pop_front();
                self.forget(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use netloom_core::sample::Readings;

    use super::*;

    fn batch(seq: u64) -> Batch {
        let mut readings = Readings::default();
        for number in 0..20 {
            let dst = format!("n{number}");
            readings.push(SeriesKey::new("rtt_us", [("src", "a"), ("dst", &dst)]), 1_000 + seq as i64, seq as f64);
        }
        Batch { node: "a".into(), epoch: 7, seq, readings, info: None }
    }

    fn spool(folder: &Path) -> Spool {
        Spool::open(folder, SPOOL_MAX_BYTES).expect("opens")
    }

    /// Takes everything out; returns the numbers of the batches, having looked at their samples.
    fn drained(spool: &mut Spool) -> Vec<u64> {
        let mut found = Vec::new();
        while let Some(chunk) = spool.next().expect("reads") {
            for spooled in &chunk.batches {
                let sent = batch(spooled.seq);
                assert_eq!((spooled.epoch, spooled.samples.len()), (7, 20));
                for (stored, reading) in spooled.samples.iter().zip(&sent.readings.samples) {
                    assert_eq!((stored.ts_ms, stored.value), (reading.ts_ms, reading.value));
                    let key = &sent.readings.series[reading.series as usize];
                    assert_eq!(&chunk.series[stored.series as usize], key);
                }
                found.push(spooled.seq);
            }
            spool.done(&chunk);
        }
        found
    }

    #[test]
    fn what_is_appended_comes_out_in_order_also_while_more_comes_and_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = spool(folder.path());
        (0..50).for_each(|seq| first.append(&batch(seq), None).expect("written"));
        let chunk = first.next().expect("reads").expect("waits");
        first.append(&batch(50), None).expect("written");
        first.done(&chunk);
        assert_eq!(first.waiting(), 51 - chunk.batches.len() as u64);
        drop(first);
        // What was delivered of a segment that is not done is delivered again.
        let mut second = spool(folder.path());
        second.append(&batch(51), None).expect("written");
        assert_eq!(second.waiting(), 52);
        assert_eq!(drained(&mut second), (0..52).collect::<Vec<_>>());
        assert_eq!((second.waiting(), second.dropped()), (0, 0));
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0, "nothing is left behind");
        second.append(&batch(52), None).expect("written");
        assert_eq!(drained(&mut second), [52]);
    }

    #[test]
    fn a_torn_end_costs_the_last_batch_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = spool(folder.path());
        (0..5).for_each(|seq| first.append(&batch(seq), None).expect("written"));
        drop(first);
        let file = segment::path(folder.path(), 0);
        let bytes = std::fs::read(&file).expect("there");
        std::fs::write(&file, &bytes[..bytes.len() - 3]).expect("written");
        let mut second = spool(folder.path());
        second.append(&batch(9), None).expect("written");
        assert_eq!(drained(&mut second), [0, 1, 2, 3, 9]);
    }

    #[test]
    fn a_flipped_bit_ends_a_segment_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = spool(folder.path());
        (0..5).for_each(|seq| first.append(&batch(seq), None).expect("written"));
        drop(first);
        let mut second = spool(folder.path());
        second.append(&batch(5), None).expect("written");
        drop(second);
        let file = segment::path(folder.path(), 0);
        let mut bytes = std::fs::read(&file).expect("there");
        let middle = bytes.len() - 10;
        bytes[middle] ^= 4;
        std::fs::write(&file, bytes).expect("written");
        assert_eq!(drained(&mut spool(folder.path())), [0, 1, 2, 3, 5]);
    }

    #[test]
    fn a_full_spool_drops_the_oldest_and_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut small = Spool::open(folder.path(), 20_000).expect("opens");
        let chunk = {
            (0..3).for_each(|seq| small.append(&batch(seq), None).expect("written"));
            small.next().expect("reads").expect("waits")
        };
        (3..500).for_each(|seq| small.append(&batch(seq), None).expect("written"));
        // What was under way when it was dropped is not counted off anything else.
        let waiting = small.waiting();
        small.done(&chunk);
        assert_eq!((small.waiting(), small.dropped()), (waiting, 500 - waiting));
        let files = std::fs::read_dir(folder.path()).expect("there");
        let bytes: u64 = files.map(|file| file.expect("there").metadata().expect("there").len()).sum();
        assert!(bytes <= 20_000, "{bytes}");
        let kept = drained(&mut small);
        assert_eq!(kept, (500 - waiting..500).collect::<Vec<_>>());
        assert!(kept.len() > 20, "{}", kept.len());
    }

    /// Puts something in the place of a segment that nobody can read.
    fn make_unreadable(folder: &Path, number: u64) {
        let file = segment::path(folder, number);
        std::fs::remove_file(&file).expect("there");
        std::fs::create_dir(&file).expect("made");
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_holds_up_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        for seq in 0..3 {
            spool(folder.path()).append(&batch(seq), None).expect("written");
        }
        make_unreadable(folder.path(), 0);
        let mut spool = spool(folder.path());
        assert_eq!((spool.waiting(), spool.dropped()), (2, 1), "it starts");
        make_unreadable(folder.path(), 1);
        for _ in 1..READ_ATTEMPTS {
            assert!(spool.next().is_err(), "it may pass");
        }
        assert_eq!(drained(&mut spool), [2]);
        assert_eq!((spool.waiting(), spool.dropped()), (0, 2));
    }

    #[test]
    fn what_the_hub_keeps_no_more_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spool = spool(folder.path());
        spool.append(&batch(0), None).expect("written");
        spool.forget_before(1_000);
        assert_eq!(spool.waiting(), 1);
        spool.forget_before(1_001);
        assert_eq!((spool.waiting(), spool.dropped()), (0, 1));
        spool.append(&batch(1), None).expect("written");
        assert_eq!(drained(&mut spool), [1]);
    }

    #[test]
    fn what_was_taken_by_a_clock_that_may_be_wrong_is_never_too_old_and_tells_how_it_was_reckoned() {
        let folder = tempfile::tempdir().expect("a folder");
        let reckoning = Reckoning { boot: "a".into(), ahead_us: 5 };
        let mut first = spool(folder.path());
        (0..2).for_each(|seq| first.append(&batch(seq), Some(&reckoning)).expect("written"));
        first.append(&batch(2), None).expect("written");
        first.forget_before(i64::MAX);
        assert_eq!((first.waiting(), first.dropped()), (3, 0));
        drop(first);
        let mut second = spool(folder.path());
        second.forget_before(i64::MAX);
        let chunk = second.next().expect("reads").expect("waits");
        let found: Vec<_> = chunk.batches.iter().map(|batch| (batch.is_provisional, batch.reckoning.clone())).collect();
        assert_eq!(found, [(true, Some(reckoning.clone())), (true, Some(reckoning)), (false, None)]);
    }
}
