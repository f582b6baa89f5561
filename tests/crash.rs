//! Goal: what was acknowledged is there, exactly once, whenever the process dies; and a full disk is survived. Method: the
//! real binary, killed without warning at random moments of full-speed ingest; a small file system of its own.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use netloom_server::clock;
use serde_json::Value;

use crate::{
    process::serve,
    support::{Pushed, remote_write, until},
};

/// Kills in the short form, which runs always. `NETLOOM_KILLS=50` is the long one.
const KILLS: u32 = 3;
const SERIES: usize = 40;
const SAMPLES_EACH: i64 = 50;
/// Half a million points.
const STRETCH_MS: usize = 500_000;

/// One batch: the same samples for every series, so that a part of it would show.
fn batch(base_ms: i64, number: i64) -> Vec<u8> {
    let names: Vec<String> = (0..SERIES).map(|n| format!("n{n}")).collect();
    let labels: Vec<[(&str, &str); 2]> =
        names.iter().map(|name| [("__name__", "crash"), ("node", name.as_str())]).collect();
    let samples: Vec<(i64, f64)> =
        (0..SAMPLES_EACH).map(|n| (base_ms + number * SAMPLES_EACH + n, (number * SAMPLES_EACH + n) as f64)).collect();
    let series: Vec<Pushed> = labels.iter().map(|labels| (&labels[..], &samples[..])).collect();
    remote_write(&series)
}

/// Sends batches as fast as they are acknowledged, until the hub is gone.
async fn send(
    address: String,
    base_ms: i64,
    next: Arc<AtomicI64>,
    acknowledged: Arc<Mutex<BTreeSet<i64>>>,
    stop: Arc<AtomicBool>,
) {
    let client = reqwest::Client::new();
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let sent = client.post(format!("{address}/api/v1/write")).body(batch(base_ms, number)).send().await;
        match sent {
            Ok(response) if response.status() == 204 => {
                acknowledged.lock().unwrap().insert(number);
            }
            _ => return,
        }
    }
}

/// All points of a node, in stretches: one answer has a million points at most.
async fn points(address: &str, node: &str, base_ms: i64, end_ms: i64) -> Vec<(i64, f64)> {
    let mut all = Vec::new();
    for from_ms in (base_ms..=end_ms).step_by(STRETCH_MS) {
        let to_ms = from_ms + STRETCH_MS as i64 - 1;
        let url = format!("{address}/api/v1/query?metric=crash&node={node}&from={from_ms}&to={to_ms}");
        let response = reqwest::get(url).await.unwrap();
        // Before the first batch there is no such metric.
        assert!(matches!(response.status().as_u16(), 200 | 404), "{}", response.text().await.unwrap());
        let answer: Value = response.json().await.unwrap();
        let points: Option<Vec<(i64, f64)>> = serde_json::from_value(answer["series"][0]["points"].clone()).unwrap();
        all.extend(points.unwrap_or_default());
    }
    all
}

/// Which batches are there; fails when one is there by half or twice.
async fn stored(address: &str, base_ms: i64, next: &AtomicI64) -> BTreeSet<i64> {
    let end_ms = base_ms + next.load(Ordering::Relaxed) * SAMPLES_EACH;
    let mut whole: Option<BTreeSet<i64>> = None;
    for node in ["n0", "n39"] {
        let points = points(address, node, base_ms, end_ms).await;
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0), "each once, in order");
        let mut numbers = BTreeSet::new();
        for batch in points.chunk_by(|a, b| (a.0 - base_ms) / SAMPLES_EACH == (b.0 - base_ms) / SAMPLES_EACH) {
            assert_eq!(batch.len() as i64, SAMPLES_EACH, "a batch is there whole or not at all");
            assert!(batch.iter().all(|(ts_ms, value)| (*value - (ts_ms - base_ms) as f64).abs() < 0.5));
            numbers.insert((batch[0].0 - base_ms) / SAMPLES_EACH);
        }
        assert!(whole.as_ref().is_none_or(|whole| *whole == numbers), "in every series");
        whole = Some(numbers);
    }
    whole.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_being_killed() {
    let kills = std::env::var("NETLOOM_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let folder = tempfile::tempdir().unwrap();
    let (next, acknowledged) = (Arc::new(AtomicI64::new(0)), Arc::new(Mutex::new(BTreeSet::new())));
    // Hours ago, so that what lies still for a moment is packed while other samples come in.
    let base_ms = clock::now().ms() - 12 * 3_600_000;
    for round in 0..kills {
        let (mut child, address) = serve(folder.path());
        let there = stored(&address, base_ms, &next).await;
        let lost: Vec<i64> = acknowledged.lock().unwrap().difference(&there).copied().collect();
        let shown = &lost[..lost.len().min(20)];
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {} batches, {shown:?}", lost.len());
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..3)
            .map(|_| tokio::spawn(send(address.clone(), base_ms, next.clone(), acknowledged.clone(), stop.clone())))
            .collect();
        // Now and then long enough for windows to be packed.
        let longest_ms = if round % 6 == 5 { 16_000 } else { 1_200 };
        tokio::time::sleep(Duration::from_millis(50 + u64::from(std::process::id() + round * 7_919) % longest_ms))
            .await;
        // SIGKILL: nothing is finished, nothing is flushed.
        child.kill().unwrap();
        child.wait().unwrap();
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.await.unwrap();
        }
        // The next round writes to another quarter of an hour, while this one is packed.
        next.fetch_add(900_000 / SAMPLES_EACH / 4, Ordering::Relaxed);
    }
    let (mut child, address) = serve(folder.path());
    let there = stored(&address, base_ms, &next).await;
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.is_subset(&there));
    assert!(!acknowledged.is_empty());
    eprintln!("{kills} kills, {} batches of {} samples acknowledged", acknowledged.len(), SERIES as i64 * SAMPLES_EACH);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A small file system in memory, as long as it is held.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` without the permission to make one.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size.as_str(), "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.path()).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Values that do not compress.
fn noise(base_ms: i64, number: i64) -> Vec<u8> {
    let samples: Vec<(i64, f64)> = (0..8_000)
        .map(|n| {
            let at = number * 8_000 + n;
            (base_ms + at, (at as f64 * 12.9898).sin() * 43_758.545_312_3)
        })
        .collect();
    remote_write(&[(&[("__name__", "noise"), ("node", "a")], &samples)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_answers_questions_and_recovers() {
    let Some(disk) = SmallDisk::new("4m") else {
        eprintln!("skipped: no permission to make a file system");
        return;
    };
    let (mut child, address) = serve(disk.path());
    let client = reqwest::Client::new();
    let base_ms = clock::now().ms() - 3_600_000;
    let mut accepted = 0;
    let problem: Value = loop {
        let response =
            client.post(format!("{address}/api/v1/write")).body(noise(base_ms, accepted)).send().await.unwrap();
        if response.status() == 507 {
            break response.json().await.unwrap();
        }
        assert_eq!(response.status(), 204);
        accepted += 1;
        assert!(accepted < 1_000, "the disk is never full");
    };
    assert!(problem["detail"].as_str().unwrap().contains("disk is full"), "{problem}");
    let count = async || {
        let url = format!("{address}/api/v1/query?metric=noise&from={base_ms}&step=1d&agg=count");
        let answer: Value = client.get(url).send().await.unwrap().json().await.unwrap();
        let points: Vec<(i64, f64)> = serde_json::from_value(answer["series"][0]["points"].clone()).unwrap();
        points.iter().map(|(_, count)| *count as i64).sum::<i64>()
    };
    assert_eq!(count().await, accepted * 8_000, "what was acknowledged is there, and can be read");
    let page = async || client.get(&address).send().await.unwrap().text().await.unwrap();
    assert!(page().await.contains("disk is full"), "the page says so");
    disk.resize("64m");
    until("samples are taken again", async || {
        let body = noise(base_ms, accepted);
        client.post(format!("{address}/api/v1/write")).body(body).send().await.unwrap().status() == 204
    })
    .await;
    until("the page says nothing any more", async || !page().await.contains("disk is full")).await;
    assert_eq!(count().await, (accepted + 1) * 8_000);
    child.kill().unwrap();
    child.wait().unwrap();
}
