//! `netloom watch`: what this machine measures, on standard output, without a hub.

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::Arc,
};

use anyhow::Context;
use futures::future::join_all;
use netloom_core::{
    api::AgentConfig,
    mesh::{MeshKey, MeshOrders, Peer},
    settings::{self, Settings},
};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{Agent, LINGER, echo, hub_clock::HubClock, print::PrintUplink, status::StatusBoard},
    cli::WatchArgs,
    config::Config,
    mesh_key::way_key,
};

/// A mesh that is written down instead of led by a hub.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cast {
    /// Who takes part.
    nodes: Vec<Member>,
    /// The nodes that this process is.
    plays: Vec<String>,
    /// Whether they probe the others, or only answer.
    probes: bool,
}

/// A node of the cast.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    node: String,
    number: u32,
    address: SocketAddr,
    key: MeshKey,
}

impl Cast {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no mesh", path.display()))
    }

    /// What a hub would tell this member.
    fn orders(&self, member: &Member) -> MeshOrders {
        let others = self.nodes.iter().filter(|other| self.probes && other.node != member.node);
        let peer = |other: &Member| Peer {
            node: other.node.clone(),
            number: other.number,
            address: other.address,
            key: way_key(&other.key, member.number),
        };
        MeshOrders { number: member.number, key: member.key, peers: others.map(peer).collect() }
    }
}

/// Prints what this machine measures until it is stopped.
///
/// # Errors
/// When the settings or the mesh are wrong.
pub async fn run(config: Config, args: &WatchArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let settings =
        settings::apply(&config.settings, config.held.change()).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let Some(path) = &args.mesh else {
        agent(config.node, settings, (config.listen, None), None, shutdown).await;
        return Ok(());
    };
    let cast = Cast::read(path)?;
    let played = cast.nodes.iter().filter(|member| cast.plays.contains(&member.node));
    let mut agents = Vec::new();
    for member in played {
        let socket = echo::bind(member.address).with_context(|| format!("cannot answer at {}", member.address))?;
        let orders = Some(cast.orders(member));
        let told = (config.listen, orders);
        agents.push(agent(member.node.clone(), settings.clone(), told, Some(socket), shutdown.clone()));
    }
    join_all(agents).await;
    Ok(())
}

async fn agent(
    node: String,
    settings: Settings,
    (hub, mesh): (SocketAddr, Option<MeshOrders>),
    echo: Option<UdpSocket>,
    shutdown: CancellationToken,
) {
    let (_keep, config) = watch::channel(AgentConfig { settings, hub, mesh, run_active: false });
    let (uplink, clock) = (Arc::new(PrintUplink), HubClock::local());
    let status = StatusBoard::new(&node, clock.now());
    // Nobody gives it errands.
    let (errands, reports) = (mpsc::channel(1).1, mpsc::channel(1).0);
    let agent =
        Agent { node, uplink, config, clock, linger: LINGER, echo, collects: true, status, errands, reports, shutdown };
    agent.run().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_orders_what_a_hub_would() {
        let key = |byte: &str| byte.repeat(32);
        let text = format!(
            r#"{{"nodes": [{{"node": "a", "number": 1, "address": "127.0.1.1:6386", "key": "{}"}},
                {{"node": "b", "number": 2, "address": "127.0.1.2:6386", "key": "{}"}}],
                "plays": ["a"], "probes": true}}"#,
            key("0a"),
            key("0b"),
        );
        let mut cast: Cast = serde_json::from_str(&text).expect("a mesh");
        let orders = cast.orders(&cast.nodes[0]);
        assert_eq!((orders.number, orders.peers.len()), (1, 1));
        assert_eq!(orders.peers[0].node, "b");
        assert!(orders.peers[0].key == way_key(&MeshKey([0x0b; 32]), 1));
        cast.probes = false;
        assert!(cast.orders(&cast.nodes[0]).peers.is_empty());
    }
}
