//! Goal: whatever comes in over HTTP, the answer is a problem document that names the culprit, and nothing changes.
//! Method: a hub in this process; each case is a line.

use serde_json::Value;

use crate::support::TestHub;

async fn assert_problem(response: reqwest::Response, status: u16, culprit: &str) {
    assert_eq!(response.status().as_u16(), status, "{culprit}");
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{culprit}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status, "{problem}");
    assert!(problem["type"].as_str().unwrap().starts_with("urn:netloom:problem:"), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(culprit), "{culprit} is missing: {problem}");
}

#[tokio::test]
async fn wrong_questions_are_answered_with_the_culprit() {
    let hub = TestHub::start().await;
    let cases = [
        ("/api/v1/query", 400, "metric"),
        ("/api/v1/query?metric=nonsense", 404, "nonsense"),
        ("/api/v1/query?metric=rtt_us&from=now&to=now-1h", 400, "from"),
        ("/api/v1/query?metric=rtt_us&from=yesterday", 400, "yesterday"),
        ("/api/v1/query?metric=rtt_us&step=0", 400, "step"),
        ("/api/v1/query?metric=rtt_us&step=1ms&from=now-1d", 400, "step"),
        ("/api/v1/query?metric=rtt_us&agg=median", 400, "median"),
        ("/api/v1/query?metric=rtt_us&colour=red", 400, "colour"),
        ("/api/v1/nothing", 404, "/api/v1/nothing"),
        ("/pkg/nothing.js", 404, "/pkg/nothing.js"),
        ("/pkg/..%2F..%2FCargo.toml", 404, "Cargo.toml"),
    ];
    for (path, status, culprit) in cases {
        assert_problem(hub.client.get(hub.url(path)).send().await.unwrap(), status, culprit).await;
    }
    let posted = hub.client.post(hub.url("/api/v1/nodes")).send().await.unwrap();
    assert_problem(posted, 405, "POST").await;
    hub.stop().await;
}

#[tokio::test]
async fn wrong_settings_are_answered_with_the_culprit() {
    let hub = TestHub::start().await;
    let before = hub.get("/api/v1/settings/details").await.1;
    let cases = [
        ("{\"probe\":", 400, "line 1"),
        ("", 400, "JSON"),
        ("[]", 422, "must be an object"),
        ("{\"colour\": 1}", 422, "colour"),
        ("{\"alerts\": {\"latency\": {\"limit_ms\": NaN}}}", 400, "column"),
        ("{\"alerts\": {\"latency\": {\"limit_ms\": \"NaN\"}}}", 422, "alerts.latency.limit_ms"),
        ("{\"alerts\": {\"latency\": {\"limit_ms\": 1e999}}}", 400, "number out of range"),
        ("{\"probe\": {\"targets\": [{\"address\": \"not an address\"}]}}", 422, "probe.targets[0].address"),
        ("{\"probe\": {\"targets\": [{\"address\": \"127.0.0.1\", \"port\": 70000}]}}", 422, "probe.targets[0].port"),
    ];
    for (body, status, culprit) in cases {
        let response = hub.client.put(hub.url("/api/v1/settings")).body(body).send().await.unwrap();
        assert_problem(response, status, culprit).await;
    }
    assert_eq!(hub.get("/api/v1/settings/details").await.1, before);
    hub.stop().await;
}

#[tokio::test]
async fn wrong_layouts_are_answered_with_the_culprit_and_counted() {
    let hub = TestHub::start().await;
    let put = async |body: &'static [u8]| hub.client.put(hub.url("/api/v1/layout")).body(body).send().await.unwrap();
    assert_problem(put(b"[[rack]]\nname = 7\n").await, 422, "line 2").await;
    assert_problem(put(b"\xff").await, 400, "UTF-8").await;
    assert_eq!(put(b"[[rack]]\nname = \"r1\"\nnodes = [\"n1\"]\n").await.status(), 200);
    let metrics = hub.client.get(hub.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("netloom_layout_refused_total 2"), "{metrics}");
    hub.stop().await;
}

#[tokio::test]
async fn a_body_of_a_hundred_megabytes_is_refused_before_it_is_read() {
    let hub = TestHub::start().await;
    let request = hub.client.put(hub.url("/api/v1/settings")).body(vec![b' '; 100 * 1_024 * 1_024]);
    // The hub may close the connection while the client still sends; either way it goes on.
    if let Ok(response) = request.send().await {
        assert_problem(response, 413, "limit").await;
    }
    assert_eq!(hub.get("/healthz").await.0, 200);
    hub.stop().await;
}

#[tokio::test]
async fn other_web_sites_are_kept_out() {
    let hub = TestHub::start().await;
    let foreign = hub.client.get(hub.url("/api/network")).header("host", "evil.example").send().await.unwrap();
    assert_problem(foreign, 421, "evil.example").await;
    let request = hub.client.put(hub.url("/api/v1/settings")).header("origin", "http://evil.example");
    assert_problem(request.body("{}").send().await.unwrap(), 403, "other web sites").await;
    hub.stop().await;
}
