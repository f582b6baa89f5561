//! Goal: ways of packets are one record for as long as they stay the same, changes are marks on the time axis, and marks are
//! set, found, told and refused as the contract says. Method: a hub in this process; a member by hand tells what it saw.

use std::collections::BTreeMap;

use futures::StreamExt;
use netloom_core::{
    check::path::{Flow, Hop, PathTrace},
    errand::Report,
    mark::{MarkKind, NewMark},
    probe::ProbeMode,
    time::Timestamp,
};
use netloom_server::{
    agent::{hub_clock::HubClock, remote::client::Client},
    clock,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    DEADLINE, TestHub,
    agents::{Joined, LIMIT, code, hub, hub_in, metrics, port_of},
    until,
};

const HOST: &str = "192.0.2.1";

fn trace(hops: &[&str]) -> PathTrace {
    let hop = |(ttl, address): (u8, &&str)| Hop {
        ttl,
        address: address.parse().ok(),
        sent: 1,
        answered: 1,
        rtt_us: Some(100.0),
        refusal: String::new(),
    };
    let flows = vec![Flow { flow: 61_000, hops: (1..).zip(hops).map(hop).collect() }];
    PathTrace { mode: ProbeMode::Udp, address: HOST.parse().unwrap(), is_reached: true, flows }
}

fn seen(at_ms: i64, hops: &[&str]) -> Report {
    Report::Path { dst: "storage".into(), at: Timestamp(at_ms), trace: trace(hops) }
}

async fn tell(client: &Client, reports: &[Report]) {
    let body = serde_json::to_vec(reports).unwrap();
    client.call(Method::POST, "/uplink/v1/reports", body, LIMIT).await.unwrap();
}

async fn list(hub: &TestHub, path: &str) -> Vec<Value> {
    let (status, body) = hub.get(path).await;
    assert_eq!(status, 200, "{body}");
    body.as_array().unwrap().clone()
}

const OLD: &[&str] = &["10.0.0.1", "10.0.1.1", HOST];
const NEW: &[&str] = &["10.0.0.1", "10.0.9.1", HOST];

#[tokio::test]
async fn a_way_is_one_record_until_it_changes_and_a_change_is_a_mark() {
    let hub = hub().await;
    let stream = hub.client.get(hub.url("/api/v1/stream?topics=marks")).send().await.unwrap();
    let mut events = stream.bytes_stream();
    let client = Joined::join(&hub, "a1").await.client(&HubClock::local());
    let at = clock::now().ms() - 60_000;
    tell(&client, &[seen(at, OLD), seen(at + 1_000, OLD), seen(at + 2_000, NEW), seen(at + 3_000, OLD)]).await;
    let seen_times =
        async |times: u64| list(&hub, "/api/v1/paths").await.first().is_some_and(|one| one["seen"] == times);
    until("three looks at one way are kept", async || seen_times(3).await).await;
    let records = list(&hub, "/api/v1/paths?src=a1&dst=storage").await;
    assert_eq!((records.len(), &records[0]["mode"]), (1, &json!("udp")), "one other look is a doubt, no change");
    assert!(list(&hub, "/api/v1/marks").await.is_empty());

    let longer: &[&str] = &["10.0.0.1", "10.0.7.1", "10.0.8.1", HOST];
    tell(&client, &[seen(at + 4_000, longer), seen(at + 5_000, longer), seen(at + 6_000, longer)]).await;
    until("the new way is kept", async || list(&hub, "/api/v1/paths").await.len() == 2 && seen_times(3).await).await;
    let records = list(&hub, "/api/v1/paths").await;
    assert_eq!(records[0]["ways"], json!([["10.0.0.1"], ["10.0.7.1"], ["10.0.8.1"], [HOST]]), "the newest first");
    assert_eq!(records[1]["seen"], 3, "what is over stays as it was");
    let marks = list(&hub, "/api/v1/marks?kind=path_change&src=a1&dst=storage").await;
    let text = "Way from a1 to storage changed at hop 2: 10.0.7.1 instead of 10.0.1.1, 4 hops instead of 3";
    assert_eq!((marks.len(), &marks[0]["text"]), (1, &json!(text)));
    assert_eq!(marks[0]["at"], json!(Timestamp(at + 4_000).to_string()), "from when it was seen first");
    let mut heard = String::new();
    while !heard.contains("event: mark\n") || !heard.contains(text) {
        let chunk = tokio::time::timeout(DEADLINE, events.next()).await;
        heard += &String::from_utf8_lossy(&chunk.expect("in vain: the mark is heard").unwrap().unwrap());
    }

    // What is known outlives the hub; its doubts do not.
    let hub = TestHub::start_in(hub.stop().await).await;
    assert_eq!(list(&hub, "/api/v1/paths").await, records);
    assert_eq!(list(&hub, "/api/v1/marks").await, marks);
    hub.stop().await;
}

#[tokio::test]
async fn a_node_speaks_for_itself_and_within_bounds() {
    let hub = hub().await;
    let client = Joined::join(&hub, "a1").await.client(&HubClock::local());
    let mark = |src: &str, text: &str| {
        let (at, until, dst) = (clock::now(), None, String::new());
        let (src, text) = (src.to_owned(), text.to_owned());
        Report::Mark(NewMark { at, until, kind: MarkKind::Around, src, dst, text, figures: BTreeMap::new() })
    };
    let crowd = vec!["10.0.0.1"; 65];
    tell(&client, &[mark("n1", "foreign"), mark("a1", ""), seen(clock::now().ms(), &crowd), mark("", "own")]).await;
    until("its own mark is kept", async || !list(&hub, "/api/v1/marks").await.is_empty()).await;
    let marks = list(&hub, "/api/v1/marks").await;
    assert_eq!((marks.len(), &marks[0]["src"], &marks[0]["text"]), (1, &json!("a1"), &json!("own")));
    assert!(list(&hub, "/api/v1/paths").await.is_empty());
    let counted = metrics(&hub).await;
    assert!(
        counted.contains("netloom_mark_refused_total 2") && counted.contains("netloom_path_dropped_total 1"),
        "{counted}"
    );
    hub.stop().await;
}

#[tokio::test]
async fn a_test_that_outlives_the_hub_ends_on_the_time_axis_all_the_same() {
    let hub = hub().await;
    let joined = Joined::join(&hub, "a1").await;
    let at = Timestamp(clock::now().ms() - 60_000);
    let test = |dst: &str, until: Option<Timestamp>, text: &str| {
        let (kind, src) = (MarkKind::Throughput, "a1".to_owned());
        Report::Mark(NewMark { at, until, kind, src, dst: dst.into(), text: text.into(), figures: BTreeMap::new() })
    };
    tell(&joined.client(&HubClock::local()), &[test("b", None, "to b"), test("c", None, "to c")]).await;
    until("both began", async || list(&hub, "/api/v1/marks").await.len() == 2).await;

    let (_, place) = code(&hub).await;
    let hub = hub_in(hub.stop().await, port_of(&place)).await;
    let left = list(&hub, "/api/v1/marks").await;
    assert!(left.iter().all(|mark| mark["until"] == json!(at.to_string())), "{left:?}");
    assert!(left[0]["text"].as_str().unwrap().contains("its end was not seen"), "{left:?}");
    let over = Timestamp(at.ms() + 10_000);
    tell(&joined.client(&HubClock::local()), &[test("b", Some(over), "to b: 1 Gbit/s")]).await;
    let of_b = async || list(&hub, "/api/v1/marks?dst=b").await;
    until("the end is told", async || of_b().await[0]["until"] == json!(over.to_string())).await;
    let told = of_b().await;
    assert_eq!((told.len(), &told[0]["text"]), (1, &json!("to b: 1 Gbit/s")));
    hub.stop().await;
}

#[tokio::test]
async fn marks_are_set_and_found_by_time_and_wrong_ones_are_refused() {
    let hub = TestHub::start().await;
    let post = async |body: &Value| {
        let response = hub.client.post(hub.url("/api/v1/marks")).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap_or_default())
    };
    let mark = |at: &str, text: &str| json!({"at": at, "kind": "around", "src": "n1", "dst": "nas", "text": text});
    let (status, first) = post(&mark("2026-01-01T10:00:00Z", "mount")).await;
    assert_eq!((status, &first["text"]), (201, &json!("mount")));
    let mut long = mark("2026-01-01T08:00:00Z", "copy");
    long["until"] = json!("2026-01-01T12:00:00Z");
    long["figures"] = json!({"rtt_us": 12.5});
    let (_, second) = post(&long).await;
    assert!(second["id"].as_u64() > first["id"].as_u64(), "{second}");

    let texts = async |query: &str| {
        let marks = list(&hub, &format!("/api/v1/marks{query}")).await;
        marks.iter().map(|mark| mark["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts("").await, ["mount", "copy"], "the newest first");
    assert_eq!(texts("?from=2026-01-01T11:00:00Z&to=2026-01-01T11:30:00Z").await, ["copy"], "it goes on then");
    assert_eq!(texts("?to=2026-01-01T09:00:00Z&dst=nas").await, ["copy"]);
    assert!(texts("?kind=throughput").await.is_empty() && texts("?src=n2").await.is_empty());

    for (body, field) in [
        (json!({}), "at"),
        (mark("2026-01-01T10:00:00Z", ""), "text"),
        (mark("2999-01-01T10:00:00Z", "later"), "at"),
        (json!({"at": "2026-01-01T10:00:00Z", "kind": "weather", "text": "a"}), "kind"),
    ] {
        let (status, problem) = post(&body).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{problem}");
    }
    for (path, field) in [("marks?kind=weather", "kind"), ("marks?from=soon", "from"), ("paths?to=never", "to")] {
        let (status, problem) = hub.get(&format!("/api/v1/{path}")).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{problem}");
    }
    hub.stop().await;
}
