//! Goal: the figures are true. Method: traffic that is really sent over loopback, the kernel's own counters as witness,
//! and the hub's answer compared with them.

use std::{io::Write, net::TcpListener, thread, time::Duration};

use serde_json::Value;

use crate::support::TestHub;

/// How far the hub may be from the kernel, as the share of what was sent.
const TOLERANCE: f64 = 0.02;

/// Bytes that loopback has received since the system started.
fn kernel_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap();
    let lo = text.lines().find_map(|line| line.trim().strip_prefix("lo:")).unwrap();
    lo.split_whitespace().next().unwrap().parse().unwrap()
}

/// Sends a stream of bytes over loopback, then goes quiet.
fn send_bytes(amount: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let reader = thread::spawn(move || std::io::copy(&mut listener.accept().unwrap().0, &mut std::io::sink()).unwrap());
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let block = vec![0; 64 * 1_024];
    for _ in 0..amount / block.len() {
        stream.write_all(&block).unwrap();
        // About 130 MB/s, so that the traffic spans several readings.
        thread::sleep(Duration::from_micros(500));
    }
    drop(stream);
    reader.join().unwrap();
}

async fn rates(hub: &TestHub) -> Vec<(i64, f64)> {
    let found = hub.get("/api/v1/query?metric=if_rx_bps&interface=lo").await.1;
    let points = found["series"][0]["points"].as_array().cloned().unwrap_or_default();
    points.iter().map(|point: &Value| (point[0].as_i64().unwrap(), point[1].as_f64().unwrap())).collect()
}

/// Bytes that the rates account for between two moments: each rate holds from the reading before to its own.
fn bytes_between(rates: &[(i64, f64)], from_ms: i64, to_ms: i64) -> f64 {
    let spans = rates.windows(2).filter(|pair| pair[0].0 >= from_ms && pair[1].0 <= to_ms);
    spans.map(|pair| pair[1].1 / 8.0 * (pair[1].0 - pair[0].0) as f64 / 1e3).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_rates_add_up_to_the_kernels_bytes() {
    let hub = TestHub::start().await;
    hub.until("rates are measured", async || rates(&hub).await.len() >= 2).await;
    let from_ms = rates(&hub).await.last().unwrap().0;
    let before = kernel_bytes();
    tokio::task::spawn_blocking(|| send_bytes(200 * 1_024 * 1_024)).await.unwrap();
    let sent = (kernel_bytes() - before) as f64;
    let ended_ms = netloom_server::clock::now().ms();
    hub.until("the last of it is measured", async || rates(&hub).await.last().unwrap().0 > ended_ms + 300).await;
    let measured = bytes_between(&rates(&hub).await, from_ms, i64::MAX);
    let share = measured / sent;
    assert!((share - 1.0).abs() < TOLERANCE, "measured {measured}, the kernel counted {sent}: {share}");
    hub.stop().await;
}

#[tokio::test]
async fn what_nobody_answers_is_loss_and_never_latency() {
    let hub = TestHub::start().await;
    // A port whose backlog is full drops handshakes: a silent target on loopback.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    for _ in 0..8 {
        let attempt = tokio::net::TcpStream::connect(address);
        held.extend(tokio::time::timeout(Duration::from_millis(100), attempt).await.ok());
    }
    let target = serde_json::json!({"name": "silent", "address": "127.0.0.1", "port": address.port()});
    let change = serde_json::json!({"probe": {"icmp": false, "timeout_ms": 100, "targets": [target]}});
    assert_eq!(hub.put_settings(&change).await.0, 200);
    hub.until("the loss is measured", async || {
        let found = hub.get("/api/v1/query?metric=loss_ratio&dst=silent").await.1;
        found["series"][0]["points"][0][1] == 1.0
    })
    .await;
    let latency = hub.get("/api/v1/query?metric=rtt_us&dst=silent").await.1;
    assert_eq!(latency["series"], serde_json::json!([]));
    hub.stop().await;
}
