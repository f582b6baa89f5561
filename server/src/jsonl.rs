//! A log of everything that is stored, as lines of JSON in files: for programs that follow files.
//!
//! It never holds up ingest: what the disk cannot take is dropped and counted. A thread of its own writes, because files
//! cannot be written without blocking.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use netloom_core::{
    export::{ExportFormat, LineWriter, file_stamp},
    series::{Row, SharedCatalog},
    time::Timestamp,
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::clock;

/// A file is closed at this size: small enough for an editor.
const FILE_MAX_BYTES: u64 = 64 * 1_024 * 1_024;
/// A file is closed after this long, ms.
const FILE_MAX_MS: i64 = 3_600_000;
/// Samples that wait for the disk: five megabytes, ten seconds of a mesh of 64 nodes at its fastest.
const QUEUE_MAX_SAMPLES: usize = 200_000;

/// Where stored samples are handed in.
#[derive(Clone)]
pub struct JsonlLog {
    queue: mpsc::UnboundedSender<Vec<Row>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

impl JsonlLog {
    /// Begins a log in a folder, which is made when it is not there. The task ends with the last handle, after everything
    /// that was handed in is written.
    ///
    /// # Errors
    /// One line that says what is wrong with the folder.
    pub fn start(folder: &Path, keep: usize, catalog: SharedCatalog) -> anyhow::Result<(Self, JoinHandle<()>)> {
        let counts = Arc::new(Counts::default());
        let files = Files::open(folder, keep, clock::now())
            .map_err(|error| anyhow::anyhow!("cannot write the JSONL log in {}: {error}", folder.display()))?;
        let (queue, mut incoming) = mpsc::unbounded_channel::<Vec<Row>>();
        let mut writer = Writer { files, catalog, counts: counts.clone(), is_failing: false };
        let task = tokio::task::spawn_blocking(move || {
            while let Some(rows) = incoming.blocking_recv() {
                writer.counts.waiting.fetch_sub(rows.len(), Ordering::Relaxed);
                writer.write(&rows);
            }
            writer.files.close();
        });
        Ok((Self { queue, counts }, task))
    }

    /// Hands in what was stored. Never waits.
    pub fn offer(&self, rows: Vec<Row>) {
        let count = rows.len();
        let is_full = self.counts.waiting.load(Ordering::Relaxed) + count > QUEUE_MAX_SAMPLES;
        if is_full {
            self.counts.dropped.fetch_add(count as u64, Ordering::Relaxed);
            return;
        }
        self.counts.waiting.fetch_add(count, Ordering::Relaxed);
        // Fails only at the very end, when nobody writes any more.
        let _ = self.queue.send(rows);
    }

    /// Samples that were stored but not written here.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }
}

struct Writer {
    files: Files,
    catalog: SharedCatalog,
    counts: Arc<Counts>,
    is_failing: bool,
}

impl Writer {
    fn write(&mut self, rows: &[Row]) {
        let mut lines = Vec::new();
        let mut last: Option<(u32, LineWriter)> = None;
        for row in rows {
            if last.as_ref().is_none_or(|(id, _)| *id != row.series.0) {
                let key = self.catalog.key(row.series);
                last = key.map(|key| (row.series.0, LineWriter::new(ExportFormat::JsonLines, &key)));
            }
            if let Some((_, writer)) = &last {
                writer.write(row.ts_ms, row.value, &mut lines);
            }
        }
        let result = self.files.append(&lines, clock::now());
        if let Err(error) = &result {
            self.counts.dropped.fetch_add(rows.len() as u64, Ordering::Relaxed);
            if !self.is_failing {
                tracing::warn!(%error, "cannot write the JSONL log; samples are left out until it works again");
            }
        }
        self.is_failing = result.is_err();
    }
}

/// The files of the log.
struct Files {
    folder: PathBuf,
    keep: usize,
    file: File,
    path: PathBuf,
    started: Timestamp,
    bytes: u64,
}

impl Files {
    fn open(folder: &Path, keep: usize, now: Timestamp) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (file, path) = create(folder, now)?;
        Ok(Self { folder: folder.to_owned(), keep: keep.max(1), file, path, started: now, bytes: 0 })
    }

    /// Appends whole lines; when that fails, none of them.
    fn append(&mut self, lines: &[u8], now: Timestamp) -> std::io::Result<()> {
        let is_old = now.ms() - self.started.ms() >= FILE_MAX_MS;
        if self.bytes > 0 && (is_old || self.bytes >= FILE_MAX_BYTES) {
            (self.file, self.path) = create(&self.folder, now)?;
            (self.started, self.bytes) = (now, 0);
            self.forget()?;
        }
        if let Err(error) = self.file.write_all(lines) {
            self.file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Deletes the oldest files beyond the limit; others in the folder are not ours.
    fn forget(&self) -> std::io::Result<()> {
        let mut names: Vec<_> =
            std::fs::read_dir(&self.folder)?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        names.retain(|name| name.to_str().is_some_and(is_ours));
        names.sort_unstable();
        let old = names.len().saturating_sub(self.keep);
        names.iter().take(old).try_for_each(|name| std::fs::remove_file(self.folder.join(name)))
    }

    /// Leaves no empty file behind.
    fn close(self) {
        if self.bytes == 0 {
            // A file that stays is no harm.
            let _ = std::fs::remove_file(self.path);
        }
    }
}

/// Begins a file that is not there yet.
fn create(folder: &Path, now: Timestamp) -> std::io::Result<(File, PathBuf)> {
    let mut at = now;
    loop {
        let path = folder.join(format!("netloom-{}.jsonl", file_stamp(at)));
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        // What a network does is nobody else's business.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => at = Timestamp(at.ms() + 1),
            opened => return opened.map(|file| (file, path)),
        }
    }
}

/// Whether a file's name is one that the log gives: `netloom-20231114T221320.123Z.jsonl`.
fn is_ours(name: &str) -> bool {
    let stamp = name.strip_prefix("netloom-").and_then(|rest| rest.strip_suffix(".jsonl")).unwrap_or_default();
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    stamp.chars().map(shape).eq("00000000T000000.000Z".chars())
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::{sample::SeriesKey, series::SeriesId};

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn files_are_turned_by_the_hour_and_old_ones_go() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("netloom-mine.jsonl"), "").expect("written");
        let mut files = Files::open(folder.path(), 2, Timestamp(0)).expect("opens");
        for hour in 0..4 {
            files.append(b"{}\n", Timestamp(hour * FILE_MAX_MS)).expect("writes");
            files.append(b"{}\n", Timestamp(hour * FILE_MAX_MS + 1)).expect("writes");
        }
        assert_eq!(
            names(folder.path()),
            ["netloom-19700101T020000.000Z.jsonl", "netloom-19700101T030000.000Z.jsonl", "netloom-mine.jsonl"]
        );
        let newest = folder.path().join("netloom-19700101T030000.000Z.jsonl");
        assert_eq!(std::fs::read_to_string(newest).expect("readable"), "{}\n{}\n");
    }

    #[test]
    fn two_starts_in_a_moment_do_not_share_a_file_and_empty_ones_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Files::open(folder.path(), 9, Timestamp(5)).expect("opens");
        let mut second = Files::open(folder.path(), 9, Timestamp(5)).expect("opens");
        second.append(b"{}\n", Timestamp(6)).expect("writes");
        first.close();
        second.close();
        assert_eq!(names(folder.path()), ["netloom-19700101T000000.006Z.jsonl"]);
    }

    #[tokio::test]
    async fn what_is_handed_in_is_written_before_the_end_and_too_much_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let catalog = SharedCatalog::default();
        let id = catalog.write(|catalog| {
            catalog.insert(SeriesId(0), SeriesKey::new("rtt_us", [("src", "a")]));
            SeriesId(0)
        });
        let (log, task) = JsonlLog::start(folder.path(), 3, catalog).expect("starts");
        log.offer(vec![Row { series: id, ts_ms: 5, value: 0.1 }, Row { series: id, ts_ms: 6, value: 2.0 }]);
        log.offer(vec![Row { series: id, ts_ms: 7, value: 1.0 }; QUEUE_MAX_SAMPLES + 1]);
        assert_eq!(log.dropped(), QUEUE_MAX_SAMPLES as u64 + 1);
        drop(log);
        task.await.expect("ends");
        let text = std::fs::read_to_string(folder.path().join(&names(folder.path())[0])).expect("readable");
        let line = |ts_ms: i64, value: &str| {
            format!("{{\"metric\":\"rtt_us\",\"ts_ms\":{ts_ms},\"value\":{value},\"labels\":{{\"src\":\"a\"}}}}\n")
        };
        assert_eq!(text, line(5, "0.1") + &line(6, "2.0"));
    }
}
