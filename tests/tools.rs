//! Goal: what people and scripts use at a terminal does what its help says: figures, files, exit codes, and nothing half
//! done when somebody stops it. Method: the real binary on loopback, with real signals, and every file that it wrote read.

mod around;
mod schema;

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use clap::CommandFactory as _;
use netloom_core::{
    check::{
        Detail, Finding, Outcome,
        throughput::{Flowed, ThroughputResult},
    },
    test_result::TestResult,
};
use netloom_server::cli::Cli;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    process::{Child, Command},
};

use crate::{
    process::binary,
    support::{DEADLINE, receivers::HttpReceiver},
};

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn netloom(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).process_group(0).kill_on_drop(true).stdin(Stdio::null());
    for name in ["NETLOOM_HUB", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn output(command: &mut Command) -> Output {
    tokio::time::timeout(DEADLINE, command.output()).await.expect("it ends").unwrap()
}

/// Runs to the end; returns exit code, output, and what was said on standard error.
async fn finished(args: &[&str]) -> (i32, String, String) {
    let output = output(&mut netloom(args)).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("no signal ends it"), text(output.stdout), text(output.stderr))
}

fn signal(child: &Child, name: &str) {
    let Some(pid) = child.id() else { return };
    // Fails when it has ended by itself.
    let _ = std::process::Command::new("kill").args([name, &pid.to_string()]).stderr(Stdio::null()).status().unwrap();
}

async fn ended(child: &mut Child) -> i32 {
    let status = tokio::time::timeout(DEADLINE, child.wait()).await.expect("it ends").unwrap();
    status.code().expect("no signal ends it")
}

/// Waits for a line on standard output that holds a word.
async fn until_said(child: &mut Child, word: &str) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let found = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(word) {
                return;
            }
        }
        panic!("{word} was never said");
    };
    tokio::time::timeout(DEADLINE, found).await.expect("it is said");
}

/// The only file in a folder with that ending.
fn file(folder: &Path, ending: &str) -> PathBuf {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    assert_eq!(found.len(), 1, "{ending}: {found:?}");
    found[0].clone()
}

fn json_file(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file(folder, "json")).unwrap()).unwrap()
}

/// A listener whose queue is full, so that handshakes with it get no answer; held by what is returned.
pub async fn silent_port() -> (u16, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    for _ in 0..8 {
        let attempt = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await;
        held.extend(attempt.ok().and_then(Result::ok));
    }
    (address.port(), listener, held)
}

#[tokio::test]
async fn a_test_leaves_files_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/out");
    let args = ["test", "127.0.0.1", "-d", "3", "-i", "1", "--output", out.to_str().unwrap()];
    let (code, said, complained) = finished(&args).await;
    assert_eq!(code, 0, "{said} {complained}");
    for wanted in ["round 1/3: 5/5 replies", "round 3/3", "15 packets transmitted, 15 received, 0% packet loss"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(said.contains("rtt min/avg/max/mdev = "), "{said}");

    let result = json_file(&out);
    schema::assert_holds(&result);
    assert_eq!((&result["is_complete"], &result["summary"]["received"]), (&json!(true), &json!(15)));
    assert!(result["rounds"].as_array().unwrap().iter().all(|round| round["rtts_us"].as_array().unwrap().len() == 5));

    let png = std::fs::read(file(&out, "png")).unwrap();
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((&png[..8], &png[12..16]), (&b"\x89PNG\r\n\x1a\n"[..], &b"IHDR"[..]));
    assert!(number(16) >= 1_000 && number(20) >= 500, "{}x{}", number(16), number(20));
    assert_eq!(&png[png.len() - 8..png.len() - 4], b"IEND");

    let svg = std::fs::read_to_string(file(&out, "svg")).unwrap();
    assert_well_formed(&svg);
    for wanted in ["Latency and loss to 127.0.0.1", "loss, %", "time since the start, s"] {
        assert!(svg.contains(wanted), "{wanted}");
    }
}

/// Every element that is opened is closed, in order, and text holds no bare signs.
fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        let bare = text.split('&').skip(1).find(|rest| rest.split_once(';').is_none_or(|(name, _)| name.len() > 5));
        assert_eq!(bare, None, "{part}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty() && svg.starts_with("<svg "), "{open:?}");
}

#[test]
fn the_example_of_the_document_and_a_test_with_throughput_hold_to_the_schema() {
    let document = schema::document("test-result.md");
    let example = document.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    schema::assert_holds(&example);
    let mut result: TestResult = serde_json::from_value(example).unwrap();
    let flowed = Flowed { bps: 9.4e8, bytes: 1_000, duration_ms: 10_000.0, ..Flowed::default() };
    let detail = ThroughputResult { streams: 1, up: Some(flowed), ..ThroughputResult::default() };
    let mut finding = Finding::new(Outcome::Reply);
    finding.figure("throughput_bps", 9.4e8);
    finding.detail = Some(Detail::Throughput(Box::new(detail)));
    let failed = Finding::failed(netloom_core::check::Phase::Connect, "refused", "start iperf3 -s there");
    for finding in [finding, failed] {
        result.throughput = Some(finding);
        schema::assert_holds(&serde_json::to_value(&result).unwrap());
    }
    let mut wrong = serde_json::to_value(&result).unwrap();
    wrong["summary"]["sent"] = json!("4");
    assert!(schema::complaint(&wrong).is_some_and(|complaint| complaint.contains("summary.sent")));
}

#[tokio::test]
async fn names_of_files_are_never_taken_twice_and_the_result_alone_is_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    for _ in 0..2 {
        let args = ["test", "127.0.0.1", "-d", "0.2", "-i", "0.2", "-c", "2", "--json", "-q", "--output", out];
        let (code, said, _) = finished(&args).await;
        let result: Value = serde_json::from_str(&said).expect("nothing but JSON");
        schema::assert_holds(&result);
        assert_eq!((code, &result["plan"]["packets"]), (0, &json!(2)));
    }
    assert_eq!(std::fs::read_dir(out).unwrap().count(), 6);
}

#[tokio::test]
async fn an_interrupt_keeps_what_there_is() {
    for name in ["-INT", "-TERM", "-HUP"] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        let mut child = netloom(&["test", "127.0.0.1", "-d", "600", "-i", "0.5", "--output", out]).spawn().unwrap();
        until_said(&mut child, "round 2/").await;
        signal(&child, name);
        assert_eq!(ended(&mut child).await, 0, "{name}");
        let result = json_file(folder.path());
        schema::assert_holds(&result);
        assert_eq!(result["is_complete"], json!(false));
        assert!(result["rounds"].as_array().unwrap().len() >= 2, "{result}");
        file(folder.path(), "png");
    }
}

#[tokio::test]
async fn a_second_interrupt_ends_at_once() {
    let (port, _listener, _held) = silent_port().await;
    let port = port.to_string();
    let args = ["test", "127.0.0.1", "--tcp", "--port", &port, "-d", "600", "-i", "1", "-W", "100"];
    let mut child = netloom(&args).spawn().unwrap();
    until_said(&mut child, "TEST ").await;
    while child.try_wait().unwrap().is_none() {
        signal(&child, "-INT");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ended(&mut child).await, 128 + 2);
}

#[tokio::test]
async fn exit_codes_are_those_of_ping() {
    let (code, _, complained) = finished(&["test", "no-such-host.invalid", "-d", "1"]).await;
    let lines: Vec<&str> = complained.lines().collect();
    assert_eq!((code, lines.len()), (2, 1), "{complained}");
    assert!(lines[0].starts_with("netloom: ") && lines[0].contains("no-such-host.invalid"), "{complained}");

    let (port, _listener, _held) = silent_port().await;
    let port = port.to_string();
    let silent = ["test", "127.0.0.1", "--tcp", "--port", &port, "-d", "0.4", "-i", "0.4", "-c", "2", "-W", "0.3"];
    let (code, said, _) = finished(&silent).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("2 packets transmitted, 0 received, 100% packet loss"), "{said}");

    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("file");
    std::fs::write(&taken, "").unwrap();
    for wrong in [
        &["127.0.0.1", "-6"][..],
        &["127.0.0.1", "-i", "0.001", "-c", "10"],
        &["127.0.0.1", "-d", "soon"],
        &["127.0.0.1", "--output", taken.to_str().unwrap()],
        &["127.0.0.1", "-P", "4"],
        &["127.0.0.1", "-p", "5201"],
        &["127.0.0.1", "--iperf", "-P", "17"],
        &["127.0.0.1", "--iperf", "-u", "-b", "0"],
        &["127.0.0.1", "--iperf", "-t", "2h"],
    ] {
        let (code, _, complained) = finished(&[&["test"], wrong].concat()).await;
        assert_eq!(code, 2, "{wrong:?} {complained}");
        assert!(!complained.is_empty() && !complained.contains("panicked"), "{complained}");
    }
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_test() {
    let mut child = netloom(&["test", "127.0.0.1", "-d", "600", "-i", "0.1"]).spawn().unwrap();
    until_said(&mut child, "round 1/").await;
    drop(child.stdout.take());
    ended(&mut child).await;
}

#[tokio::test]
async fn who_reads_no_further_is_no_error() {
    let test = ["test", "127.0.0.1", "-d", "0.2", "-i", "0.2", "-c", "2", "--json"];
    for args in [&test[..], &["completions", "zsh"], &["man"]] {
        let mut child = netloom(args).spawn().unwrap();
        drop(child.stdout.take());
        let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("it ends").unwrap();
        let complained = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && !complained.contains("roken pipe"), "{args:?}: {complained}");
    }
}

#[tokio::test]
async fn a_test_tells_what_iperf3_takes_before_it_runs() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port().to_string();
    let pings = ["test", "127.0.0.1", "-d", "0.2", "-i", "0.2", "-c", "2", "--iperf", "-p", &free, "-t", "3"];
    for (more, bytes) in [(&[][..], "as much as fits"), (&["-b", "8M"], "at most 3.00 MB")] {
        let (_, said, complained) = finished(&[&pings[..], more].concat()).await;
        let budget = format!("Loads the network to 127.0.0.1:{free} for 3 s, {bytes}.");
        assert!(said.contains(&budget), "{said} {complained}");
    }
}

/// The commands that help lists.
fn commands() -> Vec<String> {
    let root = Cli::command();
    let shown = root.get_subcommands().filter(|command| !command.is_hide_set());
    let names: Vec<String> = shown.map(|command| command.get_name().to_owned()).collect();
    assert!(names.len() > 8, "{names:?}");
    names
}

#[tokio::test]
async fn completions_and_manual_pages_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, _) = finished(&["completions", shell]).await;
        let missing: Vec<_> = commands().into_iter().filter(|name| !script.contains(name.as_str())).collect();
        assert_eq!((code, missing), (0, Vec::new()), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (code, _, complained) = finished(&["man", "--dir", folder.path().to_str().unwrap()]).await;
    assert_eq!(code, 0, "{complained}");
    let (_, whole, _) = finished(&["man"]).await;
    for name in commands() {
        let page = std::fs::read_to_string(folder.path().join(format!("netloom-{name}.1"))).expect("a page");
        assert!(page.contains(".TH") && whole.contains(&page), "{name}");
    }
    assert!(std::fs::read_to_string(folder.path().join("netloom.1")).unwrap().contains(".SH SUBCOMMANDS"));
    let (code, page, _) = finished(&["man", "around"]).await;
    assert!(code == 0 && page.contains("Exit codes"), "{page}");
    assert_eq!(finished(&["man", "nothing"]).await.0, 2);
}

#[tokio::test]
async fn help_says_how_each_command_ends() {
    for name in commands().iter().filter(|name| !matches!(name.as_str(), "completions" | "man" | "help")) {
        let (code, help, _) = finished(&[name, "--help"]).await;
        for wanted in ["Usage:", "xit code"] {
            assert!(code == 0 && help.contains(wanted), "{name} does not say {wanted}: {help}");
        }
    }
}

#[tokio::test]
async fn no_color_gives_no_escape_sequences() {
    const ESCAPE: u8 = 0x1b;
    let escapes = |output: &Output| output.stdout.contains(&ESCAPE) || output.stderr.contains(&ESCAPE);
    for args in [&["--help"][..], &["test"]] {
        assert!(escapes(&output(netloom(args).env("CLICOLOR_FORCE", "1")).await), "colour can be had: {args:?}");
        let forbidden = output(netloom(args).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")).await;
        assert!(!escapes(&forbidden), "{args:?}");
        assert!(!escapes(&output(&mut netloom(args)).await), "a pipe has none: {args:?}");
    }
    for (variables, is_coloured) in
        [(&[][..], false), (&[("CLICOLOR_FORCE", "1")], true), (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false)]
    {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let mut command = netloom(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data]);
        command.env("NETLOOM_SETTINGS__PROBE__DEFAULT_TARGETS", "false").envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        until_said(&mut child, "http://").await;
        signal(&child, "-TERM");
        let logged = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("it ends").unwrap().stderr;
        assert!(!logged.is_empty());
        assert_eq!(logged.contains(&ESCAPE), is_coloured, "{variables:?} {}", String::from_utf8_lossy(&logged));
    }
}
