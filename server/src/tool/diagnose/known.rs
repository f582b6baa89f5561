//! Who else is there, as far as a hub tells.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use netloom_core::{
    api::{NodeRole, NodeStatus},
    diagnosis::plan::PEERS_MAX,
    errand::{Host, HostKind},
};
use reqwest::Url;

use crate::{client::api::Hub, config};

/// How long a hub is waited for: it is in the same network, or there is none, and the checks have to end within five
/// seconds all the same.
const ASK_LIMIT: Duration = Duration::from_millis(250);

/// What a hub tells.
pub(super) struct Known {
    /// The name of this machine.
    pub(super) own_name: String,
    hub: Option<Host>,
    nodes: Vec<Host>,
}

impl Known {
    /// Asks a hub. One that somebody named is looked at also when it does not answer.
    pub(super) async fn ask(hub: &Hub, is_named: bool) -> Self {
        let named = std::env::var("NETLOOM_NODE").ok();
        let own_name = config::node_name(named.as_deref()).unwrap_or_else(|_| "this machine".to_owned());
        let url = Url::parse(hub.url()).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.as_ref().and_then(Url::port_or_known_default);
        let told = hub.nodes(ASK_LIMIT).await;
        let is_there = is_named || told.is_ok();
        let nodes = told.unwrap_or_default();
        let nodes = nodes.iter().filter(|status| status.info.node != own_name);
        let nodes = nodes.filter_map(|status| node(status, &host)).collect();
        let hub = Host { name: "hub".into(), host, port, kind: HostKind::Hub };
        Self { own_name, hub: is_there.then_some(hub), nodes }
    }

    /// The hub, and nodes.
    pub(super) fn all(&self) -> Vec<Host> {
        let step = self.nodes.len().div_ceil(PEERS_MAX).max(1);
        self.hub.iter().chain(self.nodes.iter().step_by(step)).cloned().collect()
    }

    /// The node of that name.
    pub(super) fn node(&self, name: &str) -> Option<Host> {
        self.nodes.iter().find(|node| node.name == name).cloned()
    }

    /// Names of nodes by their addresses. Where several share one, it is no name.
    pub(super) fn names(&self) -> BTreeMap<IpAddr, String> {
        let with_address = |node: &Host| Some((node.host.parse::<IpAddr>().ok()?, node.name.clone()));
        let mut names: BTreeMap<IpAddr, String> = BTreeMap::new();
        for (address, name) in self.nodes.iter().filter_map(with_address).filter(|(address, _)| !address.is_loopback())
        {
            names.entry(address).or_insert(name);
        }
        names
    }
}

/// A node as this machine reaches it: those that the hub sees on its own machine are where the hub is.
fn node(status: &NodeStatus, hub: &str) -> Option<Host> {
    let told = status.info.echo.as_ref().and_then(|echo| echo.address);
    let seen = status.address.parse::<IpAddr>().ok().filter(|address| !address.is_loopback());
    let beside_hub = status.role == NodeRole::Hub || status.address.parse::<IpAddr>().is_ok();
    let host = told.or(seen).map(|address| address.to_string()).or_else(|| beside_hub.then(|| hub.to_owned()))?;
    let port = status.info.echo.as_ref().map(|echo| echo.port);
    Some(Host { name: status.info.node.clone(), host, port, kind: HostKind::Peer })
}

/// A host that somebody named.
pub(super) fn named(name: &str, host: String, port: Option<u16>) -> Host {
    Host { name: name.to_owned(), host, port, kind: HostKind::Named }
}
