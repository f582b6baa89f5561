//! Goal: what was stored comes out, all of it and nothing else, and goes in again. Method: a store filled beforehand,
//! partly packed, partly not; a hub over it; its exports are held against what was filled in, and put into a second hub.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures::StreamExt;
use netloom_core::{
    sample::SeriesKey,
    series::{Row, Rows},
};
use netloom_server::{
    clock,
    store::{self, Keep},
};
use serde_json::Value;

use crate::support::{TestHub, until};

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// Exports that a hub serves at once.
const EXPORTS_MAX: usize = 8;

/// Samples by series and time.
type Samples = BTreeMap<(SeriesKey, i64), f64>;

/// Some series with odd names and values over the last two hours.
fn samples(count: i64) -> Samples {
    let now_ms = clock::now().ms();
    let series = [
        SeriesKey::new("step_time_s", [("node", "n1")]),
        SeriesKey::new("step_time_s", [("node", "a, \"b\""), ("rank", "7"), ("job", "größer\\")]),
        SeriesKey::new("rtt_us", [("src", "n1"), ("dst", "n2"), ("mode", "icmp")]),
        SeriesKey::new("queue_length", []),
    ];
    let step_ms = (2 * HOUR_MS / count).max(1);
    let sample = |at: i64| {
        let value = [at as f64 / 7.0, -1.0 / 3.0, 1e300, 5e-324][(at % 4) as usize];
        ((series[(at % 4) as usize].clone(), now_ms - 10_000 - at * step_ms), value)
    };
    (0..count).map(sample).collect()
}

/// Fills a data folder; the first part of it is packed.
async fn fill(folder: &Path, samples: &Samples) {
    let stores = store::open(folder).await.unwrap();
    let keep = Keep { quiet: Duration::ZERO, raw_ms: 9 * DAY_MS, minute_ms: 9 * DAY_MS, hour_ms: 9 * DAY_MS };
    let all: Vec<_> = samples.iter().collect();
    for (at, part) in all.chunks(50_000).enumerate() {
        let keys: Vec<SeriesKey> = part.iter().map(|((key, _), _)| key.clone()).collect();
        let ids = stores.samples.intern(&keys).await.unwrap();
        let row =
            |(series, ((_, ts_ms), value)): (_, &(&(_, i64), &f64))| Row { series, ts_ms: *ts_ms, value: **value };
        let rows = Rows { origin: None, rows: ids.into_iter().zip(part).map(row).collect() };
        stores.samples.append(&[rows]).await.unwrap();
        while at == 0 && stores.samples.maintain(&keep, clock::now().ms()).await.unwrap() {}
    }
    stores.database.close().await;
}

async fn filled(samples: &Samples) -> TestHub {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), samples).await;
    TestHub::start_in(folder).await
}

/// The lines of an export of the three metrics, which the hub itself does not measure on that node.
async fn export(hub: &TestHub, rest: &str) -> String {
    let path = format!("/api/v1/export?{rest}");
    let response = hub.client.get(hub.url(&path)).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200, "{path}");
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.text().await.unwrap()
}

fn read(jsonl: &str) -> Samples {
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let labels = serde_json::from_value(line["labels"].clone()).unwrap();
        let key = SeriesKey { metric: line["metric"].as_str().unwrap().to_owned(), labels };
        ((key, line["ts_ms"].as_i64().unwrap()), line["value"].as_f64().unwrap())
    };
    let lines: Vec<_> = jsonl.lines().map(read).collect();
    let (count, samples) = (lines.len(), lines.into_iter().collect::<Samples>());
    assert_eq!(samples.len(), count, "no sample comes twice");
    samples
}

/// What the tests fill in, without what the hub measures itself.
const OURS: &str = "metric=step_time_s,queue_length";

fn ours(samples: &Samples) -> Samples {
    samples.iter().filter(|((key, _), _)| key.metric != "rtt_us").map(|(key, value)| (key.clone(), *value)).collect()
}

#[tokio::test]
async fn both_formats_give_what_was_stored_and_lines_go_in_again() {
    let stored = samples(4_000);
    let hub = filled(&stored).await;
    let jsonl = export(&hub, OURS).await;
    assert_eq!(read(&jsonl), ours(&stored));
    let pairs = export(&hub, "metric=rtt_us&src=n1&dst=n2&mode=icmp&format=jsonl").await;
    assert_eq!(read(&pairs).len(), 1_000);

    let csv = export(&hub, &format!("{OURS}&format=csv")).await;
    assert!(csv.starts_with("metric,ts_ms,time,value,node,interface,src,dst,mode,labels\n"));
    // The first fields hold nothing that needs quotes.
    let fields = |line: &str| -> (String, i64, u64) {
        let fields: Vec<&str> = line.splitn(5, ',').collect();
        (fields[0].to_owned(), fields[1].parse().unwrap(), fields[3].parse::<f64>().unwrap().to_bits())
    };
    let mut found: Vec<_> = csv.lines().skip(1).map(fields).collect();
    let mut expected: Vec<_> =
        ours(&stored).iter().map(|((key, ts_ms), value)| (key.metric.clone(), *ts_ms, value.to_bits())).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    hub.stop().await;

    let second = TestHub::start().await;
    let posted = second.client.post(second.url("/api/v1/samples")).body(jsonl.clone()).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 204);
    assert_eq!(read(&export(&second, OURS).await), read(&jsonl));
    second.stop().await;
}

#[tokio::test]
async fn labels_and_times_narrow_the_choice() {
    let stored = samples(4_000);
    let hub = filled(&stored).await;
    let (from_ms, to_ms) = (clock::now().ms() - HOUR_MS, clock::now().ms() - HOUR_MS / 2);
    let found = read(&export(&hub, &format!("metric=step_time_s&node=n1&from={from_ms}&to={to_ms}&run=&src=")).await);
    let is_wanted = |key: &SeriesKey, ts_ms: i64| {
        key.metric == "step_time_s" && key.label("node") == "n1" && (from_ms..=to_ms).contains(&ts_ms)
    };
    let expected: Samples = stored.into_iter().filter(|((key, ts_ms), _)| is_wanted(key, *ts_ms)).collect();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
    let rfc3339 = |ms| netloom_core::time::Timestamp(ms).to_string();
    let run = serde_json::json!({"name": "r", "nodes": ["n1"], "started_at": rfc3339(from_ms)});
    let run: Value = hub.client.post(hub.url("/api/v1/runs")).json(&run).send().await.unwrap().json().await.unwrap();
    let of_run = format!("/api/v1/runs/{}/end", run["id"].as_str().unwrap());
    let end = serde_json::json!({"status": "succeeded", "ended_at": rfc3339(to_ms)});
    let ended = hub.client.post(hub.url(&of_run)).json(&end).send().await.unwrap();
    assert!(ended.status().is_success(), "{}", ended.text().await.unwrap());
    let id = run["id"].as_str().unwrap();
    assert_eq!(read(&export(&hub, &format!("metric=step_time_s&run={id}")).await), expected);
    let cases = [
        ("format=xml", 400, "format"),
        ("from=yesterday", 400, "from"),
        ("from=now&to=now-1h", 400, "from"),
        ("metric=nonsense", 404, "metric"),
        ("run=7", 404, "run"),
        ("colour=red", 400, "colour"),
        ("from=1&from=2", 400, "from"),
    ];
    for (query, status, field) in cases {
        let (got, problem) = hub.get(&format!("/api/v1/export?{query}")).await;
        assert_eq!((got, &problem["field"]), (status, &field.into()), "{query}: {problem}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn many_samples_come_in_order_of_windows_and_there_is_a_limit_of_exports() {
    const WINDOW_MS: i64 = 15 * 60_000;
    let stored = samples(300_000);
    let hub = filled(&stored).await;
    // Nobody reads these: they wait, and hold their places.
    let mut waiting = Vec::new();
    for _ in 0..EXPORTS_MAX {
        waiting.push(hub.client.get(hub.url("/api/v1/export")).send().await.unwrap());
    }
    assert!(waiting.iter().all(|response| response.status().is_success()));
    let samples: u64 = waiting[0].headers()["x-netloom-samples"].to_str().unwrap().parse().unwrap();
    assert!(samples >= 300_000, "{samples}");
    let (status, problem) = hub.get("/api/v1/export").await;
    assert_eq!(status, 503, "{problem}");
    // Others are answered as ever.
    assert_eq!(hub.get("/api/v1/storage").await.1["series"].as_u64().map(|series| series >= 4), Some(true));

    let (mut text, mut stream) = (Vec::new(), waiting.pop().unwrap().bytes_stream());
    while let Some(chunk) = stream.next().await {
        text.extend(chunk.unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    let read = read(&text);
    assert!(ours(&stored).iter().all(|(key, value)| read.get(key) == Some(value)));
    let window = |line: &str| {
        let at = line.find("\"ts_ms\":").unwrap() + 8;
        line[at..].split(',').next().unwrap().parse::<i64>().unwrap() / WINDOW_MS
    };
    assert!(text.lines().map(window).is_sorted(), "window by window");
    drop(waiting);
    until("places are free again", async || {
        hub.client.get(hub.url("/api/v1/export?metric=queue_length")).send().await.unwrap().status().is_success()
    })
    .await;
    hub.stop().await;
}
