//! Somebody else's command, and what was measured around it.

use serde_json::{Value, json};

use super::*;

const TICKET: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn around_passes_the_exit_code_through_and_appends_to_a_csv() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("a.csv");
    let around = ["around", "--host", "127.0.0.1", "--count", "2", "-i", "0.05", "--csv", csv.to_str().unwrap()];
    for _ in 0..2 {
        let command = ["--hub", NOWHERE, "--", "sh", "-c", "echo out; exit 3"];
        let (code, said, complained) = finished(&[&around[..], &command].concat()).await;
        assert_eq!((code, said.as_str()), (3, "out\n"), "{complained}");
        let lines: Vec<&str> = complained.lines().collect();
        assert_eq!(lines.len(), 2, "{complained}");
        assert!(lines[0].contains("exit code 3") && lines[0].contains("loss 0 % -> 0 %"), "{complained}");
        assert!(lines[1].contains(NOWHERE), "a hub that is away is a note: {complained}");
    }
    let text = std::fs::read_to_string(&csv).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (5, "timestamp,host,latency_ms,packet_loss_pct,throughput_mbps"));
    for line in &lines[1..] {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!((fields.len(), fields[1], fields[3], fields[4]), (5, "127.0.0.1", "0", ""), "{line}");
        assert!(fields[2].parse::<f64>().is_ok_and(|ms| ms > 0.0), "{line}");
    }
}

#[tokio::test]
async fn around_tells_the_hub() {
    let hub = HttpReceiver::start(&[]).await;
    let url = format!("http://{}", hub.address);
    let args = ["around", "--host", "127.0.0.1", "--count", "2", "-i", "0.05", "--name", "a\nmount", "--hub", &url];
    let mut command = netloom(&[&args[..], &["--", "true"]].concat());
    let output = output(command.env("NETLOOM_NODE", "gpu-1")).await;
    assert!(output.status.success());
    let got = hub.got();
    assert_eq!((got.len(), got[0].path.as_str()), (1, "/api/v1/marks"));
    let mark = &got[0].json;
    assert_eq!((&mark["kind"], &mark["src"], &mark["dst"]), (&json!("around"), &json!("gpu-1"), &json!("127.0.0.1")));
    assert!(mark["text"].as_str().unwrap().starts_with("a mount: exit code 0"), "{mark}");
    for figure in ["before_rtt_us", "after_rtt_us", "before_loss_ratio", "after_loss_ratio", "took_us", "exit_code"] {
        assert!(mark["figures"][figure].is_number(), "{figure}: {mark}");
    }
}

#[tokio::test]
async fn around_runs_the_command_whatever_becomes_of_the_measuring() {
    let around = |host: &'static str, command: &[&'static str]| {
        let args = ["around", "--host", host, "--count", "2", "-i", "0.05", "--hub", NOWHERE, "--"];
        [&args[..], command].concat()
    };
    let (code, _, complained) = finished(&around("no-such-host.invalid", &["sh", "-c", "exit 4"])).await;
    assert_eq!(code, 4, "{complained}");
    assert!(complained.contains("was not measured") && complained.contains("unknown -> unknown"), "{complained}");
    assert_eq!(finished(&around("127.0.0.1", &["/nowhere/to/be/found"])).await.0, 127);

    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = netloom(&around("127.0.0.1", &["sh", "-c", script])).spawn().unwrap();
    until_said(&mut child, "ready").await;
    signal(&child, "-TERM");
    assert_eq!(ended(&mut child).await, 7);

    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let wrong = ["around", "--host", "127.0.0.1", "--csv", "/nowhere/a.csv", "--", "touch", started.to_str().unwrap()];
    assert_eq!(finished(&wrong).await.0, 2);
    assert!(!started.exists(), "what is wrong with the arguments is told before anything starts");
}

#[tokio::test]
async fn around_measures_throughput_with_another_machine_of_netloom() {
    let mut far = netloom(&["throughput", "serve", "--listen", "127.0.0.1:0", "--ticket", TICKET]).spawn().unwrap();
    let mut lines = BufReader::new(far.stdout.as_mut().unwrap()).lines();
    let invitation = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("it is said").unwrap().unwrap();
    let place = invitation.split(' ').find(|word| word.starts_with("127.0.0.1:")).expect("where it listens");
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("a.csv");
    let measure = ["around", "--host", "127.0.0.1", "--count", "2", "-i", "0.05", "--csv", csv.to_str().unwrap()];
    let load = ["--throughput", place, "--ticket", TICKET, "-t", "0.4", "--hub", NOWHERE, "--", "true"];
    let (code, _, complained) = finished(&[&measure[..], &load].concat()).await;
    assert_eq!(code, 0, "{complained}");
    let budget = format!("netloom: Loads the network to {place} for 0.5 s, as much as fits");
    assert!(complained.starts_with(&budget) && !complained.contains("was not measured"), "{complained}");
    let text = std::fs::read_to_string(&csv).unwrap();
    let rates: Vec<f64> = text.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert!(rates.len() == 2 && rates.iter().all(|mbps| *mbps > 0.0), "{text}");
}

#[tokio::test]
async fn around_refuses_a_test_that_cannot_be_before_it_starts_anything() {
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let command = ["--hub", NOWHERE, "--", "touch", started.to_str().unwrap()];
    for wrong in [
        &["--throughput", "127.0.0.1:9"][..],
        &["--throughput", "127.0.0.1:9", "--ticket", TICKET, "-t", "2h"],
        &["--iperf", "127.0.0.1", "-t", "2h"],
    ] {
        let (code, _, complained) = finished(&[&["around", "--host", "127.0.0.1"], wrong, &command].concat()).await;
        assert_eq!(code, 2, "{wrong:?} {complained}");
        assert!(!started.exists(), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_recorded_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("a.csv");
    let hub = HttpReceiver::start(&[]).await;
    let url = format!("http://{}", hub.address);
    let measure = ["around", "--host", "127.0.0.1", "--count", "2", "-i", "0.05", "--csv", csv.to_str().unwrap()];
    for (command, expected) in [("/nowhere/to/be/found", 127), (folder.path().to_str().unwrap(), 126)] {
        let (code, _, complained) = finished(&[&measure[..], &["--hub", &url, "--", command]].concat()).await;
        assert_eq!(code, expected, "{complained}");
        assert!(complained.contains(&format!("exit code {expected}")), "{complained}");
    }
    assert_eq!(std::fs::read_to_string(&csv).unwrap().lines().count(), 5);
    let codes: Vec<Value> = hub.got().iter().map(|got| got.json["figures"]["exit_code"].clone()).collect();
    assert_eq!(codes, [json!(127.0), json!(126.0)]);
}
