//! The live bus: every event encoded once, numbered, kept for a while, and handed to whoever listens.
//!
//! A listener that was away for a moment gets what it missed from the ring; one that was away too long, or is too slow,
//! is told to ask for everything anew. It is never left with a gap that it does not know of.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use netloom_core::event::{Cursor, LiveEvent, Topic};
use tokio::sync::broadcast;

/// Events kept for listeners that come back: at about eight a second, two minutes.
const RING_MAX_EVENTS: usize = 1_024;
/// Bytes kept for listeners that come back.
const RING_MAX_BYTES: usize = 4 * 1_024 * 1_024;
/// Events a listener may be behind before it is told to start anew: half a minute.
const LAG_MAX_EVENTS: usize = 256;

/// An event as it goes over the wire.
#[derive(Debug)]
pub struct Frame {
    /// Its number.
    pub seq: u64,
    /// What it is about; `None` goes to everybody.
    pub topic: Option<Topic>,
    /// The lines of `text/event-stream`, the empty one included.
    pub bytes: Bytes,
}

/// The bus. Cheap to share.
pub struct Live {
    epoch: i64,
    ring: Mutex<Ring>,
    sender: broadcast::Sender<Arc<Frame>>,
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
    pub fn new(epoch: i64) -> Self {
        Self { epoch, ring: Mutex::default(), sender: broadcast::channel(LAG_MAX_EVENTS).0, lagged: AtomicU64::new(0) }
    }

    /// Tells everybody.
    pub fn publish(&self, event: &LiveEvent) {
        let mut ring = self.lock();
        ring.last_seq += 1;
        let frame = Arc::new(self.encode(event, ring.last_seq));
        ring.bytes += frame.bytes.len();
        ring.frames.push_back(frame.clone());
        while ring.frames.len() > RING_MAX_EVENTS || ring.bytes > RING_MAX_BYTES {
            let Some(oldest) = ring.frames.pop_front() else { break };
            ring.bytes -= oldest.bytes.len();
        }
        // Sent under the lock, so that the order on the channel is the order of the numbers. Nobody listening is fine.
        let _ = self.sender.send(frame);
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
    pub fn encode_at(&self, event: &LiveEvent, seq: u64) -> Bytes {
        self.encode(event, seq).bytes
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

    fn encode(&self, event: &LiveEvent, seq: u64) -> Frame {
        let tagged = serde_json::to_value(event).unwrap_or_default();
        let data = tagged.get("data").map_or_else(|| "null".to_owned(), ToString::to_string);
        let text = format!("id: {}:{seq}\nevent: {}\ndata: {data}\n\n", self.epoch, event.name());
        Frame { seq, topic: event.topic(), bytes: Bytes::from(text) }
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
        let live = Live::new(7);
        publish(&live, 5);
        assert_eq!(missed(&live, 7, 3), Some(vec![4, 5]));
        assert_eq!(missed(&live, 7, 5), Some(vec![]));
    }

    #[test]
    fn another_epoch_the_future_and_the_distant_past_are_unknown() {
        let live = Live::new(7);
        publish(&live, RING_MAX_EVENTS as u64 + 5);
        assert_eq!(missed(&live, 6, 3), None);
        assert_eq!(missed(&live, 7, 9_999), None);
        assert_eq!(missed(&live, 7, 4), None);
        assert_eq!(missed(&live, 7, 5).map(|seqs| seqs.len()), Some(RING_MAX_EVENTS));
    }

    #[tokio::test]
    async fn a_slow_listener_is_told() {
        let live = Live::new(7);
        let mut subscription = live.subscribe(None);
        publish(&live, LAG_MAX_EVENTS as u64 + 1);
        assert!(matches!(subscription.receiver.recv().await, Err(broadcast::error::RecvError::Lagged(_))));
    }

    #[test]
    fn the_wire_format_is_that_of_event_streams() {
        let live = Live::new(7);
        let bytes = live.encode_at(&LiveEvent::Resync, 3);
        assert_eq!(&bytes[..], b"id: 7:3\nevent: resync\ndata: null\n\n");
    }
}
