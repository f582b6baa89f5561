//! The uplink over a network: what was just measured goes first, what the hub could not take waits on disk and is
//! delivered besides.
//!
//! A batch is taken off the sender's hands when it is durable, with the hub or in the spool. Numbers of batches let the
//! hub recognise what it has, so everything may be sent twice.

pub mod client;
mod deliver;
mod drain;
mod errands;
mod orders;
mod pin;
pub mod role;
mod rows;
mod segment;
pub mod spool;
pub mod state;

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use netloom_core::{
    api::Ack,
    metric,
    sample::{Batch, Readings, SeriesKey},
    schedule::backoff_ms,
};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::{
    client::{CallError, Client, held},
    deliver::{Info, Numbers},
    segment::Spooled,
    spool::Spool,
};
use super::{Uplink, UplinkError, hub_clock::HubClock};

/// A batch that the hub has not acknowledged after this long, the making of a connection included, goes to the spool: four
/// turns of the longest way on earth are a second, and what comes behind it waits.
const LIVE_LIMIT: Duration = Duration::from_secs(2);
/// How long the hub may take for what was spooled, and for everything that nobody waits for.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(30);
/// The first wait before a hub that was away is tried again and the longest, ms.
const RETRY_FIRST_MS: u64 = 100;
const RETRY_MOST_MS: u64 = 5_000;
/// How often the uplink's own figures are sent.
const OWN_INTERVAL: Duration = Duration::from_secs(1);

/// The way to a hub elsewhere.
pub struct RemoteUplink {
    node: String,
    live: Client,
    background: Client,
    clock: HubClock,
    spool: Arc<Mutex<Spool>>,
    /// Batches that wait and that were dropped, so that nobody waits for the disk to know.
    waiting: AtomicU64,
    dropped: AtomicU64,
    /// Batches that the hub refused.
    refused: AtomicU64,
    numbers: Mutex<Numbers>,
    info: Mutex<Info>,
    way: Mutex<Way>,
    /// Something came into the spool, or the hub is back.
    stirred: Notify,
    revision: watch::Sender<u64>,
    /// The newest errand that waits with the hub.
    errands: watch::Sender<u64>,
    own_sent: Mutex<Option<Instant>>,
    /// Why the hub will not hear this agent any more.
    denied: OnceLock<String>,
    stop: CancellationToken,
}

/// Whether the hub answers.
struct Way {
    is_open: bool,
    attempt: u32,
    next_try: Instant,
}

impl RemoteUplink {
    /// The way of a node that has joined: a connection for what is new, one for everything else, the hub's time, and what
    /// waits. `stop` is cancelled when the hub will not hear this node any more.
    pub fn new(
        node: String,
        [live, background]: [Client; 2],
        clock: HubClock,
        spool: Spool,
        stop: CancellationToken,
    ) -> Self {
        Self {
            node,
            live,
            background,
            clock,
            waiting: AtomicU64::new(spool.waiting()),
            dropped: AtomicU64::new(spool.dropped()),
            refused: AtomicU64::new(0),
            spool: Arc::new(Mutex::new(spool)),
            numbers: Mutex::default(),
            info: Mutex::default(),
            way: Mutex::new(Way { is_open: true, attempt: 0, next_try: Instant::now() }),
            stirred: Notify::new(),
            revision: watch::Sender::new(0),
            errands: watch::Sender::new(0),
            own_sent: Mutex::default(),
            denied: OnceLock::new(),
            stop,
        }
    }

    /// Works with the spool on a thread that may wait for the disk.
    async fn with_spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let spool = self.spool.clone();
        let worked = tokio::task::spawn_blocking(move || {
            let mut spool = held(&spool);
            let result = work(&mut spool);
            (result, spool.waiting(), spool.dropped())
        });
        let (result, waiting, dropped) = worked.await.map_err(std::io::Error::other)?;
        self.waiting.store(waiting, Ordering::Relaxed);
        self.dropped.store(dropped, Ordering::Relaxed);
        result
    }

    /// Notes how a live delivery went.
    fn note_way(&self, result: Result<(), &CallError>) {
        let mut way = held(&self.way);
        match result {
            Ok(()) => {
                if !way.is_open {
                    tracing::info!(waiting = self.waiting.load(Ordering::Relaxed), "the hub answers again");
                }
                *way = Way { is_open: true, attempt: 0, next_try: Instant::now() };
                self.stirred.notify_one();
            }
            Err(error) => {
                if way.is_open {
                    tracing::warn!(%error, "samples go to the spool");
                }
                let wait_ms = backoff_ms(way.attempt, RETRY_FIRST_MS, RETRY_MOST_MS, fastrand::f64());
                way.is_open = false;
                way.attempt += 1;
                way.next_try = Instant::now() + Duration::from_millis(wait_ms);
            }
        }
    }

    /// Notes that the hub will not hear this agent any more, which ends it.
    fn deny(&self, why: &str) {
        let _ = self.denied.set(why.to_owned());
        self.stop.cancel();
    }

    /// The uplink's own figures, about once a second.
    fn add_own(&self, readings: &mut Readings) {
        let mut sent = held(&self.own_sent);
        if sent.is_some_and(|sent| sent.elapsed() < OWN_INTERVAL) {
            return;
        }
        *sent = Some(Instant::now());
        let now_ms = self.clock.now().ms();
        let mut add = |metric: &str, value: f64| {
            readings.push(SeriesKey::new(metric, [("node", &self.node)]), now_ms, value);
        };
        add(metric::SPOOL_BATCHES, self.waiting.load(Ordering::Relaxed) as f64);
        let lost = self.dropped.load(Ordering::Relaxed) + self.refused.load(Ordering::Relaxed);
        add(metric::SPOOL_DROPPED_BATCHES, lost as f64);
        if let Some(offset_us) = self.clock.wall_offset_us() {
            add(metric::CLOCK_OFFSET_US, offset_us as f64);
        }
    }
}

#[async_trait]
impl Uplink for RemoteUplink {
    async fn send(&self, mut batch: Batch) -> Result<Ack, UplinkError> {
        if let Some(info) = batch.info.take() {
            let mut known = held(&self.info);
            known.version += 1;
            known.document = serde_json::to_string(&info).ok();
        }
        self.add_own(&mut batch.readings);
        let (seq, reckoning) = (batch.seq, self.clock.reckoning());
        let may_try = {
            let way = held(&self.way);
            way.is_open || Instant::now() >= way.next_try
        };
        if may_try && self.denied.get().is_none() {
            let samples = batch.readings.samples.clone();
            let (epoch, is_provisional) = (batch.epoch, reckoning.is_some());
            let now = [Spooled { epoch, seq, is_provisional, samples, reckoning: reckoning.clone() }];
            let delivered =
                timeout(LIVE_LIMIT, self.deliver(&self.live, &batch.readings.series, &now, LIVE_LIMIT)).await;
            let late = |_| Err(CallError::Away(format!("the hub took longer than {} s", LIVE_LIMIT.as_secs())));
            match delivered.unwrap_or_else(late) {
                Ok(delivered) => {
                    self.note_way(Ok(()));
                    let Some((_, why)) = delivered.refused.into_iter().next() else { return Ok(Ack { seq }) };
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    return Err(UplinkError::Refused(why));
                }
                Err(CallError::Refused(why)) => {
                    self.note_way(Ok(()));
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    return Err(UplinkError::Refused(why));
                }
                Err(CallError::Denied(why)) => self.deny(&why),
                Err(error) => self.note_way(Err(&error)),
            }
        }
        // A sign of life is worth nothing later.
        if batch.readings.samples.is_empty() {
            return Ok(Ack { seq });
        }
        let appended = self.with_spool(move |spool| spool.append(&batch, reckoning.as_ref())).await;
        appended.map_err(|error| UplinkError::Unavailable(format!("the spool takes nothing: {error}")))?;
        self.stirred.notify_one();
        Ok(Ack { seq })
    }
}
