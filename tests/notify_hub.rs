//! Goal: receivers are settings like others, except that nothing of what they keep secret is ever shown. Method: hubs over
//! HTTP, and the real binary whose every answer, file and log line is searched.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::Stdio,
};

use serde_json::{Value, json};

use crate::{
    notify::pace,
    process::{netloom, terminate},
    support::{TestHub, receivers::HttpReceiver},
};

const MASK: &str = "********";

async fn hub() -> TestHub {
    TestHub::start_with(tempfile::tempdir().unwrap(), |config| {
        config.notify_pace = pace();
        config.settings.notify.allow_private = true;
        config.settings.notify.group_wait_s = 0.0;
    })
    .await
}

fn receivers(receivers: &Value) -> Value {
    json!({ "notify": { "receivers": receivers } })
}

async fn test(hub: &TestHub, body: &Value) -> (u16, Value) {
    let answer = hub.client.post(hub.url("/api/v1/notifications/test")).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn an_alert_of_the_hub_reaches_a_webhook_once() {
    let (hub, server) = (hub().await, HttpReceiver::start(&[]).await);
    let mut change = receivers(&json!([{ "name": "team", "url": server.url() }]));
    change["alerts"] = json!({ "latency": { "limit_ms": 0.001, "for_s": 0.0 } });
    assert_eq!(hub.put_settings(&change).await.0, 200);
    hub.until("it is told", async || !server.got().is_empty()).await;
    assert_eq!(server.got()[0].json["alerts"][0]["labels"]["alertname"], "latency_high");
    let logged = async |hub: &TestHub| hub.get("/api/v1/notifications?limit=10").await.1;
    hub.until("it is logged", async || logged(&hub).await[0]["outcome"] == "delivered").await;
    let told = format!("/api/v1/alerts/{}", logged(&hub).await[0]["incidents"][0]);
    hub.until("its timeline says so", async || {
        let timeline = hub.get(&told).await.1["timeline"].clone();
        timeline.as_array().is_some_and(|steps| steps.iter().any(|step| step["text"] == "team was told"))
    })
    .await;
    let hub = TestHub::start_with(hub.stop().await, |config| config.notify_pace = pace()).await;
    hub.until("it measures again", async || !hub.get("/api/network").await.1["n1"]["latency_ms"].is_null()).await;
    assert_eq!(logged(&hub).await.as_array().unwrap().len(), 1);
    let metrics = hub.client.get(hub.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("netloom_notifications_total{outcome=\"delivered\"} 0"), "{metrics}");
    hub.stop().await;
}

#[tokio::test]
async fn a_secret_that_the_environment_holds_is_not_replaced() {
    let given = receivers(&json!([{ "name": "team", "url": "http://192.0.2.1/", "secret": "hunter2" }]));
    let hub = TestHub::start_with(tempfile::tempdir().unwrap(), |config| config.held = given.into()).await;
    let mut receivers = hub.get("/api/v1/settings").await.1["notify"]["receivers"].clone();
    assert_eq!(receivers[0]["secret"], MASK);
    receivers[0]["secret"] = "hunter3".into();
    let (status, problem) = hub.put_settings(&json!({ "notify": { "receivers": receivers } })).await;
    assert_eq!((status, &problem["field"]), (422, &"notify.receivers".into()), "{problem}");
    hub.stop().await;
}

#[tokio::test]
async fn a_secret_is_masked_kept_replaced_and_removed() {
    let (hub, server) = (hub().await, HttpReceiver::start(&[]).await);
    let entry = json!([{ "name": "team", "url": server.url(), "secret": "hunter2" }]);
    let (status, saved) = hub.put_settings(&receivers(&entry)).await;
    assert_eq!((status, &saved["notify"]["receivers"][0]["secret"]), (200, &MASK.into()));
    let token = async |receiver: Value| {
        let (status, delivery) = test(&hub, &receiver).await;
        assert_eq!((status, &delivery["outcome"]), (200, &"delivered".into()), "{delivery}");
        server.got().last().unwrap().header("authorization").to_owned()
    };
    assert_eq!(token(json!({ "receiver": "team" })).await, "Bearer hunter2");

    // Renamed with the mask: kept. A whole document that is not saved may use it, too.
    let mut renamed = saved["notify"]["receivers"].clone();
    renamed[0]["name"] = "crew".into();
    assert_eq!(hub.put_settings(&receivers(&renamed)).await.0, 200);
    assert_eq!(token(json!({ "receiver": "crew" })).await, "Bearer hunter2");
    assert_eq!(token(renamed[0].clone()).await, "Bearer hunter2");

    // But not to send it elsewhere.
    let other = HttpReceiver::start(&[]).await;
    let mut moved = renamed.clone();
    moved[0]["url"] = other.url().into();
    let (status, problem) = hub.put_settings(&receivers(&moved)).await;
    assert_eq!((status, &problem["field"]), (422, &"notify.receivers[0].secret".into()), "{problem}");
    let (_, delivery) = test(&hub, &moved[0]).await;
    assert_eq!((&delivery["outcome"], other.got().len()), (&"failed".into(), 0), "{delivery}");

    renamed[0]["secret"] = "hunter3".into();
    assert_eq!(hub.put_settings(&receivers(&renamed)).await.0, 200);
    assert_eq!(token(json!({ "receiver": "crew" })).await, "Bearer hunter3");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = hub.folder.path().join("notify.secrets");
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    renamed[0]["secret"] = "".into();
    let (_, saved) = hub.put_settings(&receivers(&renamed)).await;
    assert_eq!(saved["notify"]["receivers"][0]["secret"], "");
    assert_eq!(token(json!({ "receiver": "crew" })).await, "");
    hub.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_receiver_is_named() {
    let hub = hub().await;
    let wrong = json!([
        { "name": "a", "url": "https://example.org" },
        { "name": "a", "url": "ftp://example.org" },
        { "name": "c", "kind": "email", "host": "mail", "from": "a@b\r\nBcc: c@d", "to": [] },
    ]);
    let (status, problem) = hub.put_settings(&receivers(&wrong)).await;
    let blamed: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    let field = |index: usize, name: &str| format!("notify.receivers[{index}].{name}");
    assert_eq!(status, 422);
    assert_eq!(blamed, [field(1, "url"), field(1, "name"), field(2, "from"), field(2, "to")]);
    assert_eq!(test(&hub, &json!({ "receiver": "nobody" })).await.0, 404);
    let (status, problem) = test(&hub, &json!({ "name": "x", "url": "gopher://x" })).await;
    assert_eq!((status, &problem["field"]), (422, &"url".into()), "{problem}");
    let (status, problem) = test(&hub, &json!({ "name": "x", "colour": "red" })).await;
    assert_eq!(status, 422, "{problem}");
    for limit in ["0", "501", "x"] {
        assert_eq!(hub.get(&format!("/api/v1/notifications?limit={limit}")).await.0, 400, "{limit}");
    }
    hub.stop().await;
}

/// Every file of a folder in which the text is, by name.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files_with(&entry.path(), text));
        } else {
            let content = std::fs::read(entry.path()).unwrap();
            let is_there = content.windows(text.len()).any(|part| part == text.as_bytes());
            found.extend(is_there.then(|| entry.file_name().to_string_lossy().into_owned()));
        }
    }
    found
}

#[tokio::test]
async fn no_answer_no_file_and_no_line_of_the_log_holds_a_secret() {
    let server = HttpReceiver::start(&[200, 500, 401]).await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("netloom.toml");
    let url = server.url();
    let text = format!(
        "log = \"trace\"\n[settings.notify]\nallow_private = true\n[[settings.notify.receivers]]\nname = \"file\"\n\
         url = \"{url}\"\nsecret = \"swordfish-file\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let data = folder.path().join("data");
    let args = ["serve", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap(), "--data-dir"];
    let mut child = netloom(&args).arg(&data).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let log = std::thread::spawn(move || {
        let mut log = Vec::new();
        stderr.read_to_end(&mut log).unwrap();
        String::from_utf8_lossy(&log).into_owned()
    });
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let base = line.trim().rsplit(' ').next().unwrap().to_owned();
    let client = reqwest::Client::new();
    let get = async |path: &str| client.get(format!("{base}{path}")).send().await.unwrap().text().await.unwrap();
    crate::support::until("it is ready", async || {
        get("/readyz").await.contains("ready") || !get("/readyz").await.contains("503")
    })
    .await;

    let mut answers = Vec::new();
    let settings: Value = serde_json::from_str(&get("/api/v1/settings").await).unwrap();
    let mut list = settings["notify"]["receivers"].clone();
    assert_eq!(list[0]["secret"], MASK);
    let page = json!({ "name": "page", "url": url, "secret": "swordfish-page" });
    let chat = json!({ "name": "chat", "kind": "slack", "secret": format!("{url}/swordfish-chat") });
    list.as_array_mut().unwrap().extend([page, chat]);
    let put = client.put(format!("{base}/api/v1/settings")).json(&receivers(&list)).send().await.unwrap();
    assert_eq!(put.status(), 200);
    answers.push(put.text().await.unwrap());
    for name in ["file", "page", "chat", "file"] {
        let tried = client.post(format!("{base}/api/v1/notifications/test")).json(&json!({ "receiver": name }));
        answers.push(tried.send().await.unwrap().text().await.unwrap());
    }
    let sent: Vec<_> = server.got().iter().map(|got| format!("{}{}", got.path, got.header("authorization"))).collect();
    let right = [
        "/hookBearer swordfish-file",
        "/hookBearer swordfish-page",
        "/hook/swordfish-chat",
        "/hookBearer swordfish-file",
    ];
    assert_eq!(sent, right);
    let paths =
        ["/api/v1/settings", "/api/v1/settings/details", "/api/v1/notifications", "/settings", "/alerts", "/metrics"];
    for path in paths {
        answers.push(get(path).await);
    }
    assert!(terminate(&mut child).as_secs() < 20);
    let log = log.join().unwrap();
    assert!(log.contains("notify"), "the log tells nothing");
    answers.push(log);
    for answer in &answers {
        let at = answer.find("swordfish").map(|at| &answer[at.saturating_sub(200)..(at + 50).min(answer.len())]);
        assert_eq!(at, None);
    }
    assert_eq!(files_with(&data, "swordfish"), ["notify.secrets"]);
    let secrets = std::fs::read_to_string(data.join("notify.secrets")).unwrap();
    assert!(!secrets.contains("swordfish-file"), "what the file of the configuration gives stays there");
}
