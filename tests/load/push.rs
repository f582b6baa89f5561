//! Nodes that push every pair once a second, each at its own moment of the second.

use std::{
    fmt::Write,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use netloom_server::clock;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// What was pushed.
#[derive(Default)]
struct Counts {
    samples: AtomicU64,
    failed: AtomicU64,
}

pub async fn run(hub: SocketAddr, nodes: usize, period: Duration) -> Value {
    let (counts, client) = (Arc::new(Counts::default()), reqwest::Client::new());
    let url = format!("http://{hub}/api/v1/samples");
    let start = Instant::now();
    let node = async |node: usize| {
        let phase = Duration::from_secs(1).mul_f64(node as f64 / nodes as f64);
        let mut ticks = interval_at(start + phase, Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while start.elapsed() < period {
            ticks.tick().await;
            let sent = client.post(&url).body(lines(node, nodes)).send().await;
            if sent.is_ok_and(|answer| answer.status().is_success()) {
                counts.samples.fetch_add(2 * (nodes as u64 - 1), Ordering::Relaxed);
            } else {
                counts.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    join_all((0..nodes).map(node)).await;
    json!({
        "samples": counts.samples.load(Ordering::Relaxed),
        "failed": counts.failed.load(Ordering::Relaxed),
        "seconds": start.elapsed().as_secs_f64(),
    })
}

fn lines(src: usize, nodes: usize) -> String {
    let mut body = String::new();
    let value = super::moment(clock::now().ms());
    for dst in (0..nodes).filter(|dst| *dst != src) {
        for (metric, value) in [("rtt_us", value), ("loss_ratio", 0.0)] {
            // Writing to a string cannot fail.
            let _ = writeln!(
                body,
                r#"{{"metric":"{metric}","value":{value},"labels":{{"src":"node-{src:03}","dst":"node-{dst:03}","mode":"udp"}}}}"#
            );
        }
    }
    body
}
