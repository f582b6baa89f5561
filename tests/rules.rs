//! Goal: rules that people write are checked at the field, listed with what they watch, tried over what is stored before
//! they are saved, and fire on what comes. Method: a hub in this process, asked over HTTP, partly over a store that was
//! filled before it started.

use std::path::Path;

use netloom_core::{
    sample::SeriesKey,
    series::{Row, Rows},
    time::Timestamp,
};
use netloom_server::{clock, config::Config, store};
use serde_json::{Value, json};

use crate::support::TestHub;

const MINUTE_MS: i64 = 60_000;

/// Fills a data folder with latencies of a pair, one each `every_ms` until now; high in a stretch of the past.
async fn fill(folder: &Path, (for_ms, every_ms): (i64, i64), high: (i64, i64)) -> i64 {
    let stores = store::open(folder).await.unwrap();
    let key = SeriesKey::new("rtt_us", [("src", "x"), ("dst", "y"), ("mode", "udp")]);
    let series = stores.samples.intern(&[key]).await.unwrap()[0];
    let now_ms = clock::now().ms() / 1_000 * 1_000;
    let value = |ts_ms: i64| {
        let is_high = (now_ms - high.0..now_ms - high.1).contains(&ts_ms);
        if is_high { 200_000.0 } else { 1_000.0 + (ts_ms / every_ms % 7) as f64 }
    };
    let times: Vec<i64> = (1..=for_ms / every_ms).rev().map(|step| now_ms - step * every_ms).collect();
    for part in times.chunks(20_000) {
        let rows = part.iter().map(|ts_ms| Row { series, ts_ms: *ts_ms, value: value(*ts_ms) }).collect();
        stores.samples.append(&[Rows { origin: None, rows }]).await.unwrap();
    }
    stores.database.close().await;
    now_ms
}

fn threshold(aggregation: &str, window_s: f64) -> Value {
    json!({"kind": "threshold", "side": "above", "limit": 100_000, "aggregation": aggregation, "window_s": window_s})
}

fn rule(condition: &Value) -> Value {
    let scope = json!({"links": [{"src": "x", "dst": "y"}]});
    json!({"id": "mine", "metric": "rtt_us", "scope": scope, "condition": condition, "for_s": 10})
}

async fn preview(hub: &TestHub, body: &Value) -> (u16, Value) {
    let response = hub.client.post(hub.url("/api/v1/rules/preview")).json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

/// The only stretch of a preview, ms.
fn only(preview: &Value) -> (i64, i64) {
    assert_eq!(preview["firings"], 1, "{preview}");
    let firing = &preview["subjects"][0]["firings"][0];
    let moment = |name: &str| Timestamp::parse_rfc3339(firing[name].as_str().unwrap()).unwrap().ms();
    (moment("from"), moment("to"))
}

#[tokio::test]
async fn a_preview_tells_to_the_second_when_a_rule_would_have_fired() {
    let folder = tempfile::tempdir().unwrap();
    let now_ms = fill(folder.path(), (90 * MINUTE_MS, 1_000), (30 * MINUTE_MS, 25 * MINUTE_MS)).await;
    let hub = TestHub::start_in(folder).await;
    let (status, found) = preview(&hub, &json!({"rule": rule(&threshold("last", 5.0)), "from": "now-1h"})).await;
    assert_eq!((status, &found["step_ms"], &found["judged"]), (200, &json!(1_000), &json!(1)), "{found}");
    let (from_ms, to_ms) = only(&found);
    assert!((from_ms - (now_ms - 30 * MINUTE_MS + 10_000)).abs() <= 1_000, "{found}");
    assert!((to_ms - (now_ms - 25 * MINUTE_MS)).abs() <= 1_000, "{found}");
    assert_eq!((&found["subjects"][0]["subject"], &found["notes"]), (&json!("x → y"), &json!([])));
    let strict = json!({"rule": rule(&threshold("last", 5.0)), "from": "now-20m", "to": "now-10m"});
    assert_eq!(preview(&hub, &strict).await.1["firings"], 0, "it was over before");
    hub.stop().await;
}

#[tokio::test]
async fn a_preview_asks_the_past_as_the_live_engine_does() {
    let folder = tempfile::tempdir().unwrap();
    let now_ms = fill(folder.path(), (240 * MINUTE_MS, 1_000), (30 * MINUTE_MS, 25 * MINUTE_MS)).await;
    let hub = TestHub::start_in(folder).await;
    let deviation = json!({"kind": "deviation", "side": "above", "sigmas": 5, "learn_s": 3_600, "aggregation": "avg", "window_s": 10});
    let change = json!({"kind": "change", "side": "above", "percent": 100, "against_s": 7_200, "aggregation": "avg", "window_s": 10});
    let budget = json!({"kind": "budget", "side": "above", "limit": 100_000, "percent": 20, "period_s": 600});
    for (condition, late_ms) in [(deviation, 15_000), (change, 15_000), (budget, 135_000)] {
        let (status, found) = preview(&hub, &json!({"rule": rule(&condition), "from": "now-1h"})).await;
        assert_eq!(status, 200, "{found}");
        let (from_ms, _) = only(&found);
        let after_ms = from_ms - (now_ms - 30 * MINUTE_MS);
        assert!((0..=late_ms).contains(&after_ms), "{after_ms} ms: {found}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_preview_of_a_week_judges_summaries_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let day_ms = 24 * 60 * MINUTE_MS;
    let now_ms = fill(folder.path(), (7 * day_ms, 10_000), (3 * day_ms, 3 * day_ms - 120 * MINUTE_MS)).await;
    let hub = TestHub::start_in(folder).await;
    let (status, found) = preview(&hub, &json!({"rule": rule(&threshold("avg", 60.0)), "from": "now-7d"})).await;
    assert_eq!((status, &found["step_ms"]), (200, &json!(MINUTE_MS)), "{found}");
    assert!(found["notes"][0].as_str().unwrap().contains("60 s"), "{found}");
    let (from_ms, to_ms) = only(&found);
    assert!((from_ms - (now_ms - 3 * day_ms)).abs() <= 2 * MINUTE_MS, "{found}");
    assert!((to_ms - (now_ms - 3 * day_ms + 120 * MINUTE_MS)).abs() <= 2 * MINUTE_MS, "{found}");
    hub.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_preview_is_named() {
    let hub = TestHub::start().await;
    let good = rule(&threshold("avg", 60.0));
    let with = |field: &str, value: Value| {
        let mut rule = good.clone();
        rule[field] = value;
        json!({"rule": rule, "from": "now-1h"})
    };
    let links = json!({"links": [{"src": "x", "dst": "y"}]});
    let cases = [
        (404, "rule.metric", with("metric", "nobody_pushed_this".into())),
        (422, "rule.metric", with("metric", "no name".into())),
        (422, "rule.for_s", with("for_s", json!(10_000_000))),
        (422, "rule.condition.window_s", with("condition", threshold("avg", 0.0))),
        (422, "rule.scope.links", json!({"rule": {"metric": "clock_offset_us", "scope": links}, "from": "now-1h"})),
        (422, "from", json!({"rule": good, "from": "some time"})),
        (422, "from", json!({"rule": good, "from": "now", "to": "now-1h"})),
        (422, "from", json!({"rule": good, "from": "now-90d"})),
        (422, "from", json!({"rule": good})),
        (422, "rule.colour", with("colour", "red".into())),
    ];
    for (expected, field, body) in cases {
        let (status, problem) = preview(&hub, &body).await;
        assert_eq!((status, problem["field"].as_str()), (expected, Some(field)), "{body}: {problem}");
    }
    let nothing = json!({"rule": {"metric": "clock_offset_us"}, "from": "now-1h"});
    let (status, found) = preview(&hub, &nothing).await;
    assert_eq!(
        (status, &found["judged"]),
        (200, &json!(0)),
        "a rule without a name, and a metric without series: {found}"
    );
    hub.stop().await;
}

#[tokio::test]
async fn rules_are_refused_at_the_field_and_nothing_else_changes() {
    let hub = TestHub::start().await;
    let before = hub.get("/api/v1/settings").await.1;
    let with = |field: &str, value: Value| {
        let mut bad = rule(&threshold("avg", 60.0));
        bad[field] = value;
        bad
    };
    let good = rule(&threshold("avg", 60.0));
    let cases = [
        (json!([with("condition", threshold("avg", 1e6))]), "alerts.rules[0].condition.window_s"),
        (json!([good, with("id", "mine".into())]), "alerts.rules[1].id"),
        (json!([with("id", "loss_high".into())]), "alerts.rules[0].id"),
        (json!([with("for_s", json!(3_600 * 73))]), "alerts.rules[0].for_s"),
        (json!([with("message", "{colour}".into())]), "alerts.rules[0].message"),
    ];
    for (rules, field) in cases {
        let (status, problem) =
            hub.put_settings(&json!({"alerts": {"rules": rules, "latency": {"limit_ms": 7}}})).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some(field)), "{problem}");
    }
    assert_eq!(hub.get("/api/v1/settings").await.1, before);
    let long = json!({"alerts": {"rules": [with("for_s", json!(3_600 * 10))]}});
    assert_eq!(hub.put_settings(&long).await.0, 200);
    let (status, problem) = hub.put_settings(&json!({"storage": {"raw_hours": 5}})).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("alerts.rules[0].for_s")), "{problem}");
    hub.stop().await;
}

async fn status_of(hub: &TestHub, id: &str) -> Value {
    let rules = hub.get("/api/v1/rules").await.1;
    rules.as_array().unwrap().iter().find(|rule| rule["id"] == id).cloned().unwrap_or_default()
}

async fn push(hub: &TestHub, value: f64) {
    let line = json!({"metric": "step_time_s", "value": value, "labels": {"node": "n1"}}).to_string();
    let answer = hub.client.post(hub.url("/api/v1/samples")).body(line).send().await.unwrap();
    assert_eq!(answer.status(), 204);
}

#[tokio::test]
async fn rules_are_listed_with_what_they_watch_and_the_disk_of_the_hub_is_watched() {
    let watched = |config: &mut Config| config.settings.alerts.disk.enabled = true;
    let hub = TestHub::start_with(tempfile::tempdir().unwrap(), watched).await;
    let condition = json!({"kind": "threshold", "side": "above", "limit": 5, "aggregation": "last", "window_s": 60});
    let mine = json!({"id": "steps", "title": "Slow steps", "metric": "step_time_s", "condition": condition,
        "for_s": 0, "severity": "critical", "message": "<b>{node}</b> takes {value}", "runbook": "https://wiki/steps"});
    let off = json!({"id": "off", "metric": "rtt_us", "enabled": false, "condition": condition});
    assert_eq!(hub.put_settings(&json!({"alerts": {"rules": [mine, off]}})).await.0, 200);
    hub.until("the disk is measured", async || status_of(&hub, "disk_full").await["subjects"] == 1).await;
    push(&hub, 7.0).await;
    hub.until("it fires", async || status_of(&hub, "steps").await["firing"] == 1).await;
    let status = status_of(&hub, "steps").await;
    assert_eq!(status["condition"], "step_time_s, newest, above 5");
    assert_eq!(
        (&status["title"], &status["is_built_in"], &status["enabled"]),
        (&json!("Slow steps"), &json!(false), &json!(true))
    );
    assert_eq!(status_of(&hub, "off").await["enabled"], false);
    assert_eq!(status_of(&hub, "latency_high").await["is_built_in"], true);
    let alerts = hub.get("/api/v1/alerts").await.1;
    let alert = alerts.as_array().unwrap().iter().find(|alert| alert["rule"] == "steps").cloned().unwrap();
    assert_eq!((&alert["message"], &alert["runbook"]), (&json!("<b>n1</b> takes 7"), &json!("https://wiki/steps")));
    assert_eq!((&alert["metric"], &alert["worst"]), (&json!("step_time_s"), &json!(7.0)));
    hub.stop().await;
}

#[tokio::test]
async fn a_rule_for_a_run_fires_while_the_run_goes_on() {
    let hub = TestHub::start().await;
    let condition = json!({"kind": "threshold", "side": "above", "limit": 5, "aggregation": "last", "window_s": 600});
    let mine =
        json!({"id": "steps", "metric": "step_time_s", "scope": {"run": "bert"}, "condition": condition, "for_s": 0});
    assert_eq!(hub.put_settings(&json!({"alerts": {"rules": [mine]}})).await.0, 200);
    push(&hub, 7.0).await;
    hub.until("the series is known", async || status_of(&hub, "steps").await["subjects"] == 1).await;
    assert_eq!(status_of(&hub, "steps").await["firing"], 0, "no run goes on");
    let new = json!({"name": "bert", "nodes": ["n1"]});
    let run: Value = hub.client.post(hub.url("/api/v1/runs")).json(&new).send().await.unwrap().json().await.unwrap();
    push(&hub, 7.0).await;
    hub.until("it fires", async || status_of(&hub, "steps").await["firing"] == 1).await;
    let hub = TestHub::start_in(hub.stop().await).await;
    hub.until("it is known again", async || status_of(&hub, "steps").await["firing"] == 1).await;
    let end = hub.url(&format!("/api/v1/runs/{}/end", run["id"].as_str().unwrap()));
    hub.client.post(end).json(&json!({"status": "succeeded"})).send().await.unwrap();
    hub.until("it is over with the run", async || status_of(&hub, "steps").await["firing"] == 0).await;
    let alerts = hub.get("/api/v1/alerts").await.1;
    assert_eq!((alerts.as_array().unwrap().len(), &alerts[0]["state"]), (1, &json!("resolved")), "{alerts}");
    hub.stop().await;
}
