//! Goal: steps of a training run ask for rounds of probes, on the hub's node and on others, and nothing else does. Method:
//! a hub in this process whose clock's rounds are a minute apart, told steps over HTTP; what was probed is in its store.

use futures::future::join_all;
use netloom_core::run::step::RUN_GAP_MS;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

use crate::support::{
    TestHub,
    agents::{TestAgent, code, options},
};

async fn tell(hub: &TestHub, run: &str, body: &Value) -> (u16, Value) {
    let path = hub.url(&format!("/api/v1/runs/{run}/step"));
    let response = hub.client.post(path).json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

async fn run(hub: &TestHub, nodes: &[&str]) -> String {
    let body = json!({"name": "bert", "nodes": nodes});
    let response = hub.client.post(hub.url("/api/v1/runs")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// How often a node has probed its target.
async fn rounds(hub: &TestHub, node: &str) -> usize {
    let (_, answer) = hub.get(&format!("/api/v1/query?metric=rtt_us&src={node}&dst=self&from=now-10m")).await;
    let series = answer["series"].as_array().cloned().unwrap_or_default();
    series.iter().filter_map(|series| series["points"].as_array()).map(Vec::len).sum()
}

async fn hub() -> TestHub {
    TestHub::start_with(tempfile::tempdir().unwrap(), |config| {
        config.agent_listen = Some(([127, 0, 0, 1], 0).into());
        config.echo_listen = Some(([127, 0, 0, 1], 0).into());
        config.settings.probe.interval_ms = 60_000;
        config.settings.mesh.other_modes_s = 0;
    })
    .await
}

#[tokio::test]
async fn a_round_is_probed_when_a_multiple_is_passed() {
    let hub = hub().await;
    hub.until("the node reports", async || !hub.get("/api/v1/nodes").await.1.as_array().unwrap().is_empty()).await;
    let run = run(&hub, &[]).await;
    // In a minute the clock makes one round. What was asked for before the target was known is not made up for.
    hub.until("its target is known", async || {
        hub.get("/api/v1/nodes").await.1[0]["targets"].as_array().is_some_and(|targets| !targets.is_empty())
    })
    .await;
    for step in 1..=4 {
        let (status, reply) = tell(&hub, &run, &json!({"step": step * 100, "every": 100})).await;
        assert_eq!((status, &reply["round"]), (200, &json!(true)), "{reply}");
        let (_, between) = tell(&hub, &run, &json!({"step": step * 100 + 7, "every": 100})).await;
        assert_eq!(between["round"], json!(false), "{between}");
        assert!(!between["why"].as_str().unwrap().is_empty());
        hub.until("the target is probed", async || rounds(&hub, "n1").await >= step).await;
        sleep(Duration::from_millis(RUN_GAP_MS as u64)).await;
    }
    hub.stop().await;
}

#[tokio::test]
async fn many_ranks_at_once_ask_for_one_round_and_rounds_keep_their_distance() {
    let hub = hub().await;
    hub.until("the node reports", async || !hub.get("/api/v1/nodes").await.1.as_array().unwrap().is_empty()).await;
    let run = run(&hub, &[]).await;
    // The first call says where the run is.
    assert_eq!(tell(&hub, &run, &json!({"step": 41, "every": 50})).await.1["round"], json!(false));
    let steps: Vec<Value> = (0..200).map(|rank| json!({"step": 45 + rank % 12, "every": 50})).collect();
    let replies = join_all(steps.iter().map(|body| tell(&hub, &run, body))).await;
    assert!(replies.iter().all(|(status, _)| *status == 200));
    assert_eq!(replies.iter().filter(|(_, reply)| reply["round"] == true).count(), 1);
    hub.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_a_problem() {
    let hub = hub().await;
    let run = run(&hub, &["nobody"]).await;
    let wrong = [
        (json!({"step": 1}), 422, "every"),
        (json!({"step": 1, "every": 0}), 422, "every"),
        (json!({"step": -1, "every": 1}), 422, "step"),
        (json!({"step": 1, "every": 1, "rank": 0}), 422, "rank"),
        (json!([1]), 422, ""),
    ];
    for (body, status, field) in wrong {
        let (told, problem) = tell(&hub, &run, &body).await;
        assert_eq!((told, problem["field"].as_str().unwrap_or_default()), (status, field), "{body}: {problem}");
    }
    let (status, problem) = tell(&hub, "zzzzzzzz", &json!({"step": 1, "every": 1})).await;
    assert_eq!((status, problem["type"].as_str()), (404, Some("urn:netloom:problem:unknown-run")));
    let (status, reply) = tell(&hub, &run, &json!({"step": 10, "every": 10})).await;
    assert_eq!((status, &reply["round"]), (200, &json!(false)), "none of its nodes is there: {reply}");
    let end = hub.url(&format!("/api/v1/runs/{run}/end"));
    assert_eq!(hub.client.post(end).json(&json!({})).send().await.unwrap().status(), 200);
    let (status, problem) = tell(&hub, &run, &json!({"step": 20, "every": 10})).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:netloom:problem:run-conflict")), "{problem}");
    hub.stop().await;
}

#[tokio::test]
async fn a_round_reaches_the_nodes_of_its_run_elsewhere_and_no_others() {
    let hub = hub().await;
    let (code, place) = code(&hub).await;
    let folder = tempfile::tempdir().unwrap();
    let agent = TestAgent::start(options(&place, Some(&code), "a1", folder.path()));
    hub.until("both report what they probe", async || {
        let nodes = hub.get("/api/v1/nodes").await.1;
        let known = nodes.as_array().into_iter().flatten();
        known.filter(|node| node["targets"].as_array().is_some_and(|targets| !targets.is_empty())).count() == 2
    })
    .await;
    let run = run(&hub, &["a1"]).await;
    let before = (rounds(&hub, "n1").await, rounds(&hub, "a1").await);
    for step in 1..=3 {
        assert_eq!(tell(&hub, &run, &json!({"step": step, "every": 1})).await.1["round"], json!(true));
        hub.until("the agent probes", async || rounds(&hub, "a1").await >= before.1 + step).await;
        sleep(Duration::from_millis(RUN_GAP_MS as u64)).await;
    }
    // The clock of the other node makes at most one in this minute.
    assert!(rounds(&hub, "n1").await <= before.0 + 1);
    agent.stop().await.unwrap();
    hub.stop().await;
}
