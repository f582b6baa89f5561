//! The uplink over a network: what was just measured goes first, what the hub could not take waits on disk and is
//! delivered besides.
//!
//! A batch is taken off the sender's hands when it is durable, with the hub or in the spool. Numbers of batches let the
//! hub recognise what it has, so everything may be sent twice.

pub mod client;
mod pin;
pub mod role;
mod segment;
pub mod spool;
pub mod state;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use hyper::Method;
use netloom_core::{
    api::Ack,
    metric,
    sample::{Batch, Readings, SeriesKey},
    schedule::backoff_ms,
    uplink::{Delivered, Delivery, NAMED_MAX_SERIES, NameSeries, SeriesNumbers, WireBatch},
};
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use self::{
    client::{CallError, Client, held},
    segment::Spooled,
    spool::{Chunk, Spool},
};
use super::{Uplink, UplinkError, hub_clock::HubClock};

/// A batch that the hub has not acknowledged after this long goes to the spool; it is worth the wait of a handshake on a
/// long way, and no more, because what comes behind it waits.
const LIVE_LIMIT: Duration = Duration::from_secs(2);
/// How long the hub may take for what was spooled, and for everything that nobody waits for.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(30);
/// The first wait before a hub that was away is tried again and the longest, ms.
const RETRY_FIRST_MS: u64 = 100;
const RETRY_MOST_MS: u64 = 5_000;
/// How often series are named anew for one delivery, when the hub starts anew meanwhile.
const NAMINGS_MAX: usize = 4;
/// Numbers of series that are remembered: twice what the hub takes of one node. Beyond it they are asked for anew.
const NUMBERS_MAX: usize = 16_000;
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
    own_sent: Mutex<Option<Instant>>,
    /// Why the hub will not hear this agent any more.
    denied: OnceLock<String>,
    stop: CancellationToken,
}

/// The hub's numbers of series.
#[derive(Default)]
struct Numbers {
    /// The life of the hub in which they hold; `None` when it has to be asked for, though nothing has to be named.
    session: Option<u64>,
    known: HashMap<SeriesKey, u32>,
}

/// What the node is, and whether the hub knows.
#[derive(Default)]
struct Info {
    version: u64,
    document: Option<String>,
    told: u64,
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

    /// Delivers batches of some series.
    async fn deliver(
        &self,
        client: &Client,
        series: &[SeriesKey],
        batches: &[Spooled],
        limit: Duration,
    ) -> Result<Delivered, CallError> {
        for _ in 0..NAMINGS_MAX {
            let (session, numbers) = self.numbers_of(client, series, limit).await?;
            if !self.clock.is_estimated() {
                // Their times have to be put right, and any answer tells how.
                client.call(Method::GET, "/uplink/v1/config", Vec::new(), limit).await?;
            }
            let (told, info) = held(&self.info).news();
            let batches = batches.iter().map(|batch| self.on_the_wire(batch, &numbers)).collect();
            let body = postcard::to_stdvec(&Delivery { session, batches, info })
                .map_err(|error| CallError::Refused(error.to_string()))?;
            match client.call(Method::POST, "/uplink/v1/batches", body, limit).await {
                Err(CallError::OtherSession) => self.forget_session(),
                Err(error) => return Err(error),
                Ok(answer) => {
                    held(&self.info).told = told;
                    let delivered: Delivered = read(&answer.body)?;
                    self.revision
                        .send_if_modified(|known| std::mem::replace(known, delivered.revision) != delivered.revision);
                    return Ok(delivered);
                }
            }
        }
        Err(CallError::Away("the hub keeps starting anew".into()))
    }

    fn on_the_wire(&self, batch: &Spooled, numbers: &[u32]) -> WireBatch {
        let shift_us = if batch.is_provisional { self.clock.first_shift_us().unwrap_or(0) } else { 0 };
        let base_ms = batch.samples.first().map_or(0, |reading| reading.ts_ms);
        let row = |reading: &netloom_core::sample::Reading| {
            Some((*numbers.get(reading.series as usize)?, reading.ts_ms - base_ms, reading.value))
        };
        let rows = batch.samples.iter().filter_map(row).collect();
        WireBatch { epoch: batch.epoch, seq: batch.seq, base_ms: base_ms + shift_us / 1_000, rows }
    }

    /// The hub's numbers of series, and the life of the hub for which they hold.
    async fn numbers_of(
        &self,
        client: &Client,
        series: &[SeriesKey],
        limit: Duration,
    ) -> Result<(u64, Vec<u32>), CallError> {
        for _ in 0..NAMINGS_MAX {
            let missing = {
                let numbers = held(&self.numbers);
                let found: Vec<Option<u32>> = series.iter().map(|key| numbers.known.get(key).copied()).collect();
                let all = found.iter().copied().collect::<Option<Vec<u32>>>();
                if let (Some(session), Some(all)) = (numbers.session, all) {
                    return Ok((session, all));
                }
                let missing = series.iter().zip(found).filter(|(_, number)| number.is_none());
                missing.map(|(key, _)| key.clone()).take(NAMED_MAX_SERIES).collect::<Vec<_>>()
            };
            let body = serde_json::to_vec(&NameSeries { series: missing.clone() })
                .map_err(|error| CallError::Refused(error.to_string()))?;
            let answer = client.call(Method::POST, "/uplink/v1/series", body, limit).await?;
            let SeriesNumbers { session, numbers } = read(&answer.body)?;
            let is_known = held(&self.numbers).session == Some(session);
            if !is_known {
                self.forget_session();
            }
            let mut known = held(&self.numbers);
            if known.known.len() > NUMBERS_MAX {
                known.known.clear();
            }
            known.session = Some(session);
            known.known.extend(missing.into_iter().zip(numbers));
        }
        Err(CallError::Away("the hub keeps starting anew".into()))
    }

    /// The hub has started anew: it knows neither numbers nor what this node is.
    fn forget_session(&self) {
        *held(&self.numbers) = Numbers::default();
        held(&self.info).told = 0;
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

    /// Delivers what waits whenever the hub answers, until the agent stops.
    pub async fn drain(&self) {
        let mut attempt = 0;
        loop {
            let chunk = if held(&self.way).is_open { self.with_spool(Spool::next).await } else { Ok(None) };
            let wait = match chunk {
                Ok(Some(chunk)) => match self.drain_chunk(chunk).await {
                    Ok(()) => {
                        attempt = 0;
                        continue;
                    }
                    Err(CallError::Denied(why)) => return self.deny(&why),
                    Err(error) => {
                        tracing::debug!(%error, "what waits cannot be delivered now");
                        attempt += 1;
                        backoff_ms(attempt, RETRY_FIRST_MS, RETRY_MOST_MS, fastrand::f64())
                    }
                },
                Ok(None) => {
                    self.stirred.notified().await;
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read");
                    RETRY_MOST_MS
                }
            };
            sleep(Duration::from_millis(wait)).await;
        }
    }

    async fn drain_chunk(&self, chunk: Chunk) -> Result<(), CallError> {
        let refused = match self.deliver(&self.background, &chunk.series, &chunk.batches, BACKGROUND_LIMIT).await {
            Ok(delivered) => delivered.refused,
            // Sending it again would not help either.
            Err(CallError::Refused(why)) => (0..chunk.batches.len()).map(|at| (at, why.clone())).collect(),
            Err(error) => return Err(error),
        };
        for (at, why) in refused {
            tracing::error!(at, why, "the hub refused a batch of the spool");
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let done = self.with_spool(move |spool| {
            spool.done(&chunk);
            Ok(())
        });
        done.await.map_err(|error| CallError::Away(error.to_string()))
    }

    /// Drops from the spool what the hub keeps no more.
    async fn forget_before(&self, ts_ms: i64) {
        let forgotten = self.with_spool(move |spool| {
            spool.forget_before(ts_ms);
            Ok(())
        });
        // Only a thread that broke fails here, and then appending says so.
        let _ = forgotten.await;
    }
}

impl Info {
    /// What the hub does not know yet, and its version.
    fn news(&self) -> (u64, Option<String>) {
        (self.version, self.document.clone().filter(|_| self.told < self.version))
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body)
        .map_err(|error| CallError::Stranger(format!("the hub's answer is not understood: {error}")))
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
        let (seq, is_provisional) = (batch.seq, !self.clock.is_estimated());
        let may_try = {
            let way = held(&self.way);
            way.is_open || Instant::now() >= way.next_try
        };
        if may_try && self.denied.get().is_none() {
            let samples = batch.readings.samples.clone();
            let now = [Spooled { epoch: batch.epoch, seq, is_provisional, samples }];
            match self.deliver(&self.live, &batch.readings.series, &now, LIVE_LIMIT).await {
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
        let appended = self.with_spool(move |spool| spool.append(&batch, is_provisional)).await;
        appended.map_err(|error| UplinkError::Unavailable(format!("the spool takes nothing: {error}")))?;
        self.stirred.notify_one();
        Ok(Ack { seq })
    }
}
