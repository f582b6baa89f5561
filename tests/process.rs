//! Goal: the program itself starts, refuses and ends as an operator expects, with one clear line. Method: the real binary,
//! as built for these tests, with real signals and real files.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use netloom_core::query::QueryText;
use netloom_server::{clock, store};
use serde_json::Value;

/// The program: the one that `cargo xtask test` built, else the one beside this test binary.
pub fn binary() -> PathBuf {
    if let Some(built) = std::env::var_os("NETLOOM_BIN") {
        return built.into();
    }
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("netloom")
}

pub fn netloom(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).env("NETLOOM_SETTINGS__PROBE__DEFAULT_TARGETS", "false");
    command
}

/// Starts a hub; returns it and where it answers.
pub fn serve(folder: &Path) -> (Child, String) {
    serve_with(folder, &[])
}

/// Starts a hub with more arguments.
pub fn serve_with(folder: &Path, args: &[&str]) -> (Child, String) {
    let mut child = netloom(&["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder)
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program is there: run these tests with cargo xtask test, or cargo build first");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(address.starts_with("http://127.0.0.1:"), "{line}");
    (child, address)
}

/// Runs the program to its end; returns its exit code and what it said.
fn failed(args: &[&str]) -> (i32, String) {
    let mut child = netloom(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code().unwrap(), said)
}

fn assert_refused(args: &[&str], culprit: &str) {
    let (code, said) = failed(args);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(culprit), "{culprit} is missing: {said}");
    assert!(!said.contains("panicked"), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("netloom: ")).collect();
    assert_eq!(lines.len(), 1, "one clear line: {said}");
}

pub fn terminate(child: &mut Child) -> Duration {
    let asked = Instant::now();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    while child.try_wait().unwrap().is_none() {
        assert!(asked.elapsed() < Duration::from_secs(20), "the program does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    asked.elapsed()
}

#[test]
fn what_cannot_work_is_refused_with_the_culprit() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    assert_refused(&["serve", "--listen", &taken, "--data-dir", data_dir], &taken);
    assert_refused(&["serve", "--listen", "0.0.0.0:0", "--data-dir", data_dir], "no sign-in yet");

    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let in_a_file = file.join("data");
    let listen = ["serve", "--listen", "127.0.0.1:0", "--data-dir"];
    assert_refused(&[&listen[..], &[in_a_file.to_str().unwrap()]].concat(), "cannot make the data folder");
    assert_refused(&[&listen[..], &["/proc/netloom"]].concat(), "/proc/netloom");

    let config = folder.path().join("netloom.toml");
    std::fs::write(&config, "lisen = 1").unwrap();
    assert_refused(&["serve", "--config", config.to_str().unwrap()], "lisen");
}

#[test]
fn nonsense_behind_set_is_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let listen = ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder.path().to_str().unwrap()];
    for (flag, culprit) in [
        ("nonsense", "--set nonsense"),
        ("probe.speed=1", "\"probe.speed\" is not a setting"),
        ("probe.packets=many", "--set probe.packets=many: must be a number from 1 to 20"),
        ("probe.targets=[{", "as TOML writes it"),
    ] {
        assert_refused(&[&listen[..], &["--set", flag]].concat(), culprit);
        assert_refused(&["demo", "--listen", "127.0.0.1:0", "--set", flag], culprit);
    }
}

#[tokio::test]
async fn what_a_flag_sets_beats_the_environment_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) =
        serve_with(folder.path(), &["--set", "probe.default_targets=false", "--set", "probe.icmp=false"]);
    let details: Value =
        reqwest::get(format!("{address}/api/v1/settings/details")).await.unwrap().json().await.unwrap();
    terminate(&mut child);
    // The environment of these tests has it, too.
    assert_eq!(details["sources"]["probe.default_targets"], serde_json::json!({"layer": "flag"}));
    assert_eq!(details["settings"]["probe"]["icmp"], false);
}

#[test]
fn the_environment_configures_and_flags_beat_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = |listen: &str, args: &[&str]| {
        let mut command = netloom(&["serve", "--data-dir", folder.path().to_str().unwrap()]);
        let output = command.args(args).env("NETLOOM_LISTEN", listen).env("NETLOOM_BIN", "of no concern").output();
        String::from_utf8(output.unwrap().stderr).unwrap()
    };
    assert!(run("0.0.0.0:7", &[]).contains("refusing to listen on 0.0.0.0:7"));
    assert!(run("0.0.0.0:7", &["--listen", "0.0.0.0:8"]).contains("refusing to listen on 0.0.0.0:8"));
    assert!(run("nowhere", &[]).contains("listen"));
}

#[test]
fn a_damaged_database_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("netloom.db");
    let rubbish = "this is no database ".repeat(500);
    std::fs::write(&database, &rubbish).unwrap();
    assert_refused(&["serve", "--listen", "127.0.0.1:0", "--data-dir", folder.path().to_str().unwrap()], "is damaged");
    assert_eq!(std::fs::read_to_string(&database).unwrap(), rubbish);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    store::open(folder.path()).await.unwrap().database.close().await;
    let url = format!("sqlite://{}", folder.path().join("netloom.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'x', 1, x'00', 0)";
    sqlx::query(newer).execute(&pool).await.unwrap();
    pool.close().await;
    assert_refused(
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", folder.path().to_str().unwrap()],
        "newer netloom",
    );
}

#[tokio::test]
async fn two_hubs_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, _) = serve(folder.path());
    let second = ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder.path().to_str().unwrap()].map(str::to_owned);
    tokio::task::spawn_blocking(move || {
        assert_refused(&second.each_ref().map(String::as_str), "in use by another netloom");
    })
    .await
    .unwrap();
    terminate(&mut first);
}

#[tokio::test]
async fn sigterm_with_open_streams_ends_in_time_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = serve(folder.path());
    let client = reqwest::Client::new();
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(client.get(format!("{address}/api/v1/stream")).send().await.unwrap());
    }
    let query = format!("{address}/api/v1/query?metric=sock_tcp_total");
    let mut seen = Vec::new();
    crate::support::until("samples are stored", async || !points(&client, &query).await.is_empty()).await;
    seen.extend(points(&client, &query).await);
    let took = tokio::task::spawn_blocking(move || terminate(&mut child)).await.unwrap();
    assert!(took < Duration::from_secs(5), "{took:?}");

    let store = store::open(folder.path()).await.unwrap();
    let text = QueryText { metric: Some("sock_tcp_total".into()), ..Default::default() };
    let kept = store.samples.query(&text.parse(clock::now()).unwrap()).await.unwrap();
    let kept: Vec<i64> = kept[0].points.iter().map(|(ts_ms, _)| *ts_ms).collect();
    assert!(seen.iter().all(|ts_ms| kept.contains(ts_ms)), "{seen:?} {kept:?}");
}

/// Root may drop its rights, so the test shows what somebody without them gets; others see what they have.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_permission_for_icmp_the_agent_says_so_and_uses_tcp() {
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65_534;
    let folder = tempfile::tempdir().unwrap();
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    let program = folder.path().join("netloom");
    std::fs::copy(binary(), &program).unwrap();
    let mut command = Command::new(&program);
    if is_root {
        std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let config = folder.path().join("netloom.toml");
    std::fs::write(
        &config,
        "[settings.probe]\ndefault_targets = false\n[[settings.probe.targets]]\naddress = \"127.0.0.1\"\n",
    )
    .unwrap();
    let data_dir = folder.path().join("data");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data_dir).arg("--config").arg(&config);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();

    let client = reqwest::Client::new();
    let probe = async || -> Option<Value> {
        let nodes: Value = client.get(format!("{address}/api/v1/nodes")).send().await.ok()?.json().await.ok()?;
        nodes[0]["measurements"].as_array()?.iter().find(|m| m["name"] == "probe 127.0.0.1").cloned()
    };
    crate::support::until("the probe has a state", async || probe().await.is_some()).await;
    let probe = probe().await.unwrap();
    terminate(&mut child);
    if is_root && !everybody_may_ping() {
        assert_eq!(probe["state"], "degraded", "{probe}");
        assert_eq!(probe["detail"], "ICMP not permitted: using TCP");
    } else {
        assert!(probe["state"] == "working" || probe["detail"].as_str().unwrap().ends_with("using TCP"), "{probe}");
    }
}

/// Whether the kernel lets any group send ICMP echo.
fn everybody_may_ping() -> bool {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").unwrap_or_default();
    let ends: Vec<u64> = range.split_whitespace().filter_map(|end| end.parse().ok()).collect();
    ends.first() <= ends.last()
}

async fn points(client: &reqwest::Client, url: &str) -> Vec<i64> {
    let Ok(response) = client.get(url).send().await else { return Vec::new() };
    let found: Value = response.json().await.unwrap_or_default();
    let points = found["series"][0]["points"].as_array().cloned().unwrap_or_default();
    points.iter().filter_map(|point| point[0].as_i64()).collect()
}

#[test]
fn watch_prints_samples_as_lines_of_json() {
    let mut child = netloom(&["watch"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    terminate(&mut child);
    let sample: Value = serde_json::from_str(&line).unwrap();
    assert!(sample["metric"].is_string() && sample["value"].is_number() && sample["ts_ms"].is_i64(), "{line}");
}
