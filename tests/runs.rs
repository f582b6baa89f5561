//! Goal: training runs are begun, changed, ended, looked up and compared as the contract says. Method: a hub in this
//! process, asked over HTTP; for comparisons, over samples that were stored before it started.

use futures::StreamExt;
use netloom_core::{
    sample::SeriesKey,
    series::{Row, Rows},
};
use netloom_server::{
    clock,
    store::{self, Store},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestHub;

struct Reply {
    status: u16,
    kind: String,
    location: String,
    body: Value,
}

async fn send(hub: &TestHub, method: Method, path: &str, body: &Value) -> Reply {
    let response = hub.client.request(method, hub.url(path)).json(body).send().await.unwrap();
    let header =
        |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (status, kind, location) = (response.status().as_u16(), header("content-type"), header("location"));
    Reply { status, kind, location, body: response.json().await.unwrap_or_default() }
}

async fn post(hub: &TestHub, path: &str, body: &Value) -> Reply {
    send(hub, Method::POST, path, body).await
}

async fn create(hub: &TestHub, body: &Value) -> Value {
    let reply = post(hub, "/api/v1/runs", body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}

fn address(run: &Value, rest: &str) -> String {
    format!("/api/v1/runs/{}{rest}", run["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_run_begins_is_changed_and_ends() {
    let hub = TestHub::start().await;
    let reply = post(&hub, "/api/v1/runs", &json!({"name": "bert", "tags": {"lr": "3e-4"}})).await;
    assert_eq!((reply.status, reply.location.as_str()), (201, address(&reply.body, "").as_str()));
    let run = reply.body;
    assert_eq!((&run["status"], &run["ended_at"], &run["events"]), (&json!("running"), &Value::Null, &json!(0)));
    assert!(run["started_at"].as_str().unwrap().ends_with('Z'));

    let change = json!({"name": "bert large", "tags": {"lr": null, "net": "ib"}, "notes": "one\ntwo", "nodes": ["n1"]});
    let changed = send(&hub, Method::PATCH, &address(&run, ""), &change).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(hub.get(&address(&run, "")).await, (200, changed.body.clone()));
    assert_eq!((&changed.body["tags"], &changed.body["name"]), (&json!({"net": "ib"}), &json!("bert large")));

    let end = json!({"exit_code": 3});
    let ended = post(&hub, &address(&run, "/end"), &end).await;
    assert_eq!((ended.status, &ended.body["status"], &ended.body["exit_code"]), (200, &json!("failed"), &json!(3)));
    let again = post(&hub, &address(&run, "/end"), &end).await;
    assert_eq!((again.status, again.body), (200, ended.body));
    let otherwise = post(&hub, &address(&run, "/end"), &json!({"status": "succeeded"})).await;
    assert_eq!((otherwise.status, &otherwise.body["field"]), (409, &json!("status")));
    let hub = TestHub::start_in(hub.stop().await).await;
    assert_eq!(hub.get(&address(&run, "")).await.1["status"], "failed", "it survives a restart");
    hub.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_with_the_field_to_blame() {
    let hub = TestHub::start().await;
    let run = create(&hub, &json!({"name": "a"})).await;
    let cases = [
        ("/api/v1/runs", json!({}), "name"),
        ("/api/v1/runs", json!({"name": "a", "tags": {"A": "b"}}), "tags.A"),
        ("/api/v1/runs", json!({"name": "a", "tags": {"a": 1}}), "tags.a"),
        ("/api/v1/runs", json!({"name": "a", "nmae": 1}), "nmae"),
        ("/api/v1/runs", json!({"name": "a", "started_at": clock::now().ms() + 70_000}), "started_at"),
        ("/api/v1/runs", json!({"name": "a", "started_at": 2_000, "ended_at": 1_000}), "ended_at"),
        (&address(&run, "/end"), json!({"status": "running"}), "status"),
        (&address(&run, "/end"), json!({"ended_at": "2020-01-01T00:00:00Z"}), "ended_at"),
        (&address(&run, "/events"), json!({"text": ""}), "text"),
    ];
    for (path, body, field) in cases {
        let reply = post(&hub, path, &body).await;
        assert_eq!((reply.status, &reply.body["field"]), (422, &json!(field)), "{body}: {}", reply.body);
        assert_eq!(reply.kind, "application/problem+json");
    }
    for path in ["/api/v1/runs/zzzzzzzz", "/api/v1/runs/zzzzzzzz/events", "/api/v1/runs/compare?a=zzzzzzzz&b=zzzzzzzz"]
    {
        assert_eq!(hub.get(path).await.0, 404, "{path}");
    }
    for path in ["status=done", "limit=0", "before=soon", "before=zzzzzzzz", "nonsense=1"] {
        assert_eq!(hub.get(&format!("/api/v1/runs?{path}")).await.0, 400, "{path}");
    }
    assert_eq!(hub.get("/api/v1/runs/compare?a=zzzzzzzz").await.1["field"], "a");
    let not_json = hub.client.post(hub.url("/api/v1/runs")).body("{").send().await.unwrap();
    assert_eq!(not_json.status(), 400);
    hub.stop().await;
}

#[tokio::test]
async fn a_request_with_an_id_may_be_sent_again() {
    let hub = TestHub::start().await;
    let request = json!({"id": "abcdefgh", "name": "a", "started_at": 1_000, "heartbeat": true});
    let first = post(&hub, "/api/v1/runs", &request).await;
    assert_eq!((first.status, &first.body["status"]), (201, &json!("running")), "it was just heard of");
    let renamed = send(&hub, Method::PATCH, "/api/v1/runs/abcdefgh", &json!({"name": "b"})).await;
    let second = post(&hub, "/api/v1/runs", &request).await;
    assert_eq!((second.status, &second.body["name"]), (200, &json!("b")));
    assert_eq!(second.body["heard_at"], renamed.body["heard_at"]);
    let other = post(&hub, "/api/v1/runs", &json!({"id": "abcdefgh", "name": "a", "started_at": 2_000})).await;
    assert_eq!((other.status, &other.body["field"]), (409, &json!("id")));
    hub.stop().await;
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_looked_up() {
    let hub = TestHub::start().await;
    for (name, start_ms, exit_code, lr) in
        [("a one", 1_000, 0, "1"), ("b two", 3_000, 1, "2"), ("c one", 2_000, 0, "2")]
    {
        let body = json!({"name": name, "started_at": start_ms, "ended_at": 9_000, "exit_code": exit_code, "tags": {"lr": lr}});
        create(&hub, &body).await;
    }
    let names = async |query: &str| {
        let (status, found) = hub.get(&format!("/api/v1/runs?{query}")).await;
        assert_eq!(status, 200, "{found}");
        found.as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["b two", "c one", "a one"]);
    assert_eq!(names("q=ONE").await, ["c one", "a one"]);
    assert_eq!(names("q=tag%3Dlr%3D2").await, ["b two", "c one"]);
    assert_eq!(names("q=lr:2%20one").await, ["c one"]);
    assert_eq!(names("status=failed").await, ["b two"]);
    assert_eq!(names("limit=1").await, ["b two"]);
    let newest = hub.get("/api/v1/runs?limit=1").await.1[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(names(&format!("before={newest}")).await, ["c one", "a one"]);
    assert_eq!(names("before=2000").await, ["a one"]);
    hub.stop().await;
}

#[tokio::test]
async fn what_happens_in_a_run_is_kept_in_order_and_counted() {
    let hub = TestHub::start().await;
    let run = create(&hub, &json!({"name": "a", "started_at": 1_000})).await;
    for (at, text) in [(3_000, "epoch 2"), (2_000, "epoch 1")] {
        let event = json!({"at": at, "kind": "epoch", "text": text, "value": 0.5});
        assert_eq!(post(&hub, &address(&run, "/events"), &event).await.status, 201);
    }
    let events = hub.get(&address(&run, "/events")).await.1;
    assert_eq!((&events[0]["text"], &events[1]["text"]), (&json!("epoch 1"), &json!("epoch 2")));
    assert_eq!(hub.get(&address(&run, "")).await.1["events"], 2);
    hub.stop().await;
}

#[tokio::test]
async fn listeners_hear_of_every_change() {
    let hub = TestHub::start().await;
    let stream = hub.client.get(hub.url("/api/v1/stream?topics=runs")).send().await.unwrap();
    let mut bytes = stream.bytes_stream();
    let run = create(&hub, &json!({"name": "a"})).await;
    post(&hub, &address(&run, "/events"), &json!({"text": "epoch 1"})).await;
    post(&hub, &address(&run, "/end"), &json!({})).await;
    let mut heard = String::new();
    while !heard.contains("succeeded") {
        let chunk = tokio::time::timeout(crate::support::DEADLINE, bytes.next()).await;
        heard += &String::from_utf8_lossy(&chunk.expect("in vain: the end is heard").unwrap().unwrap());
    }
    assert_eq!(heard.matches("event: run\n").count(), 3, "{heard}");
    assert!(!heard.contains("event: samples"));
    hub.stop().await;
}

/// Twenty minutes of latency to two targets, a value a second; from the middle on one of them is slow.
async fn history(store: &dyn Store, now_ms: i64) {
    let start_ms = now_ms - 1_200_000;
    let mut rows = Vec::new();
    for (at, dst) in ["calm", "slow"].into_iter().enumerate() {
        let key = SeriesKey::new("rtt_us", [("src", "n1"), ("dst", dst), ("mode", "icmp")]);
        let series = store.intern(&[key]).await.unwrap()[0];
        for second in 0..1_200 {
            let extra = if at == 1 && second >= 720 { 900.0 } else { 0.0 };
            let value = 100.0 + f64::from(second * 7 % 11) + extra;
            rows.push(Row { series, ts_ms: start_ms + i64::from(second) * 1_000, value });
        }
    }
    store.append(&[Rows { origin: None, rows }]).await.unwrap();
}

#[tokio::test]
async fn a_worse_run_is_told_from_a_good_one() {
    let folder = tempfile::tempdir().unwrap();
    // On a whole second, as the steps are.
    let now_ms = clock::now().ms() / 1_000 * 1_000;
    let before = store::open(folder.path()).await.unwrap();
    history(&*before.samples, now_ms).await;
    before.database.close().await;
    drop(before);
    let hub = TestHub::start_in(folder).await;
    let half = async |name: &str, from_ms: i64, nodes: Value| {
        let body = json!({"name": name, "started_at": from_ms, "ended_at": from_ms + 599_000, "nodes": nodes});
        create(&hub, &body).await["id"].as_str().unwrap().to_owned()
    };
    let a = half("good", now_ms - 1_200_000, json!([])).await;
    let b = half("bad", now_ms - 600_000, json!([])).await;
    let elsewhere = half("elsewhere", now_ms - 600_000, json!(["n2"])).await;

    let (status, compared) = hub.get(&format!("/api/v1/runs/compare?a={a}&b={b}")).await;
    assert_eq!(status, 200, "{compared}");
    let rtt = &compared["metrics"][0];
    assert_eq!((&rtt["metric"], &rtt["verdict"]), (&json!("rtt_us"), &json!("worse")));
    assert!(rtt["p"].as_f64().unwrap() < 0.01);
    let average = &rtt["figures"][0];
    assert!((average["a"].as_f64().unwrap() - 105.0).abs() < 0.5, "{average}");
    assert!((average["difference"].as_f64().unwrap() - 360.0).abs() < 5.0, "{average}");
    assert_eq!(
        (&compared["first_worse"]["labels"]["dst"], &compared["links"][0]["labels"]["dst"]),
        (&json!("slow"), &json!("slow"))
    );
    assert_eq!(compared["first_worse"]["after_ms"], 120_000);
    assert_eq!(compared["links"].as_array().unwrap().len(), 1);

    let same = hub.get(&format!("/api/v1/runs/compare?a={a}&b={a}")).await.1;
    assert_eq!((&same["metrics"][0]["verdict"], &same["links"]), (&json!("no_clear_difference"), &json!([])));
    let nothing = hub.get(&format!("/api/v1/runs/compare?a={a}&b={elsewhere}")).await.1;
    assert_eq!(nothing["metrics"][0]["verdict"], "too_little");
    hub.stop().await;
}
