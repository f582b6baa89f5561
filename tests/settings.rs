//! Goal: settings apply at once, as a whole or not at all, and survive a restart. Method: a hub in this process, asked
//! over HTTP.

use netloom_core::settings::Settings;
use serde_json::{Value, json};

use crate::support::TestHub;

fn latency_limit(limit_ms: f64) -> Value {
    json!({"alerts": {"latency": {"limit_ms": limit_ms, "for_s": 0.0}}})
}

async fn alert_states(hub: &TestHub) -> Vec<Value> {
    let alerts = hub.get("/api/v1/alerts").await.1;
    alerts.as_array().unwrap().iter().map(|alert| alert["state"].clone()).collect()
}

#[tokio::test]
async fn a_lower_threshold_raises_an_alert_and_a_higher_one_resolves_it() {
    let hub = TestHub::start().await;
    assert_eq!(hub.put_settings(&latency_limit(0.001)).await.0, 200);
    hub.until("the alert fires", async || alert_states(&hub).await.contains(&"firing".into())).await;
    let firing = hub.get("/api/network/alerts").await.1;
    assert_eq!(firing[0]["rule"], "latency_high");
    assert!(firing[0]["message"].as_str().unwrap().contains("n1 → self"), "{firing}");
    assert_eq!(hub.get("/api/network/health").await.1["status"], "warning");
    assert_eq!(hub.put_settings(&latency_limit(10_000.0)).await.0, 200);
    hub.until("the alert resolves", async || alert_states(&hub).await == vec![Value::from("resolved")]).await;
    hub.until("all is well again", async || hub.get("/api/network/health").await.1["status"] == "ok").await;
    hub.stop().await;
}

#[tokio::test]
async fn an_open_alert_survives_a_restart_without_firing_twice() {
    let hub = TestHub::start().await;
    hub.put_settings(&latency_limit(0.001)).await;
    hub.until("the alert fires", async || alert_states(&hub).await.contains(&"firing".into())).await;
    let before = hub.get("/api/v1/alerts").await.1;
    let hub = TestHub::start_in(hub.stop().await).await;
    hub.until("latency is measured again", async || !hub.get("/api/network").await.1["n1"]["latency_ms"].is_null())
        .await;
    let after = hub.get("/api/v1/alerts").await.1;
    assert_eq!((after.as_array().unwrap().len(), &after[0]["id"]), (1, &before[0]["id"]));
    assert_eq!(after[0]["state"], "firing");
    hub.stop().await;
}

#[tokio::test]
async fn what_was_saved_is_in_force_after_a_restart() {
    let hub = TestHub::start().await;
    let change = json!({"probe": {"packets": 2, "targets": [{"name": "nine", "address": "127.0.0.9"}]}});
    let (status, document) = hub.put_settings(&change).await;
    assert_eq!((status, &document["probe"]["packets"]), (200, &2.into()));
    let latency = json!(Settings::default().alerts.latency);
    assert_eq!(document["alerts"]["latency"], latency, "what was left out keeps its value");
    let hub = TestHub::start_in(hub.stop().await).await;
    assert_eq!(hub.get("/api/v1/settings").await.1, document);
    hub.until("the new target is probed", async || {
        let found = hub.get("/api/v1/query?metric=rtt_us&dst=nine").await.1;
        !found["series"].as_array().unwrap().is_empty()
    })
    .await;
    hub.stop().await;
}

#[tokio::test]
async fn one_wrong_field_among_good_ones_changes_nothing() {
    let hub = TestHub::start().await;
    let before = hub.get("/api/v1/settings/details").await.1;
    let change = json!({"probe": {"packets": 3, "interval_ms": 5}, "storage": {"raw_hours": 0}});
    let (status, problem) = hub.put_settings(&change).await;
    assert_eq!(status, 422);
    let blamed: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(blamed, ["probe.interval_ms", "storage.raw_hours"]);
    assert_eq!(problem["field"], "probe.interval_ms");
    assert_eq!(hub.get("/api/v1/settings/details").await.1, before);
    hub.stop().await;
}

#[tokio::test]
async fn whoever_saves_second_is_told() {
    let hub = TestHub::start().await;
    let put = async |version: &str| {
        let request = hub.client.put(hub.url("/api/v1/settings")).header("if-match", version);
        request.json(&json!({"probe": {"packets": 4}})).send().await.unwrap()
    };
    let first = put("\"0\"").await;
    assert_eq!((first.status().as_u16(), first.headers()["etag"].to_str().unwrap()), (200, "\"1\""));
    let second = put("\"0\"").await;
    assert_eq!(second.status(), 412);
    assert!(second.json::<Value>().await.unwrap()["detail"].as_str().unwrap().contains("version 1"));
    assert_eq!(put("\"1\"").await.status(), 200);
    hub.stop().await;
}
