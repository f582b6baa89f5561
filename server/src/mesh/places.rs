//! Where each node reaches the others and the hub, for whoever has it look at them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use super::{HUB_NUMBER, Mesh, Way, orders::Node};

/// What one node may look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Where it reaches the hub.
    pub hub: IpAddr,
    /// Where it reaches the other nodes, and the port at which they answer probes, if they do.
    pub nodes: BTreeMap<String, (IpAddr, Option<u16>)>,
}

impl Mesh {
    /// Where a node reaches the others; `None` for a node that was not heard of for long.
    pub fn places(&self, node: &str) -> Option<Places> {
        const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let own = Node {
            name: self.own.node.clone(),
            number: HUB_NUMBER,
            way: Way { peer: LOOPBACK, local: LOOPBACK },
            echo: self.own.echo.clone(),
        };
        let heard = self.heard();
        let all = || std::iter::once(&own).chain(heard.values().map(|heard| &heard.node));
        let from = all().find(|known| known.name == node)?;
        let straight = |to: &Node| if to.way.peer.is_loopback() { from.way.local } else { to.way.peer };
        let place = |to: &Node| {
            let told = to.echo.as_ref().and_then(|echo| echo.address);
            let detour = self.detour.as_ref().and_then(|detour| detour(&from.name, &to.name));
            let usual = (told.unwrap_or_else(|| straight(to)), to.echo.as_ref().map(|echo| echo.port));
            detour.map_or(usual, |at: SocketAddr| (at.ip(), Some(at.port())))
        };
        let others = all().filter(|to| to.name != node).map(|to| (to.name.clone(), place(to)));
        Some(Places { hub: from.way.local, nodes: others.collect() })
    }
}
