//! The agent: reads counters, probes targets, and sends what it finds over an uplink.
//!
//! The parts share one bounded channel: the collectors, the probes and the echo put readings in, the sender takes them out in
//! batches. What the agent can and cannot measure stands on the [`status::StatusBoard`] and travels with the batches.
//! Probes run on a thread of their own, because a busy runtime would be measured along with the network; so does the echo,
//! through which agents probe each other.

pub mod collector;
pub mod discover;
pub mod echo;
pub mod errands;
pub mod hub_clock;
pub mod own;
pub mod peer_modes;
pub mod print;
pub mod prober;
pub mod remote;
pub mod scheduler;
pub mod sender;
mod standing;
pub mod status;

use std::{
    net::UdpSocket,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use async_trait::async_trait;
use netloom_core::{
    api::{Ack, AgentConfig},
    errand::{Numbered, Report},
    sample::{Batch, Readings},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::{hub_clock::HubClock, status::StatusBoard};

/// Readings that wait for the sender, in bursts of one collector or one round. At the six bursts a second that are usual this
/// is minutes of a sender that makes no progress, and with a thousand targets still two seconds; it drains the channel into
/// its own bounded backlog long before.
const BURSTS_MAX: usize = 2_048;

/// How long a burst waits for others when the hub is in the same process: long enough to join the bursts of one moment,
/// short enough that people see a figure well within a third of a second.
pub const LINGER: Duration = Duration::from_millis(30);

/// Why a batch did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UplinkError {
    /// The hub cannot take it now; sending it again may help.
    #[error("the hub cannot take samples now: {0}")]
    Unavailable(String),
    /// The hub will never take it.
    #[error("the hub refused a batch: {0}")]
    Refused(String),
}

/// The way to the hub, whether through memory or over a network.
#[async_trait]
pub trait Uplink: Send + Sync {
    /// Sends a batch and waits until it is durable.
    async fn send(&self, batch: Batch) -> Result<Ack, UplinkError>;
}

/// What an agent needs to run.
pub struct Agent {
    /// The name of the node.
    pub node: String,
    /// The way to the hub.
    pub uplink: Arc<dyn Uplink>,
    /// What the hub tells it to do, now and later.
    pub config: watch::Receiver<AgentConfig>,
    /// The hub's time.
    pub clock: HubClock,
    /// How long a burst waits for others.
    pub linger: Duration,
    /// Where the probes of other nodes are answered, if they are.
    pub echo: Option<UdpSocket>,
    /// Whether it reads the counters of this machine; one of several agents on a machine leaves that to another.
    pub collects: bool,
    /// What it measures and whether that works.
    pub status: StatusBoard,
    /// What the hub has it do once.
    pub errands: mpsc::Receiver<Numbered>,
    /// What it tells of that.
    pub reports: mpsc::Sender<Report>,
    /// When to stop.
    pub shutdown: CancellationToken,
}

impl Agent {
    /// Runs until the shutdown token is cancelled, then sends what was measured before.
    pub async fn run(self) {
        let (bursts, outgoing) = mpsc::channel::<Readings>(BURSTS_MAX);
        let status = self.status;
        // Before it heard of the hub, nobody could tell when that was.
        status.set_started(self.clock.now());
        // When there is no thread for it, its state says so.
        let echoing = self.echo.and_then(|socket| {
            echo::spawn_thread(echo::Echoing {
                node: self.node.clone(),
                socket,
                config: self.config.clone(),
                clock: self.clock.clone(),
                status: status.clone(),
                bursts: bursts.clone(),
                shutdown: self.shutdown.clone(),
            })
            .ok()
        });
        let (echoing, counts) = echoing.unzip();
        let dropped = Arc::<AtomicU64>::default();
        let own = own::Own {
            node: self.node.clone(),
            echo: counts,
            dropped: dropped.clone(),
            clock: self.clock.clone(),
            bursts: bursts.clone(),
        };
        let collecting = collector::run(
            &self.node,
            self.config.clone(),
            status.clone(),
            collector::Out { bursts: bursts.clone(), clock: self.clock.clone() },
        );
        let standing = standing::Standing {
            config: self.config.clone(),
            status: status.clone(),
            clock: self.clock.clone(),
            collects: self.collects,
            echoes: echoing.is_some(),
        };
        let probing = prober::spawn_thread(prober::Probing {
            node: self.node.clone(),
            config: self.config.clone(),
            status: status.clone(),
            errands: self.errands,
            reports: self.reports,
            bursts,
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
        });
        let source =
            sender::Source { node: &self.node, epoch: self.clock.now().ms(), linger: self.linger, dropped: &dropped };
        let sending = sender::run(source, self.uplink.as_ref(), status, outgoing);
        let measuring = async {
            tokio::select! {
                () = collecting, if self.collects => {}
                () = own.run() => {}
                () = standing.run() => {}
                () = self.shutdown.cancelled() => {}
            }
        };
        // The collectors' and the prober's ends of the channel close with them, which ends the sender once it is empty.
        tokio::join!(measuring, sending);
        for thread in probing.into_iter().chain(echoing) {
            // The thread saw the same token; joining it keeps its sockets from outliving the agent.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Mutex};

    use netloom_core::{
        mesh::{KEY_BYTES, MeshKey, MeshOrders, Peer},
        metric,
        settings::Settings,
        time::Timestamp,
    };

    use super::*;
    use crate::mesh_key::way_key;

    const KEYS: [MeshKey; 2] = [MeshKey([1; KEY_BYTES]), MeshKey([2; KEY_BYTES])];

    /// A hub that remembers where the agent answers, and the pairs that it heard of.
    #[derive(Default)]
    struct Listener {
        echo: Mutex<Option<SocketAddr>>,
        pairs: Mutex<Vec<(String, String)>>,
    }

    #[async_trait]
    impl Uplink for Listener {
        async fn send(&self, batch: Batch) -> Result<Ack, UplinkError> {
            if let Some(echo) = batch.info.and_then(|info| info.echo) {
                let address = echo.address.expect("it listens on one address only");
                *self.echo.lock().expect("not poisoned") = Some(SocketAddr::new(address, echo.port));
            }
            let rtts = batch.readings.series.iter().filter(|series| series.metric == metric::RTT_US);
            let pairs = rtts.map(|series| (series.label("src").to_owned(), series.label("dst").to_owned()));
            self.pairs.lock().expect("not poisoned").extend(pairs);
            Ok(Ack { seq: batch.seq })
        }
    }

    async fn until<T>(what: &str, condition: impl Fn() -> Option<T>) -> T {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                match condition() {
                    Some(found) => return found,
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        waited.await.unwrap_or_else(|_| panic!("in vain: {what}"))
    }

    #[tokio::test]
    async fn agents_in_one_process_probe_each_other_and_end() {
        let mut settings = Settings::default();
        settings.probe.default_targets = false;
        settings.mesh.interval_ms = 200;
        settings.mesh.other_modes_s = 0;
        let shutdown = CancellationToken::new();
        let start = |at: usize| {
            let hub = SocketAddr::from(([127, 0, 0, 1], 1));
            let (orders, config) =
                watch::channel(AgentConfig { settings: settings.clone(), hub, mesh: None, run_active: false });
            let uplink = Arc::new(Listener::default());
            let listen = SocketAddr::from(([127, 0, 1, at as u8 + 1], 0));
            let agent = Agent {
                node: format!("n{at}"),
                uplink: uplink.clone(),
                config,
                clock: HubClock::local(),
                linger: LINGER,
                collects: false,
                errands: mpsc::channel(1).1,
                reports: mpsc::channel(1).0,
                status: StatusBoard::new(&format!("n{at}"), Timestamp(0)),
                echo: Some(echo::bind(listen).expect("a free port")),
                shutdown: shutdown.clone(),
            };
            (orders, uplink, tokio::spawn(agent.run()))
        };
        let agents = [start(0), start(1)];
        for (at, (orders, _, _)) in agents.iter().enumerate() {
            let other = 1 - at;
            let address =
                until("the other tells where it answers", || *agents[other].1.echo.lock().expect("fine")).await;
            let (node, key) = (format!("n{other}"), way_key(&KEYS[other], at as u32));
            let peers = vec![Peer { node, number: other as u32, address, key }];
            orders.send_modify(|orders| orders.mesh = Some(MeshOrders { number: at as u32, key: KEYS[at], peers }));
        }
        for (at, (_, uplink, _)) in agents.iter().enumerate() {
            let pair = (format!("n{at}"), format!("n{}", 1 - at));
            until("a pair is measured", || uplink.pairs.lock().expect("fine").contains(&pair).then_some(())).await;
        }
        shutdown.cancel();
        for (_, _, task) in agents {
            task.await.expect("the agent ends");
        }
    }
}
