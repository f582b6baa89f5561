//! What the tests of agents share: hubs at which agents may join, agents in this process, and members by hand.

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::Arc,
    time::Duration,
};

use netloom_core::{
    api::{AgentRecord, EnrolmentCode},
    uplink::{Enrol, Enrolled, JoinCode, hex},
};
use netloom_server::{
    agent::{
        hub_clock::HubClock,
        remote::{
            RemoteUplink,
            client::{Client, HubPlace},
            role,
            spool::Spool,
        },
    },
    clock,
};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::TestHub;

pub const LIMIT: Duration = Duration::from_secs(10);
pub const SPOOL_BYTES: u64 = 1_024 * 1_024;

/// A hub at which agents may join, on a certain port or a free one.
pub async fn hub_in(folder: TempDir, port: u16) -> TestHub {
    TestHub::start_with(folder, |config| {
        config.agent_listen = Some(SocketAddr::from(([127, 0, 0, 1], port)));
        config.echo_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    })
    .await
}

pub async fn hub() -> TestHub {
    hub_in(tempfile::tempdir().unwrap(), 0).await
}

/// A code, and the place that its command names.
pub async fn code(hub: &TestHub) -> (String, String) {
    let reply = hub.client.post(hub.url("/api/v1/agents/codes")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let made: EnrolmentCode = reply.json().await.unwrap();
    let words: Vec<&str> = made.commands[0].split(' ').collect();
    assert_eq!((words[0], words[1], words[2], words[4]), ("netloom", "agent", "--hub", "--token"));
    assert_eq!(words[5], made.code);
    (made.code.clone(), words[3].to_owned())
}

pub fn port_of(place: &str) -> u16 {
    place.rsplit(':').next().unwrap().parse().unwrap()
}

pub fn options(place: &str, code: Option<&str>, node: &str, state: &Path) -> role::Options {
    role::Options {
        collects: true,
        hub: place.to_owned(),
        code: code.map(str::to_owned),
        node: node.to_owned(),
        state_dir: state.to_owned(),
        echo: UdpSocket::bind("127.0.0.1:0").unwrap(),
        spool_max_bytes: SPOOL_BYTES,
        wall: Arc::new(clock::now_us),
    }
}

/// An agent in this process.
pub struct TestAgent {
    pub task: JoinHandle<Result<(), String>>,
    stop: CancellationToken,
}

impl TestAgent {
    pub fn start(options: role::Options) -> Self {
        let stop = CancellationToken::new();
        let shutdown = stop.clone();
        let run = async move { Box::pin(role::run(options, shutdown)).await.map_err(|error| format!("{error:#}")) };
        Self { task: tokio::spawn(run), stop }
    }

    pub async fn stop(self) -> Result<(), String> {
        self.stop.cancel();
        self.task.await.unwrap()
    }
}

/// Why an agent does not run.
pub async fn refusal(options: role::Options) -> String {
    TestAgent::start(options).task.await.unwrap().unwrap_err()
}

pub async fn points(hub: &TestHub, metric: &str, node: &str) -> Vec<(i64, f64)> {
    let (_, found) = hub.get(&format!("/api/v1/query?metric={metric}&node={node}&from=now-1h&to=now-0s")).await;
    let points = found["series"][0]["points"].as_array().cloned().unwrap_or_default();
    points.iter().map(|point| (point[0].as_i64().unwrap(), point[1].as_f64().unwrap())).collect()
}

pub async fn node(hub: &TestHub, name: &str) -> Value {
    let (_, nodes) = hub.get("/api/v1/nodes").await;
    nodes.as_array().into_iter().flatten().find(|node| node["node"] == name).cloned().unwrap_or_default()
}

/// What `/metrics` says.
pub async fn metrics(hub: &TestHub) -> String {
    hub.client.get(hub.url("/metrics")).send().await.unwrap().text().await.unwrap()
}

pub async fn records(hub: &TestHub) -> Vec<AgentRecord> {
    serde_json::from_value(hub.get("/api/v1/agents").await.1).unwrap()
}

pub async fn revoke(hub: &TestHub, name: &str) -> u16 {
    let reply = hub.client.post(hub.url(&format!("/api/v1/agents/{name}/revoke"))).send().await.unwrap();
    reply.status().as_u16()
}

/// Whoever joined by hand: a place, a code and a token.
pub struct Joined {
    pub place: HubPlace,
    pub code: JoinCode,
    token: String,
}

impl Joined {
    pub async fn join(hub: &TestHub, node: &str) -> Self {
        let (code, place) = code(hub).await;
        let (code, place) = (JoinCode::parse(&code).unwrap(), HubPlace::parse(&place).unwrap());
        let client = Client::new(place.clone(), code.fingerprint, HubClock::local(), None).unwrap();
        let wish = Enrol { secret: hex(&code.secret), node: node.into(), version: "1".into() };
        let answer = client.call(Method::POST, "/uplink/v1/enrol", serde_json::to_vec(&wish).unwrap(), LIMIT).await;
        let Enrolled { token, .. } = serde_json::from_slice(&answer.unwrap().body).unwrap();
        Self { place, code, token }
    }

    pub fn client(&self, clock: &HubClock) -> Client {
        Client::new(self.place.clone(), self.code.fingerprint, clock.clone(), Some(self.token.clone())).unwrap()
    }

    pub fn uplink(&self, node: &str, spool: &Path) -> Arc<RemoteUplink> {
        // The times are the test's own, so none is put right.
        let clock = HubClock::local();
        let clients = [self.client(&clock), self.client(&clock)];
        let spool = Spool::open(spool, SPOOL_BYTES).unwrap();
        Arc::new(RemoteUplink::new(node.into(), clients, clock, spool, CancellationToken::new()))
    }
}
