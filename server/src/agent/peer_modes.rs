//! ICMP and TCP to the peers of the mesh, now and then: a path may treat them otherwise than UDP.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use netloom_core::{
    api::{AgentConfig, MeasurementState},
    mesh::Peer,
    metric,
    probe::{Outcome, ProbeMode, Target, TargetKind},
    sample::{Readings, SeriesKey},
    stats::round::summarise,
};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};

use super::{hub_clock::HubClock, status::StatusBoard};
use crate::probe::{Prober, icmp::IcmpProber, tcp::TcpProber};

const ICMP: &str = "mesh icmp";
const TCP: &str = "mesh tcp";
/// Peers whose answers are waited for at the same time: the most there are, each probed once while its timeout runs. A
/// peer whose turn comes when there are as many waits for its next turn.
const WAITING_MAX: usize = 256;

/// What these probes need to run.
pub struct PeerModes {
    /// The probing node, label `src`.
    pub node: String,
    /// What the hub tells it to do.
    pub config: watch::Receiver<AgentConfig>,
    /// The sockets for ICMP.
    pub icmp: Arc<IcmpProber>,
    /// Where it is noted how both fare.
    pub status: StatusBoard,
    /// The hub's time.
    pub clock: HubClock,
    /// Where results go.
    pub bursts: mpsc::Sender<Readings>,
}

impl PeerModes {
    /// Probes one peer after the other, spread evenly over the time of the settings, until nobody listens.
    pub async fn run(mut self) {
        loop {
            let (peers, cycle, timeout) = self.plan();
            self.note(&peers);
            let count = peers.len();
            let mut ticks = interval(cycle / count.max(1) as u32);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            // By chance, so that orders that change often do not favour the first ones.
            let mut turn = fastrand::usize(..count.max(1));
            let mut waiting = FuturesUnordered::new();
            loop {
                tokio::select! {
                    changed = self.config.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    _ = ticks.tick(), if count > 0 => {
                        if waiting.len() < WAITING_MAX {
                            waiting.push(probe(&self.icmp, &peers[turn], timeout));
                        }
                        turn = (turn + 1) % count;
                    }
                    Some(readings) = waiting.next() => {
                        let readings = self.name(readings);
                        if !readings.samples.is_empty() && self.bursts.send(readings).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Whom to probe, each once within which time, and how long to wait; nobody when it is switched off.
    fn plan(&mut self) -> (Vec<Peer>, Duration, Duration) {
        let config = self.config.borrow_and_update();
        let settings = &config.settings.mesh;
        let is_on = settings.enabled && settings.other_modes_s > 0;
        let orders = config.mesh.as_ref().filter(|_| is_on);
        let peers = orders.map(|orders| orders.peers.iter().take(WAITING_MAX).cloned().collect()).unwrap_or_default();
        let cycle = Duration::from_secs(settings.other_modes_s.max(1));
        (peers, cycle, Duration::from_millis(settings.timeout_ms))
    }

    fn note(&self, peers: &[Peer]) {
        let now = self.clock.now();
        let off = |name, why: &str| self.status.set(name, MeasurementState::Off, why, now);
        if peers.is_empty() {
            let settings = &self.config.borrow().settings.mesh;
            let is_off = !settings.enabled || settings.other_modes_s == 0;
            let why =
                if is_off { "switched off: see mesh.enabled and mesh.other_modes_s" } else { "no other node yet" };
            return [ICMP, TCP].into_iter().for_each(|name| off(name, why));
        }
        self.status.set(TCP, MeasurementState::Working, "", now);
        match peers.iter().find_map(|peer| self.icmp.permits(peer.address.ip()).err()) {
            Some(why) => off(ICMP, &why),
            None => self.status.set(ICMP, MeasurementState::Working, "", now),
        }
    }

    fn name(&self, (peer, outcomes): (String, [(ProbeMode, Outcome); 2])) -> Readings {
        let ts_ms = self.clock.now().ms();
        let mut readings = Readings::default();
        for (mode, outcome) in outcomes {
            let summary = summarise(&[outcome]);
            for (metric, value) in [(metric::RTT_US, summary.rtt_us), (metric::LOSS_RATIO, summary.loss_ratio)] {
                if let Some(value) = value {
                    let labels = [("src", &*self.node), ("dst", &peer), ("mode", mode.label())];
                    readings.push(SeriesKey::new(metric, labels), ts_ms, value);
                }
            }
        }
        readings
    }
}

/// One ICMP echo and one TCP handshake with the port of the echo: when nothing listens there, a reset answers.
async fn probe(icmp: &IcmpProber, peer: &Peer, timeout: Duration) -> (String, [(ProbeMode, Outcome); 2]) {
    let target = Target {
        name: peer.node.clone(),
        address: peer.address.ip(),
        port: peer.address.port(),
        kind: TargetKind::Custom,
    };
    // One after the other: each is timed in user space, where the other's work would count as latency.
    let echo = icmp.probe(&target, timeout).await;
    let handshake = TcpProber.probe(&target, timeout).await;
    (target.name, [(ProbeMode::Icmp, echo), (ProbeMode::Tcp, handshake)])
}

#[cfg(test)]
mod tests {
    use netloom_core::{
        mesh::{KEY_BYTES, MeshKey, MeshOrders},
        settings::Settings,
        time::Timestamp,
    };

    use super::*;

    #[tokio::test]
    async fn peers_are_probed_by_icmp_and_tcp_until_it_is_switched_off() {
        let peer = |node: &str, address: &str| Peer {
            node: node.into(),
            number: 2,
            address: address.parse().expect("an address"),
            key: MeshKey([0; KEY_BYTES]),
        };
        let mut settings = Settings::default();
        settings.mesh.other_modes_s = 1;
        let peers = vec![peer("n2", "127.0.0.2:1"), peer("n3", "127.0.0.3:1")];
        let mesh = Some(MeshOrders { number: 1, key: MeshKey([0; KEY_BYTES]), peers });
        let hub = "127.0.0.1:1".parse().expect("an address");
        let (orders, config) = watch::channel(AgentConfig { settings, hub, mesh, run_active: false });
        let (bursts, mut rounds) = mpsc::channel(16);
        let (icmp, status) = (Arc::new(IcmpProber::new()), StatusBoard::new("n1", Timestamp(0)));
        let is_permitted = icmp.permits(hub.ip()).is_ok();
        let board = status.clone();
        let task =
            tokio::spawn(PeerModes { node: "n1".into(), config, icmp, status, clock: HubClock::local(), bursts }.run());
        let mut seen = std::collections::BTreeSet::new();
        let expected = if is_permitted { 4 } else { 2 };
        while seen.len() < expected {
            let wait = tokio::time::timeout(Duration::from_secs(20), rounds.recv());
            let readings = wait.await.expect("in time").expect("probes go on");
            for (series, reading) in readings.iter().filter(|(series, _)| series.metric == metric::RTT_US) {
                assert!(reading.value > 0.0);
                seen.insert((series.label("dst").to_owned(), series.label("mode").to_owned()));
            }
        }
        let state = |name: &str| {
            board.put_back();
            let rows = board.take_change().expect("was put back").measurements;
            rows.into_iter().find(|row| row.name == name).map(|row| row.state).expect("there is a row")
        };
        assert_eq!(state(TCP), MeasurementState::Working);
        orders.send_modify(|orders| orders.settings.mesh.other_modes_s = 0);
        while state(TCP) != MeasurementState::Off {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(orders);
        task.await.expect("ends with its orders");
    }
}
