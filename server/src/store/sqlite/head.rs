//! The newest samples of every series, in memory: everything that is in the log and not in a block yet.
//!
//! A series' samples of one window are one buffer of a few bytes a sample. Sealing moves buffers aside; they stay
//! readable until their block is in the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use netloom_core::series::{GROUP, Row, SeriesId};

use super::{tier::Tier, varint};

/// The groups are spread over this many locks, so that a question about many series holds up a writer for a
/// moment only.
const SHARDS: usize = 16;

/// Bytes of one page of a buffer. All pages have the same size, so that what one window frees the next one uses: buffers
/// that grow leave holes of all sizes, and the process grows with them.
const PAGE_BYTES: usize = 250;
/// With more than this in memory the oldest window is packed without waiting: twice the quarter of an hour of a mesh of
/// 64 nodes. Packing a window anew costs all that is in it, so every series has room for two pages first.
const EARLY_BYTES: usize = 44 * 1_024 * 1_024;
const EARLY_PAGES: usize = 2;
/// Bytes in memory at most: an hour of a mesh of 64 nodes, or four pages for every series, some minutes. Only when the disk
/// does not keep up is it reached, and then senders wait.
const MOST_BYTES: usize = 96 * 1_024 * 1_024;
const MOST_PAGES: usize = 4;
/// Bytes that one sample takes at most: a difference of times and a value in full.
const SAMPLE_MAX_BYTES: usize = 20;

/// With how many bytes in memory packing begins early, and how many there are at most, for so many series.
pub(super) fn limits(series: usize) -> (usize, usize) {
    let pages = |count: usize| series * count * size_of::<Page>();
    (EARLY_BYTES.max(pages(EARLY_PAGES)), MOST_BYTES.max(pages(MOST_PAGES)))
}

#[derive(Debug, Clone)]
struct Page {
    used: usize,
    bytes: [u8; PAGE_BYTES],
}

/// Samples of one series in one window.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffer {
    // Boxed, so that a list that grows moves pointers and every page is a piece of memory of the same size.
    #[allow(clippy::vec_box)]
    pages: Vec<Box<Page>>,
    last_ms: i64,
    last_step_ms: i64,
    last_value: f64,
}

impl Buffer {
    /// Adds a sample and returns how many bytes were taken for it.
    fn push(&mut self, ts_ms: i64, value: f64) -> usize {
        // A sample is in one page whole.
        let has_room = self.pages.last().is_some_and(|page| page.used + SAMPLE_MAX_BYTES <= PAGE_BYTES);
        if !has_room {
            self.pages.push(Box::new(Page { used: 0, bytes: [0; PAGE_BYTES] }));
        }
        let Some(page) = self.pages.last_mut() else { return 0 };
        let step_ms = ts_ms - self.last_ms;
        let mut room = &mut page.bytes[page.used..];
        varint::put_signed(&mut room, step_ms - self.last_step_ms);
        varint::put_value(&mut room, self.last_value, value);
        page.used = PAGE_BYTES - room.len();
        (self.last_ms, self.last_step_ms, self.last_value) = (ts_ms, step_ms, value);
        if has_room { 0 } else { size_of::<Page>() }
    }

    /// Bytes of memory.
    fn size(&self) -> usize {
        self.pages.len() * size_of::<Page>()
    }

    /// Its samples in the order in which they came.
    pub(super) fn samples(&self) -> impl Iterator<Item = (i64, f64)> {
        let (mut ts_ms, mut step_ms, mut value) = (0, 0, 0.0);
        self.pages.iter().flat_map(move |page| {
            let mut reader = varint::Reader(&page.bytes[..page.used]);
            // The state goes on from page to page.
            let mut samples = Vec::with_capacity(page.used / 2);
            while let Some(sample) = (|| {
                step_ms += reader.signed()?;
                ts_ms += step_ms;
                value = reader.value(value)?;
                Some((ts_ms, value))
            })() {
                samples.push(sample);
            }
            samples
        })
    }
}

/// The buffers of a series.
#[derive(Debug, Default)]
struct Open {
    last: Option<(i64, f64)>,
    /// By window, few and mostly one. Those that are being sealed are marked.
    buffers: Vec<(i64, bool, Buffer)>,
}

/// What a window holds, over all series.
#[derive(Debug, Clone, Copy)]
pub(super) struct WindowLoad {
    /// Samples in it.
    pub(super) samples: u64,
    /// When a sample was last added.
    pub(super) touched: Instant,
}

#[derive(Debug, Default)]
struct Shard {
    /// Groups by their number divided by the number of shards.
    groups: Vec<Option<Box<[Open; GROUP as usize]>>>,
}

/// A group's buffers of one window, taken aside to be sealed.
pub(super) type SealedSlots = Vec<(u32, Buffer)>;

/// Everything that is not in a block yet.
#[derive(Debug)]
pub(super) struct Head {
    shards: [Mutex<Shard>; SHARDS],
    windows: Mutex<BTreeMap<i64, WindowLoad>>,
    sealing: Mutex<BTreeSet<i64>>,
    bytes: AtomicUsize,
}

impl Head {
    pub(super) fn new() -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { shards, windows: Mutex::default(), sealing: Mutex::default(), bytes: AtomicUsize::new(0) }
    }

    /// Bytes of all samples.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds samples.
    pub(super) fn push(&self, rows: &[Row]) {
        let mut added = 0;
        // Batches come in order of series, so neighbours share a shard: one lock for each run.
        for run in rows.chunk_by(|a, b| a.series.group() == b.series.group()) {
            let group = run[0].series.group();
            let mut shard = self.shard(group);
            let opens = shard.group_mut(group);
            for row in run {
                added += opens[row.series.slot() as usize].push(row.ts_ms, row.value);
            }
        }
        self.bytes.fetch_add(added, Ordering::Relaxed);
        let now = Instant::now();
        let mut windows = lock(&self.windows);
        for run in rows.chunk_by(|a, b| Tier::Raw.window_of(a.ts_ms) == Tier::Raw.window_of(b.ts_ms)) {
            let fresh = WindowLoad { samples: 0, touched: now };
            let load = windows.entry(Tier::Raw.window_of(run[0].ts_ms)).or_insert(fresh);
            (load.samples, load.touched) = (load.samples + run.len() as u64, now);
        }
    }

    /// The windows that hold samples, those that are being sealed included.
    pub(super) fn occupied(&self) -> BTreeSet<i64> {
        let mut windows = lock(&self.sealing).clone();
        windows.extend(lock(&self.windows).keys());
        windows
    }

    /// The windows that hold samples which are not being sealed.
    pub(super) fn windows(&self) -> BTreeMap<i64, WindowLoad> {
        lock(&self.windows).clone()
    }

    /// Samples of all windows.
    pub(super) fn samples(&self) -> u64 {
        lock(&self.windows).values().map(|load| load.samples).sum()
    }

    /// Samples of one series within a range, appended in the order in which they came, older windows first.
    pub(super) fn read(&self, id: SeriesId, from_ms: i64, to_ms: i64, into: &mut Vec<(i64, f64)>) {
        let shard = self.shard(id.group());
        let Some(open) = shard.series(id) else { return };
        let (first, last) = (Tier::Raw.window_of(from_ms), Tier::Raw.window_of(to_ms));
        for (_, _, buffer) in open.buffers.iter().filter(|(window, ..)| (first..=last).contains(window)) {
            into.extend(buffer.samples().filter(|(ts_ms, _)| (from_ms..=to_ms).contains(ts_ms)));
        }
    }

    /// The newest sample of a series, as far as the head knows.
    pub(super) fn last(&self, id: SeriesId) -> Option<(i64, f64)> {
        self.shard(id.group()).series(id)?.last
    }

    /// Marks a window's buffers as being sealed; what comes later goes to new ones. The window's load starts anew; what
    /// it was is returned.
    pub(super) fn begin_seal(&self, window: i64) -> Option<WindowLoad> {
        lock(&self.sealing).insert(window);
        for shard in &self.shards {
            for open in lock(shard).opens_mut() {
                open.buffers
                    .iter_mut()
                    .filter(|(w, ..)| *w == window)
                    .for_each(|(_, is_sealing, _)| *is_sealing = true);
            }
        }
        lock(&self.windows).remove(&window)
    }

    /// Notes that a seal did not come about: its samples count again.
    pub(super) fn give_up_seal(&self, window: i64, load: Option<WindowLoad>) {
        let fresh = WindowLoad { samples: 0, touched: Instant::now() };
        lock(&self.windows).entry(window).or_insert(fresh).samples += load.map_or(0, |load| load.samples);
        lock(&self.sealing).remove(&window);
    }

    /// The groups that hold marked buffers of a window.
    pub(super) fn sealing_groups(&self, window: i64) -> Vec<u32> {
        let mut groups = Vec::new();
        for (at, shard) in self.shards.iter().enumerate() {
            for (row, opens) in lock(shard).groups.iter().enumerate() {
                let holds = |open: &Open| open.buffers.iter().any(|(w, is_sealing, _)| *w == window && *is_sealing);
                if opens.as_ref().is_some_and(|opens| opens.iter().any(holds)) {
                    groups.push((row * SHARDS + at) as u32);
                }
            }
        }
        groups.sort_unstable();
        groups
    }

    /// Copies of the marked buffers of a group's window, by slot.
    pub(super) fn sealing(&self, group: u32, window: i64) -> SealedSlots {
        let shard = self.shard(group);
        let Some(opens) = shard.groups.get(group as usize / SHARDS).and_then(Option::as_ref) else { return Vec::new() };
        let mut slots = Vec::new();
        for (slot, open) in opens.iter().enumerate() {
            let marked = open.buffers.iter().filter(|(w, is_sealing, _)| *w == window && *is_sealing);
            slots.extend(marked.map(|(.., buffer)| (slot as u32, buffer.clone())));
        }
        slots
    }

    /// Drops the marked buffers of a window: their samples are in blocks.
    pub(super) fn end_seal(&self, window: i64) {
        let mut freed = 0;
        for shard in &self.shards {
            for open in lock(shard).opens_mut() {
                open.buffers.retain(|(w, is_sealing, buffer)| {
                    let is_kept = *w != window || !is_sealing;
                    freed += if is_kept { 0 } else { buffer.size() };
                    is_kept
                });
            }
        }
        self.bytes.fetch_sub(freed, Ordering::Relaxed);
        lock(&self.sealing).remove(&window);
    }

    fn shard(&self, group: u32) -> MutexGuard<'_, Shard> {
        lock(&self.shards[group as usize % SHARDS])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn group_mut(&mut self, group: u32) -> &mut [Open; GROUP as usize] {
        let at = group as usize / SHARDS;
        if self.groups.len() <= at {
            self.groups.resize_with(at + 1, || None);
        }
        self.groups[at].get_or_insert_with(|| Box::new(std::array::from_fn(|_| Open::default())))
    }

    fn series(&self, id: SeriesId) -> Option<&Open> {
        let opens = self.groups.get(id.group() as usize / SHARDS)?.as_ref()?;
        opens.get(id.slot() as usize)
    }

    fn opens_mut(&mut self) -> impl Iterator<Item = &mut Open> {
        self.groups.iter_mut().flatten().flat_map(|opens| opens.iter_mut())
    }
}

impl Open {
    fn push(&mut self, ts_ms: i64, value: f64) -> usize {
        if self.last.is_none_or(|(last_ms, _)| ts_ms >= last_ms) {
            self.last = Some((ts_ms, value));
        }
        let window = Tier::Raw.window_of(ts_ms);
        let open = self.buffers.iter_mut().rev().find(|(w, is_sealing, _)| *w == window && !is_sealing);
        if let Some((.., buffer)) = open {
            return buffer.push(ts_ms, value);
        }
        let mut buffer = Buffer::default();
        let added = buffer.push(ts_ms, value);
        // Behind its equals: what came later is read later.
        let at = self.buffers.partition_point(|(w, ..)| *w <= window);
        self.buffers.insert(at, (window, false, buffer));
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(series: u32, ts_ms: i64, value: f64) -> Row {
        Row { series: SeriesId(series), ts_ms, value }
    }

    fn read(head: &Head, series: u32) -> Vec<(i64, f64)> {
        let mut found = Vec::new();
        head.read(SeriesId(series), 0, i64::MAX, &mut found);
        found
    }

    #[test]
    fn every_series_has_room_for_some_pages() {
        assert_eq!(limits(10_000), (EARLY_BYTES, MOST_BYTES));
        let (early, most) = limits(400_000);
        assert!(early >= 400_000 * PAGE_BYTES * EARLY_PAGES && most >= 2 * early);
    }

    #[test]
    fn samples_come_back_in_the_order_of_windows() {
        let head = Head::new();
        head.push(&[row(1, 900_500, 2.0), row(40, 7, 0.5), row(1, 100, 1.0), row(1, 50, 9.0), row(1, 900_400, 3.0)]);
        assert_eq!(read(&head, 1), [(100, 1.0), (50, 9.0), (900_500, 2.0), (900_400, 3.0)]);
        assert_eq!(read(&head, 40), [(7, 0.5)]);
        assert_eq!(head.last(SeriesId(1)), Some((900_500, 2.0)));
        assert_eq!((head.samples(), head.windows().len()), (5, 2));
        let mut part = Vec::new();
        head.read(SeriesId(1), 60, 900_450, &mut part);
        assert_eq!(part, [(100, 1.0), (900_400, 3.0)]);
    }

    #[test]
    fn what_is_being_sealed_stays_readable_until_it_is() {
        let head = Head::new();
        head.push(&[row(1, 100, 1.0), row(33, 100, 5.0)]);
        head.begin_seal(0);
        head.push(&[row(1, 200, 2.0)]);
        assert_eq!(read(&head, 1), [(100, 1.0), (200, 2.0)]);
        assert_eq!(head.sealing_groups(0), [0, 1]);
        let slots = head.sealing(0, 0);
        assert_eq!(slots.len(), 1);
        assert_eq!(slots[0].1.samples().collect::<Vec<_>>(), [(100, 1.0)]);
        head.end_seal(0);
        assert_eq!(read(&head, 1), [(200, 2.0)]);
        assert_eq!(head.sealing_groups(0), [] as [u32; 0]);
        assert_eq!(head.samples(), 1);
        head.begin_seal(0);
        head.end_seal(0);
        assert_eq!((head.samples(), head.bytes()), (0, 0));
    }
}
