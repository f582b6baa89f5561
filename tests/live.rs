//! Goal: a listener misses nothing and knows when it did. Method: a hub in this process, its stream read as bytes.

use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;

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
    let names: Vec<String> = [stream.next().await, stream.next().await, stream.next().await, stream.next().await]
        .map(|event| event.unwrap().name)
        .to_vec();
    assert_eq!(names, ["hello", "node", "health", "samples"]);
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
