//! What is wrong is refused with the field to blame, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use super::{acknowledgement, details, fires, raised, seconds_from_now, send, start};
use crate::support::TestHub;

#[tokio::test]
async fn what_is_wrong_is_a_problem_with_the_field_to_blame_and_changes_nothing() {
    let hub = start().await;
    let id = fires(&hub, "a", "b").await;
    let before = (hub.get("/api/v1/alerts").await.1, details(&hub, id).await["timeline"].clone());
    let raise = |field: &str, value: Value| {
        let mut body = raised("n7");
        body[field] = value;
        ("/api/v1/alerts".to_owned(), Method::POST, body)
    };
    let silence = |field: &str, value: Value| {
        let mut body = json!({"matcher": {"nodes": ["b"]}, "ends_at": seconds_from_now(60)});
        body[field] = value;
        ("/api/v1/silences".to_owned(), Method::POST, body)
    };
    let take = |body: Value| (acknowledgement(id), Method::PUT, body);
    let many: serde_json::Map<_, _> = (0..40).map(|n| (format!("l{n}"), json!("x"))).collect();
    let cases = [
        (raise("type", json!("GPU lost")), "type"),
        (raise("type", json!("a".repeat(65))), "type"),
        (raise("type", json!(5)), "type"),
        (raise("message", json!("")), "message"),
        (raise("message", json!("a\u{1b}[31mred")), "message"),
        (raise("message", json!("x".repeat(501))), "message"),
        (raise("severity", json!("bad")), "severity"),
        (raise("labels", json!(many)), "labels"),
        (raise("labels", json!({"node": "x".repeat(257)})), "labels.node"),
        (raise("labels", json!({"node": "a\nb"})), "labels.node"),
        (raise("ttl_s", json!(0.0)), "ttl_s"),
        (raise("ttl_s", json!(1e9)), "ttl_s"),
        (raise("colour", json!("red")), "colour"),
        (silence("matcher", json!({})), "matcher"),
        (silence("matcher", json!({"nodes": ["gpu[1-"]})), "matcher.nodes[0]"),
        (silence("matcher", json!({"nodes": ["gpu[1-99999]"]})), "matcher.nodes[0]"),
        (silence("matcher", json!({"links": [{"src": "a"}]})), "matcher.links[0].dst"),
        (silence("matcher", json!({"colour": 1})), "matcher.colour"),
        (silence("ends_at", seconds_from_now(-5)), "ends_at"),
        (silence("ends_at", seconds_from_now(400 * 86_400)), "ends_at"),
        (silence("ends_at", json!("tomorrow")), "ends_at"),
        (silence("starts_at", seconds_from_now(-3_600)), "starts_at"),
        (silence("starts_at", seconds_from_now(61)), "ends_at"),
        (silence("why", json!("x".repeat(501))), "why"),
        (silence("by", json!("a\u{7}")), "by"),
        (take(json!({"by": "x".repeat(65)})), "by"),
        (take(json!({"note": "a\u{0}"})), "note"),
        (take(json!({"nota": "a"})), "nota"),
    ];
    for ((path, method, body), field) in cases {
        let reply = send(&hub, method, &path, &body).await;
        assert_eq!((reply.status, &reply.body["field"]), (422, &json!(field)), "{body}: {}", reply.body);
        assert!(reply.body["type"].as_str().unwrap().starts_with("urn:netloom:problem:"), "{}", reply.body);
    }
    let not_json = hub.client.post(hub.url("/api/v1/alerts")).body("{").send().await.unwrap();
    assert_eq!(not_json.status(), 400);
    assert_eq!((hub.get("/api/v1/alerts").await.1, details(&hub, id).await["timeline"].clone()), before);
    assert_eq!(hub.get("/api/v1/silences").await.1, json!([]));
    hub.stop().await;
}

#[tokio::test]
async fn what_is_not_there_and_what_means_nothing_is_said() {
    let hub = TestHub::start().await;
    for (method, path) in [
        (Method::GET, "/api/v1/alerts/99999"),
        (Method::GET, "/api/v1/alerts/-1"),
        (Method::PUT, "/api/v1/alerts/99999/acknowledgement"),
        (Method::DELETE, "/api/v1/alerts/99999999999999999999/acknowledgement"),
        (Method::DELETE, "/api/v1/silences/zzzzzzzz"),
    ] {
        let reply = send(&hub, method, path, &json!({})).await;
        assert_eq!((reply.status, &reply.body["field"]), (404, &json!("id")), "{path}: {}", reply.body);
    }
    for query in
        ["state=open", "severity=bad", "limit=0", "limit=1001", "before=soon", "from=later", "colour=red", "q=a&q=b"]
    {
        let (status, problem) = hub.get(&format!("/api/v1/alerts?{query}")).await;
        assert_eq!((status, problem["field"].as_str()), (400, query.split('=').next()), "{problem}");
    }
    hub.stop().await;
}
