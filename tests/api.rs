//! Goal: the routes answer as the contract says, with true figures. Method: a hub in this process that measures
//! loopback, asked over HTTP.

use netloom_core::network::NetworkMetrics;
use serde_json::Value;

use crate::support::{TestHub, batch};

#[tokio::test]
async fn every_node_has_exactly_the_fields_of_the_python_monitors() {
    let hub = TestHub::start().await;
    hub.until("latency is measured", async || !hub.get("/api/network").await.1["n1"]["latency_ms"].is_null()).await;
    let (status, network) = hub.get("/api/network").await;
    assert_eq!(status, 200);
    let expected = serde_json::to_value(NetworkMetrics::default()).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&network["n1"]), names(&expected));
    let metrics = &network["n1"];
    assert!(metrics["latency_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(metrics["packet_loss_percent"], 0.0);
    assert!(metrics["tcp_connections"].as_f64().unwrap() >= 1.0);
    assert_eq!(metrics["allreduce_bandwidth"], Value::Null, "what was not measured is null");
    let age_s = netloom_server::clock::now().ms() as f64 / 1e3 - metrics["timestamp"].as_f64().unwrap();
    assert!((-1.0..10.0).contains(&age_s), "{age_s}");
    hub.stop().await;
}

#[tokio::test]
async fn nodes_tell_what_they_measure_and_whether_it_works() {
    let hub = TestHub::start().await;
    hub.until("the probe has a state", async || {
        let nodes = hub.get("/api/v1/nodes").await.1;
        let measurements = nodes[0]["measurements"].as_array().cloned().unwrap_or_default();
        measurements.iter().any(|m| m["name"] == "probe self")
    })
    .await;
    let node = &hub.get("/api/v1/nodes").await.1[0];
    assert_eq!((&node["node"], &node["role"], &node["status"]), (&"n1".into(), &"hub".into(), &"up".into()));
    assert!(node["last_seen"].as_str().unwrap().ends_with('Z'));
    assert!(node["interfaces"].as_array().unwrap().iter().any(|i| i["name"] == "lo" && i["is_counted"] == false));
    hub.stop().await;
}

#[tokio::test]
async fn without_icmp_the_handshake_is_timed_in_a_series_of_its_own() {
    let hub = TestHub::start().await;
    let port = hub.address.port();
    let change = serde_json::json!({"probe": {"icmp": false, "targets": [{"name": "hub", "address": "127.0.0.1", "port": port}]}});
    assert_eq!(hub.put_settings(&change).await.0, 200);
    hub.until("handshakes are timed", async || {
        let found = hub.get("/api/v1/query?metric=rtt_us&dst=hub&mode=tcp").await.1;
        !found["series"].as_array().unwrap().is_empty()
    })
    .await;
    assert_eq!(hub.get("/api/v1/query?metric=rtt_us&dst=hub&mode=icmp").await.1["series"], serde_json::json!([]));
    hub.until("the mode is shown", async || {
        let node = &hub.get("/api/v1/nodes").await.1[0];
        let probe = node["measurements"].as_array().unwrap().iter().find(|m| m["name"] == "probe hub").cloned();
        probe.is_some_and(|probe| probe["detail"].as_str().unwrap().contains("using TCP"))
            && node["targets"][0]["mode"] == "tcp"
    })
    .await;
    hub.until("handshakes have their field", async || {
        !hub.get("/api/network").await.1["n1"]["tcp_connectivity_ms"].is_null()
    })
    .await;
    hub.stop().await;
}

#[tokio::test]
async fn a_query_gives_raw_points_or_steps() {
    let hub = TestHub::start().await;
    hub.until("some seconds are stored", async || {
        let counts = hub.get("/api/v1/query?metric=sock_tcp_total&step=1h&agg=count").await.1;
        counts["series"][0]["points"][0][1].as_f64().unwrap_or(0.0) >= 5.0
    })
    .await;
    let raw = hub.get("/api/v1/query?metric=sock_tcp_total&node=n1").await.1;
    assert_eq!((&raw["metric"], &raw["unit"]), (&"sock_tcp_total".into(), &"count".into()));
    let points = raw["series"][0]["points"].as_array().unwrap();
    assert!(points.windows(2).all(|pair| pair[0][0].as_i64() <= pair[1][0].as_i64()));
    assert_eq!(hub.get("/api/v1/query?metric=sock_tcp_total&node=nobody").await.1["series"], serde_json::json!([]));
    hub.stop().await;
}

#[tokio::test]
async fn the_hubs_own_counts_are_exported_in_base_units() {
    let hub = TestHub::start().await;
    hub.until("latency is exported", async || {
        let text = hub.client.get(hub.url("/metrics")).send().await.unwrap().text().await.unwrap();
        text.contains("netloom_rtt_seconds{dst=\"self\",mode=\"icmp\",src=\"n1\"}")
            && text.contains("netloom_ingest_samples_total ")
    })
    .await;
    hub.stop().await;
}

#[tokio::test]
async fn the_openapi_document_lists_every_route_of_the_contract() {
    let hub = TestHub::start().await;
    let (_, document) = hub.get("/api/v1/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    let mut ids = Vec::new();
    for operation in paths.values().flat_map(|methods| methods.as_object().unwrap().values()) {
        assert!(!ids.contains(&&operation["operationId"]), "{operation}");
        ids.push(&operation["operationId"]);
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.values().all(|response| !response["description"].as_str().unwrap().is_empty()),
            "{operation}"
        );
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        assert!(
            parameters.iter().all(|parameter| parameter["in"] == "query" || parameter["in"] == "path"),
            "{operation}"
        );
    }
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/network",
        "/api/network/alerts",
        "/api/network/health",
        "/api/v1/nodes",
        "/api/v1/query",
        "/api/v1/settings",
        "/api/v1/stream",
        "/api/v1/alerts",
        "/api/v1/alerts/export",
        "/api/v1/silences",
        "/api/v1/runs",
        "/api/v1/openapi.json",
        "/api/v1/verdict",
        "/api/v1/layout",
    ] {
        assert!(paths.contains_key(path), "{path}");
        let status = hub.client.get(hub.url(path)).header("accept", "*/*").send().await.unwrap().status().as_u16();
        assert_ne!(status, 404, "{path}");
    }
    for path in ["", "/end", "/events"] {
        assert!(paths.contains_key(&format!("/api/v1/runs/{{id}}{path}")), "{path}");
    }
    assert!(paths.contains_key("/api/v1/runs/compare"));
    hub.stop().await;
}

#[tokio::test]
async fn history_survives_a_restart_and_an_agent_starts_anew() {
    let hub = TestHub::start().await;
    let count = async |hub: &TestHub| {
        let found = hub.get("/api/v1/query?metric=sock_tcp_total").await.1;
        found["series"][0]["points"].as_array().map_or(0, Vec::len)
    };
    hub.until("samples are stored", async || count(&hub).await >= 3).await;
    let before = count(&hub).await;
    let hub = TestHub::start_in(hub.stop().await).await;
    hub.until("more came after the restart", async || count(&hub).await > before + 2).await;
    hub.stop().await;
}

#[tokio::test]
async fn pushed_units_follow_the_name() {
    // The same rule that names axes and exported metrics, seen through a batch that no catalogue row describes.
    assert_eq!(netloom_core::metric::unit_of("queue_wait_us"), netloom_core::unit::Unit::Microseconds);
    assert!(
        batch("n1", 0, "queue_wait_us", &[1.0]).readings.validate(netloom_server::clock::now().ms(), 60_000).is_ok()
    );
}
