//! A node whose echo runs, and what it tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::UdpSocket,
    thread::JoinHandle,
    time::Instant,
};

use netloom_core::{
    mesh::{KEY_BYTES, MeshKey, MeshOrders, Peer},
    metric,
    settings::Settings,
    time::Timestamp,
};

use super::super::*;
use crate::mesh_key::way_key;

/// How long a condition may take on a machine that is busy with other things.
const DEADLINE: Duration = Duration::from_secs(20);

pub(super) fn key_of(number: u32) -> MeshKey {
    MeshKey([number as u8; KEY_BYTES])
}

/// The way from node `src` to node `dst`, which answers at `address`.
pub(super) fn peer(src: u32, dst: u32, address: SocketAddr) -> Peer {
    Peer { node: format!("n{dst}"), number: dst, address, key: way_key(&key_of(dst), src) }
}

/// An echo that runs.
pub(super) struct Node {
    pub(super) number: u32,
    pub(super) address: SocketAddr,
    pub(super) orders: watch::Sender<AgentConfig>,
    pub(super) status: StatusBoard,
    rounds: mpsc::Receiver<Readings>,
    pub(super) counts: Counts,
    shutdown: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts the echo of node `number` at an address of its own, or at the given one.
    pub(super) fn start(number: u32, listen: &str) -> Self {
        let mut settings = Settings::default();
        settings.mesh.interval_ms = 200;
        settings.mesh.packets = 4;
        // Longer than a busy machine keeps a thread from answering.
        settings.mesh.timeout_ms = 10_000;
        let mesh = Some(MeshOrders { number, key: key_of(number), peers: Vec::new() });
        let hub = SocketAddr::from(([127, 0, 0, 1], 1));
        let (orders, config) = watch::channel(AgentConfig { settings, hub, mesh, run_active: false });
        let (bursts, rounds) = mpsc::channel(1_024);
        let status = StatusBoard::new(&format!("n{number}"), Timestamp(0));
        let shutdown = CancellationToken::new();
        let echoing = Echoing {
            node: format!("n{number}"),
            socket: bind(listen.parse().expect("an address")).expect("a free port"),
            config,
            clock: HubClock::local(),
            status: status.clone(),
            bursts,
            shutdown: shutdown.clone(),
        };
        let (thread, counts) = spawn_thread(echoing).expect("a thread");
        let ip = listen.parse::<SocketAddr>().expect("an address").ip();
        let mut port = None;
        until("the echo listens", || {
            port = port.or(status.take_change().and_then(|info| info.echo).map(|echo| echo.port));
            port.is_some()
        });
        let address = SocketAddr::new(ip, port.expect("it listens"));
        Self { number, address, orders, status, rounds, counts, shutdown, thread: Some(thread) }
    }

    pub(super) fn probe(&self, peers: Vec<Peer>) {
        self.orders.send_modify(|orders| orders.mesh.as_mut().expect("takes part").peers = peers);
    }

    pub(super) fn probe_node(&self, other: &Node) {
        self.probe(vec![peer(self.number, other.number, other.address)]);
    }

    /// The next round: its time, the lag, and the figures of each peer.
    pub(super) fn round(&mut self) -> Round {
        let mut readings = None;
        until("a round is over", || {
            readings = self.rounds.try_recv().ok();
            readings.is_some()
        });
        Round::of(&readings.expect("a round"))
    }

    /// Rounds until one fits.
    pub(super) fn round_with(&mut self, what: &str, fits: impl Fn(&Round) -> bool) -> Round {
        let end = Instant::now() + DEADLINE;
        loop {
            let round = self.round();
            if fits(&round) {
                return round;
            }
            assert!(Instant::now() < end, "in vain: {what}; last: {round:?}");
        }
    }

    pub(super) fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the echo does not panic");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[derive(Debug)]
pub(super) struct Round {
    pub(super) times: BTreeSet<i64>,
    pub(super) lag_us: f64,
    figures: BTreeMap<(String, String), f64>,
}

impl Round {
    fn of(readings: &Readings) -> Self {
        let mut round = Self { times: BTreeSet::new(), lag_us: -1.0, figures: BTreeMap::new() };
        for (series, reading) in readings.iter() {
            round.times.insert(reading.ts_ms);
            if series.metric == metric::ECHO_LAG_US {
                round.lag_us = reading.value;
            } else {
                assert_eq!(series.label("mode"), "udp");
                let of = (series.label("dst").to_owned(), series.metric.clone());
                assert_eq!(round.figures.insert(of, reading.value), None, "told twice");
            }
        }
        round
    }

    pub(super) fn of_peer(&self, peer: &str, metric: &str) -> Option<f64> {
        self.figures.get(&(peer.to_owned(), metric.to_owned())).copied()
    }
}

pub(super) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A socket of somebody who is no agent.
pub(super) fn stranger() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    socket
}
