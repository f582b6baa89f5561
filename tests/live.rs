//! Goal: a listener misses nothing and knows when it did. Method: a hub in this process, its stream read as bytes.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use crate::support::{DEADLINE, TestHub};

/// One event of a stream.
#[derive(Debug, Clone)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

struct Stream {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<reqwest_bytes::Bytes>>,
    buffer: String,
}

mod reqwest_bytes {
    /// What reqwest's streams are made of.
    pub type Bytes = tokio_util::bytes::Bytes;
}

impl Stream {
    async fn open(hub: &TestHub, path: &str, last: Option<&str>) -> Self {
        let mut request = hub.client.get(hub.url(path));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
        Self { bytes: response.bytes_stream().boxed(), buffer: String::new() }
    }

    /// The next event; `None` when the stream ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let line =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
                let event = Event {
                    id: line("id: "),
                    name: line("event: "),
                    data: serde_json::from_str(&line("data: ")).unwrap_or_default(),
                };
                self.buffer = rest.to_string();
                if event.name.is_empty() {
                    continue;
                }
                return Some(event);
            }
            let chunk = tokio::time::timeout(DEADLINE, self.bytes.next()).await.expect("the stream speaks")?.ok()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if wanted(&event) {
                return event;
            }
        }
    }
}

fn seq(event: &Event) -> u64 {
    event.id.split_once(':').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn a_new_listener_gets_everything_as_it_is_and_then_what_comes() {
    let hub = TestHub::start().await;
    hub.until("something is known", async || !hub.get("/api/v1/nodes").await.1.as_array().unwrap().is_empty()).await;
    let mut stream = Stream::open(&hub, "/api/v1/stream", None).await;
    let mut names = Vec::new();
    for _ in 0..6 {
        names.push(stream.next().await.unwrap().name);
    }
    assert_eq!(names, ["hello", "node", "silences", "health", "verdict", "samples"]);
    let live = stream.until(|event| event.name == "samples").await;
    let series = live.data["samples"][0][0].as_u64().unwrap() as usize;
    assert!(live.data["series"][series]["metric"].is_string());
    hub.stop().await;
}

#[tokio::test]
async fn only_the_topics_asked_for_are_sent() {
    let hub = TestHub::start().await;
    let mut stream = Stream::open(&hub, "/api/v1/stream?topics=settings", None).await;
    assert_eq!(stream.next().await.unwrap().name, "hello");
    let change = serde_json::json!({"storage": {"raw_hours": 2}});
    assert_eq!(hub.put_settings(&change).await.0, 200);
    let event = stream.next().await.unwrap();
    assert_eq!((event.name.as_str(), &event.data["version"]), ("settings", &1.into()));
    hub.stop().await;
}

#[tokio::test]
async fn a_listener_that_comes_back_gets_exactly_what_it_missed() {
    let hub = TestHub::start().await;
    let mut stream = Stream::open(&hub, "/api/v1/stream", None).await;
    stream.until(|event| event.name == "samples").await;
    let last = stream.until(|event| event.name == "samples").await;
    drop(stream);
    let mut witness = Stream::open(&hub, "/api/v1/stream", None).await;
    let ahead = witness.until(|event| seq(event) > seq(&last) + 3).await;
    for path in ["/api/v1/stream".to_owned(), format!("/api/v1/stream?after={}", last.id)] {
        let header = path.ends_with("stream").then_some(last.id.as_str());
        let mut resumed = Stream::open(&hub, &path, header).await;
        assert_eq!(resumed.next().await.unwrap().name, "hello");
        let mut expected = seq(&last) + 1;
        while expected <= seq(&ahead) {
            let event = resumed.next().await.unwrap();
            assert_eq!(seq(&event), expected, "{event:?}");
            expected += 1;
        }
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_listener_of_another_start_is_told_to_begin_anew() {
    let hub = TestHub::start().await;
    let mut stream = Stream::open(&hub, "/api/v1/stream?after=1:1", None).await;
    assert_eq!(stream.next().await.unwrap().name, "hello");
    assert_eq!(stream.next().await.unwrap().name, "resync");
    stream.until(|event| event.name == "samples").await;
    hub.stop().await;
}

#[tokio::test]
async fn open_streams_do_not_hold_up_the_end() {
    let hub = TestHub::start().await;
    let mut stream = Stream::open(&hub, "/api/v1/stream", None).await;
    stream.next().await.unwrap();
    let stopping = tokio::time::timeout(Duration::from_secs(5), hub.stop());
    let ended = async { while stream.next().await.is_some() {} };
    let (stopped, ()) = tokio::join!(stopping, ended);
    assert!(stopped.is_ok(), "the hub did not stop within five seconds");
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let hub = TestHub::start().await;
    let (status, problem) = hub.get("/api/v1/stream?topics=samples,gossip").await;
    assert_eq!((status, &problem["field"]), (400, &"topics".into()));
    assert!(problem["detail"].as_str().unwrap().contains("gossip"));
    hub.stop().await;
}

/// Pushes a figure of each pair as of now.
async fn push_pairs(hub: &TestHub, pairs: &[(&str, &str, f64)]) {
    let line = |(src, dst, value): &(&str, &str, f64)| {
        json!({"metric": "rtt_us", "value": value, "labels": {"src": src, "dst": dst, "mode": "udp"}}).to_string()
    };
    let body = pairs.iter().map(line).collect::<Vec<_>>().join("\n");
    let sent = hub.client.post(hub.url("/api/v1/samples")).body(body).send().await.unwrap();
    assert_eq!(sent.status(), 204);
}

#[tokio::test]
async fn a_listener_gets_the_samples_that_it_wants_and_may_change_its_mind() {
    let hub = TestHub::start().await;
    push_pairs(&hub, &[("a", "b", 1.0), ("b", "a", 2.0)]).await;
    let wanted = r#"[{"metric":"rtt_us","labels":{"src":"a"}}]"#;
    let mut stream = Stream::open(&hub, &format!("/api/v1/stream?topics=samples&samples={wanted}"), None).await;
    let hello = stream.next().await.unwrap();
    let first = stream.next().await.unwrap();
    assert_eq!((&first.data["series"].as_array().unwrap().len(), &first.data["samples"][0][2]), (&1, &1.into()));
    push_pairs(&hub, &[("b", "a", 3.0), ("a", "b", 4.0)]).await;
    // What was stored just before may be told once more, together with what comes now.
    let live = stream.next().await.unwrap();
    assert_eq!(live.data["series"].as_array().unwrap().len(), 1, "of no other series");
    assert_eq!(live.data["samples"].as_array().unwrap().last().unwrap()[2], 4);

    let path = format!("/api/v1/stream/{}", hello.data["stream"].as_str().unwrap());
    let change = |body| hub.client.put(hub.url(&path)).json(&body).send();
    let other = json!({"samples": [{"metric": "rtt_us", "labels": {"src": "b"}}], "matrix": ["rtt_us"]});
    assert_eq!(change(other).await.unwrap().status(), 204);
    assert_eq!(stream.next().await.unwrap().data["samples"][0][2], 3, "what is newly wanted comes at once");
    let matrix = stream.until(|event| event.name == "matrix").await;
    assert_eq!(matrix.data["nodes"], json!(["a", "b"]));
    assert_eq!(matrix.data["rows"], json!([[0, [null, 4.0]], [1, [3.0, null]]]));
    assert_eq!(change(json!({"samples": [{"metric": "No Name"}]})).await.unwrap().status(), 400);
    drop(stream);
    hub.until("the name is forgotten", async || change(json!({})).await.unwrap().status() == 404).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_matrix_is_told_whole_and_then_by_the_rows_that_change() {
    let hub = TestHub::start().await;
    push_pairs(&hub, &[("a", "b", 1.0), ("b", "a", 2.0)]).await;
    let mut stream = Stream::open(&hub, "/api/v1/stream?topics=verdict&matrix=rtt_us", None).await;
    let whole = stream.until(|event| event.name == "matrix").await;
    assert_eq!(whole.data["rows"].as_array().unwrap().len(), 2);
    push_pairs(&hub, &[("b", "a", 5.0)]).await;
    let change = stream.until(|event| event.name == "matrix").await;
    assert_eq!((&change.data["nodes"], &change.data["rows"]), (&json!(null), &json!([[1, [5.0, null]]])));
    push_pairs(&hub, &[("c", "a", 7.0)]).await;
    push_pairs(&hub, &[("a", "c", 8.0)]).await;
    let grown = stream.until(|event| event.name == "matrix" && event.data["rows"][0][1][2] == 8.0).await;
    assert_eq!(grown.data["rows"][0], json!([0, [null, 1.0, 8.0]]));
    hub.stop().await;
}
