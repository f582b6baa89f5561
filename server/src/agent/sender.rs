//! Sends readings in batches: soon after they were taken, again when the hub could not take them, never twice as new.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use netloom_core::{
    sample::{BATCH_MAX_SAMPLES, Batch, Readings},
    schedule::backoff_ms,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{Uplink, UplinkError, status::StatusBoard};

/// How often a status without readings is sent, so that the hub knows that the node lives: well within the time after
/// which it takes a node for silent.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Batches that wait while the hub cannot take any: at a few a second, several minutes. The oldest go first and are
/// counted; agents that reach the hub over a network have a spool on disk before that.
const BACKLOG_MAX_BATCHES: usize = 1_000;
/// The first wait after a refusal and the longest, ms.
const RETRY_FIRST_MS: u64 = 100;
const RETRY_MOST_MS: u64 = 5_000;
/// Attempts for what is left when the agent stops, so that a hub that is gone cannot keep it alive.
const LAST_ATTEMPTS: u32 = 3;

/// Who sends, and how.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The node.
    pub node: &'a str,
    /// The start of the agent, ms: its batches are numbered from it on.
    pub epoch: i64,
    /// How long readings wait for company.
    pub linger: Duration,
    /// Where it is counted which batches nobody took.
    pub dropped: &'a AtomicU64,
}

/// Sends everything that comes through the channel until it closes.
pub async fn run(source: Source<'_>, uplink: &dyn Uplink, status: StatusBoard, mut outgoing: mpsc::Receiver<Readings>) {
    let mut sender = Sender { source, uplink, status, next_seq: 0, backlog: VecDeque::new(), attempt: 0 };
    loop {
        let is_open = match timeout(HEARTBEAT, outgoing.recv()).await {
            Ok(Some(first)) => {
                let readings = gather(first, source.linger, &mut outgoing).await;
                sender.enqueue(readings);
                true
            }
            Ok(None) => false,
            Err(_) => {
                sender.enqueue(Readings::default());
                true
            }
        };
        if !is_open {
            break;
        }
        sender.flush(&mut outgoing).await;
    }
    for _ in 0..LAST_ATTEMPTS {
        sender.flush_once().await;
    }
}

/// Joins what comes within a moment.
async fn gather(mut readings: Readings, linger: Duration, outgoing: &mut mpsc::Receiver<Readings>) -> Readings {
    let deadline = sleep(linger);
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            () = &mut deadline => return readings,
            more = outgoing.recv() => match more {
                Some(more) => readings.append(more),
                None => return readings,
            },
        }
        if readings.samples.len() > BATCH_MAX_SAMPLES / 2 {
            return readings;
        }
    }
}

struct Sender<'a> {
    source: Source<'a>,
    uplink: &'a dyn Uplink,
    status: StatusBoard,
    next_seq: u64,
    backlog: VecDeque<Batch>,
    attempt: u32,
}

impl Sender<'_> {
    fn enqueue(&mut self, readings: Readings) {
        let info = self.status.take_change();
        let Source { node, epoch, .. } = self.source;
        let batch = Batch { node: node.to_owned(), epoch, seq: self.next_seq, readings, info };
        self.next_seq += 1;
        self.backlog.push_back(batch);
        if self.backlog.len() > BACKLOG_MAX_BATCHES {
            let dropped = self.source.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            let oldest = self.backlog.pop_front();
            if oldest.is_some_and(|batch| batch.info.is_some()) {
                self.status.put_back();
            }
            tracing::warn!(dropped, "the hub takes no samples, the oldest batch is dropped");
        }
    }

    /// Sends the backlog; while the hub cannot take it, goes on collecting what comes in.
    async fn flush(&mut self, outgoing: &mut mpsc::Receiver<Readings>) {
        while !self.flush_once().await {
            let wait = Duration::from_millis(backoff_ms(self.attempt, RETRY_FIRST_MS, RETRY_MOST_MS, fastrand::f64()));
            self.attempt += 1;
            let deadline = sleep(wait);
            tokio::pin!(deadline);
            loop {
                tokio::select! {
                    () = &mut deadline => break,
                    more = outgoing.recv() => match more {
                        Some(readings) => self.enqueue(readings),
                        None => return,
                    },
                }
            }
        }
        self.attempt = 0;
    }

    /// Sends batches until the backlog is empty or the hub cannot take one. Returns whether it is empty.
    async fn flush_once(&mut self) -> bool {
        while let Some(batch) = self.backlog.front() {
            match self.uplink.send(batch.clone()).await {
                Ok(_) => {}
                Err(error @ UplinkError::Refused(_)) => tracing::error!(%error, seq = batch.seq, "batch lost"),
                Err(error @ UplinkError::Unavailable(_)) => {
                    tracing::warn!(%error, waiting = self.backlog.len(), "cannot send");
                    return false;
                }
            }
            self.backlog.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, atomic::AtomicU32};

    use async_trait::async_trait;
    use netloom_core::{api::Ack, sample::SeriesKey, time::Timestamp};

    use super::*;

    /// A hub that cannot take the first few batches.
    #[derive(Default)]
    struct Flaky {
        failures: AtomicU32,
        taken: Mutex<Vec<(u64, usize)>>,
    }

    #[async_trait]
    impl Uplink for Flaky {
        async fn send(&self, batch: Batch) -> Result<Ack, UplinkError> {
            let left = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
            if left.is_ok() {
                return Err(UplinkError::Unavailable("full".into()));
            }
            self.taken.lock().expect("not poisoned").push((batch.seq, batch.readings.samples.len()));
            Ok(Ack { seq: batch.seq })
        }
    }

    fn source(dropped: &AtomicU64) -> Source<'_> {
        Source { node: "n1", epoch: 1, linger: Duration::from_millis(30), dropped }
    }

    fn reading() -> Readings {
        let mut readings = Readings::default();
        readings.push(SeriesKey::new("x", []), 1, 1.0);
        readings
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_hub_could_not_take_is_sent_again_in_order_and_once() {
        let hub = Flaky { failures: AtomicU32::new(4), ..Default::default() };
        let (bursts, outgoing) = mpsc::channel(16);
        let feed = async {
            for _ in 0..10 {
                bursts.send(reading()).await.expect("the sender listens");
                sleep(Duration::from_millis(200)).await;
            }
            drop(bursts);
        };
        let dropped = AtomicU64::new(0);
        tokio::join!(feed, run(source(&dropped), &hub, StatusBoard::new("n1", Timestamp(0)), outgoing));
        let taken = hub.taken.into_inner().expect("not poisoned");
        assert!(taken.windows(2).all(|pair| pair[0].0 < pair[1].0), "{taken:?}");
        assert_eq!(taken.iter().map(|(_, samples)| samples).sum::<usize>(), 10, "{taken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_agent_still_says_that_it_lives() {
        let hub = Flaky::default();
        let (bursts, outgoing) = mpsc::channel(16);
        let feed = async {
            sleep(HEARTBEAT * 3 + Duration::from_millis(100)).await;
            drop(bursts);
        };
        let dropped = AtomicU64::new(0);
        tokio::join!(feed, run(source(&dropped), &hub, StatusBoard::new("n1", Timestamp(0)), outgoing));
        assert_eq!(hub.taken.into_inner().expect("not poisoned").len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_dropped_and_counted() {
        let hub = Flaky { failures: AtomicU32::new(u32::MAX), ..Default::default() };
        let (dropped, status) = (AtomicU64::new(0), StatusBoard::new("n1", Timestamp(0)));
        let mut sender = Sender {
            source: source(&dropped),
            uplink: &hub,
            status,
            next_seq: 0,
            backlog: VecDeque::new(),
            attempt: 0,
        };
        (0..BACKLOG_MAX_BATCHES + 7).for_each(|_| sender.enqueue(reading()));
        assert_eq!((dropped.load(Ordering::Relaxed), sender.backlog.len()), (7, BACKLOG_MAX_BATCHES));
    }
}
