//! The live bus: every event numbered, kept for a while, written once for all who get the same, and handed to whoever
//! listens.
//!
//! A listener that was away for a moment gets what it missed from the ring; one that was away too long, or is too slow,
//! is told to ask for everything anew. It is never left with a gap that it does not know of.

mod frame;
mod selection;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use netloom_core::{
    event::{Cursor, Interest, LiveEvent},
    series::{Row, SharedCatalog},
};
use tokio::sync::broadcast;

use selection::Selections;

pub use frame::Frame;
pub use selection::Selection;

/// Events kept for listeners that come back: at about ten a second, a minute and a half.
const RING_MAX_EVENTS: usize = 1_024;
/// Bytes kept for listeners that come back: a mesh of 64 nodes makes 0.7 MB a second.
const RING_MAX_BYTES: usize = 16 * 1_024 * 1_024;
/// Events a listener may be behind before it is told to start anew: twenty-five seconds.
const LAG_MAX_EVENTS: usize = 256;
/// Samples of one event; more are several events.
const SAMPLES_MAX: usize = 4_000;
/// Events for which it is remembered how they were written for each selection: whoever is further behind has it
/// written again.
const WRITTEN_FOR_EVENTS: usize = 64;

/// The bus. Cheap to share.
pub struct Live {
    epoch: i64,
    ring: Mutex<Ring>,
    sender: broadcast::Sender<Arc<Frame>>,
    selections: Mutex<Selections>,
    catalog: SharedCatalog,
    lagged: AtomicU64,
}

#[derive(Default)]
struct Ring {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    last_seq: u64,
}

/// What a new listener gets.
pub struct Subscription {
    /// What it missed, when it named where it was and that is still known.
    pub missed: Option<Vec<Arc<Frame>>>,
    /// Where the stream stands now.
    pub head: Cursor,
    /// What comes.
    pub receiver: broadcast::Receiver<Arc<Frame>>,
}

impl Live {
    /// A bus of the hub that started at `epoch`.
    pub fn new(epoch: i64, catalog: SharedCatalog) -> Self {
        Self {
            epoch,
            ring: Mutex::default(),
            sender: broadcast::channel(LAG_MAX_EVENTS).0,
            selections: Mutex::default(),
            catalog,
            lagged: AtomicU64::new(0),
        }
    }

    /// Tells everybody.
    pub fn publish(&self, event: &LiveEvent) {
        let mut ring = self.lock();
        let at = (self.epoch, ring.last_seq + 1);
        self.send(&mut ring, Frame::written(at, event.topic(), self.write(event, at.1)));
    }

    /// Tells everybody of samples that want some of them.
    pub fn publish_samples(&self, rows: &[Row]) {
        let mut ring = self.lock();
        for rows in rows.chunks(SAMPLES_MAX) {
            let at = (self.epoch, ring.last_seq + 1);
            self.send(&mut ring, Frame::samples(at, rows.to_vec()));
        }
    }

    /// Keeps and sends the next event, under the lock: the order on the channel is the order of the numbers.
    fn send(&self, ring: &mut Ring, frame: Frame) {
        let frame = Arc::new(frame);
        ring.last_seq = frame.seq;
        ring.bytes += frame.size();
        ring.frames.push_back(frame.clone());
        while ring.frames.len() > RING_MAX_EVENTS || ring.bytes > RING_MAX_BYTES {
            let Some(oldest) = ring.frames.pop_front() else { break };
            ring.bytes -= oldest.size();
        }
        if let Some(older) = ring.frames.len().checked_sub(WRITTEN_FOR_EVENTS + 1) {
            ring.frames[older].forget_written();
        }
        // Nobody listening is fine.
        let _ = self.sender.send(frame);
    }

    /// The choice of these series, of all when `None`.
    pub fn selection(&self, interests: Option<Vec<Interest>>) -> Arc<Selection> {
        self.selections.lock().unwrap_or_else(PoisonError::into_inner).get(interests, &self.catalog)
    }

    /// Starts to listen, after `after` when that is known.
    pub fn subscribe(&self, after: Option<Cursor>) -> Subscription {
        let ring = self.lock();
        let oldest_seq = ring.frames.front().map_or(ring.last_seq + 1, |frame| frame.seq);
        let known = after
            .filter(|cursor| cursor.epoch == self.epoch && cursor.seq <= ring.last_seq && cursor.seq + 1 >= oldest_seq);
        let missed = known.map(|cursor| ring.frames.iter().filter(|frame| frame.seq > cursor.seq).cloned().collect());
        Subscription {
            missed,
            head: Cursor { epoch: self.epoch, seq: ring.last_seq },
            receiver: self.sender.subscribe(),
        }
    }

    /// An event that belongs to one listener, with the number at which the stream stands.
    pub fn write(&self, event: &LiveEvent, seq: u64) -> Bytes {
        let tagged = serde_json::to_value(event).unwrap_or_default();
        let data = tagged.get("data").map_or_else(|| "null".to_owned(), ToString::to_string);
        Bytes::from(format!("id: {}:{seq}\nevent: {}\ndata: {data}\n\n", self.epoch, event.name()))
    }

    /// Samples that belong to one listener, with the number at which the stream stands.
    pub fn write_samples(&self, rows: &[Row], seq: u64) -> Bytes {
        let data = self.catalog.read(|catalog| selection::samples_json(catalog, rows.iter()));
        Bytes::from(format!("id: {}:{seq}\nevent: samples\ndata: {data}\n\n", self.epoch))
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Counts a listener that was too slow.
    pub fn count_lag(&self) {
        self.lagged.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a listener was too slow.
    pub fn lagged(&self) -> u64 {
        self.lagged.load(Ordering::Relaxed)
    }

    /// How many events there were.
    pub fn published(&self) -> u64 {
        self.lock().last_seq
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(live: &Live, count: u64) {
        for version in 0..count {
            live.publish(&LiveEvent::Settings { version });
        }
    }

    fn missed(live: &Live, epoch: i64, seq: u64) -> Option<Vec<u64>> {
        let subscription = live.subscribe(Some(Cursor { epoch, seq }));
        Some(subscription.missed?.iter().map(|frame| frame.seq).collect())
    }

    #[test]
    fn a_listener_that_was_away_gets_exactly_what_it_missed() {
        let live = Live::new(7, SharedCatalog::default());
        publish(&live, 5);
        assert_eq!(missed(&live, 7, 3), Some(vec![4, 5]));
        assert_eq!(missed(&live, 7, 5), Some(vec![]));
    }

    #[test]
    fn another_epoch_the_future_and_the_distant_past_are_unknown() {
        let live = Live::new(7, SharedCatalog::default());
        publish(&live, RING_MAX_EVENTS as u64 + 5);
        assert_eq!(missed(&live, 6, 3), None);
        assert_eq!(missed(&live, 7, 9_999), None);
        assert_eq!(missed(&live, 7, 4), None);
        assert_eq!(missed(&live, 7, 5).map(|seqs| seqs.len()), Some(RING_MAX_EVENTS));
    }

    #[tokio::test]
    async fn a_slow_listener_is_told() {
        let live = Live::new(7, SharedCatalog::default());
        let mut subscription = live.subscribe(None);
        publish(&live, LAG_MAX_EVENTS as u64 + 1);
        assert!(matches!(subscription.receiver.recv().await, Err(broadcast::error::RecvError::Lagged(_))));
    }

    #[test]
    fn the_wire_format_is_that_of_event_streams() {
        let live = Live::new(7, SharedCatalog::default());
        let bytes = live.write(&LiveEvent::Resync, 3);
        assert_eq!(&bytes[..], b"id: 7:3\nevent: resync\ndata: null\n\n");
    }
}
