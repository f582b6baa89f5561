//! What the threads of a test count, one lane for each stream, and how it becomes a result.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use netloom_core::check::throughput::{
    Flowed,
    datagram::StreamCount,
    slices::{Counted, Point, moments},
    wire::Plan,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::fault::Fault;

/// After this long without a byte the way counts as broken: longer than the queues of a slow mobile link hold packets up.
pub(super) const STALL_LIMIT: Duration = Duration::from_secs(6);
/// How often it is looked whether the first byte has come.
const FIRST_LOOK: Duration = Duration::from_millis(1);
/// How often it is looked whether anything comes still.
const LOOK: Duration = Duration::from_millis(250);

/// One stream. Each has cache lines of its own, so that threads do not wait for each other's counts.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Lane {
    bytes: AtomicU64,
    datagrams: AtomicU64,
    sent: AtomicU64,
    jitter_ns: AtomicU64,
    is_over: AtomicBool,
}

impl Lane {
    /// Notes the bytes so far.
    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Notes what is known of a stream of datagrams.
    fn set(&self, count: &StreamCount) {
        self.bytes.store(count.bytes, Ordering::Relaxed);
        self.datagrams.store(count.datagrams, Ordering::Relaxed);
        self.sent.store(count.sent, Ordering::Relaxed);
        self.jitter_ns.store((count.jitter_us * 1e3) as u64, Ordering::Relaxed);
    }
}

/// The streams of one direction at one end.
#[derive(Debug)]
pub(super) struct Lanes {
    each: Vec<Lane>,
    changed: Notify,
    why: Mutex<Option<String>>,
}

impl Lanes {
    pub(super) fn new(streams: u16) -> Self {
        Self { each: (0..streams).map(|_| Lane::default()).collect(), changed: Notify::new(), why: Mutex::default() }
    }

    pub(super) fn lane(&self, stream: usize) -> &Lane {
        &self.each[stream]
    }

    /// Notes what is known of a stream of datagrams; of one that is not of the test, nothing.
    pub(super) fn note(&self, stream: usize, count: &StreamCount) {
        if let Some(lane) = self.each.get(stream) {
            lane.set(count);
        }
    }

    /// Notes that a stream is over, and why when it broke.
    pub(super) fn end(&self, stream: usize, why: Option<&io::Error>) {
        if let Some(why) = why {
            self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.to_string());
        }
        self.each[stream].is_over.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Why a stream broke, if one did.
    pub(super) fn broke(&self) -> Option<String> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn all_over(&self) -> bool {
        self.each.iter().all(|lane| lane.is_over.load(Ordering::Acquire))
    }

    /// Bytes of all streams so far.
    pub(super) fn bytes(&self) -> u64 {
        self.sum(|lane| &lane.bytes)
    }

    fn sum(&self, of: impl Fn(&Lane) -> &AtomicU64) -> u64 {
        self.each.iter().map(|lane| of(lane).load(Ordering::Relaxed)).sum()
    }

    fn point(&self, at_ms: f64) -> Point {
        Point {
            at_ms,
            bytes: self.bytes(),
            datagrams: self.sum(|lane| &lane.datagrams),
            sent: self.sum(|lane| &lane.sent),
        }
    }

    /// The jitter of the streams in the mean, µs.
    fn jitter_us(&self) -> f64 {
        self.sum(|lane| &lane.jitter_ns) as f64 / 1e3 / self.each.len().max(1) as f64
    }

    /// Counts what comes, until the time of the plan is over or all streams are. Returns whether the warm-up was over before the data was.
    pub(super) async fn measure(&self, plan: &Plan) -> Result<(Flowed, bool), Fault> {
        let since = Instant::now();
        while self.bytes() == 0 {
            if self.all_over() {
                let why = self.broke().unwrap_or_else(|| "they were closed".to_owned());
                return Err(Fault::gone(format!("no data came, the streams ended at once: {why}")));
            }
            if since.elapsed() > STALL_LIMIT {
                return Err(Fault::gone(format!("no data came within {} s", STALL_LIMIT.as_secs())));
            }
            tokio::time::sleep(FIRST_LOOK).await;
        }
        let mut watching = Watching { began: Instant::now(), moved: (0, Instant::now()) };
        let mut counted = Counted::default();
        counted.push(self.point(0.0));
        for moment in moments(plan.warm_up_ms, plan.duration_ms, plan.slice_ms()) {
            let until = watching.began + Duration::from_millis(moment);
            let goes_on = self.wait(until, &mut watching).await?;
            counted.push(self.point(watching.began.elapsed().as_nanos() as f64 / 1e6));
            if !goes_on {
                self.check_used_up(plan)?;
                break;
            }
        }
        let (mut flowed, is_whole) = counted.flowed(plan.warm_up_ms);
        if flowed.loss_ratio.is_some() {
            flowed.jitter_us = Some(self.jitter_us());
        }
        Ok((flowed, is_whole))
    }

    /// Streams that ended before their time have carried all that they may, or something broke.
    fn check_used_up(&self, plan: &Plan) -> Result<(), Fault> {
        if self.bytes() >= plan.bytes_max {
            return Ok(());
        }
        let why = self.broke().unwrap_or_else(|| "they were closed".to_owned());
        Err(Fault::gone(format!("the streams ended in the middle of the test: {why}")))
    }

    /// Waits until a moment, or until all streams are over; returns which.
    async fn wait(&self, until: Instant, watching: &mut Watching) -> Result<bool, Fault> {
        loop {
            if self.all_over() {
                return Ok(false);
            }
            let now = Instant::now();
            if now >= until {
                return Ok(true);
            }
            if watching.is_stalled(self.bytes(), now) {
                return Err(Fault::gone(format!("nothing arrived for {} s", STALL_LIMIT.as_secs())));
            }
            // Whichever comes first, it is looked at above.
            let _ = timeout_at(until.min(now + LOOK), self.changed.notified()).await;
        }
    }
}

/// Since when something is measured, and when the count moved last.
struct Watching {
    began: Instant,
    moved: (u64, Instant),
}

impl Watching {
    fn is_stalled(&mut self, bytes: u64, now: Instant) -> bool {
        if bytes != self.moved.0 {
            self.moved = (bytes, now);
        }
        now.saturating_duration_since(self.moved.1) > STALL_LIMIT
    }
}

/// The bytes that the streams of one direction may still send, or take.
#[derive(Debug)]
pub(super) struct Purse(AtomicU64);

impl Purse {
    pub(super) fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    /// Takes up to so many bytes out of it; returns how many.
    pub(super) fn take(&self, wanted: u64) -> u64 {
        let left = |left: u64| Some(left.saturating_sub(wanted));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        before.unwrap_or_else(|left| left).min(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purse_gives_what_is_in_it_and_no_more() {
        let purse = Purse::new(10);
        assert_eq!([purse.take(4), purse.take(4), purse.take(4), purse.take(4)], [4, 4, 2, 0]);
    }

    fn plan() -> Plan {
        Plan {
            protocol: netloom_core::check::throughput::Protocol::Tcp,
            direction: netloom_core::check::throughput::Direction::Up,
            streams: 2,
            duration_ms: 1_000,
            warm_up_ms: 100,
            bytes_max: 1,
            rate_bps: 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn streams_that_say_nothing_are_a_fault_in_time() {
        let lanes = Lanes::new(2);
        let fault = lanes.measure(&plan()).await.expect_err("nothing comes");
        assert!(fault.cause.contains("no data came within 6 s"), "{fault:?}");
        lanes.lane(0).set_bytes(5);
        let stalled = Lanes { each: lanes.each, changed: Notify::new(), why: Mutex::default() };
        let long = Plan { duration_ms: 60_000, ..plan() };
        let fault = stalled.measure(&long).await.expect_err("no more comes");
        assert!(fault.cause.contains("nothing arrived for 6 s"), "{fault:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_the_time_or_the_streams_are_over() {
        let lanes = Lanes::new(2);
        lanes.lane(1).set_bytes(plan().bytes_max);
        let (flowed, is_whole) = lanes.measure(&plan()).await.expect("a result");
        assert!(is_whole && (flowed.duration_ms - 1_000.0).abs() < 5.0, "{flowed:?}");
        lanes.end(0, None);
        lanes.end(1, None);
        let (_, is_whole) = lanes.measure(&plan()).await.expect("a result");
        assert!(!is_whole);
        let fault = lanes.measure(&Plan { bytes_max: 2, ..plan() }).await.expect_err("cut");
        assert!(fault.cause.contains("in the middle"), "{fault:?}");
    }
}
