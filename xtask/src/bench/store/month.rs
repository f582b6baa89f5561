//! A month of summaries: what one pair of it costs to ask for, and what summaries add on disk. Netloom's alone.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::engine::Engine;
use super::http::Get;
use super::ingest;
use super::latency::median;
use super::path::Path as PairPath;
use super::server::Server;
use super::wire;
use crate::interrupt;

/// The days asked for, and those written: a day more at either end.
const ASKED_DAYS: u64 = 30;
const WRITTEN_DAYS: u64 = 32;
const DAY_S: u64 = 86_400;
/// One sample in this many seconds: enough for every minute to have six, and a month in a few million.
const INTERVAL_S: u64 = 10;
/// Pairs: one group of series.
const PAIRS: usize = 32;
/// Samples of each pair in one request.
const REQUEST_SAMPLES: u64 = 300;
/// How long summing up may take.
const LIMIT: Duration = Duration::from_mins(5);
/// Answers that are not counted, and those of which the median is taken.
const WARM_UPS: usize = 3;
const COUNTED: usize = 20;
/// The target of the median, ms.
const TARGET_MS: f64 = 20.0;

/// Writes the month, waits until it is summed up, asks, and prints.
pub(crate) fn run(program: &Path, home: &Path) -> Result<()> {
    let server = Server::start(Engine::Netloom, program, home)?;
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs();
    let begin_s = now_s / DAY_S * DAY_S - WRITTEN_DAYS * DAY_S + DAY_S;
    write(&server, begin_s, now_s / DAY_S * DAY_S)?;
    wait(&server)?;
    let (from_s, client) = (now_s - ASKED_DAYS * DAY_S, server.client());
    let query = vec![
        ("metric", "rtt_us".to_owned()),
        ("src", "node-00".to_owned()),
        ("dst", "peer-07".to_owned()),
        ("from", (from_s * 1_000).to_string()),
        ("to", (now_s * 1_000).to_string()),
        ("step", "1h".to_owned()),
        ("agg", "p95".to_owned()),
    ];
    let get = Get { path: "/api/v1/query", query };
    let (mut body, mut times_ms) = (Vec::new(), Vec::new());
    for _ in 0..WARM_UPS + COUNTED {
        let began = Instant::now();
        client.get(&get, &mut body)?;
        times_ms.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let answer: serde_json::Value = serde_json::from_slice(&body)?;
    let points = answer["series"][0]["points"].as_array().map_or(0, Vec::len);
    ensure!(points as u64 >= (ASKED_DAYS - 1) * 24, "the answer has {points} points");
    let ms = median(&mut times_ms[WARM_UPS..]);
    let verdict = if ms <= TARGET_MS { "met" } else { "MISSED" };
    println!("30 days of one pair, p95 by the hour: {ms:.2} ms, {points} points (≤ {TARGET_MS} ms: {verdict})");
    let metrics = metrics(&server)?;
    let tier = |kind: &str, tier: &str| labelled(&metrics, &format!("netloom_store_tier_{kind}{{tier=\"{tier}\"}}"));
    let samples = tier("samples", "raw").unwrap_or(1.0);
    for name in ["raw", "minute", "hour"] {
        let bytes = tier("bytes", name).unwrap_or_default();
        println!("  tier {name}: {:.1} MB, {:.3} bytes per sample taken", bytes / 1e6, bytes / samples);
    }
    Ok(())
}

fn write(server: &Server, begin_s: u64, end_s: u64) -> Result<()> {
    let client = server.client();
    let mut rng = fastrand::Rng::with_seed(30);
    let names: Vec<String> = (0..PAIRS).map(|pair| format!("peer-{pair:02}")).collect();
    let series =
        |dst: &String| wire::labels(&[("__name__", "rtt_us"), ("src", "node-00"), ("dst", dst), ("mode", "udp")]);
    let mut pairs: Vec<(Vec<u8>, PairPath)> = names.iter().map(|dst| (series(dst), PairPath::new(&mut rng))).collect();
    let mut encoder = snap::raw::Encoder::new();
    let (mut plain, mut at_s) = (Vec::new(), begin_s);
    while at_s < end_s {
        interrupt::check()?;
        plain.clear();
        for second in (0..REQUEST_SAMPLES).map(|n| at_s + n * INTERVAL_S) {
            for (labels, path) in &mut pairs {
                let [rtt_us, _] = path.step(&mut rng);
                wire::series(&mut plain, labels, rtt_us, second * 1_000);
            }
        }
        ingest::post(&client, &encoder.compress_vec(&plain)?)?;
        at_s += REQUEST_SAMPLES * INTERVAL_S;
    }
    Ok(())
}

/// Waits until as many hours are summed up as can be.
fn wait(server: &Server) -> Result<()> {
    let expected = ((WRITTEN_DAYS - 2) * 24) as f64 * PAIRS as f64;
    let began = Instant::now();
    loop {
        let hours = labelled(&metrics(server)?, "netloom_store_tier_samples{tier=\"hour\"}").unwrap_or_default();
        if hours >= expected {
            return Ok(());
        }
        ensure!(began.elapsed() < LIMIT, "only {hours} of {expected} hours are summed up");
        interrupt::sleep(Duration::from_secs(1))?;
    }
}

fn metrics(server: &Server) -> Result<String> {
    let mut body = Vec::new();
    server.client().get(&Get::path("/metrics"), &mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The value of a metric with its labels as they are written.
fn labelled(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().split(' ').next()?.parse().ok())
}
