//! Goal: data goes out of and into a running hub from the command line, and its database is backed up and checked, as an
//! operator expects. Method: the real binary with real files; where a hub has to misbehave, a few lines stand in for it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Output, Stdio},
    thread::JoinHandle,
};

use netloom_core::query::QueryText;
use netloom_server::{clock, store};
use serde_json::Value;

use crate::process::{netloom, serve, terminate};

fn run(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = netloom(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Lines of a job, a second apart, up to a minute ago.
fn lines(count: i64) -> String {
    let start_ms = clock::now().ms() - 60_000 - count * 1_000;
    let line = |at: i64| {
        format!(
            "{{\"metric\":\"step_time_s\",\"ts_ms\":{},\"value\":{}.5,\"labels\":{{\"node\":\"n1\"}}}}\n",
            start_ms + at * 1_000,
            at
        )
    };
    (0..count).map(line).collect()
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn what_is_imported_is_exported_and_imported_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (mut first, hub) = serve(&folder.path().join("a"));
    // More than one request.
    let text = lines(7_000);
    std::fs::write(path("in.jsonl"), &text).unwrap();
    let (code, said, _) = run(&["import", &path("in.jsonl"), "--hub", &hub]);
    assert_eq!((code, said.as_str()), (0, "7000 samples were sent\n"));
    let (code, _, said) = run(&["export", "--hub", &hub, "--metric", "step_time_s", "--output", &path("out.jsonl")]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("7000 samples"), "{said}");
    assert!(!Path::new(&path("out.jsonl.part")).exists());
    let out = std::fs::read_to_string(path("out.jsonl")).unwrap();
    assert_eq!(sorted(&out), sorted(&text));
    let (_, csv, _) = run(&["export", "--hub", &hub, "--metric", "step_time_s", "--node", "n1", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 7_001);
    terminate(&mut first);

    let (mut second, hub) = serve(&folder.path().join("b"));
    assert_eq!(run(&["import", &path("out.jsonl"), "--hub", &hub]).0, 0);
    let (_, again, _) = run(&["export", "--hub", &hub, "--metric", "step_time_s"]);
    assert_eq!(again, out);

    // A reader that has seen enough is no failure.
    let mut child = netloom(&["export", "--hub", &hub]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
    let (code, _, said) = run(&["export", "--hub", &hub, "--metric", "nonsense"]);
    assert_eq!(code, 2);
    assert!(said.contains("nonsense"), "{said}");
    terminate(&mut second);
}

#[test]
fn an_import_stops_at_the_bad_line_or_goes_on_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.jsonl");
    let good = lines(40);
    let mut text: Vec<&str> = good.lines().collect();
    for (at, bad) in [(30, "{}"), (20, "{\"metric\":\"x\",\"value\":1,\"ts_ms\":5}"), (20, ""), (3, "nonsense")] {
        text.insert(at, bad);
    }
    std::fs::write(&file, text.join("\n")).unwrap();
    let (mut child, hub) = serve(&folder.path().join("data"));
    let file = file.to_str().unwrap();
    let (code, _, said) = run(&["import", file, "--hub", &hub]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(&format!("3 samples were sent, then: {file}:4: expected")), "{said}");
    let (code, out, said) = run(&["import", file, "--hub", &hub, "--skip-bad"]);
    assert_eq!((code, out.as_str()), (1, "40 samples were sent, skipped lines: 3\n"), "{said}");
    assert!(said.contains(&format!("{file}:23: ")) && said.contains("before what is kept"), "{said}");
    let (_, stored, _) = run(&["export", "--hub", &hub, "--metric", "step_time_s"]);
    assert_eq!(sorted(&stored), sorted(&good));
    assert_eq!(run(&["import", "/nowhere", "--hub", &hub]).0, 2);
    terminate(&mut child);
    let (code, _, said) = run(&["import", file, "--hub", &hub]);
    assert_eq!(code, 2);
    assert!(said.contains(&hub) && said.contains("does not answer"), "{said}");
}

/// Stands in for a hub: gives each request one of the answers, in order, and closes.
fn stand_in(answers: Vec<String>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serve = move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    };
    (url, std::thread::spawn(serve))
}

fn read_request(stream: &mut TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
}

#[test]
fn a_connection_that_breaks_leaves_an_unfinished_file_and_a_busy_hub_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.jsonl");
    let cut = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n".to_owned();
    let (hub, task) = stand_in(vec![cut]);
    let (code, _, said) = run(&["export", "--hub", &hub, "-o", output.to_str().unwrap()]);
    task.join().unwrap();
    assert_eq!(code, 2);
    assert!(said.contains("is not complete") && said.contains("out.jsonl.part"), "{said}");
    assert!(!output.exists());
    assert_eq!(std::fs::read_to_string(folder.path().join("out.jsonl.part")).unwrap(), "{\"a\":");

    let file = folder.path().join("in.jsonl");
    std::fs::write(&file, lines(3)).unwrap();
    let busy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned();
    let taken = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned();
    let (hub, task) = stand_in(vec![busy, taken]);
    let (code, said, _) = run(&["import", file.to_str().unwrap(), "--hub", &hub]);
    task.join().unwrap();
    assert_eq!((code, said.as_str()), (0, "3 samples were sent\n"));
}

/// How many samples of the job a folder holds.
async fn stored(folder: &Path) -> usize {
    let stores = store::open(folder).await.unwrap();
    let text = QueryText { metric: Some("step_time_s".into()), from: Some("now-1d".into()), ..Default::default() };
    let found = stores.samples.query(&text.parse(clock::now()).unwrap()).await.unwrap();
    stores.database.close().await;
    found.iter().map(|series| series.points.len()).sum()
}

#[tokio::test]
async fn a_backup_of_a_working_hub_holds_everything_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (data, restored, file) =
        (folder.path().join("data"), folder.path().join("restored"), folder.path().join("b.db"));
    let (mut child, hub) = serve(&data);
    let client = reqwest::Client::new();
    let text = lines(3_000);
    let mut sent = 0;
    let all: Vec<&str> = text.lines().collect();
    let mut post = async |part: &[&str]| {
        let posted = client.post(format!("{hub}/api/v1/samples")).body(part.join("\n")).send().await.unwrap();
        assert_eq!(posted.status().as_u16(), 204);
        sent += part.len();
        sent
    };
    let mut acknowledged = 0;
    for part in all[..1_500].chunks(100) {
        acknowledged = post(part).await;
    }
    let backup = {
        let (file, data) = (file.clone(), data.clone());
        tokio::task::spawn_blocking(move || {
            run(&["backup", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap()])
        })
    };
    for part in all[1_500..].chunks(10) {
        post(part).await;
    }
    let (code, said, error) = backup.await.unwrap();
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("checked"), "{said}");
    let (code, _, said) = run(&["backup", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(said.contains("is not overwritten"), "{said}");
    assert!(!folder.path().join("b.db.part").exists());
    terminate(&mut child);

    std::fs::create_dir(&restored).unwrap();
    std::fs::copy(&file, restored.join("netloom.db")).unwrap();
    let found = stored(&restored).await;
    assert!((acknowledged..=3_000).contains(&found), "{acknowledged} were acknowledged, {found} are there");
    // A hub works with it, and gives numbers of the log that were never used.
    let (mut child, hub) = serve(&restored);
    let posted = client.post(format!("{hub}/api/v1/samples")).body(text).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 204);
    terminate(&mut child);
    assert_eq!(stored(&restored).await, 3_000);
}

#[tokio::test]
async fn a_check_finds_what_does_not_fit_and_what_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert_eq!(run(&["check", "--data-dir", data]).0, 3);
    let (mut child, hub) = serve(folder.path());
    let client = reqwest::Client::new();
    // An hour ago: packed within seconds.
    let body = lines(60).replace("step_time_s", "queue_length");
    let earlier = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["ts_ms"] = (line["ts_ms"].as_i64().unwrap() - 3_600_000).into();
        line.to_string()
    };
    let old: Vec<String> = body.lines().map(earlier).collect();
    let posted = client.post(format!("{hub}/api/v1/samples")).body(old.join("\n")).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 204);
    let packed = async || {
        let answer = client.get(format!("{hub}/api/v1/storage")).send().await.unwrap();
        let size: Value = answer.json().await.unwrap();
        size["tiers"][0]["samples"].as_u64() >= Some(60)
    };
    crate::support::until("samples are packed", packed).await;
    // Beside the running hub.
    let (code, said, _) = run(&["check", "--data-dir", data]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("all is well"), "{said}");
    terminate(&mut child);

    let (code, said, _) = run(&["check", "--json", "--data-dir", data]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        (&report["schema"], &report["damage"]),
        (&store::database::newest_schema().into(), &Value::Array(Vec::new()))
    );
    assert!(report["tiers"][0]["samples"].as_u64().unwrap() >= 60 && report["series"].as_u64().unwrap() > 1, "{said}");

    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{data}/netloom.db")).await.unwrap();
    let change = async |sql: &'static str| sqlx::query(sql).execute(&pool).await.unwrap();
    change("update tier set samples = samples + 1 where tier = 0").await;
    let (code, said, _) = run(&["check", "--data-dir", data]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("tier raw holds"), "{said}");
    change("update block set data = substr(data, 1, length(data) - 3)").await;
    let (code, said, _) = run(&["check", "--data-dir", data]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("damaged: block"), "{said}");
    pool.close().await;
    std::fs::write(folder.path().join("netloom.db"), "this is no database ".repeat(500)).unwrap();
    let (code, _, said) = run(&["check", "--data-dir", data]);
    assert_eq!(code, 2);
    assert!(said.contains("is damaged"), "{said}");
}

#[test]
fn the_jsonl_log_holds_what_was_stored_and_can_be_imported() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let file = folder.path().join("in.jsonl");
    let text = lines(500);
    std::fs::write(&file, &text).unwrap();
    let (mut child, hub) = crate::process::serve_with(&data, &["--jsonl-log", log.to_str().unwrap()]);
    assert_eq!(run(&["import", file.to_str().unwrap(), "--hub", &hub]).0, 0);
    terminate(&mut child);
    let logged: Vec<_> = std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(logged.len(), 1);
    let written = std::fs::read_to_string(&logged[0]).unwrap();
    assert!(written.ends_with("}\n"));
    let ours: Vec<&str> = written.lines().filter(|line| line.contains("step_time_s")).collect();
    assert_eq!(sorted(&ours.join("\n")), sorted(&text));
    let (mut child, hub) = serve(&folder.path().join("second"));
    let (code, said, error) = run(&["import", logged[0].to_str().unwrap(), "--hub", &hub]);
    assert_eq!((code, said), (0, format!("{} samples were sent\n", written.lines().count())), "{error}");
    terminate(&mut child);

    let in_a_file = file.join("log");
    let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap(), "--jsonl-log"];
    let (code, _, said) = run(&[&args[..], &[in_a_file.to_str().unwrap()]].concat());
    assert_eq!(code, 2);
    assert!(said.contains("cannot write the JSONL log in"), "{said}");
}

#[tokio::test]
async fn a_reader_that_takes_long_does_not_hold_up_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let database = store::database::Database::open(folder.path()).await.unwrap();
    let mut reader = store::beside::open(&folder.path().join("netloom.db")).await.unwrap();
    let mut reading = sqlx::Connection::begin(&mut reader).await.unwrap();
    sqlx::query("select count(*) from series").fetch_one(&mut *reading).await.unwrap();
    sqlx::query("create table filler (data blob)").execute(database.writer()).await.unwrap();
    for _ in 0..5 {
        sqlx::query("insert into filler values (zeroblob(4194304))").execute(database.writer()).await.unwrap();
    }
    // The log cannot be cut now; a try that waits for the reader would take five seconds.
    let tried = tokio::time::timeout(std::time::Duration::from_secs(3), database.checkpoint()).await;
    tried.expect("the writer waits for the reader").unwrap();
    reading.rollback().await.unwrap();
    database.checkpoint().await.unwrap();
    let log = std::fs::metadata(folder.path().join("netloom.db-wal")).unwrap();
    assert_eq!(log.len(), 0, "it is cut as soon as nobody reads");
    database.close().await;
}
