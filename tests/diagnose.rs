//! Goal: `netloom diagnose` tells scripts its verdict, and loses nothing that it found, whoever hangs up. Method: the real
//! binary against ports on loopback, with real signals and pipes that nobody reads.

use std::{path::Path, process::Stdio};

use netloom_core::diagnosis::{Diagnosis, DiagnosisState, Grade};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

use crate::{
    process::binary,
    support::{DEADLINE, TestHub, agents::node},
    tools::silent_port,
};

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn diagnose(hub: &str, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.arg("diagnose").args(args).env("NETLOOM_HUB", hub).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn interrupt(child: &Child) {
    let id = child.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
}

/// Waits for the end; returns the exit code, standard output, and what is left of standard error.
async fn ended(mut child: Child) -> (i32, String, String) {
    let (mut said, mut complained) = (String::new(), String::new());
    let ending = async {
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let out = async {
            if let Some(out) = &mut out {
                out.read_to_string(&mut said).await.unwrap();
            }
        };
        let err = async {
            if let Some(err) = &mut err {
                err.read_to_string(&mut complained).await.unwrap();
            }
        };
        tokio::join!(out, err);
        child.wait().await.unwrap().code().expect("no signal ends it")
    };
    let code = tokio::time::timeout(DEADLINE, ending).await.expect("it ends");
    (code, said, complained)
}

/// What the verdict of a whole diagnosis is to scripts.
fn code(diagnosis: &Diagnosis) -> i32 {
    match diagnosis.verdict.as_ref().expect("it is judged").grade {
        Grade::Fine => 0,
        Grade::Notable => 1,
        Grade::Bad => 2,
        Grade::Unknown => 3,
    }
}

fn read(json: &str) -> Diagnosis {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// A port that is closed, as a check.
async fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("tcp://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn the_exit_code_is_the_verdict_also_when_nobody_reads_it() {
    let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = format!("tcp://{}", open.local_addr().unwrap());
    let closed = closed().await;
    for (check, is_bad) in [(&open, false), (&closed, true)] {
        let (ended_with, said, complained) = ended(diagnose(NOWHERE, &[check, "--json"]).spawn().unwrap()).await;
        let diagnosis = read(&said);
        assert_eq!(ended_with, code(&diagnosis), "{said}");
        assert!(!is_bad || ended_with == 2, "{said}");
        assert!(complained.contains(NOWHERE), "a hub that was named is told of: {complained}");
    }
    for args in [&[closed.as_str(), "--json"][..], &[closed.as_str()]] {
        let mut child = diagnose(NOWHERE, args).spawn().unwrap();
        drop(child.stdout.take());
        let (ended_with, _, complained) = ended(child).await;
        assert_eq!(ended_with, 2);
        assert!(!complained.to_lowercase().contains("pipe"), "{complained}");
    }
}

#[tokio::test]
async fn a_report_is_tried_first_and_written_whoever_reads_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let closed = closed().await;
    let at = |path: &Path| path.display().to_string();
    let nowhere = at(&folder.path().join("none/report.html"));
    let child = diagnose(NOWHERE, &[&closed, "--report", &nowhere]).spawn().unwrap();
    let (ended_with, said, complained) = ended(child).await;
    assert_eq!((ended_with, said.as_str()), (2, ""), "nothing was checked in vain");
    assert!(complained.contains("--report: cannot write"), "{complained}");

    let report = folder.path().join("report.html");
    let mut child = diagnose(NOWHERE, &[&closed, "--report", &at(&report)]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(ended(child).await.0, 2, "the verdict");
    assert!(std::fs::read_to_string(&report).unwrap().contains("<h1>"));
}

#[tokio::test]
async fn who_stops_it_keeps_what_was_found() {
    let (port, _listener, _held) = silent_port().await;
    let silent = format!("tcp://127.0.0.1:{port}");
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.html");
    let args = [&silent, &closed().await, "--json", "--report", report.to_str().unwrap()];
    let mut child = diagnose(NOWHERE, &args).spawn().unwrap();
    // It is told of the hub when it listens for signals, right before it checks.
    let mut heard = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut heard).await.unwrap();
    assert!(heard.contains(NOWHERE), "{heard}");
    interrupt(&child);
    let (ended_with, said, _) = ended(child).await;
    let diagnosis = read(&said);
    assert_eq!(diagnosis.state, DiagnosisState::Failed { why: "it was stopped".into() });
    assert_eq!(diagnosis.items[0].headline, "it was stopped");
    // How far the other checks came is chance.
    assert!((1..=3).contains(&ended_with), "{ended_with}: {said}");
    assert!(std::fs::read_to_string(&report).unwrap().contains("it was stopped"));
}

#[tokio::test]
async fn a_diagnosis_through_the_hub_says_where_it_is_and_can_be_left() {
    let hub = TestHub::start().await;
    hub.until("the hub measures itself", async || !node(&hub, "n1").await.is_null()).await;
    let (port, _listener, _held) = silent_port().await;
    let silent = format!("tcp://127.0.0.1:{port}");
    let args = [&silent, "--via", "n1", "--json"];
    let begun = async || {
        let mut child = diagnose(&hub.url(""), &args).spawn().unwrap();
        let mut heard = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut heard).await.unwrap();
        let (_, id) = heard.trim().rsplit_once("/diagnose?id=").unwrap_or_else(|| panic!("no place: {heard}"));
        (child, id.to_owned())
    };

    let (child, id) = begun().await;
    let (ended_with, said, _) = ended(child).await;
    let diagnosis = read(&said);
    assert_eq!((diagnosis.id.as_str(), &diagnosis.state), (id.as_str(), &DiagnosisState::Done));
    assert_eq!(ended_with, code(&diagnosis));

    let (child, id) = begun().await;
    interrupt(&child);
    let (ended_with, said, complained) = ended(child).await;
    assert_ne!(ended_with, 0, "{said}");
    assert!(complained.contains(&format!("/api/v1/diagnoses/{id}")), "{complained}");
    hub.until("the hub goes on", async || hub.get(&format!("/api/v1/diagnoses/{id}")).await.1["state"] == "done").await;
    hub.stop().await;
}
