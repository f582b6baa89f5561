//! Goal: `netloom run` is as good as not there for the command, and the hub knows how it went. Method: the real binary with
//! real commands and real signals, and a hub in this process.

use std::{os::unix::fs::PermissionsExt, process::Stdio, time::Duration};

use netloom_server::{config::Config, hub};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

use crate::{
    process::binary,
    support::{self, TestHub},
};

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn run(hub: &str, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(["run", "--name", "test", "--hub", hub]).args(args).env_remove("NETLOOM_HUB").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs to the end; returns exit code, output, and what was said on standard error.
async fn finished(mut command: Command) -> (i32, String, String) {
    let output = tokio::time::timeout(support::DEADLINE, command.output()).await.expect("it ends").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("no signal ends it"), text(output.stdout), text(output.stderr))
}

async fn only(hub: &TestHub) -> Value {
    let runs = hub.get("/api/v1/runs").await.1;
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
    runs[0].clone()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// Starts a shell script and waits until it says that it is ready.
async fn ready(hub: &str, script: &str) -> Child {
    let mut child = run(hub, &["--", "sh", "-c", script]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
    assert_eq!(line, "ready\n");
    child
}

async fn ended(child: &mut Child) -> i32 {
    let status = tokio::time::timeout(support::DEADLINE, child.wait()).await.expect("it ends").unwrap();
    status.code().expect("no signal ends it")
}

#[tokio::test]
async fn the_command_is_recorded_and_knows_its_run() {
    let hub = TestHub::start().await;
    let script = "echo $NETLOOM_RUN_ID $NETLOOM_HUB; exit 3";
    let args = ["--tag", "lr=3e-4", "--node", "n1", "--notes", "first try", "--", "sh", "-c", script];
    let (code, said, complained) = finished(run(&hub.url("/"), &args)).await;
    assert_eq!((code, complained.as_str()), (3, ""));
    let run = only(&hub).await;
    assert_eq!(said.trim(), format!("{} http://{}", run["id"].as_str().unwrap(), hub.address));
    assert_eq!((&run["status"], &run["exit_code"], &run["name"]), (&json!("failed"), &json!(3), &json!("test")));
    assert_eq!(
        (&run["tags"], &run["nodes"], &run["notes"]),
        (&json!({"lr": "3e-4"}), &json!(["n1"]), &json!("first try"))
    );
    assert!(run["command"].as_str().unwrap().starts_with("sh -c echo"));
    hub.stop().await;
}

#[tokio::test]
async fn what_is_written_and_read_passes_through() {
    let hub = TestHub::start().await;
    let mut child = run(&hub.url(""), &["--", "sh", "-c", "cat; echo bad >&2"]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"in and out\n").await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"in and out\n"[..], &b"bad\n"[..]));
    assert_eq!(only(&hub).await["status"], "succeeded");
    hub.stop().await;
}

#[tokio::test]
async fn signals_reach_the_command_and_abort_the_run() {
    let hub = TestHub::start().await;
    let script = "trap 'exit 7' TERM INT; echo ready; while :; do sleep 0.05; done";
    for name in ["-TERM", "-INT"] {
        let mut child = ready(&hub.url(""), script).await;
        signal(&child, name);
        assert_eq!(ended(&mut child).await, 7, "{name}");
        let run = hub.get("/api/v1/runs?limit=1").await.1[0].clone();
        assert_eq!((&run["status"], &run["exit_code"]), (&json!("aborted"), &json!(7)), "{name}");
    }
    let mut child = ready(&hub.url(""), "echo ready; exec sleep 60").await;
    signal(&child, "-TERM");
    assert_eq!(ended(&mut child).await, 128 + 15);
    let mut child = ready(&hub.url(""), "echo ready; kill -KILL $$").await;
    assert_eq!(ended(&mut child).await, 128 + 9);
    let run = hub.get("/api/v1/runs?limit=1").await.1[0].clone();
    assert_eq!((&run["status"], &run["exit_code"]), (&json!("failed"), &json!(137)), "nobody asked it to end");
    hub.stop().await;
}

#[tokio::test]
async fn what_cannot_be_started_fails_as_in_a_shell() {
    let hub = TestHub::start().await;
    let (code, _, said) = finished(run(&hub.url(""), &["--", "/nowhere/to/be/found"])).await;
    assert_eq!(code, 127);
    assert!(said.contains("/nowhere/to/be/found"), "{said}");
    let file = hub.folder.path().join("no-program");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(finished(run(&hub.url(""), &["--", file.to_str().unwrap()])).await.0, 126);
    let codes: Vec<Value> =
        hub.get("/api/v1/runs").await.1.as_array().unwrap().iter().map(|run| run["exit_code"].clone()).collect();
    assert_eq!(codes, [json!(126), json!(127)]);
    hub.stop().await;
}

#[tokio::test]
async fn wrong_arguments_are_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("started");
    let touch = ["--", "touch", file.to_str().unwrap()];
    for wrong in
        [&["--tag", "lr"][..], &["--tag", "LR=1"], &["--node", ""], &["--hub", "https://hub"], &["--hub", "hub"]]
    {
        let mut command = Command::new(binary());
        command.args(["run", "--name", "test"]).args(wrong).args(touch).stderr(Stdio::piped());
        let (code, _, said) = finished(command).await;
        assert_eq!(code, 2, "{wrong:?} {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    assert!(!file.exists());
}

#[tokio::test]
async fn without_a_hub_the_command_runs_all_the_same() {
    let (code, said, complained) = finished(run(NOWHERE, &["--", "sh", "-c", "echo $NETLOOM_RUN_ID; exit 4"])).await;
    assert_eq!((code, said.trim().len()), (4, 8), "{said}");
    let lines: Vec<&str> = complained.lines().collect();
    assert_eq!(lines.len(), 1, "{complained}");
    assert!(lines[0].starts_with("netloom: the run was not recorded") && lines[0].contains(NOWHERE), "{complained}");
}

#[tokio::test]
async fn a_hub_that_comes_late_learns_everything() {
    let place = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{place}");
    let mut child = ready(&url, "echo ready; read end; exit 5").await;
    // Time for a first attempt in vain; nothing depends on it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let folder = tempfile::tempdir().unwrap();
    let (stop, listener) = (CancellationToken::new(), TcpListener::bind(place).await.unwrap());
    let config: Config = support::config(folder.path());
    let served = tokio::spawn(hub::run(config, listener, stop.clone(), || {}));
    let client = reqwest::Client::new();
    let status = async || -> Option<Value> {
        let runs: Value = client.get(format!("{url}/api/v1/runs")).send().await.ok()?.json().await.ok()?;
        Some(runs[0]["status"].clone())
    };
    support::until("the run is known", async || status().await == Some(json!("running"))).await;
    child.stdin.take().unwrap().write_all(b"\n").await.unwrap();
    assert_eq!(ended(&mut child).await, 5);
    assert_eq!(status().await, Some(json!("failed")));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "");
    stop.cancel();
    served.await.unwrap().unwrap();
}
