//! Agents that replay a mesh: each joins with a code, names its series once, and delivers every peer's figures once a
//! second at a moment of its own, over TLS, as real agents do.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use hyper::Method;
use netloom_core::{
    api::NodeInfo,
    metric,
    sample::SeriesKey,
    uplink::{Delivery, Enrol, Enrolled, JoinCode, NAMED_MAX_SERIES, NameSeries, SeriesNumbers, WireBatch, hex},
};
use netloom_server::{
    agent::{
        hub_clock::HubClock,
        remote::client::{Client, HubPlace},
    },
    clock,
};
use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    time::{Instant, MissedTickBehavior, interval_at},
};

/// The figures of one peer, as the echo reports them when nothing is wrong.
const FIGURES: [&str; 6] = [
    metric::RTT_US,
    metric::RTT_MIN_US,
    metric::RTT_MAX_US,
    metric::JITTER_US,
    metric::LOSS_RATIO,
    metric::PROBES_SENT,
];
/// How long the hub may take for one delivery: what takes longer is a hub that does not keep up.
const LIMIT: Duration = Duration::from_secs(10);
/// Agents that join at once.
const JOINING: usize = 8;

/// What became of the deliveries.
#[derive(Default)]
struct Outcome {
    samples: u64,
    failed: u64,
    skipped: u64,
    waits_ms: Vec<f64>,
}

struct Agent {
    client: Client,
    session: u64,
    numbers: Vec<u32>,
    info: Option<String>,
    seq: u64,
}

pub async fn run(hub: SocketAddr, (agents, peers): (usize, usize), period: Duration) -> Value {
    let web = reqwest::Client::new();
    let began = Instant::now();
    let joined: Vec<Agent> =
        stream::iter(0..agents).map(|at| Agent::join(&web, hub, at, (agents, peers))).buffered(JOINING).collect().await;
    let joined_s = began.elapsed().as_secs_f64();
    eprintln!("{agents} agents joined in {joined_s:.1} s");
    let (start, outcome) = (Instant::now(), Arc::new(Mutex::new(Outcome::default())));
    let tasks = joined.into_iter().enumerate().map(|(at, agent)| {
        let phase = Duration::from_secs(1).mul_f64(at as f64 / agents as f64);
        tokio::spawn(agent.replay(start + phase, start + period, outcome.clone()))
    });
    futures::future::join_all(tasks.collect::<Vec<_>>()).await;
    let mut outcome = outcome.lock().await;
    outcome.waits_ms.sort_by(f64::total_cmp);
    let at = |share: f64| outcome.waits_ms.get((outcome.waits_ms.len() as f64 * share) as usize).copied();
    json!({
        "agents": agents,
        "peers": peers,
        "joined_s": joined_s,
        "seconds": start.elapsed().as_secs_f64(),
        "samples": outcome.samples,
        "failed": outcome.failed,
        "skipped": outcome.skipped,
        "delivery_p50_ms": at(0.5),
        "delivery_p99_ms": at(0.99),
    })
}

impl Agent {
    async fn join(web: &reqwest::Client, hub: SocketAddr, at: usize, (agents, peers): (usize, usize)) -> Self {
        let made = web.post(format!("http://{hub}/api/v1/agents/codes")).send().await.unwrap();
        let made: Value = made.json().await.unwrap();
        let words: Vec<&str> = made["commands"][0].as_str().unwrap().split(' ').collect();
        let place = HubPlace::parse(words[3]).unwrap();
        let code = JoinCode::parse(made["code"].as_str().unwrap()).unwrap();
        let client = |token| Client::new(place.clone(), code.fingerprint, HubClock::local(), token).unwrap();
        let enrol = Enrol { secret: hex(&code.secret), node: name(at), version: "load".into() };
        let body = serde_json::to_vec(&enrol).unwrap();
        let answer = client(None).call(Method::POST, "/uplink/v1/enrol", body, LIMIT).await.unwrap();
        let Enrolled { token, .. } = serde_json::from_slice(&answer.body).unwrap();
        let client = client(Some(token));

        let others = (1..=peers).map(|step| name((at + step) % agents));
        let key = |dst: &str, metric| SeriesKey::new(metric, [("src", &name(at)), ("dst", dst), ("mode", "udp")]);
        let series: Vec<SeriesKey> = others.flat_map(|dst| FIGURES.map(|metric| key(&dst, metric))).collect();
        let (mut session, mut numbers) = (0, Vec::new());
        for part in series.chunks(NAMED_MAX_SERIES) {
            let body = serde_json::to_vec(&NameSeries { series: part.to_vec() }).unwrap();
            let answer = client.call(Method::POST, "/uplink/v1/series", body, LIMIT).await.unwrap();
            let named: SeriesNumbers = serde_json::from_slice(&answer.body).unwrap();
            session = named.session;
            numbers.extend(named.numbers);
        }
        let info = NodeInfo {
            node: name(at),
            version: env!("CARGO_PKG_VERSION").into(),
            os: "load".into(),
            started_at: clock::now(),
            interfaces: Vec::new(),
            targets: Vec::new(),
            measurements: Vec::new(),
            echo: None,
            depth: Vec::new(),
        };
        Self { client, session, numbers, info: serde_json::to_string(&info).ok(), seq: 0 }
    }

    async fn replay(mut self, first: Instant, end: Instant, outcome: Arc<Mutex<Outcome>>) {
        let mut ticks = interval_at(first, Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut due = first;
        while Instant::now() < end {
            let ticked = ticks.tick().await;
            let skipped = ticked.duration_since(due).as_secs();
            due = ticked + Duration::from_secs(1);
            let body = self.delivery();
            let sent = Instant::now();
            let answer = self.client.call(Method::POST, "/uplink/v1/batches", body, LIMIT).await;
            let mut outcome = outcome.lock().await;
            outcome.skipped += skipped;
            match answer {
                Ok(_) => {
                    self.info = None;
                    outcome.samples += self.numbers.len() as u64;
                    outcome.waits_ms.push(sent.elapsed().as_secs_f64() * 1e3);
                }
                Err(_) => outcome.failed += 1,
            }
        }
    }

    fn delivery(&mut self) -> Vec<u8> {
        let base_ms = clock::now().ms();
        let moment = super::moment(base_ms);
        let noise = || 100.0 + (fastrand::f64() * 500.0).round() / 10.0;
        let value = |at: usize| match FIGURES[at % FIGURES.len()] {
            metric::RTT_US => moment,
            metric::LOSS_RATIO => 0.0,
            metric::PROBES_SENT => 5.0,
            _ => noise(),
        };
        let rows = self.numbers.iter().enumerate().map(|(at, number)| (*number, 0, value(at))).collect();
        let batch = WireBatch { epoch: 1, seq: self.seq, base_ms, rows };
        self.seq += 1;
        postcard::to_stdvec(&Delivery { session: self.session, batches: vec![batch], info: self.info.clone() }).unwrap()
    }
}

fn name(at: usize) -> String {
    format!("node-{at:04}")
}
