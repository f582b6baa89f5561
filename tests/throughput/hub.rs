//! Tests that the hub arranges between its agents.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    TestHub,
    agents::{TestAgent, code, hub, node, options},
};

async fn post(hub: &TestHub, path: &str, body: &Value) -> (u16, Value) {
    let reply = hub.client.post(hub.url(path)).json(body).send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap_or_default())
}

async fn joined(hub: &TestHub, name: &str, state: &Path) -> TestAgent {
    let (code, place) = code(hub).await;
    let mut options = options(&place, Some(&code), name, state);
    options.collects = false;
    let agent = TestAgent::start(options);
    hub.until("the agent is there", async || node(hub, name).await["node"] == name).await;
    agent
}

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

async fn allow(hub: &TestHub, value: bool) {
    let (status, answer) = hub.put_settings(&json!({"active": {"throughput": value}})).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_has_two_nodes_test_and_refuses_what_would_disturb() {
    let (hub, folders) = (hub().await, [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let a = joined(&hub, "a", folders[0].path()).await;
    let b = joined(&hub, "b", folders[1].path()).await;
    let test = json!({"src": "a", "dst": "b", "duration_s": 0.4, "streams": 2, "direction": "both"});

    // Off until somebody switched it on; what it would take is told all the same.
    let (status, problem) = post(&hub, "/api/v1/throughput", &test).await;
    assert_eq!((status, kind(&problem)), (409, "throughput-off"), "{problem}");
    let (status, budget) = hub.get("/api/v1/throughput/budget?src=a&dst=b&duration_s=2&direction=both").await;
    assert_eq!((status, &budget["time_ms"], &budget["bytes"]), (200, &json!(2_500), &json!(10_000_000_000_u64)));
    assert!(budget["refusal"].as_str().unwrap().contains("switched off"), "{budget}");
    allow(&hub, true).await;

    // Agents hear of it by themselves; until then they refuse.
    hub.until("a test is made", async || {
        let (status, finding) = post(&hub, "/api/v1/throughput", &test).await;
        status == 200 && finding["outcome"] == "reply" && finding["detail"]["up"]["bps"].as_f64() > Some(0.0)
    })
    .await;
    // The hub's own node takes part like any other, in both roles.
    for (src, dst) in [("n1", "b"), ("a", "n1")] {
        let (status, finding) =
            post(&hub, "/api/v1/throughput", &json!({"src": src, "dst": dst, "duration_s": 0.2})).await;
        assert_eq!((status, &finding["outcome"]), (200, &json!("reply")), "{src} to {dst}: {finding}");
        assert!(!finding.to_string().contains("ticket"), "{finding}");
    }

    for (body, status, problem) in [
        (json!({"src": "a", "dst": "nobody"}), 404, "unknown-node"),
        (json!({"src": "a", "dst": "a"}), 422, "invalid-test"),
        (json!({"src": "a", "dst": "b", "duration_s": 100}), 422, "invalid-test"),
        (json!({"src": "a", "dst": "b", "streams": 17}), 422, "invalid-test"),
        (json!({"src": "a", "dst": "b", "colour": 1}), 422, "invalid-test"),
    ] {
        let (answered, answer) = post(&hub, "/api/v1/throughput", &body).await;
        assert_eq!((answered, kind(&answer)), (status, problem), "{body}: {answer}");
    }

    // A training run wants its peace.
    let (status, run) = post(&hub, "/api/v1/runs", &json!({"name": "gpt"})).await;
    assert_eq!(status, 201, "{run}");
    let (status, problem) = post(&hub, "/api/v1/throughput", &test).await;
    assert_eq!((status, kind(&problem), &problem["field"]), (409, "run-active", &json!("during_run")), "{problem}");
    let mut all_the_same = test.clone();
    all_the_same["during_run"] = json!(true);
    let (status, answer) = post(&hub, "/api/v1/throughput", &all_the_same).await;
    assert_eq!(status, 200, "{answer}");

    // Never two on a node, whoever asks.
    let long = json!({"src": "a", "dst": "b", "duration_s": 9, "during_run": true});
    // The other one may have been first.
    let first = async {
        loop {
            post(&hub, "/api/v1/throughput", &long).await;
        }
    };
    let second = hub.until("a node is busy", async || {
        let (status, problem) =
            post(&hub, "/api/v1/throughput", &json!({"src": "n1", "dst": "b", "duration_s": 0.1, "during_run": true}))
                .await;
        status == 409 && kind(&problem) == "throughput-busy"
    });
    // Whoever hangs up gives the test up, and both nodes are free again.
    tokio::select! {
        () = first => {}
        () = second => {}
    }
    hub.until("both are free", async || post(&hub, "/api/v1/throughput", &all_the_same).await.0 == 200).await;
    a.stop().await.unwrap();
    b.stop().await.unwrap();
    hub.stop().await;
}
