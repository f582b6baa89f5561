//! Goal: what an agent measures is with the hub once, at the right time, whatever happens to the hub or to the agent; what is
//! wrong is refused. Method: hubs in this process, real TLS on free ports; agents in this process, members by hand, or the
//! real binary where one has to be killed.

use std::sync::Arc;

use netloom_core::{
    sample::{Batch, Readings, SeriesKey},
    uplink::{Delivered, Delivery, NameSeries, SeriesNumbers, WireBatch},
};
use netloom_server::{
    agent::{
        Uplink,
        hub_clock::HubClock,
        remote::{RemoteUplink, client::CallError},
    },
    clock,
    store::sqlite::SERIES_OF_NODE_MAX,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    agents::{Joined, LIMIT, TestAgent, code, hub, hub_in, metrics, node, options, points, port_of, revoke},
    until,
};

#[tokio::test]
async fn what_is_wrong_is_refused_and_disturbs_nothing_else() {
    let hub = hub().await;
    let client = Joined::join(&hub, "a1").await.client(&HubClock::local());
    let name = async |series: SeriesKey| {
        let body = serde_json::to_vec(&NameSeries { series: vec![series] }).unwrap();
        client.call(Method::POST, "/uplink/v1/series", body, LIMIT).await
    };
    for foreign in [
        SeriesKey::new("step", [("node", "n1")]),
        SeriesKey::new("step", [("src", "n1"), ("dst", "a1")]),
        SeriesKey::new("step", [("node", "a1"), ("src", "n1")]),
        SeriesKey::new("step", [("host", "a1")]),
    ] {
        let why = name(foreign).await.err().unwrap();
        assert!(matches!(&why, CallError::Refused(why) if why.contains("does not belong to a1")), "{why}");
    }
    let own = name(SeriesKey::new("step", [("node", "a1")])).await.unwrap();
    let SeriesNumbers { session, numbers } = serde_json::from_slice(&own.body).unwrap();
    until("the hub measures itself", async || !points(&hub, "sock_tcp_total", "n1").await.is_empty()).await;

    let now_ms = clock::now().ms();
    let batch = |seq, base_ms, number, value| WireBatch { epoch: 1, seq, base_ms, rows: vec![(number, 0, value)] };
    let deliver = async |session, batches, info| {
        let body = postcard::to_stdvec(&Delivery { session, batches, info }).unwrap();
        client.call(Method::POST, "/uplink/v1/batches", body, LIMIT).await
    };
    let batches = vec![
        batch(0, now_ms, numbers[0], 1.0),
        batch(1, now_ms + 3_600_000, numbers[0], 2.0),
        batch(2, now_ms, numbers[0], f64::NAN),
        batch(3, now_ms, 99_999_999, 3.0),
        batch(4, i64::MAX, numbers[0], 4.0),
        batch(5, now_ms - 1_000, numbers[0], 5.0),
    ];
    let answer = deliver(session, batches, None).await.unwrap();
    let Delivered { refused, .. } = serde_json::from_slice(&answer.body).unwrap();
    let reasons: Vec<(usize, &str)> = refused.iter().map(|(at, why)| (*at, why.as_str())).collect();
    assert_eq!(reasons.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 2, 3, 4], "{reasons:?}");
    assert!(reasons[0].1.contains("in the future"), "{reasons:?}");
    assert!(reasons[2].1.contains("is not one of a1"), "{reasons:?}");
    assert_eq!(points(&hub, "step", "a1").await, [(now_ms - 1_000, 5.0), (now_ms, 1.0)]);
    let counted = metrics(&hub).await;
    assert!(counted.contains("netloom_uplink_refused_batches_total 4"), "{counted}");
    assert!(counted.contains("netloom_ingest_invalid_total 0"), "each is counted once: {counted}");

    // Numbers of another life of the hub, another node's words, and rubbish.
    let other = deliver(session ^ 1, vec![], None).await.err().unwrap();
    assert_eq!(other, CallError::OtherSession);
    let rubbish = client.call(Method::POST, "/uplink/v1/batches", vec![0xff; 100], LIMIT).await.err().unwrap();
    assert!(matches!(rubbish, CallError::Refused(_)), "{rubbish}");
    let mut info = node(&hub, "n1").await;
    info["node"] = "n1".into();
    let why = deliver(session, vec![], Some(info.to_string())).await.err().unwrap();
    assert!(matches!(&why, CallError::Refused(why) if why.contains("a1 speaks for n1")), "{why}");
    let huge = vec![0; netloom_core::uplink::BODY_MAX_BYTES + 1];
    assert!(client.call(Method::POST, "/uplink/v1/batches", huge, LIMIT).await.is_err());
    assert_eq!(revoke(&hub, "a1").await, 204);
    let why = deliver(session, vec![], None).await.err().unwrap();
    assert!(matches!(why, CallError::Denied(_)), "at once, on a connection that is open: {why}");
    let counted = metrics(&hub).await;
    assert!(counted.contains("netloom_uplink_bad_tokens_total 1"), "{counted}");
    hub.stop().await;
}

#[tokio::test]
async fn a_member_cannot_aim_the_probes_of_the_others() {
    let hub = hub().await;
    let client = Joined::join(&hub, "a1").await.client(&HubClock::local());
    let deliver = async |echo: Value| {
        let mut info = node(&hub, "n1").await;
        (info["node"], info["echo"]) = ("a1".into(), echo);
        let answer = client.call(Method::POST, "/uplink/v1/series", br#"{"series":[]}"#.to_vec(), LIMIT).await.unwrap();
        let SeriesNumbers { session, .. } = serde_json::from_slice(&answer.body).unwrap();
        let delivery = Delivery { session, batches: vec![], info: Some(info.to_string()) };
        let body = postcard::to_stdvec(&delivery).unwrap();
        client.call(Method::POST, "/uplink/v1/batches", body, LIMIT).await.unwrap();
    };
    // Whether the hub tells the node whom to probe: whoever takes part is told.
    let takes_part = async || {
        let answer = client.call(Method::GET, "/uplink/v1/config", Vec::new(), LIMIT).await.unwrap();
        !serde_json::from_slice::<Value>(&answer.body).unwrap()["config"]["mesh"].is_null()
    };
    until("the hub measures itself", async || !node(&hub, "n1").await.is_null()).await;
    deliver(json!({"port": 7_000, "address": "127.0.0.9"})).await;
    until("it takes part", takes_part).await;
    deliver(json!({"port": 7_000, "address": "198.51.100.7"})).await;
    until("it takes no part any more", async || !takes_part().await).await;
    let counted = metrics(&hub).await;
    assert!(counted.contains("netloom_uplink_refused_places_total 1"), "{counted}");
    hub.stop().await;
}

#[tokio::test]
async fn a_node_at_the_limit_of_its_series_goes_on_with_those_it_has() {
    let hub = hub().await;
    let spool = tempfile::tempdir().unwrap();
    let uplink = Joined::join(&hub, "node-b").await.uplink("node-b", spool.path());
    let send = async |seq: u64, metrics: std::ops::Range<usize>| {
        let mut readings = Readings::default();
        let now_ms = clock::now().ms();
        metrics
            .for_each(|at| readings.push(SeriesKey::new(&format!("m{at}"), [("node", "node-b")]), now_ms, seq as f64));
        uplink.send(Batch { node: "node-b".into(), epoch: 1, seq, readings, info: None }).await.unwrap();
    };
    // The uplink's own series take a few of the places.
    send(0, 0..1).await;
    for part in 0..SERIES_OF_NODE_MAX / 1_000 {
        send(1 + part as u64, part * 1_000..(part + 1) * 1_000).await;
    }
    send(100, 0..1).await;
    assert_eq!(points(&hub, "m0", "node-b").await.last().map(|point| point.1), Some(100.0));
    let last = format!("m{}", SERIES_OF_NODE_MAX - 1);
    assert_eq!(points(&hub, &last, "node-b").await, []);
    let waiting = std::fs::read_dir(spool.path()).unwrap().count();
    assert_eq!(waiting, 0, "nothing waits for a room that there is not");
    hub.stop().await;
}

#[tokio::test]
async fn an_agent_whose_clock_is_a_day_off_tells_the_right_time() {
    const DAY_US: i64 = 86_400_000_000;
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let (code, place) = code(&hub).await;
    let mut options = options(&place, Some(&code), "a1", state.path());
    options.wall = Arc::new(|| clock::now_us() + DAY_US);
    let before_ms = clock::now().ms();
    let agent = TestAgent::start(options);
    until("samples are stored", async || points(&hub, "sock_tcp_total", "a1").await.len() > 2).await;
    until("its offset is known", async || !points(&hub, "clock_offset_us", "a1").await.is_empty()).await;
    // A second for the delays of a machine that is busy.
    let times: Vec<i64> = points(&hub, "sock_tcp_total", "a1").await.into_iter().map(|(ts_ms, _)| ts_ms).collect();
    let (from, to) = (before_ms - 1_000, clock::now().ms() + 1_000);
    assert!(times.iter().all(|ts_ms| (from..to).contains(ts_ms)), "{times:?} not in {from}..{to}");
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    let (_, offset_us) = points(&hub, "clock_offset_us", "a1").await[0];
    assert!((offset_us - DAY_US as f64).abs() < 1e6, "{offset_us}");
    agent.stop().await.unwrap();
    hub.stop().await;
}

/// What a driver sends and what must be there in the end.
struct Sent {
    start_ms: i64,
    seq: u64,
    expected: Vec<(i64, f64)>,
}

impl Sent {
    async fn send(&mut self, uplink: &RemoteUplink, epoch: i64, count: usize) {
        for _ in 0..count {
            let (ts_ms, value) = (self.start_ms + self.seq as i64 * 100, self.seq as f64);
            let mut readings = Readings::default();
            readings.push(SeriesKey::new("step", [("node", "a1")]), ts_ms, value);
            let batch = Batch { node: "a1".into(), epoch, seq: self.seq, readings, info: None };
            uplink.send(batch).await.unwrap();
            self.expected.push((ts_ms, value));
            self.seq += 1;
        }
    }
}

#[tokio::test]
async fn a_hub_that_was_away_gets_everything_once_and_so_does_one_whose_agent_died_meanwhile() {
    let (hub, spool) = (hub().await, tempfile::tempdir().unwrap());
    let joined = Joined::join(&hub, "a1").await;
    let port = port_of(&joined.place.to_string());
    let mut sent = Sent { start_ms: clock::now().ms() - 60_000, seq: 0, expected: Vec::new() };

    let first = joined.uplink("a1", spool.path());
    sent.send(&first, 1, 20).await;
    assert_eq!(points(&hub, "step", "a1").await, sent.expected, "what is sent is stored when it is acknowledged");
    let folder = hub.stop().await;
    sent.send(&first, 1, 50).await;
    // Nothing is closed or synced: as if the process were gone.
    drop(first);
    let second = joined.uplink("a1", spool.path());
    sent.send(&second, 2, 30).await;
    let draining = tokio::spawn({
        let second = second.clone();
        async move { second.drain().await }
    });

    let hub = hub_in(folder, port).await;
    until("everything is there", async || {
        // Live batches go first; each tells the hub is back.
        sent_more(&second).await;
        points(&hub, "step", "a1").await.len() == sent.expected.len()
    })
    .await;
    assert_eq!(points(&hub, "step", "a1").await, sent.expected);
    let left = || std::fs::read_dir(spool.path()).unwrap().count();
    until("nothing is left behind", async || left() == 0).await;

    // Once more, with the hub away for a moment only.
    let folder = hub.stop().await;
    sent.send(&second, 2, 10).await;
    let hub = hub_in(folder, port).await;
    until("everything is there again", async || {
        sent_more(&second).await;
        points(&hub, "step", "a1").await.len() == sent.expected.len()
    })
    .await;
    assert_eq!(points(&hub, "step", "a1").await, sent.expected);
    draining.abort();
    hub.stop().await;
}

/// A sign of life, as an agent sends it while nothing is measured.
async fn sent_more(uplink: &RemoteUplink) {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let seq = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let batch = Batch { node: "a1".into(), epoch: 3, seq, readings: Readings::default(), info: None };
    uplink.send(batch).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_is_killed_while_the_hub_is_away_loses_nothing_it_measured() {
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let (code, place) = code(&hub).await;
    let state_dir = state.path().join("state");
    let start = |code: Option<&str>| {
        let state_dir = state_dir.to_str().unwrap();
        let mut args = vec!["agent", "--hub", &place, "--node", "a1", "--state-dir", state_dir];
        args.extend(["--echo-listen", "127.0.0.1:0"]);
        args.extend(code.iter().flat_map(|code| ["--token", code]));
        let quiet = std::process::Stdio::null;
        crate::process::netloom(&args).stdout(quiet()).stderr(quiet()).spawn().unwrap()
    };
    let mut first = start(Some(&code));
    until("samples are stored", async || points(&hub, "sock_tcp_total", "a1").await.len() > 5).await;
    let folder = hub.stop().await;
    let away_ms = clock::now().ms();
    let spooled = || {
        let files = std::fs::read_dir(state_dir.join("spool")).into_iter().flatten();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    until("something is spooled", async || spooled() > 4_000).await;
    first.kill().unwrap();
    first.wait().unwrap();
    let (killed_ms, kept) = (clock::now().ms(), spooled());
    let mut second = start(None);
    until("more is spooled", async || spooled() > kept + 4_000).await;
    let back_ms = clock::now().ms();
    let hub = hub_in(folder, port_of(&place)).await;
    let times =
        async || points(&hub, "sock_tcp_total", "a1").await.into_iter().map(|(ts_ms, _)| ts_ms).collect::<Vec<_>>();
    let some_in =
        |times: &[i64], range: std::ops::Range<i64>| times.iter().filter(|ts_ms| range.contains(ts_ms)).count();
    until("all times are covered", async || {
        let times = times().await;
        some_in(&times, away_ms..killed_ms) > 2
            && some_in(&times, killed_ms..back_ms) > 2
            && some_in(&times, back_ms..i64::MAX) > 2
            && spooled() == 0
    })
    .await;
    let times = times().await;
    assert!(times.is_sorted_by(|a, b| a < b), "a moment twice: {times:?}");
    second.kill().unwrap();
    second.wait().unwrap();
    hub.stop().await;
}
