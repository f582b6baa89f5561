//! From a sample that crosses a threshold to its incident on the stream, one after the other.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

/// An incident that is not told for this long is lost.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// The longest pause between two, so that they meet the hub at different moments of its round.
const PAUSE_MAX_MS: u64 = 300;

pub async fn run(hub: SocketAddr, incidents: usize) -> Value {
    let client = reqwest::Client::new();
    let rule = json!({
        "id": "bench", "metric": "bench_wait_us", "for_s": 0,
        "condition": {"kind": "threshold", "side": "above", "limit": 100, "aggregation": "last", "window_s": 5},
    });
    let settings = json!({"alerts": {"rules": [rule]}});
    let saved = client.put(format!("http://{hub}/api/v1/settings")).json(&settings).send().await.expect("answers");
    assert!(saved.status().is_success(), "the rule was not taken: {:?}", saved.text().await);
    let mut told = listen(&client, hub).await;
    let (mut waits_ms, mut lost) = (Vec::new(), 0);
    for number in 0..incidents {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..PAUSE_MAX_MS))).await;
        let name = format!("i{number}");
        let line = json!({"metric": "bench_wait_us", "value": 1_000.0, "labels": {"job": name}}).to_string();
        let begun = Instant::now();
        let pushed = client.post(format!("http://{hub}/api/v1/samples")).body(line).send().await.expect("answers");
        assert!(pushed.status().is_success(), "the sample was not taken: {}", pushed.status());
        let is_told = async {
            while let Some((job, at)) = told.recv().await {
                if job == name {
                    return Some(at);
                }
            }
            None
        };
        match timeout(LOST_AFTER, is_told).await {
            Ok(Some(at)) => waits_ms.push((at - begun).as_secs_f64() * 1e3),
            _ => lost += 1,
        }
    }
    waits_ms.sort_by(f64::total_cmp);
    json!({
        "incidents": waits_ms.len(),
        "lost": lost,
        "p50_ms": super::at_share(&waits_ms, 0.50),
        "p95_ms": super::at_share(&waits_ms, 0.95),
        "max_ms": waits_ms.last(),
    })
}

/// The jobs of incidents that fire, each with the moment at which it came over the stream.
async fn listen(client: &reqwest::Client, hub: SocketAddr) -> mpsc::UnboundedReceiver<(String, Instant)> {
    let url = format!("http://{hub}/api/v1/stream?topics=alerts");
    let answer = client.get(url).send().await.expect("the stream is there");
    let (tell, told) = mpsc::unbounded_channel();
    let (hello, is_open) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, mut text, mut hello) = (answer.bytes_stream(), Vec::new(), Some(hello));
        while let Some(Ok(chunk)) = stream.next().await {
            let at = Instant::now();
            if let Some(hello) = hello.take() {
                let _ = hello.send(());
            }
            text.extend_from_slice(&chunk);
            let Some(whole) = text.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = text.split_off(whole + 1);
            for line in text.split(|byte| *byte == b'\n') {
                let data = line.strip_prefix(b"data: ").unwrap_or_default();
                let incident: Value = serde_json::from_slice(data).unwrap_or_default();
                if let (Some("firing"), Some(job)) = (incident["state"].as_str(), incident["labels"]["job"].as_str()) {
                    let _ = tell.send((job.to_owned(), at));
                }
            }
            text = rest;
        }
    });
    is_open.await.expect("the stream begins");
    told
}
