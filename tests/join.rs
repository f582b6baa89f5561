//! Goal: an agent of another machine joins with a code, once, and whatever is wrong is said clearly. Method: hubs and agents
//! in this process, real TLS on free ports.

use std::{path::Path, sync::atomic::Ordering};

use netloom_core::{
    mesh::echo::{Kind, Packet},
    time::Timestamp,
    uplink::{Enrol, JoinCode, SECRET_BYTES, hex},
};
use netloom_server::{
    agent::{
        hub_clock::HubClock,
        remote::client::{CallError, Client, HubPlace},
    },
    agents::{AgentError, AgentKeeper},
    config::Config,
    private, store,
};
use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use crate::support::{
    TestHub,
    agents::{Joined, LIMIT, TestAgent, code, hub, hub_in, metrics, node, options, points, records, refusal, revoke},
    config, until,
};

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
async fn a_forged_packet_shows_up_in_the_figures_of_its_node() {
    let (hub, state) = (hub().await, tempfile::tempdir().unwrap());
    let (code, place) = code(&hub).await;
    let agent = TestAgent::start(options(&place, Some(&code), "a1", state.path()));
    until("the agent reports", async || node(&hub, "a1").await["echo"]["port"].is_u64()).await;
    until("nothing is refused", async || {
        points(&hub, "echo_refused_ps", "a1").await.iter().any(|(_, rate)| *rate == 0.0)
    })
    .await;
    let forged = Packet {
        kind: Kind::Request,
        place: 0,
        prober: 9,
        seq: 1,
        epoch: 1,
        hub_ms: 0,
        sent_ns: 1,
        received_ns: 0,
        replied_ns: 0,
    };
    let port = node(&hub, "a1").await["echo"]["port"].as_u64().unwrap() as u16;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&forged.encode(), ("127.0.0.1", port)).unwrap();
    until("it is counted", async || points(&hub, "echo_refused_ps", "a1").await.iter().any(|(_, rate)| *rate > 0.0))
        .await;
    let counted = metrics(&hub).await;
    assert!(counted.contains("netloom_echo_refused_per_second{node=\"a1\"}"), "{counted}");
    agent.stop().await.unwrap();
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
    until("it is on no page any more", async || node(&hub, "a2").await.is_null()).await;
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
    let counted = metrics(&hub).await;
    assert!(counted.contains("netloom_uplink_bad_codes_total 2"), "{counted}");

    // Whoever goes on guessing is not even looked at.
    let mut said = String::new();
    for _ in 0..20 {
        said = refusal(options(&place, Some(&wrong.text()), "a3", &state.path().join("a3"))).await;
    }
    assert!(said.contains("wait a minute"), "{said}");
    let counted = metrics(&hub).await;
    assert!(counted.contains("netloom_uplink_bad_codes_total 22"), "{counted}");
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
    // The hub counts an expired code as it does a wrong one.
    let keeper = AgentKeeper::open(stores.ledger.clone(), "n1".into()).await.unwrap();
    let secret = [9; SECRET_BYTES];
    assert!(stores.ledger.add_code(private::sha256(&secret), now, expires).await.unwrap());
    let wish = Enrol { secret: hex(&secret), node: "a2".into(), version: "1".into() };
    let refused = keeper.enrol(wish, "10.0.0.1".parse().unwrap()).await;
    assert!(matches!(refused, Err(AgentError::BadCode)));
    assert_eq!(keeper.counts.bad_codes.load(Ordering::Relaxed), 1);
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
async fn a_hub_does_not_start_under_the_name_of_an_agent() {
    let hub = hub().await;
    Joined::join(&hub, "a1").await;
    let folder = hub.stop().await;
    let refused = async || {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = Config { node: "a1".into(), ..config(folder.path()) };
        let stop = CancellationToken::new();
        // One that starts all the same ends at once.
        let started = netloom_server::hub::run(config, listener, stop.clone(), || stop.cancel()).await;
        started.map_err(|why| format!("{why:#}"))
    };
    let why = refused().await.unwrap_err();
    assert!(why.contains("called a1") && why.contains("--node") && why.contains("revoke"), "{why}");
    let again = hub_in(folder, 0).await;
    assert_eq!(revoke(&again, "a1").await, 204);
    let folder = again.stop().await;
    TestHub::start_with(folder, |config| config.node = "a1".into()).await.stop().await;
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

    // Who only looks whether the port answers is no failed handshake.
    let metric = async |line: &str| metrics(&hub).await.contains(line);
    let before = metric("netloom_uplink_silent_connections_total 0").await;
    drop(tokio::net::TcpStream::connect(place.trim_start_matches("https://")).await.unwrap());
    until("the probe is counted", async || metric("netloom_uplink_silent_connections_total 1").await).await;
    assert!(before && metric("netloom_uplink_failed_handshakes_total 0").await);

    // What is not TLS gets no answer, and is counted.
    let mut plain = tokio::net::TcpStream::connect(place.trim_start_matches("https://")).await.unwrap();
    plain.write_all(b"GET /uplink/v1/config HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    until("the failed handshake is counted", async || metric("netloom_uplink_failed_handshakes_total 1").await).await;

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
    assert!(metric("netloom_uplink_bad_tokens_total 3").await, "a request without a token is one with a wrong one");
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
