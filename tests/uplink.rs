//! Goal: an agent of another machine joins with a code, delivers everything once whatever happens to the hub or to itself,
//! and is told clearly what is wrong when it may not. Method: hubs in this process, real TLS on free ports; agents in this
//! process, or the real binary where one has to be killed.

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::Arc,
    time::Duration,
};

use netloom_core::{
    api::{AgentRecord, EnrolmentCode},
    sample::{Batch, Readings, SeriesKey},
    time::Timestamp,
    uplink::{Delivered, Delivery, Enrol, Enrolled, JoinCode, NameSeries, SeriesNumbers, WireBatch, hex},
};
use netloom_server::{
    agent::{
        Uplink,
        hub_clock::HubClock,
        remote::{
            RemoteUplink,
            client::{CallError, Client, HubPlace},
            role,
            spool::Spool,
        },
    },
    clock, store,
};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{TestHub, until};

const LIMIT: Duration = Duration::from_secs(10);
const SPOOL_BYTES: u64 = 1_024 * 1_024;

/// A hub at which agents may join, on a certain port or a free one.
async fn hub_in(folder: TempDir, port: u16) -> TestHub {
    TestHub::start_with(folder, |config| {
        config.agent_listen = Some(SocketAddr::from(([127, 0, 0, 1], port)));
        config.echo_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    })
    .await
}

async fn hub() -> TestHub {
    hub_in(tempfile::tempdir().unwrap(), 0).await
}

/// A code, and the place that its command names.
async fn code(hub: &TestHub) -> (String, String) {
    let reply = hub.client.post(hub.url("/api/v1/agents/codes")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let made: EnrolmentCode = reply.json().await.unwrap();
    let words: Vec<&str> = made.commands[0].split(' ').collect();
    assert_eq!((words[0], words[1], words[2], words[4]), ("netloom", "agent", "--hub", "--token"));
    assert_eq!(words[5], made.code);
    (made.code.clone(), words[3].to_owned())
}

fn port_of(place: &str) -> u16 {
    place.rsplit(':').next().unwrap().parse().unwrap()
}

fn options(place: &str, code: Option<&str>, node: &str, state: &Path) -> role::Options {
    role::Options {
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
struct TestAgent {
    task: JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
}

mod anyhow {
    /// What roles return.
    pub type Result<T> = std::result::Result<T, String>;
}

impl TestAgent {
    fn start(options: role::Options) -> Self {
        let stop = CancellationToken::new();
        let shutdown = stop.clone();
        let run = async move { role::run(options, shutdown).await.map_err(|error| format!("{error:#}")) };
        Self { task: tokio::spawn(run), stop }
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await.unwrap()
    }
}

/// Why an agent does not run.
async fn refusal(options: role::Options) -> String {
    TestAgent::start(options).task.await.unwrap().unwrap_err()
}

async fn points(hub: &TestHub, metric: &str, node: &str) -> Vec<(i64, f64)> {
    let (_, found) = hub.get(&format!("/api/v1/query?metric={metric}&node={node}&from=now-1h&to=now-0s")).await;
    let points = found["series"][0]["points"].as_array().cloned().unwrap_or_default();
    points.iter().map(|point| (point[0].as_i64().unwrap(), point[1].as_f64().unwrap())).collect()
}

async fn node(hub: &TestHub, name: &str) -> Value {
    let (_, nodes) = hub.get("/api/v1/nodes").await;
    nodes.as_array().into_iter().flatten().find(|node| node["node"] == name).cloned().unwrap_or_default()
}

async fn records(hub: &TestHub) -> Vec<AgentRecord> {
    serde_json::from_value(hub.get("/api/v1/agents").await.1).unwrap()
}

async fn revoke(hub: &TestHub, name: &str) -> u16 {
    let reply = hub.client.post(hub.url(&format!("/api/v1/agents/{name}/revoke"))).send().await.unwrap();
    reply.status().as_u16()
}

#[tokio::test]
async fn an_agent_joins_once_and_starts_again_without_a_code() {
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let (code, place) = code(&hub).await;
    let state_dir = state.path().join("state");
    let agent = TestAgent::start(options(&place, Some(&code), "a1", &state_dir));
    until("the agent reports", async || node(&hub, "a1").await["status"] == "up").await;
    let seen = node(&hub, "a1").await;
    assert_eq!((&seen["role"], &seen["address"]), (&Value::from("agent"), &Value::from("127.0.0.1")));
    assert!(seen["echo"]["port"].as_u64().unwrap() > 0);
    until("samples are stored", async || points(&hub, "sock_tcp_total", "a1").await.len() > 2).await;
    for metric in ["spool_batches", "spool_dropped_batches", "clock_offset_us"] {
        until(metric, async || !points(&hub, metric, "a1").await.is_empty()).await;
    }
    let known = records(&hub).await;
    assert_eq!((known.len(), known[0].node.as_str(), known[0].number), (1, "a1", 1));
    assert_eq!((known[0].enrolled_from.as_str(), known[0].revoked_at), ("127.0.0.1", None));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state_dir), mode(&state_dir.join("agent.json"))), (0o700, 0o600));
        assert_eq!(mode(&hub.folder.path().join("agents.tls")), 0o600);
        assert_eq!(mode(&hub.folder.path().join("mesh.key")), 0o600);
    }
    agent.stop().await.unwrap();

    let before = points(&hub, "sock_tcp_total", "a1").await.len();
    let again = TestAgent::start(options(&place, None, "a1", &state_dir));
    until("it goes on", async || points(&hub, "sock_tcp_total", "a1").await.len() > before + 2).await;
    // Settings of the hub hold for it, too.
    assert_eq!(hub.put_settings(&serde_json::json!({"collect": {"interval_ms": 60_000}})).await.0, 200);
    let orders = || std::fs::read_to_string(state_dir.join("orders.json")).unwrap();
    until("it is told new settings", async || orders().contains("60000")).await;
    again.stop().await.unwrap();
    hub.stop().await;
}

#[tokio::test]
async fn nodes_are_told_of_each_other_and_a_revoked_one_is_forgotten_at_once() {
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let mut agents = Vec::new();
    for name in ["a1", "a2"] {
        let (code, place) = code(&hub).await;
        agents.push(TestAgent::start(options(&place, Some(&code), name, &state.path().join(name))));
    }
    let peers = |name: &str| {
        let orders = std::fs::read(state.path().join(name).join("orders.json")).unwrap_or_default();
        let orders: Value = serde_json::from_slice(&orders).unwrap_or_default();
        let peers = orders["mesh"]["peers"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> = peers.iter().map(|peer| peer["node"].as_str().unwrap().to_owned()).collect();
        names.sort_unstable();
        names
    };
    until("both know the hub and each other", async || peers("a1") == ["a2", "n1"] && peers("a2") == ["a1", "n1"])
        .await;
    assert_eq!(revoke(&hub, "a2").await, 204);
    until("the other is told", async || peers("a1") == ["n1"]).await;
    let why = agents.pop().unwrap().task.await.unwrap().unwrap_err();
    assert!(why.contains("revoked"), "{why}");
    agents.pop().unwrap().stop().await.unwrap();
    hub.stop().await;
}

#[tokio::test]
async fn a_code_is_good_once() {
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let (good, place) = code(&hub).await;
    let start = |name: &str| TestAgent::start(options(&place, Some(&good), name, &state.path().join(name)));
    let (one, other) = (start("a1"), start("a2"));
    until("one of them joined", async || !records(&hub).await.is_empty()).await;
    until("the other gave up", async || one.task.is_finished() || other.task.is_finished()).await;
    let (winner, loser) = if one.task.is_finished() { (other, one) } else { (one, other) };
    let why = loser.task.await.unwrap().unwrap_err();
    assert!(why.contains("this code is not good"), "{why}");
    winner.stop().await.unwrap();
    assert_eq!(records(&hub).await.len(), 1);

    let mut wrong = JoinCode::parse(&good).unwrap();
    wrong.secret[0] ^= 1;
    let why = refusal(options(&place, Some(&wrong.text()), "a3", &state.path().join("a3"))).await;
    assert!(why.contains("this code is not good"), "{why}");
    let why = refusal(options(&place, Some("12345"), "a3", &state.path().join("a3"))).await;
    assert!(why.contains("this is no code"), "{why}");
    let why = refusal(options(&place, None, "a3", &state.path().join("a3"))).await;
    assert!(why.contains("--token"), "{why}");
    let metrics = hub.client.get(hub.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("netloom_uplink_bad_codes_total 2"), "{metrics}");

    // Whoever goes on guessing is not even looked at.
    let mut said = String::new();
    for _ in 0..20 {
        said = refusal(options(&place, Some(&wrong.text()), "a3", &state.path().join("a3"))).await;
    }
    assert!(said.contains("wait a minute"), "{said}");
    hub.stop().await;
}

#[tokio::test]
async fn an_expired_code_is_refused() {
    use netloom_server::store::ledger::agent::{Joined, Joining};

    let folder = tempfile::tempdir().unwrap();
    let stores = store::open(folder.path()).await.unwrap();
    let (now, expires) = (Timestamp(1_000), Timestamp(601_000));
    assert!(stores.ledger.add_code([1; 32], now, expires).await.unwrap());
    let joining = |token| Joining {
        code: [1; 32],
        token: [token; 32],
        node: "a1".into(),
        version: "1".into(),
        from: "10.0.0.1".into(),
    };
    assert_eq!(stores.ledger.join(&joining(7), expires).await.unwrap(), Joined::BadCode);
    let in_time = Timestamp(expires.ms() - 1);
    assert_eq!(stores.ledger.join(&joining(7), in_time).await.unwrap(), Joined::As(1));
    assert_eq!(stores.ledger.join(&joining(8), in_time).await.unwrap(), Joined::BadCode);
    // A name that is taken costs no code; a revoked node comes back under its number.
    assert!(stores.ledger.add_code([1; 32], now, expires).await.unwrap());
    assert_eq!(stores.ledger.join(&joining(8), in_time).await.unwrap(), Joined::NameTaken);
    assert!(stores.ledger.revoke_agent("a1", in_time).await.unwrap());
    assert!(!stores.ledger.revoke_agent("a1", in_time).await.unwrap());
    assert_eq!(stores.ledger.tokens().await.unwrap(), []);
    assert_eq!(stores.ledger.join(&joining(8), in_time).await.unwrap(), Joined::As(1));
    assert_eq!(stores.ledger.tokens().await.unwrap(), [([8; 32], 1, "a1".to_owned())]);
    stores.database.close().await;
}

#[tokio::test]
async fn a_name_is_given_once_and_a_revoked_node_comes_back_under_its_number() {
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let (first, place) = code(&hub).await;
    let agent = TestAgent::start(options(&place, Some(&first), "a1", &state.path().join("one")));
    until("it joined", async || !records(&hub).await.is_empty()).await;
    let (second, _) = code(&hub).await;
    let twin = || options(&place, Some(&second), "a1", &state.path().join("two"));
    let why = refusal(twin()).await;
    assert!(why.contains("--node") && why.contains("revoke"), "{why}");
    let why = refusal(options(&place, Some(&second), "n1", &state.path().join("three"))).await;
    assert!(why.contains("a node called n1 has joined already"), "{why}");
    let why = refusal(options(&place, None, "other", &state.path().join("one"))).await;
    assert!(why.contains("in use by another agent"), "{why}");

    assert_eq!(revoke(&hub, "a1").await, 204);
    assert_eq!(revoke(&hub, "a1").await, 404);
    let why = agent.task.await.unwrap().unwrap_err();
    assert!(why.contains("revoked"), "{why}");
    let why = refusal(options(&place, None, "other", &state.path().join("one"))).await;
    assert!(why.contains("belongs to node a1"), "{why}");
    // The code is still good: it was never taken.
    let twin = TestAgent::start(twin());
    until("it reports", async || node(&hub, "a1").await["status"] == "up").await;
    let known = records(&hub).await;
    assert_eq!((known.len(), known[0].number, known[0].revoked_at), (1, 1, None));
    twin.stop().await.unwrap();
    hub.stop().await;
}

#[tokio::test]
async fn what_is_no_hub_of_this_agent_is_named() {
    let (hub, other) = (hub().await, hub().await);
    let state = tempfile::tempdir().unwrap();
    let (good, place) = code(&hub).await;
    let (_, place_of_other) = code(&other).await;
    let at = |place: &str| options(place, Some(&good), "a1", state.path());

    let why = refusal(at(&place_of_other)).await;
    assert!(why.contains("shows another certificate"), "{why}");
    let pages = format!("https://{}", hub.address);
    let why = refusal(at(&pages)).await;
    assert!(why.contains("speaks no TLS"), "{why}");
    let why = refusal(at(&place.replace("https", "http"))).await;
    assert!(why.contains("agents join over TLS"), "{why}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("https://{}", closed.local_addr().unwrap());
    drop(closed);
    let why = refusal(at(&nobody)).await;
    assert!(why.contains("cannot reach the hub") && why.contains("--agent-listen"), "{why}");
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs_up = format!("https://{}", mute.local_addr().unwrap());
    tokio::spawn(async move { while mute.accept().await.is_ok() {} });
    let why = refusal(at(&hangs_up)).await;
    assert!(why.contains("is it a Netloom hub?"), "{why}");

    // The listener for agents serves nothing else, and the pages nothing of it.
    let reply = hub.client.post(hub.url("/uplink/v1/enrol")).body("{}").send().await.unwrap();
    assert!(matches!(reply.status().as_u16(), 404 | 405), "{}", reply.status());
    let code = JoinCode::parse(&good).unwrap();
    let place = HubPlace::parse(&place).unwrap();
    let client = Client::new(place, code.fingerprint, HubClock::local(), None).unwrap();
    let pages = client.call(Method::GET, "/api/v1/nodes", Vec::new(), LIMIT).await.err().unwrap();
    assert!(matches!(&pages, CallError::Refused(why) if why.contains("nothing is at")), "{pages}");
    for (method, path) in
        [(Method::GET, "/uplink/v1/config"), (Method::POST, "/uplink/v1/series"), (Method::POST, "/uplink/v1/batches")]
    {
        let denied = client.call(method, path, Vec::new(), LIMIT).await.err().unwrap();
        assert!(matches!(denied, CallError::Denied(_)), "{path}: {denied}");
    }
    hub.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn without_a_listener_for_agents_no_code_is_made() {
    let hub = TestHub::start().await;
    let reply = hub.client.post(hub.url("/api/v1/agents/codes")).send().await.unwrap();
    assert_eq!(reply.status(), 409);
    let problem: Value = reply.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("--agent-listen"), "{problem}");
    assert_eq!(hub.get("/api/v1/agents").await, (200, Value::Array(Vec::new())));
    hub.stop().await;
}

/// Whoever joined by hand: a place, a code and a token.
struct Joined {
    place: HubPlace,
    code: JoinCode,
    token: String,
}

impl Joined {
    async fn join(hub: &TestHub, node: &str) -> Self {
        let (code, place) = code(hub).await;
        let (code, place) = (JoinCode::parse(&code).unwrap(), HubPlace::parse(&place).unwrap());
        let client = Client::new(place.clone(), code.fingerprint, HubClock::local(), None).unwrap();
        let wish = Enrol { secret: hex(&code.secret), node: node.into(), version: "1".into() };
        let answer = client.call(Method::POST, "/uplink/v1/enrol", serde_json::to_vec(&wish).unwrap(), LIMIT).await;
        let Enrolled { token, .. } = serde_json::from_slice(&answer.unwrap().body).unwrap();
        Self { place, code, token }
    }

    fn client(&self, clock: &HubClock) -> Client {
        Client::new(self.place.clone(), self.code.fingerprint, clock.clone(), Some(self.token.clone())).unwrap()
    }

    fn uplink(&self, node: &str, spool: &Path) -> Arc<RemoteUplink> {
        // The times are the test's own, so none is put right.
        let clock = HubClock::local();
        let clients = [self.client(&clock), self.client(&clock)];
        let spool = Spool::open(spool, SPOOL_BYTES).unwrap();
        Arc::new(RemoteUplink::new(node.into(), clients, clock, spool, CancellationToken::new()))
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_disturbs_nothing_else() {
    let hub = hub().await;
    let client = Joined::join(&hub, "a1").await.client(&HubClock::local());
    let name = async |series: SeriesKey| {
        let body = serde_json::to_vec(&NameSeries { series: vec![series] }).unwrap();
        client.call(Method::POST, "/uplink/v1/series", body, LIMIT).await
    };
    for foreign in [
        SeriesKey::new("step", [("node", "n1")]),
        SeriesKey::new("step", [("src", "n1"), ("dst", "a1")]),
        SeriesKey::new("step", [("node", "a1"), ("src", "n1")]),
        SeriesKey::new("step", [("host", "a1")]),
    ] {
        let why = name(foreign).await.err().unwrap();
        assert!(matches!(&why, CallError::Refused(why) if why.contains("does not belong to a1")), "{why}");
    }
    let own = name(SeriesKey::new("step", [("node", "a1")])).await.unwrap();
    let SeriesNumbers { session, numbers } = serde_json::from_slice(&own.body).unwrap();
    until("the hub measures itself", async || !points(&hub, "sock_tcp_total", "n1").await.is_empty()).await;

    let now_ms = clock::now().ms();
    let batch = |seq, base_ms, number, value| WireBatch { epoch: 1, seq, base_ms, rows: vec![(number, 0, value)] };
    let deliver = async |session, batches, info| {
        let body = postcard::to_stdvec(&Delivery { session, batches, info }).unwrap();
        client.call(Method::POST, "/uplink/v1/batches", body, LIMIT).await
    };
    let batches = vec![
        batch(0, now_ms, numbers[0], 1.0),
        batch(1, now_ms + 3_600_000, numbers[0], 2.0),
        batch(2, now_ms, numbers[0], f64::NAN),
        batch(3, now_ms, 99_999_999, 3.0),
        batch(4, i64::MAX, numbers[0], 4.0),
        batch(5, now_ms - 1_000, numbers[0], 5.0),
    ];
    let answer = deliver(session, batches, None).await.unwrap();
    let Delivered { refused, .. } = serde_json::from_slice(&answer.body).unwrap();
    let reasons: Vec<(usize, &str)> = refused.iter().map(|(at, why)| (*at, why.as_str())).collect();
    assert_eq!(reasons.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 2, 3, 4], "{reasons:?}");
    assert!(reasons[0].1.contains("in the future"), "{reasons:?}");
    assert!(reasons[2].1.contains("is not one of a1"), "{reasons:?}");
    assert_eq!(points(&hub, "step", "a1").await, [(now_ms - 1_000, 5.0), (now_ms, 1.0)]);

    // Numbers of another life of the hub, another node's words, and rubbish.
    let other = deliver(session ^ 1, vec![], None).await.err().unwrap();
    assert_eq!(other, CallError::OtherSession);
    let rubbish = client.call(Method::POST, "/uplink/v1/batches", vec![0xff; 100], LIMIT).await.err().unwrap();
    assert!(matches!(rubbish, CallError::Refused(_)), "{rubbish}");
    let mut info = node(&hub, "n1").await;
    info["node"] = "n1".into();
    let why = deliver(session, vec![], Some(info.to_string())).await.err().unwrap();
    assert!(matches!(&why, CallError::Refused(why) if why.contains("a1 speaks for n1")), "{why}");
    let huge = vec![0; netloom_core::uplink::BODY_MAX_BYTES + 1];
    assert!(client.call(Method::POST, "/uplink/v1/batches", huge, LIMIT).await.is_err());
    assert_eq!(revoke(&hub, "a1").await, 204);
    let why = deliver(session, vec![], None).await.err().unwrap();
    assert!(matches!(why, CallError::Denied(_)), "at once, on a connection that is open: {why}");
    hub.stop().await;
}

#[tokio::test]
async fn an_agent_whose_clock_is_a_day_off_tells_the_right_time() {
    const DAY_US: i64 = 86_400_000_000;
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let (code, place) = code(&hub).await;
    let mut options = options(&place, Some(&code), "a1", state.path());
    options.wall = Arc::new(|| clock::now_us() + DAY_US);
    let before_ms = clock::now().ms();
    let agent = TestAgent::start(options);
    until("samples are stored", async || points(&hub, "sock_tcp_total", "a1").await.len() > 2).await;
    until("its offset is known", async || !points(&hub, "clock_offset_us", "a1").await.is_empty()).await;
    // A second for the delays of a machine that is busy.
    let times: Vec<i64> = points(&hub, "sock_tcp_total", "a1").await.into_iter().map(|(ts_ms, _)| ts_ms).collect();
    let (from, to) = (before_ms - 1_000, clock::now().ms() + 1_000);
    assert!(times.iter().all(|ts_ms| (from..to).contains(ts_ms)), "{times:?} not in {from}..{to}");
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    let (_, offset_us) = points(&hub, "clock_offset_us", "a1").await[0];
    assert!((offset_us - DAY_US as f64).abs() < 1e6, "{offset_us}");
    agent.stop().await.unwrap();
    hub.stop().await;
}

/// What a driver sends and what must be there in the end.
struct Sent {
    start_ms: i64,
    seq: u64,
    expected: Vec<(i64, f64)>,
}

impl Sent {
    async fn send(&mut self, uplink: &RemoteUplink, epoch: i64, count: usize) {
        for _ in 0..count {
            let (ts_ms, value) = (self.start_ms + self.seq as i64 * 100, self.seq as f64);
            let mut readings = Readings::default();
            readings.push(SeriesKey::new("step", [("node", "a1")]), ts_ms, value);
            let batch = Batch { node: "a1".into(), epoch, seq: self.seq, readings, info: None };
            uplink.send(batch).await.unwrap();
            self.expected.push((ts_ms, value));
            self.seq += 1;
        }
    }
}

#[tokio::test]
async fn a_hub_that_was_away_gets_everything_once_and_so_does_one_whose_agent_died_meanwhile() {
    let (hub, spool) = (hub().await, tempfile::tempdir().unwrap());
    let joined = Joined::join(&hub, "a1").await;
    let port = port_of(&joined.place.to_string());
    let mut sent = Sent { start_ms: clock::now().ms() - 60_000, seq: 0, expected: Vec::new() };

    let first = joined.uplink("a1", spool.path());
    sent.send(&first, 1, 20).await;
    assert_eq!(points(&hub, "step", "a1").await, sent.expected, "what is sent is stored when it is acknowledged");
    let folder = hub.stop().await;
    sent.send(&first, 1, 50).await;
    // Nothing is closed or synced: as if the process were gone.
    drop(first);
    let second = joined.uplink("a1", spool.path());
    sent.send(&second, 2, 30).await;
    let draining = tokio::spawn({
        let second = second.clone();
        async move { second.drain().await }
    });

    let hub = hub_in(folder, port).await;
    until("everything is there", async || {
        // Live batches go first; each tells the hub is back.
        sent_more(&second).await;
        points(&hub, "step", "a1").await.len() == sent.expected.len()
    })
    .await;
    assert_eq!(points(&hub, "step", "a1").await, sent.expected);
    let left = || std::fs::read_dir(spool.path()).unwrap().count();
    until("nothing is left behind", async || left() == 0).await;

    // Once more, with the hub away for a moment only.
    let folder = hub.stop().await;
    sent.send(&second, 2, 10).await;
    let hub = hub_in(folder, port).await;
    until("everything is there again", async || {
        sent_more(&second).await;
        points(&hub, "step", "a1").await.len() == sent.expected.len()
    })
    .await;
    assert_eq!(points(&hub, "step", "a1").await, sent.expected);
    draining.abort();
    hub.stop().await;
}

/// A sign of life, as an agent sends it while nothing is measured.
async fn sent_more(uplink: &RemoteUplink) {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let seq = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let batch = Batch { node: "a1".into(), epoch: 3, seq, readings: Readings::default(), info: None };
    uplink.send(batch).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_is_killed_while_the_hub_is_away_loses_nothing_it_measured() {
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let (code, place) = code(&hub).await;
    let state_dir = state.path().join("state");
    let start = |code: Option<&str>| {
        let state_dir = state_dir.to_str().unwrap();
        let mut args = vec!["agent", "--hub", &place, "--node", "a1", "--state-dir", state_dir];
        args.extend(["--echo-listen", "127.0.0.1:0"]);
        args.extend(code.iter().flat_map(|code| ["--token", code]));
        let quiet = std::process::Stdio::null;
        crate::process::netloom(&args).stdout(quiet()).stderr(quiet()).spawn().unwrap()
    };
    let mut first = start(Some(&code));
    until("samples are stored", async || points(&hub, "sock_tcp_total", "a1").await.len() > 5).await;
    let folder = hub.stop().await;
    let away_ms = clock::now().ms();
    let spooled = || {
        let files = std::fs::read_dir(state_dir.join("spool")).into_iter().flatten();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    until("something is spooled", async || spooled() > 4_000).await;
    first.kill().unwrap();
    first.wait().unwrap();
    let (killed_ms, kept) = (clock::now().ms(), spooled());
    let mut second = start(None);
    until("more is spooled", async || spooled() > kept + 4_000).await;
    let back_ms = clock::now().ms();
    let hub = hub_in(folder, port_of(&place)).await;
    let times =
        async || points(&hub, "sock_tcp_total", "a1").await.into_iter().map(|(ts_ms, _)| ts_ms).collect::<Vec<_>>();
    let some_in =
        |times: &[i64], range: std::ops::Range<i64>| times.iter().filter(|ts_ms| range.contains(ts_ms)).count();
    until("all times are covered", async || {
        let times = times().await;
        some_in(&times, away_ms..killed_ms) > 2
            && some_in(&times, killed_ms..back_ms) > 2
            && some_in(&times, back_ms..i64::MAX) > 2
            && spooled() == 0
    })
    .await;
    let times = times().await;
    assert!(times.is_sorted_by(|a, b| a < b), "a moment twice: {times:?}");
    second.kill().unwrap();
    second.wait().unwrap();
    hub.stop().await;
}
