//! Whom each node probes, decided from who is there. Pure: no clock, no lock.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use netloom_core::mesh::{Echo, MeshKey, MeshOrders, Peer, choice::Ring};

use super::Way;
use crate::mesh_key::way_key;

/// The number of the hub's own node. Those of agents begin at 1.
pub const HUB_NUMBER: u32 = 0;

/// Where probes of a pair (its source, its destination) go instead of straight to the destination: a relay that holds them
/// up, for example.
pub type Detour = Arc<dyn Fn(&str, &str) -> Option<SocketAddr> + Send + Sync>;

/// A node that may take part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) way: Way,
    pub(super) echo: Option<Echo>,
}

/// Everything that orders follow from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Situation {
    /// In order of their numbers.
    nodes: Vec<Node>,
    peers_max: u32,
    /// Which choice of peers it is; 0 as long as everyone probes everyone, so that time alone changes nothing.
    rotation: u32,
}

impl Situation {
    pub(super) fn new(nodes: Vec<Node>, peers_max: u32, rotation: u32) -> Self {
        let rotation = if nodes.len() <= peers_max as usize + 1 { 0 } else { rotation };
        Self { nodes, peers_max, rotation }
    }

    /// The orders of each node, by number.
    pub(super) fn orders(&self, secret: &MeshKey, detour: Option<&Detour>) -> HashMap<u32, MeshOrders> {
        let ring = Ring::new(self.nodes.iter().map(|node| node.name.as_str()));
        let known: HashMap<&str, (&Node, MeshKey)> =
            self.nodes.iter().map(|node| (node.name.as_str(), (node, node_key(secret, node.number)))).collect();
        let order = |node: &Node| {
            let chosen = ring.peers(&node.name, self.peers_max, self.rotation);
            let others = chosen.iter().filter_map(|name| known.get(name));
            let mut peers: Vec<Peer> = others.filter_map(|(to, key)| peer(node, to, key, detour)).collect();
            // In an order of their own, so that the same choice is the same orders.
            peers.sort_unstable_by_key(|peer| peer.number);
            (node.number, MeshOrders { number: node.number, key: known[node.name.as_str()].1, peers })
        };
        self.nodes.iter().map(order).collect()
    }
}

/// What a node is told of another one that it probes.
fn peer(from: &Node, to: &Node, key_of_to: &MeshKey, detour: Option<&Detour>) -> Option<Peer> {
    let echo = to.echo.as_ref()?;
    let straight = || SocketAddr::new(address(from, to, Some(echo)), echo.port);
    let address = detour.and_then(|detour| detour(&from.name, &to.name)).unwrap_or_else(straight);
    let key = way_key(key_of_to, from.number);
    Some(Peer { node: to.name.clone(), number: to.number, address, key })
}

/// Where one node reaches another: where that says it is, else where the hub sees it. Whom the hub sees on loopback is on
/// the hub's machine, and is reached where one reaches the hub.
pub(super) fn address(from: &Node, to: &Node, echo: Option<&Echo>) -> IpAddr {
    let seen = if to.way.peer.is_loopback() { from.way.local } else { to.way.peer };
    echo.and_then(|echo| echo.address).unwrap_or(seen)
}

/// The key of a node: HMAC-SHA256 over its number, with the hub's secret.
fn node_key(secret: &MeshKey, number: u32) -> MeshKey {
    // The same derivation as that of a way, under a secret that is used for nothing else.
    way_key(secret, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u32, peer: &str, local: &str) -> Node {
        let way = Way { peer: peer.parse().expect("an address"), local: local.parse().expect("an address") };
        Node {
            name: format!("n{number}"),
            number,
            way,
            echo: Some(Echo { port: 7_000 + number as u16, address: None }),
        }
    }

    fn addresses(orders: &HashMap<u32, MeshOrders>, from: u32) -> Vec<String> {
        orders[&from].peers.iter().map(|peer| format!("{} {}", peer.node, peer.address)).collect()
    }

    const SECRET: MeshKey = MeshKey([7; 32]);

    #[test]
    fn everyone_is_told_where_the_others_are() {
        let hub = node(HUB_NUMBER, "127.0.0.1", "127.0.0.1");
        let (beside, far) = (node(1, "127.0.0.1", "127.0.0.1"), node(2, "10.0.0.2", "10.0.0.1"));
        let mut named = node(3, "10.0.0.99", "10.0.0.1");
        named.echo = Some(Echo { port: 1, address: Some("10.9.9.9".parse().expect("an address")) });
        let orders = Situation::new(vec![hub, beside, far, named], 64, 5).orders(&SECRET, None);
        assert_eq!(addresses(&orders, 0), ["n1 127.0.0.1:7001", "n2 10.0.0.2:7002", "n3 10.9.9.9:1"]);
        assert_eq!(addresses(&orders, 1), ["n0 127.0.0.1:7000", "n2 10.0.0.2:7002", "n3 10.9.9.9:1"]);
        assert_eq!(addresses(&orders, 2), ["n0 10.0.0.1:7000", "n1 10.0.0.1:7001", "n3 10.9.9.9:1"]);
    }

    #[test]
    fn a_probe_carries_the_key_that_its_destination_expects() {
        let nodes = vec![node(1, "10.0.0.1", "10.0.0.9"), node(2, "10.0.0.2", "10.0.0.9")];
        let orders = Situation::new(nodes, 64, 0).orders(&SECRET, None);
        assert_eq!(orders[&1].peers[0].key, way_key(&orders[&2].key, 1));
        assert_ne!(orders[&1].key, orders[&2].key);
    }

    #[test]
    fn with_too_many_each_probes_some_and_in_time_all() {
        let nodes: Vec<Node> = (0..10).map(|number| node(number, "10.0.0.1", "10.0.0.9")).collect();
        let mut met = std::collections::BTreeSet::new();
        for rotation in 0..4 {
            let orders = Situation::new(nodes.clone(), 4, rotation).orders(&SECRET, None);
            assert!(orders.values().all(|orders| orders.peers.len() == 4));
            met.extend(orders[&0].peers.iter().map(|peer| peer.number));
        }
        assert_eq!(met.into_iter().collect::<Vec<_>>(), (1..10).collect::<Vec<_>>());
        let alone = Situation::new(vec![nodes[0].clone()], 4, 1).orders(&SECRET, None);
        assert_eq!(alone[&0].peers, []);
    }

    #[test]
    fn a_detour_stands_in_for_one_direction() {
        let nodes = vec![node(1, "10.0.0.1", "10.0.0.9"), node(2, "10.0.0.2", "10.0.0.9")];
        let relay: SocketAddr = "127.0.0.1:9".parse().expect("an address");
        let detour: Detour = Arc::new(move |src, dst| (src == "n1" && dst == "n2").then_some(relay));
        let orders = Situation::new(nodes, 64, 0).orders(&SECRET, Some(&detour));
        assert_eq!(addresses(&orders, 1), ["n2 127.0.0.1:9"]);
        assert_eq!(addresses(&orders, 2), ["n1 10.0.0.1:7001"]);
    }
}
