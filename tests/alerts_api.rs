//! Goal: incidents are listed, taken on, silenced, raised, ended and exported as the contract says, and what people did
//! survives a restart. Method: a hub in this process, asked over HTTP; what fires fires by samples that are pushed.

mod history;
mod refused;

use futures::StreamExt;
use netloom_core::time::Timestamp;
use netloom_server::clock;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{DEADLINE, TestHub};

struct Reply {
    status: u16,
    retry_after: String,
    body: Value,
}

async fn send(hub: &TestHub, method: Method, path: &str, body: &Value) -> Reply {
    let request = hub.client.request(method, hub.url(path)).header("netloom-user", "Zoë").json(body);
    let response = request.send().await.unwrap();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    Reply { status, retry_after: retry_after.unwrap_or_default(), body: response.json().await.unwrap_or_default() }
}

async fn post(hub: &TestHub, path: &str, body: &Value) -> Reply {
    send(hub, Method::POST, path, body).await
}

/// A hub on which the latency rule fires with the first bad figure.
async fn start() -> TestHub {
    let hub = TestHub::start().await;
    let settings = json!({"alerts": {"latency": {"for_s": 0.0, "limit_ms": 1_000.0}}});
    assert_eq!(hub.put_settings(&settings).await.0, 200);
    hub
}

/// Pushes the latency of a link: one bad figure, or so many good ones that they are the median.
async fn measure(hub: &TestHub, src: &str, dst: &str, is_bad: bool) {
    let now_ms = clock::now().ms();
    let line = |at: i64| {
        let value = if is_bad { 5_000_000.0 } else { 100.0 };
        let labels = json!({"src": src, "dst": dst, "mode": "icmp"});
        json!({"metric": "rtt_us", "ts_ms": now_ms - at, "value": value, "labels": labels}).to_string()
    };
    let count = if is_bad { 1 } else { 9 };
    let body = (0..count).map(line).collect::<Vec<_>>().join("\n");
    let status = hub.client.post(hub.url("/api/v1/samples")).body(body).send().await.unwrap().status();
    assert_eq!(status, 204);
}

async fn fires(hub: &TestHub, src: &str, dst: &str) -> u64 {
    measure(hub, src, dst, true).await;
    let query = format!("/api/v1/alerts?state=firing&node={dst}");
    let found = async || hub.get(&query).await.1[0]["id"].as_u64();
    hub.until("the alert fires", async || found().await.is_some()).await;
    found().await.unwrap()
}

async fn details(hub: &TestHub, id: u64) -> Value {
    let (status, details) = hub.get(&format!("/api/v1/alerts/{id}")).await;
    assert_eq!(status, 200, "{details}");
    details
}

async fn incident(hub: &TestHub, id: u64) -> Value {
    details(hub, id).await["incident"].clone()
}

async fn kinds(hub: &TestHub, id: u64) -> Vec<String> {
    let timeline = details(hub, id).await["timeline"].clone();
    timeline.as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap().to_owned()).collect()
}

fn seconds_from_now(seconds: i64) -> Value {
    json!(Timestamp(clock::now().ms() + seconds * 1_000))
}

fn acknowledgement(id: u64) -> String {
    format!("/api/v1/alerts/{id}/acknowledgement")
}

fn raised(node: &str) -> Value {
    json!({"type": "gpu_lost", "message": "GPU 3 is <b>gone</b>", "severity": "critical", "labels": {"node": node}})
}

#[tokio::test]
async fn an_incident_is_taken_on_given_back_and_that_ends_with_it() {
    let hub = start().await;
    let id = fires(&hub, "a", "b").await;
    let taken = send(&hub, Method::PUT, &acknowledgement(id), &json!({"note": "on it"})).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    let acknowledged = &taken.body["handling"]["acknowledged"];
    assert_eq!((&acknowledged["by"], &acknowledged["note"]), (&json!("Zoë"), &json!("on it")));
    let again = send(&hub, Method::PUT, &acknowledgement(id), &json!({"note": "on it"})).await;
    assert_eq!((again.status, &again.body), (200, &taken.body), "the request was sent twice");
    assert_eq!(kinds(&hub, id).await, ["fired", "acknowledged"]);

    let back = hub.client.delete(hub.url(&acknowledgement(id))).send().await.unwrap();
    assert_eq!(back.json::<Value>().await.unwrap()["handling"]["acknowledged"], Value::Null);
    let timeline = details(&hub, id).await["timeline"].clone();
    assert_eq!(timeline[2]["text"], "someone at 127.0.0.1 gave it back.");
    let other = send(&hub, Method::PUT, &acknowledgement(id), &json!({"by": "Ada"})).await;
    assert_eq!(other.body["handling"]["acknowledged"]["by"], "Ada", "what the request says wins");
    assert_eq!(hub.get("/api/network/alerts").await.1[0]["handling"], other.body["handling"]);

    measure(&hub, "a", "b", false).await;
    hub.until("it is over", async || incident(&hub, id).await["state"] == "resolved").await;
    assert_eq!(incident(&hub, id).await["handling"]["acknowledged"], Value::Null);
    assert_eq!(kinds(&hub, id).await, ["fired", "acknowledged", "unacknowledged", "acknowledged", "resolved"]);
    assert_eq!(send(&hub, Method::PUT, &acknowledgement(id), &json!({})).await.status, 409);
    hub.stop().await;
}

#[tokio::test]
async fn a_silence_begins_and_ends_at_its_times_and_listeners_hear_of_it() {
    let hub = start().await;
    let stream = hub.client.get(hub.url("/api/v1/stream?topics=alerts")).send().await.unwrap();
    let (id, other) = (fires(&hub, "gpu1", "gpu2").await, fires(&hub, "cpu1", "cpu2").await);
    let matcher = json!({"nodes": ["gpu[2-4]"]});
    let request = json!({"matcher": matcher, "starts_at": seconds_from_now(1), "ends_at": seconds_from_now(3), "why": "new switch"});
    let made = post(&hub, "/api/v1/silences", &request).await;
    assert_eq!(
        (made.status, &made.body["by"], &made.body["matcher"]["nodes"]),
        (201, &json!("Zoë"), &json!(["gpu[2-4]"]))
    );
    let again = post(&hub, "/api/v1/silences", &request).await;
    assert_eq!((again.status, again.body["id"].clone()), (200, made.body["id"].clone()));
    assert_eq!(hub.get("/api/v1/silences").await.1, json!([made.body]));
    assert_eq!(incident(&hub, id).await["handling"]["silenced_by"], Value::Null, "it has not begun");
    let silenced_by = async || incident(&hub, id).await["handling"]["silenced_by"].clone();
    hub.until("it begins", async || silenced_by().await == made.body["id"]).await;
    hub.until("it ends", async || silenced_by().await.is_null()).await;
    assert_eq!(kinds(&hub, id).await, ["fired", "silenced", "unsilenced"]);
    assert_eq!(kinds(&hub, other).await, ["fired"], "it is about another node");
    assert_eq!(details(&hub, id).await["timeline"][1]["text"], "Silenced by Zoë: new switch");

    let request = json!({"matcher": {"rules": ["latency_high"]}, "ends_at": seconds_from_now(3_600), "by": "Ada"});
    let made = post(&hub, "/api/v1/silences", &request).await;
    assert_eq!(silenced_by().await, made.body["id"], "at once");
    let path = format!("/api/v1/silences/{}", made.body["id"].as_str().unwrap());
    let ended = send(&hub, Method::DELETE, &path, &json!({})).await;
    assert_eq!((ended.status, silenced_by().await), (200, Value::Null));
    assert_eq!(send(&hub, Method::DELETE, &path, &json!({})).await.body, ended.body, "it has ended already");
    assert_eq!(hub.get("/api/v1/silences").await.1.as_array().unwrap().len(), 2, "it is still listed");

    let (mut bytes, mut heard) = (stream.bytes_stream(), String::new());
    while !heard.contains(&format!("\"ends_at\":{}", ended.body["ends_at"])) {
        let chunk = tokio::time::timeout(DEADLINE, bytes.next()).await.expect("in vain: the silences are heard");
        heard += &String::from_utf8_lossy(&chunk.unwrap().unwrap());
    }
    assert!(heard.contains("event: silences\n") && heard.contains("\"silenced_by\":"), "{heard}");
    hub.stop().await;
}

#[tokio::test]
async fn a_maintenance_window_silences_as_long_as_it_holds() {
    let hub = start().await;
    let id = fires(&hub, "a", "b").await;
    let window = |zone: &str| {
        let window =
            json!({"name": "all day", "start": "00:00", "end": "00:00", "zone": zone, "matcher": {"nodes": ["b"]}});
        json!({"alerts": {"maintenance": [window]}})
    };
    let (status, problem) = hub.put_settings(&window("Mars/Olympus")).await;
    assert_eq!((status, &problem["field"]), (422, &json!("alerts.maintenance[0].zone")), "{problem}");
    assert_eq!(hub.put_settings(&window("Europe/Berlin")).await.0, 200);
    let silenced_by = async || incident(&hub, id).await["handling"]["silenced_by"].clone();
    hub.until("it holds", async || silenced_by().await == "maintenance all day").await;
    assert_eq!(hub.put_settings(&json!({"alerts": {"maintenance": []}})).await.0, 200);
    hub.until("it is over", async || silenced_by().await.is_null()).await;
    assert_eq!(kinds(&hub, id).await, ["fired", "silenced", "unsilenced"]);
    hub.stop().await;
}

#[tokio::test]
async fn a_job_raises_an_incident_changes_it_and_ends_it() {
    let hub = TestHub::start().await;
    let made = hub.client.post(hub.url("/api/v1/alerts")).json(&raised("n7")).send().await.unwrap();
    let location = made.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.unwrap();
    let id = made["id"].as_u64().unwrap();
    assert_eq!(location, format!("/api/v1/alerts/{id}"));
    assert_eq!(
        (&made["rule"], &made["title"], &made["subject"]),
        (&json!("job_gpu_lost"), &json!("Gpu lost"), &json!("n7"))
    );
    assert_eq!(made["message"], "GPU 3 is <b>gone</b>", "text stays text");
    assert_eq!(hub.get("/api/v1/alerts").await.1, json!([made]));
    hub.until("the health suffers", async || hub.get("/api/network/health").await.1["status"] == "critical").await;

    let mut milder = raised("n7");
    (milder["severity"], milder["message"]) = (json!("info"), json!("GPU 3 is back, slowly"));
    let changed = post(&hub, "/api/v1/alerts", &milder).await;
    assert_eq!((changed.status, &changed.body["id"], &changed.body["severity"]), (200, &json!(id), &json!("info")));
    assert_eq!(post(&hub, "/api/v1/alerts", &raised("n8")).await.status, 201, "other labels, another incident");

    milder["firing"] = json!(false);
    let ended = post(&hub, "/api/v1/alerts", &milder).await;
    assert_eq!((ended.status, &ended.body["state"], &ended.body["id"]), (200, &json!("resolved"), &json!(id)));
    assert_eq!(post(&hub, "/api/v1/alerts", &milder).await.body, ended.body, "the request was sent twice");
    milder["type"] = json!("never_raised");
    let none = post(&hub, "/api/v1/alerts", &milder).await;
    assert_eq!((none.status, &none.body["field"]), (404, &json!("type")));
    assert_eq!(kinds(&hub, id).await, ["fired", "resolved"]);
    assert_eq!(post(&hub, "/api/v1/alerts", &raised("n7")).await.status, 201, "after its end it begins anew");
    hub.stop().await;
}

#[tokio::test]
async fn everything_that_people_and_jobs_did_survives_a_restart() {
    let hub = start().await;
    let id = fires(&hub, "a", "b").await;
    send(&hub, Method::PUT, &acknowledgement(id), &json!({"note": "on it"})).await;
    let silence = json!({"matcher": {"nodes": ["b"]}, "ends_at": seconds_from_now(3_600), "why": "known"});
    let silence = post(&hub, "/api/v1/silences", &silence).await.body;
    let mut short = raised("n7");
    short["ttl_s"] = json!(2.0);
    let short = post(&hub, "/api/v1/alerts", &short).await.body["id"].as_u64().unwrap();
    let long = post(&hub, "/api/v1/alerts", &raised("n8")).await.body["id"].as_u64().unwrap();
    let before = details(&hub, id).await;
    let hub = TestHub::start_in(hub.stop().await).await;
    assert_eq!(details(&hub, id).await, before);
    assert_eq!(hub.get("/api/v1/silences").await.1, json!([silence]));
    hub.until("what nobody raises again is over", async || incident(&hub, short).await["state"] == "resolved").await;
    assert_eq!(
        details(&hub, short).await["timeline"][1]["text"].as_str().unwrap().split('.').next(),
        Some("Nobody raised it again")
    );
    assert_eq!(incident(&hub, long).await["state"], "firing");
    measure(&hub, "a", "b", true).await;
    let next = fires(&hub, "c", "d").await;
    assert!(next > long, "numbers go on");
    assert_eq!(details(&hub, id).await["timeline"], before["timeline"], "nothing fires twice");
    measure(&hub, "a", "b", false).await;
    hub.until("it is over", async || incident(&hub, id).await["state"] == "resolved").await;
    assert_eq!(kinds(&hub, id).await, ["fired", "acknowledged", "silenced", "resolved"]);
    assert_eq!(incident(&hub, id).await["handling"]["silenced_by"], silence["id"], "nobody is told of its end");
    hub.stop().await;
}
