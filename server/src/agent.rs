//! The agent: reads counters, probes targets, and sends what it finds over an uplink.
//!
//! The parts share one bounded channel: the collectors, the probes and the echo put readings in, the sender takes them out in
//! batches. What the agent can and cannot measure stands on the [`status::StatusBoard`] and travels with the batches.
//! Probes run on a thread of their own, because a busy runtime would be measured along with the network; so does the echo,
//! through which agents probe each other.

pub mod collector;
pub mod discover;
pub mod echo;
pub mod hub_clock;
pub mod peer_modes;
pub mod print;
pub mod prober;
pub mod remote;
pub mod sender;
pub mod status;

use std::{net::UdpSocket, sync::Arc, time::Duration};

use async_trait::async_trait;
use netloom_core::{
    api::{Ack, AgentConfig},
    sample::{Batch, Readings},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::{hub_clock::HubClock, status::StatusBoard};

/// Readings that wait for the sender, in bursts of one collector or one round. At six bursts a second this is forty
/// seconds of a sender that makes no progress; it drains the channel into its own bounded backlog long before.
const BURSTS_MAX: usize = 256;

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
    /// When to stop.
    pub shutdown: CancellationToken,
}

impl Agent {
    /// Runs until the shutdown token is cancelled, then sends what was measured before.
    pub async fn run(self) {
        let (bursts, outgoing) = mpsc::channel::<Readings>(BURSTS_MAX);
        let status = StatusBoard::new(&self.node, self.clock.now());
        let echoing = self.echo.map(|socket| {
            echo::spawn_thread(echo::Echoing {
                node: self.node.clone(),
                socket,
                config: self.config.clone(),
                clock: self.clock.clone(),
                status: status.clone(),
                bursts: bursts.clone(),
                shutdown: self.shutdown.clone(),
            })
        });
        let collecting = collector::run(
            &self.node,
            self.config.clone(),
            status.clone(),
            collector::Out { bursts: bursts.clone(), clock: self.clock.clone() },
        );
        let probing = prober::spawn_thread(prober::Probing {
            node: self.node.clone(),
            config: self.config.clone(),
            status: status.clone(),
            bursts,
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
        });
        let source = sender::Source { node: &self.node, epoch: self.clock.now().ms(), linger: self.linger };
        let sending = sender::run(source, self.uplink.as_ref(), status, outgoing);
        let measuring = async {
            tokio::select! {
                () = collecting, if self.collects => {}
                () = self.shutdown.cancelled() => {}
            }
        };
        // The collectors' and the prober's ends of the channel close with them, which ends the sender once it is empty.
        tokio::join!(measuring, sending);
        let echoing = echoing.and_then(Result::ok).map(|(thread, _)| thread);
        for thread in probing.into_iter().chain(echoing) {
            // The thread saw the same token; joining it keeps its sockets from outliving the agent.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}
