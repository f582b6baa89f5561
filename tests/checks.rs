//! Goal: what is checked by schedule becomes series, states of measurements and fields of `/api/network`; everything that is
//! measured, or could be, says how it fares. Method: a hub in this process that checks servers of this test on loopback.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::TestHub;

async fn row(hub: &TestHub, name: &str) -> Option<Value> {
    let nodes = hub.get("/api/v1/nodes").await.1;
    let rows = nodes[0]["measurements"].as_array().cloned().unwrap_or_default();
    rows.into_iter().find(|row| row["name"] == name)
}

async fn has_state(hub: &TestHub, name: &str, state: &str) -> bool {
    row(hub, name).await.is_some_and(|row| row["state"] == state)
}

#[tokio::test]
async fn a_line_of_the_settings_is_checked_from_then_on() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = server.local_addr().unwrap().port();
    let listening = tokio::spawn(async move {
        loop {
            let _ = server.accept().await;
        }
    });
    let closed = {
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
        unused.local_addr().unwrap().port()
    };
    let hub = TestHub::start().await;
    let (handshake, redis) = (format!("tcp://127.0.0.1:{open}"), format!("redis://127.0.0.1:{closed}"));
    let lines =
        json!([format!("{handshake} every 5s"), format!("{redis} every 5s"), "tcp://127.0.0.1:1 every 5s on n2"]);
    let (status, told) = hub.put_settings(&json!({"checks": {"scheduled": lines}})).await;
    assert_eq!(status, 200, "{told}");
    let name = format!("check {handshake}");
    hub.until("it works", async || has_state(&hub, &name, "working").await).await;
    let query = format!("/api/v1/query?metric=tcp_connect_us&src=n1&dst={handshake}&from=now-5m");
    hub.until("it has a series", async || {
        let answer = hub.get(&query).await.1;
        answer["series"][0]["labels"]["mode"] == "tcp" && answer["series"][0]["points"][0][1].as_f64() > Some(0.0)
    })
    .await;
    hub.until("it is a field", async || hub.get("/api/network").await.1["n1"]["tcp_connectivity_ms"].is_number()).await;
    let name = format!("check {redis}");
    hub.until("a closed port is a failure", async || has_state(&hub, &name, "failing").await).await;
    let failing = row(&hub, &name).await.unwrap();
    assert!(failing["detail"].as_str().unwrap().starts_with("connect: "), "{failing}");
    assert_eq!(row(&hub, "check tcp://127.0.0.1:1").await, None, "it is another node's");
    assert_eq!(hub.put_settings(&json!({"checks": {"scheduled": []}})).await.0, 200);
    hub.until("its row goes with it", async || row(&hub, &name).await.is_none()).await;
    assert!(has_state(&hub, "checks", "off").await);
    listening.abort();
    hub.stop().await;
}

#[tokio::test]
async fn lines_that_are_wrong_are_refused_with_their_number() {
    let hub = TestHub::start().await;
    for (line, why) in [
        ("tcp://127.0.0.1:1", "interval"),
        ("tcp://127.0.0.1:1 every 1s", "out of bounds"),
        ("weather://berlin every 30s", "weather"),
        ("redis://user:secret@127.0.0.1 every 30s", "NETLOOM_REDIS_PASSWORD"),
        ("iperf3://127.0.0.1 every 10m", "active.throughput"),
    ] {
        let (status, problem) = hub.put_settings(&json!({"checks": {"scheduled": ["", line]}})).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some("checks.scheduled")), "{line}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("line 2") && detail.contains(why), "{line}: {detail}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn everything_that_is_off_says_how_to_switch_it_on_and_degrades_nothing() {
    let hub = TestHub::start().await;
    let off =
        ["mesh", "mesh echo", "spool", "dns", "mesh icmp", "mesh tcp", "path", "checks", "throughput", "collectives"];
    for name in off {
        hub.until(name, async || has_state(&hub, name, "off").await).await;
        assert!(!row(&hub, name).await.unwrap()["detail"].as_str().unwrap().is_empty(), "{name}");
    }
    for name in ["interfaces", "sockets", "clock", "probe self"] {
        hub.until(name, async || row(&hub, name).await.is_some_and(|row| row["state"] != "off")).await;
    }
    let nodes = hub.get("/api/v1/nodes").await.1;
    let rows = nodes[0]["measurements"].as_array().unwrap();
    let troubled = rows.iter().any(|row| row["state"] == "failing" || row["state"] == "degraded");
    assert_eq!(nodes[0]["status"] == "degraded", troubled, "what is off is no trouble: {rows:?}");
    hub.stop().await;
}
