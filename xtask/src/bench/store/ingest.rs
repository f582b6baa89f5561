//! Writing all requests to an engine, and waiting until it has dealt with them.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::engine::Engine;
use super::http::{self, Client, Get};
use super::latency::median;
use super::payload::Payload;
use super::server::Server;
use crate::interrupt;

/// Where every engine takes remote write.
const PATH: &str = "/api/v1/write";

/// What remote write 1.0 asks a sender to say.
const HEADERS: [(&str, &str); 3] = [
    ("Content-Encoding", "snappy"),
    ("Content-Type", "application/x-protobuf"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

/// Statuses that ask a sender to come again: too many requests, and not now.
const AGAIN: [u16; 2] = [429, 503];
/// How long a sender waits before it comes again.
const AGAIN_PAUSE: Duration = Duration::from_millis(50);
/// How often one request is sent before the run fails: ten seconds are more than a flush may take.
const AGAIN_MAX: u32 = 200;

/// How much data lies between two looks at the memory, seconds.
const MARK_S: u32 = 600;

/// How long the disk must have time to be written before the engine may count as idle: flushes come every few seconds.
const SETTLE_MIN: Duration = Duration::from_secs(10);
/// How long to wait at most until an engine has sealed what it took, and again until it is idle.
const SETTLE_LIMIT: Duration = Duration::from_secs(90);
/// How long it must be idle.
const IDLE_TIME: Duration = Duration::from_secs(3);
/// How much time on one core counts as idle: timers tick in every engine.
const IDLE_CPU_SHARE: f64 = 0.05;
/// How often Netloom is asked how much it has not sealed yet.
const SEAL_POLL: Duration = Duration::from_secs(1);
/// The time that one block covers, seconds: the hub's own samples of the newest one are not sealed yet.
const OPEN_S: u64 = 900;
/// How many series the hub writes meanwhile about the machine it runs on, at most.
const OWN_SERIES: u64 = 200;
/// The metric that tells how many.
const UNSEALED: &str = "netloom_store_unsealed_samples";

/// How the writing went.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ingest {
    /// From the first request to the last answer.
    pub(crate) wall: Duration,
    /// How many requests were sent again because the engine asked for it.
    pub(crate) again: u64,
    /// How long each request took, the median and the longest: nothing in the background may hold one up.
    pub(crate) request_ms: (f64, f64),
    /// Resident memory after each ten minutes' worth of data, bytes.
    pub(crate) rss_bytes: Vec<u64>,
}

/// Sends what is measured, each connection its own requests in order.
pub(crate) fn run(server: &Server, payload: &Payload) -> Result<Ingest> {
    send_all(server, payload, 0..payload.measured)
}

/// Sends the rest.
pub(crate) fn finish(server: &Server, payload: &Payload) -> Result<()> {
    send_all(server, payload, payload.measured..payload.seconds).map(|_| ())
}

fn send_all(server: &Server, payload: &Payload, seconds: Range<u32>) -> Result<Ingest> {
    let began = Instant::now();
    let outcomes: Vec<Result<Ingest>> = std::thread::scope(|scope| {
        let send = |connection| {
            let seconds = seconds.clone();
            move || send(server, payload, connection, seconds)
        };
        let threads: Vec<_> = (0..payload.connections()).map(|at| scope.spawn(send(at))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<_>| match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    });
    let wall = began.elapsed();
    let mut sent = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
    let again = sent.iter().map(|sent| sent.again).sum();
    let first = sent.swap_remove(0);
    Ok(Ingest { wall, again, request_ms: first.request_ms, rss_bytes: first.rss_bytes })
}

fn send(server: &Server, payload: &Payload, connection: usize, seconds: Range<u32>) -> Result<Ingest> {
    let (client, mut requests) = (server.client(), payload.requests(connection)?);
    let mut sent = Ingest::default();
    let (mut second, mut times_ms) = (0, Vec::new());
    while let Some(request) = requests.next()? {
        interrupt::check()?;
        if second >= seconds.end {
            break;
        }
        if seconds.contains(&second) {
            let began = Instant::now();
            sent.again += post(&client, request).with_context(|| format!("second {second} was not taken"))?;
            times_ms.push(began.elapsed().as_secs_f64() * 1e3);
        }
        second += 1;
        if connection == 0 && second % MARK_S == 0 {
            sent.rss_bytes.push(server.process().rss_bytes()?);
        }
    }
    if !times_ms.is_empty() {
        sent.request_ms = (median(&mut times_ms), times_ms.last().copied().unwrap_or_default());
    }
    Ok(sent)
}

/// Sends one request until it is taken, and returns how many times that was too often.
pub(crate) fn post(client: &Client, request: &[u8]) -> Result<u64> {
    for again in 0..AGAIN_MAX {
        let answer = client.post(PATH, &HEADERS, request)?;
        if !AGAIN.contains(&answer.0) {
            http::require_success(PATH, &answer)?;
            return Ok(u64::from(again));
        }
        interrupt::sleep(AGAIN_PAUSE)?;
    }
    bail!("{PATH} was busy {AGAIN_MAX} times in a row");
}

/// Waits until the engine has written, merged and sealed what it will.
pub(crate) fn settle(server: &Server) -> Result<()> {
    if server.engine == Engine::Netloom {
        wait_until_sealed(server)?;
    }
    let began = Instant::now();
    interrupt::sleep(SETTLE_MIN)?;
    let mut cpu_s = server.process().cpu_s()?;
    while began.elapsed() < SETTLE_LIMIT {
        interrupt::sleep(IDLE_TIME)?;
        let before_s = std::mem::replace(&mut cpu_s, server.process().cpu_s()?);
        if cpu_s - before_s < IDLE_TIME.as_secs_f64() * IDLE_CPU_SHARE {
            return Ok(());
        }
    }
    eprintln!("bench: {} is still busy after {} s", server.engine.name(), SETTLE_LIMIT.as_secs());
    Ok(())
}

/// Waits until nothing of what was sent is left unsealed.
fn wait_until_sealed(server: &Server) -> Result<()> {
    let (began, open) = (Instant::now(), (OWN_SERIES * OPEN_S) as f64);
    let (client, metrics) = (server.client(), Get::path("/metrics"));
    let mut body = Vec::new();
    while began.elapsed() < SETTLE_LIMIT {
        client.get(&metrics, &mut body)?;
        match gauge(&String::from_utf8_lossy(&body), UNSEALED) {
            Some(unsealed) if unsealed <= open => return Ok(()),
            Some(_) => interrupt::sleep(SEAL_POLL)?,
            None => {
                eprintln!("bench: netloom has no metric {UNSEALED}, so what is on disk may not be sealed");
                return Ok(());
            }
        }
    }
    eprintln!("bench: netloom has not sealed everything after {} s", SETTLE_LIMIT.as_secs());
    Ok(())
}

/// The value of a metric without labels in Prometheus' text format.
fn gauge(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.split(' ').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_is_found_by_its_whole_name() {
        let text = "# TYPE netloom_store_unsealed_samples gauge\n\
                    netloom_store_unsealed_samples_max 9\n\
                    netloom_store_unsealed_samples 12\n";
        assert_eq!(gauge(text, UNSEALED), Some(12.0));
        assert_eq!(gauge(text, "netloom_store"), None);
    }
}
