//! Goal: what is wrong in the mesh is named at every place where people look, and racks are taken as they are described.
//! Method: a hub in this process, samples pushed over HTTP.

use std::fmt::Write as _;

use futures::StreamExt;
use netloom_server::clock;
use serde_json::{Value, json};

use crate::support::{DEADLINE, TestHub};

/// Pushes rounds of a mesh of four, in which the link between `n2` and `n3` loses a fifth.
async fn push_rounds(hub: &TestHub, rounds: i64) {
    let now_ms = clock::now().ms();
    let mut lines = String::new();
    for (src, dst) in (1..=4).flat_map(|src| (1..=4).map(move |dst| (src, dst))).filter(|(src, dst)| src != dst) {
        let loss = if src + dst == 5 && src * dst == 6 { 0.2 } else { 0.0 };
        for round in 0..rounds {
            let labels = json!({"src": format!("n{src}"), "dst": format!("n{dst}"), "mode": "udp"});
            for (metric, value) in [("loss_ratio", loss), ("rtt_us", 200.0)] {
                let sample = json!({"metric": metric, "value": value, "ts_ms": now_ms - 100 * round, "labels": labels});
                let _ = writeln!(lines, "{sample}");
            }
        }
    }
    let response = hub.client.post(hub.url("/api/v1/samples")).body(lines).send().await.unwrap();
    assert_eq!(response.status(), 204);
}

#[tokio::test]
async fn a_lossy_link_is_named_by_the_api_the_stream_and_the_metrics() {
    let hub = TestHub::start().await;
    assert_eq!(hub.get("/api/v1/verdict").await, (200, json!({"culprits": [], "judged": 0, "bad": 0})));
    let stream = hub.client.get(hub.url("/api/v1/stream?topics=verdict")).send().await.unwrap();
    push_rounds(&hub, 30).await;
    hub.until("the link is named", async || {
        let verdict = hub.get("/api/v1/verdict").await.1;
        verdict["culprits"].as_array().is_some_and(|culprits| !culprits.is_empty())
    })
    .await;
    let verdict = hub.get("/api/v1/verdict").await.1;
    let culprit = &verdict["culprits"][0];
    assert_eq!(verdict["culprits"].as_array().unwrap().len(), 1, "{verdict}");
    assert_eq!((&culprit["kind"], &culprit["fault"]), (&"link".into(), &"loss".into()));
    assert_eq!(culprit["names"], json!(["n2", "n3"]));
    let message = "The link between n2 and n3 loses 20 %; likely the path between the two.";
    assert_eq!((&culprit["message"], &verdict["judged"]), (&message.into(), &12.into()));
    let told = tokio::time::timeout(DEADLINE, async {
        let mut bytes = stream.bytes_stream();
        let mut text = String::new();
        while !text.contains("event: verdict") || !text.contains(message) {
            text.push_str(&String::from_utf8_lossy(&bytes.next().await.unwrap().unwrap()));
        }
    });
    assert!(told.await.is_ok(), "the stream did not tell");
    let metrics = hub.client.get(hub.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("netloom_verdict_culprits 1"), "{metrics}");
    hub.stop().await;
}

async fn put(hub: &TestHub, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let response = hub.client.put(hub.url("/api/v1/layout")).body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn racks_are_taken_from_slurm_or_toml_and_survive_a_restart() {
    let hub = TestHub::start().await;
    assert_eq!(hub.get("/api/v1/layout").await, (200, json!({"groups": []})));
    let slurm = "SwitchName=leaf1 Nodes=n[1-2]\nSwitchName=leaf2 Nodes=n[3-4]\nSwitchName=spine Switches=leaf[1-2]\n";
    let leaves =
        json!({"groups": [{"name": "leaf1", "nodes": ["n1", "n2"]}, {"name": "leaf2", "nodes": ["n3", "n4"]}]});
    assert_eq!(put(&hub, slurm).await, (200, leaves.clone()));
    for (bad, status, line) in [
        ("SwitchName=a Nodes=n1\nSwitchName=b Nodes=n[1-9999999]", 422, Some("line 2")),
        ("[[rack]]\nname = \"r\"\nnodes = [\"n1\", \"n1\"]", 422, Some("line 1")),
        ("", 422, None),
    ] {
        let (answered, problem) = put(&hub, bad).await;
        assert_eq!((answered, problem["field"].as_str()), (status, line), "{problem}");
    }
    assert_eq!(put(&hub, vec![0xff, 0xfe]).await.0, 400);
    assert_eq!(put(&hub, vec![b'#'; 1_024 * 1_024 + 1]).await.0, 413);
    let hub = TestHub::start_in(hub.stop().await).await;
    assert_eq!(hub.get("/api/v1/layout").await.1, leaves, "what was wrong changed nothing");
    let racks = json!({"groups": [{"name": "r1", "nodes": ["a", "b1", "b2"]}]});
    assert_eq!(put(&hub, "[[rack]]\nname = \"r1\"\nnodes = [\"a\", \"b[1-2]\"]\n").await, (200, racks));
    let cleared = hub.client.delete(hub.url("/api/v1/layout")).send().await.unwrap();
    assert_eq!(cleared.status(), 204);
    let hub = TestHub::start_in(hub.stop().await).await;
    assert_eq!(hub.get("/api/v1/layout").await.1, json!({"groups": []}));
    hub.stop().await;
}
