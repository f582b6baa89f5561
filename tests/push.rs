//! Goal: what scripts and Prometheus push is stored whole or refused with the culprit. Method: a hub in this process, over
//! HTTP; a real Prometheus where one is installed.

use netloom_server::{clock, store::sqlite::SERIES_OF_NODE_MAX};
use serde_json::{Value, json};

use crate::support::{Pushed, TestHub, remote_write, until};

async fn push(hub: &TestHub, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let response = hub.client.post(hub.url("/api/v1/samples")).body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

async fn write(hub: &TestHub, body: Vec<u8>) -> (u16, Value) {
    let response = hub.client.post(hub.url("/api/v1/write")).body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

async fn points(hub: &TestHub, question: &str) -> Vec<(i64, f64)> {
    let (_, answer) = hub.get(&format!("/api/v1/query?{question}")).await;
    serde_json::from_value(answer["series"][0]["points"].clone()).unwrap_or_default()
}

#[tokio::test]
async fn lines_are_stored_and_asked_for() {
    let hub = TestHub::start().await;
    let now_ms = clock::now().ms();
    let line = |ago_ms: i64, value: f64| {
        json!({"metric": "step_time_s", "ts_ms": now_ms - ago_ms, "value": value, "labels": {"node": "a"}}).to_string()
    };
    let (status, _) = push(&hub, [line(9_000, 1.5), line(8_000, 2.5)].join("\n")).await;
    assert_eq!(status, 204);
    assert_eq!(points(&hub, "metric=step_time_s").await, [(now_ms - 9_000, 1.5), (now_ms - 8_000, 2.5)]);
    // Sent again after an answer was lost: stored once.
    assert_eq!(push(&hub, line(8_000, 2.5)).await.0, 204);
    assert_eq!(points(&hub, "metric=step_time_s").await.len(), 2);
    let all = format!("metric=step_time_s&from={}&to={now_ms}&step=1h&agg=max&across=max", now_ms - 10_000);
    assert_eq!(points(&hub, &all).await.last().map(|(_, value)| *value), Some(2.5));
    hub.stop().await;
}

#[tokio::test]
async fn one_bad_line_refuses_the_whole_request() {
    let hub = TestHub::start().await;
    let good = json!({"metric": "queue_length", "value": 1}).to_string();
    let far = json!({"metric": "queue_length", "value": 1, "ts_ms": 4_102_444_800_000_i64}).to_string();
    for (bad, why) in
        [("nonsense", "expected"), (far.as_str(), "in the future"), ("{\"metric\":\"a b\",\"value\":1}", "name")]
    {
        let (status, problem) = push(&hub, format!("{good}\n{bad}\n{good}")).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some("line 2")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
    }
    assert_eq!(hub.get("/api/v1/query?metric=queue_length").await.0, 404, "nothing was stored by half");
    assert_eq!(push(&hub, vec![0xff, 0xfe]).await.0, 400);
    assert_eq!(push(&hub, vec![b'\n'; 9 * 1_024 * 1_024]).await.0, 413);
    hub.stop().await;
}

#[tokio::test]
async fn remote_write_is_stored_and_nonsense_is_refused() {
    let hub = TestHub::start().await;
    let now_ms = clock::now().ms();
    let labels = [("__name__", "Http:Requests"), ("instance", "a:9090")];
    let samples = [(now_ms - 2_000, 5.0), (now_ms - 1_000, f64::NAN), (now_ms, 7.0)];
    assert_eq!(write(&hub, remote_write(&[(&labels, &samples)])).await.0, 204);
    assert_eq!(points(&hub, "metric=http_requests").await, [(now_ms - 2_000, 5.0), (now_ms, 7.0)]);

    let whole = remote_write(&[(&labels, &samples)]);
    for (body, why) in [
        (whole[..whole.len() / 2].to_vec(), "snappy"),
        (b"not packed".to_vec(), "snappy"),
        (remote_write(&[(&[("__name__", "x"), ("a", "line\nbreak")], &samples)]), "control character"),
        (remote_write(&[(&labels, &[(0, 1.0)])]), "before what is kept"),
        (remote_write(&[(&labels, &[(4_102_444_800_000, 1.0)])]), "in the future"),
        (remote_write(&[(&[("instance", "no name")], &samples)]), "not a metric name"),
    ] {
        let (status, problem) = write(&hub, body).await;
        assert!((400..=422).contains(&status), "{status} {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{why}: {problem}");
    }
    assert_eq!(points(&hub, "metric=http_requests").await.len(), 2);
    hub.stop().await;
}

#[tokio::test]
async fn a_flood_of_new_series_is_refused_whole() {
    let hub = TestHub::start().await;
    let now_ms = clock::now().ms();
    let names: Vec<String> = (0..SERIES_OF_NODE_MAX).map(|n| format!("request {n}")).collect();
    let point = [(now_ms, 1.0)];
    let labels = |metric: &'static str| -> Vec<[(&str, &str); 3]> {
        names.iter().map(|name| [("__name__", metric), ("node", "a"), ("id", name.as_str())]).collect()
    };
    let (first, flood) = (labels("first"), labels("flood"));
    // Half of the room is taken, so that the next of that size and one more has none.
    let half = names.len() / 2;
    assert_eq!(write(&hub, remote_write(&pushed(&first[..half], &point))).await.0, 204);
    let (status, problem) = write(&hub, remote_write(&pushed(&flood[..=names.len() - half], &point))).await;
    assert_eq!(status, 429, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("node a"), "{problem}");
    assert_eq!(hub.get("/api/v1/query?metric=flood").await.0, 404);
    assert_eq!(write(&hub, remote_write(&pushed(&flood[..1_000], &point))).await.0, 204);
    hub.stop().await;
}

/// The same point of each of some series.
fn pushed<'a>(labels: &'a [[(&'a str, &'a str); 3]], point: &'a [(i64, f64)]) -> Vec<Pushed<'a>> {
    labels.iter().map(|labels| (&labels[..], point)).collect()
}

#[tokio::test]
async fn questions_without_end_are_bounded() {
    let hub = TestHub::start().await;
    let bad = ["step=0", "step=1ns", "from=now-3650d&step=1s", "across=max", "agg=median"];
    for question in bad {
        let (status, problem) = hub.get(&format!("/api/v1/query?metric=rtt_us&{question}")).await;
        assert_eq!(status, 400, "{question}: {problem}");
    }
    let (status, _) = hub.get("/api/v1/query?metric=rtt_us&from=now-3650d").await;
    assert_eq!(status, 200, "ten years of raw points: as many as there are");
    hub.stop().await;
}

#[tokio::test]
async fn a_matrix_has_a_cell_for_every_pair() {
    let hub = TestHub::start().await;
    let lines = [("a", "b", 10), ("b", "a", 20), ("a", "c", 30)].map(|(src, dst, value)| {
        json!({"metric": "udp_echo_us", "value": value, "labels": {"src": src, "dst": dst, "mode": "udp"}}).to_string()
    });
    assert_eq!(push(&hub, lines.join("\n")).await.0, 204);
    let (status, matrix) = hub.get("/api/v1/matrix?metric=udp_echo_us").await;
    assert_eq!(status, 200);
    assert_eq!((&matrix["nodes"], &matrix["unit"]), (&json!(["a", "b", "c"]), &json!("microseconds")));
    assert_eq!(matrix["values"], json!([[null, 10.0, 30.0], [20.0, null, null], [null, null, null]]));
    assert_eq!(hub.get("/api/v1/matrix?metric=udp_echo_us&agg=maybe").await.1["field"], "agg");
    hub.stop().await;
}

/// Prometheus sends what it scrapes of itself.
#[tokio::test]
async fn a_real_prometheus_delivers() {
    let Some(prometheus) =
        ["/usr/bin/prometheus", "/usr/local/bin/prometheus"].into_iter().find(|p| std::path::Path::new(p).exists())
    else {
        eprintln!("skipped: prometheus is not installed");
        return;
    };
    let hub = TestHub::start().await;
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nremote_write: [{{url: '{}', queue_config: {{batch_send_deadline: 1s}}}}]\n\
         scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n",
        hub.url("/api/v1/write")
    );
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let mut child = tokio::process::Command::new(prometheus)
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until("its own metrics arrive", async || points(&hub, "metric=go_goroutines").await.len() >= 3).await;
    until("none is refused", async || {
        let text = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap().text().await.unwrap();
        let failed =
            text.lines().find(|line| line.starts_with("prometheus_remote_storage_samples_failed_total")).unwrap();
        assert!(failed.ends_with(" 0"), "{failed}");
        let sent = text.lines().find(|line| line.starts_with("prometheus_remote_storage_samples_total")).unwrap();
        !sent.ends_with(" 0")
    })
    .await;
    child.kill().await.unwrap();
    hub.stop().await;
}
