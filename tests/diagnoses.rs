//! Goal: a diagnosis that somebody asks the hub for is done by the node that was named, is told of while it goes on, and
//! is kept. Method: hubs and agents in this process, real TLS on free ports; checks go to loopback only.

use futures::StreamExt as _;
use netloom_core::{
    check::{Finding, Outcome, Phase},
    diagnosis::{Diagnosis, DiagnosisState, Item, ItemSpec, plan},
    errand::{Numbered, Plan, Report},
    sample::SeriesKey,
    time::Timestamp,
    uplink::{Delivery, NameSeries, SeriesNumbers, WireBatch},
};
use netloom_server::{
    agent::{hub_clock::HubClock, remote::client::Client},
    clock, store,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    TestHub,
    agents::{Joined, LIMIT, TestAgent, code, hub, node, options},
    until,
};

async fn ask(hub: &TestHub, body: &Value) -> (u16, Value) {
    let response = hub.client.post(hub.url("/api/v1/diagnoses")).header("netloom-user", "Zoe").json(body).send().await;
    let response = response.unwrap();
    let status = response.status().as_u16();
    if status == 201 {
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let body: Value = response.json().await.unwrap();
        assert_eq!(location, format!("/api/v1/diagnoses/{}", body["id"].as_str().unwrap()));
        return (status, body);
    }
    (status, response.json().await.unwrap_or_default())
}

async fn ended(hub: &TestHub, id: &str) -> Value {
    let path = format!("/api/v1/diagnoses/{id}");
    until("it ended", async || matches!(hub.get(&path).await.1["state"].as_str(), Some("done" | "failed"))).await;
    hub.get(&path).await.1
}

async fn text(hub: &TestHub, path: &str) -> (u16, String, String) {
    let response = hub.client.get(hub.url(path)).send().await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let about = header("content-disposition").unwrap_or_default();
    (response.status().as_u16(), about, response.text().await.unwrap())
}

fn found<'a>(diagnosis: &'a Value, title: &str) -> &'a Value {
    let items = diagnosis["items"].as_array().unwrap();
    items.iter().find(|item| item["title"] == title).unwrap_or_else(|| panic!("no {title} in {diagnosis:#}"))
}

#[tokio::test]
async fn a_node_diagnoses_another_one_and_everybody_is_told() {
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let (code, place) = code(&hub).await;
    let agent = TestAgent::start(options(&place, Some(&code), "a1", state.path()));
    until("the agent reports", async || node(&hub, "a1").await["echo"]["port"].is_u64()).await;
    let told = hub.client.get(hub.url("/api/v1/stream?topics=diagnoses")).send().await.unwrap();
    let mut told = told.bytes_stream();

    let (status, asked) = ask(&hub, &json!({"node": "a1", "hosts": ["n1", "127.0.0.9:1"]})).await;
    assert_eq!((status, &asked["state"], &asked["by"]), (201, &json!("waiting"), &json!("Zoe")));
    let id = asked["id"].as_str().unwrap();
    let ended = ended(&hub, id).await;
    assert_eq!((&ended["state"], &ended["node"]), (&json!("done"), &json!("a1")), "{ended:#}");
    let items = ended["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["finding"].is_object()), "{ended:#}");
    for subject in ["n1", "127.0.0.9:1", "this machine"] {
        assert!(items.iter().any(|item| item["subject"] == subject), "{subject} in {ended:#}");
    }
    assert_eq!(found(&ended, "MTU")["check"]["host"], "127.0.0.1", "a node is looked at by its address");
    assert!(ended["verdict"]["sentence"].is_string());

    let (mut stream, mut heard) = (String::new(), false);
    while !heard {
        let piece = tokio::time::timeout(LIMIT, told.next()).await.expect("the end is told").unwrap().unwrap();
        stream.push_str(std::str::from_utf8(&piece).unwrap());
        heard = stream.contains("event: diagnosis") && stream.contains("\"state\":\"done\"");
    }

    let (_, list) = hub.get("/api/v1/diagnoses?node=a1&limit=1").await;
    assert_eq!((&list[0]["id"], &list[0]["done"]), (&json!(id), &json!(items.len())));
    assert_eq!(hub.get("/api/v1/diagnoses?node=n1").await.1, json!([]));
    let (status, about, report) = text(&hub, &format!("/api/v1/diagnoses/{id}/report?download=true")).await;
    assert_eq!((status, about), (200, format!("attachment; filename=\"netloom-diagnosis-{id}.html\"")));
    assert!(report.starts_with("<!DOCTYPE html>") && report.contains("127.0.0.9"));
    let (_, _, drawn) = text(&hub, &format!("/api/v1/diagnoses/{id}/items")).await;
    assert_eq!(drawn.matches("<section data-item=\"").count(), items.len());

    agent.stop().await.unwrap();
    let hub = TestHub::start_in(hub.stop().await).await;
    assert_eq!(hub.get(&format!("/api/v1/diagnoses/{id}")).await.1, ended, "it survives a restart");
    let gone = async || hub.client.delete(hub.url(&format!("/api/v1/diagnoses/{id}"))).send().await.unwrap().status();
    assert_eq!((gone().await.as_u16(), gone().await.as_u16()), (204, 404));
    hub.stop().await;
}

#[tokio::test]
async fn the_hub_diagnoses_from_its_own_node_when_nobody_names_one() {
    let hub = TestHub::start().await;
    until("the hub measures itself", async || !node(&hub, "n1").await.is_null()).await;
    let (status, asked) = ask(&hub, &json!({"hosts": ["interfaces:", "tcp://127.0.0.1:1?packets=1"]})).await;
    assert_eq!((status, &asked["node"]), (201, &json!("n1")), "{asked}");
    let ended = ended(&hub, asked["id"].as_str().unwrap()).await;
    assert_eq!(ended["state"], "done", "{ended:#}");
    assert_eq!(found(&ended, "TCP 1")["subject"], "tcp://127.0.0.1:1?packets=1");
    hub.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_with_the_field_to_blame() {
    let hub = TestHub::start().await;
    until("the hub measures itself", async || !node(&hub, "n1").await.is_null()).await;
    let nine = vec!["127.0.0.1"; 9];
    for (body, status, kind, field) in [
        (json!({"node": "nobody"}), 404, "unknown-node", "node"),
        (json!({"hosts": ["a b"]}), 422, "invalid-diagnosis", "hosts[0]"),
        (json!({"hosts": ["127.0.0.1", "gopher://x"]}), 422, "invalid-diagnosis", "hosts[1]"),
        (json!({"hosts": ["iperf3://127.0.0.1"]}), 422, "invalid-diagnosis", "hosts[0]"),
        (json!({"hosts": nine}), 422, "invalid-diagnosis", "hosts"),
        (json!({"hosts": ["127.0.0.1"], "throughput": true}), 422, "invalid-diagnosis", "throughput"),
        (json!({"host": []}), 422, "invalid-diagnosis", "host"),
    ] {
        let (got, problem) = ask(&hub, &body).await;
        assert_eq!((got, &problem["field"]), (status, &json!(field)), "{body}: {problem}");
        assert_eq!(problem["type"], format!("urn:netloom:problem:{kind}"), "{body}");
    }
    for (path, status) in [
        ("/api/v1/diagnoses/nope", 404),
        ("/api/v1/diagnoses/nope/report", 404),
        ("/api/v1/diagnoses/nope/items", 404),
        ("/api/v1/diagnoses?limit=0", 400),
        ("/api/v1/diagnoses?x=0", 400),
    ] {
        assert_eq!(hub.get(path).await.0, status, "{path}");
    }
    assert_eq!(hub.get("/api/v1/diagnoses").await.1, json!([]), "nothing of it was begun");
    hub.stop().await;
}

/// A node that does as the test says.
struct Puppet {
    client: Client,
}

impl Puppet {
    async fn join(hub: &TestHub) -> Self {
        let client = Joined::join(hub, "a1").await.client(&HubClock::local());
        let mut info = Value::Null;
        until("the hub measures itself", async || !node(hub, "n1").await.is_null()).await;
        info.clone_from(&node(hub, "n1").await);
        (info["node"], info["echo"]) = ("a1".into(), Value::Null);
        let names = NameSeries { series: vec![SeriesKey::new("step", [("node", "a1")])] };
        let names = serde_json::to_vec(&names).unwrap();
        let series = client.call(Method::POST, "/uplink/v1/series", names, LIMIT).await.unwrap();
        let SeriesNumbers { session, numbers } = serde_json::from_slice(&series.body).unwrap();
        let batch = WireBatch { epoch: 1, seq: 1, base_ms: clock::now().ms(), rows: vec![(numbers[0], 0, 1.0)] };
        let delivery = Delivery { session, batches: vec![batch], info: Some(info.to_string()) };
        let body = postcard::to_stdvec(&delivery).unwrap();
        client.call(Method::POST, "/uplink/v1/batches", body, LIMIT).await.unwrap();
        until("it is known", async || !node(hub, "a1").await.is_null()).await;
        Self { client }
    }

    async fn errands(&self) -> Vec<Numbered> {
        let answer = self.client.call(Method::GET, "/uplink/v1/errands", Vec::new(), LIMIT).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn tell(&self, reports: &[Report]) {
        let body = serde_json::to_vec(reports).unwrap();
        self.client.call(Method::POST, "/uplink/v1/reports", body, LIMIT).await.unwrap();
    }
}

fn specs() -> Vec<ItemSpec> {
    let around = plan::Surroundings { gateways: Some(vec![[10, 0, 0, 1].into()]), ..Default::default() };
    plan::plan(&Plan { is_usual: true, ..Plan::default() }, &around)
}

#[tokio::test]
async fn throughput_is_off_until_somebody_arranges_it_and_too_many_are_refused() {
    let hub = hub().await;
    let puppet = Puppet::join(&hub).await;
    let (status, problem) = ask(&hub, &json!({"hosts": ["a1"], "throughput": true})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:netloom:problem:throughput-off")), "{problem}");
    let (status, problem) = ask(&hub, &json!({"node": "a1", "hosts": ["a1"]})).await;
    assert_eq!((status, &problem["field"]), (422, &json!("hosts[0]")), "{problem}");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (status, asked) = ask(&hub, &json!({"node": "a1"})).await;
        assert_eq!(status, 201, "{asked}");
        ids.push(asked["id"].as_str().unwrap().to_owned());
    }
    let (status, problem) = ask(&hub, &json!({"node": "a1"})).await;
    assert_eq!((status, &problem["type"]), (429, &json!("urn:netloom:problem:too-many-diagnoses")), "{problem}");
    // What is deleted leaves its place, and its node is told.
    let given = puppet.errands().await;
    assert_eq!(given.len(), 2);
    let deleted = hub.client.delete(hub.url(&format!("/api/v1/diagnoses/{}", ids[0]))).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    until("it is told to give up", async || !puppet.errands().await.is_empty()).await;
    assert_eq!(ask(&hub, &json!({"node": "a1"})).await.0, 201);
    hub.stop().await;
}

#[tokio::test]
async fn a_node_that_ends_badly_leaves_what_it_found() {
    let hub = hub().await;
    let puppet = Puppet::join(&hub).await;
    let (_, asked) = ask(&hub, &json!({"node": "a1"})).await;
    let id = asked["id"].as_str().unwrap();
    let errand = puppet.errands().await[0].errand;
    let lost = Some(Box::new(Finding::new(Outcome::Lost)));
    puppet
        .tell(&[
            Report::Planned { errand, items: specs() },
            Report::Item { errand, item: 0, progress: None, finding: lost },
            // Of what is not there, and of others' errands, nothing is taken.
            Report::Item { errand, item: 9_999, progress: None, finding: Some(Box::new(Finding::new(Outcome::Reply))) },
            Report::Planned { errand, items: Vec::new() },
        ])
        .await;
    let path = format!("/api/v1/diagnoses/{id}");
    until("it is heard", async || hub.get(&path).await.1["items"][0]["grade"] == "bad").await;
    assert_eq!(hub.get(&path).await.1["state"], "running");
    puppet.tell(&[Report::Failed { errand, why: "the disk is on fire".into() }]).await;
    let ended = ended(&hub, id).await;
    assert_eq!((&ended["state"], &ended["why"]), (&json!("failed"), &json!("the disk is on fire")));
    // Of a gateway that may drop pings nothing worse can be said.
    assert_eq!(ended["verdict"]["grade"], "notable", "what was found is judged all the same: {ended:#}");
    hub.stop().await;
}

#[tokio::test]
async fn a_restart_leaves_none_running() {
    let folder = tempfile::tempdir().unwrap();
    let stores = store::open(folder.path()).await.unwrap();
    let mut item = Item::waiting(specs().remove(0));
    item.take(Finding::failed(Phase::Connect, "no route", ""));
    let left = Diagnosis {
        id: "left1".into(),
        node: "n1".into(),
        hosts: Vec::new(),
        by: String::new(),
        version: "1".into(),
        started_at: Timestamp(1_000),
        ended_at: None,
        state: DiagnosisState::Running,
        items: vec![item],
        verdict: None,
    };
    stores.ledger.save_diagnosis(&left).await.unwrap();
    // Of very many the oldest go.
    for at in 0..520 {
        let mut old = Diagnosis { id: format!("old{at}"), started_at: Timestamp(2_000 + at), ..left.clone() };
        old.conclude(Timestamp(3_000));
        stores.ledger.save_diagnosis(&old).await.unwrap();
    }
    let known = stores.ledger.diagnoses(None, 1_000).await.unwrap();
    assert_eq!((known.len(), known[0].id.as_str()), (501, "old519"), "one that goes on is not thrown away");
    for at in 0..20 {
        assert!(stores.ledger.delete_diagnosis(&format!("old{}", 500 + at)).await.unwrap());
    }
    stores.database.close().await;
    drop(stores);
    let hub = TestHub::start_in(folder).await;
    let (_, left) = hub.get("/api/v1/diagnoses/left1").await;
    assert_eq!(left["state"], "failed", "{left:#}");
    assert!(left["why"].as_str().unwrap().contains("started anew"));
    hub.stop().await;
}
