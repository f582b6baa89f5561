//! Goal: the demo shows a whole mesh whose real packets cross the made-up network, marked as a demo, and leaves nothing
//! behind. Method: runs it in this process with a script of its own, and asks its API.

use std::net::SocketAddr;

use netloom_core::impair::preset::Preset;
use netloom_server::{cli::DemoArgs, config::Config, demo};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::until;

/// Half of the packets of one link get lost, as soon as there are any.
const SCRIPT: &str = r#"
[[fault]]
at_s = 1
for_s = 1000
kind = "link"
nodes = ["node-2", "node-3"]
loss_ratio = 0.5
"#;

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn get(address: SocketAddr, path: &str) -> Option<String> {
    reqwest::get(format!("http://{address}{path}")).await.ok()?.text().await.ok()
}

async fn matrix(address: SocketAddr, metric: &str) -> Option<Vec<Vec<Option<f64>>>> {
    let text = get(address, &format!("/api/v1/matrix?metric={metric}&mode=udp&window=5s&agg=avg")).await?;
    let matrix: Value = serde_json::from_str(&text).ok()?;
    serde_json::from_value(matrix["values"].clone()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_fills_the_matrix_and_its_faults_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.toml");
    std::fs::write(&script, SCRIPT).unwrap();
    let listen = free_address();
    let data_dir = folder.path().join("data");
    let args = DemoArgs {
        nodes: 4,
        preset: Preset::Datacenter,
        listen: Some(listen),
        data_dir: Some(data_dir.clone()),
        script: Some(script),
        set: Vec::new(),
    };
    let shutdown = CancellationToken::new();
    let (config, stop) = (Config { listen, node: "hub".into(), ..Config::default() }, shutdown.clone());
    let running = tokio::spawn(async move { demo::run(&args, config, stop).await });

    until("every pair of the four is measured", async || {
        let Some(rows) = matrix(listen, "rtt_us").await else { return false };
        rows.len() == 4 && rows.iter().flatten().filter(|cell| cell.is_some()).count() == 12
    })
    .await;
    until("the lossy link and no other loses packets", async || {
        let Some(rows) = matrix(listen, "loss_ratio").await else { return false };
        let loses = |src: usize, dst: usize| rows[src][dst].is_some_and(|loss| loss > 0.2);
        let lossy: Vec<_> = (0..16).map(|cell| (cell / 4, cell % 4)).filter(|(src, dst)| loses(*src, *dst)).collect();
        lossy == [(1, 2), (2, 1)]
    })
    .await;
    let nodes: Value = serde_json::from_str(&get(listen, "/api/v1/nodes").await.unwrap()).unwrap();
    let agents: Vec<_> = nodes.as_array().unwrap().iter().filter(|node| node["role"] == "agent").collect();
    assert_eq!(agents.len(), 4);
    assert!(agents.iter().all(|node| node["interfaces"] == serde_json::json!([])), "they read no counters");
    assert!(get(listen, "/").await.unwrap().contains("data-testid=\"demo\""), "the page is marked");

    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert!(data_dir.join("netloom.db").exists(), "a folder that was chosen stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_wrong_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.toml");
    std::fs::write(&script, SCRIPT.replace("node-3", "node-9")).unwrap();
    let args = DemoArgs {
        nodes: 4,
        preset: Preset::Datacenter,
        listen: None,
        data_dir: None,
        script: Some(script.clone()),
        set: Vec::new(),
    };
    let refused = demo::run(&args, Config::default(), CancellationToken::new()).await.unwrap_err().to_string();
    assert!(refused.contains("fault 1") && refused.contains("\"node-9\"") && !refused.contains('\n'), "{refused}");
}
