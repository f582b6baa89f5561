//! The nodes that measure each other, and everything they write in one second.

use std::ops::Range;

use fastrand::Rng;

use super::host::Host;
use super::path::Path;
use super::wire;

/// Nodes in the mesh; each measures its path to each other.
pub(crate) const NODES: usize = 64;

/// Ordered pairs of different nodes.
pub(crate) const PAIRS: usize = NODES * (NODES - 1);

/// Where the random numbers begin: every run writes the same values.
const SEED: u64 = 0x6e65_746c_6f6f_6d31;

/// How far apart the clocks of the agents' rounds lie, ms. Never zero, so that no sample falls on a border of a range,
/// which one engine includes and the other does not.
const OFFSET_MS: Range<u64> = 1..901;

/// One node with what it measures.
#[derive(Debug)]
pub(crate) struct Agent {
    labels: Vec<Vec<u8>>,
    offset_ms: u64,
    paths: Vec<Path>,
    host: Host,
    values: Vec<f64>,
}

impl Agent {
    fn new(rng: &mut Rng, node: usize) -> Self {
        let others = (0..NODES).filter(|other| *other != node);
        let src = name(node);
        let mut labels = Vec::new();
        for dst in others.map(name) {
            for metric in Path::METRICS {
                let pairs = [("__name__", metric), ("src", &src), ("dst", &dst), ("mode", "udp")];
                labels.push(wire::labels(&pairs));
            }
        }
        for (metric, interface) in Host::series() {
            let fixed = [("__name__", metric), ("node", src.as_str())];
            let interface = interface.map(|interface| ("interface", interface));
            labels.push(wire::labels(&fixed.into_iter().chain(interface).collect::<Vec<_>>()));
        }
        let paths = (1..NODES).map(|_| Path::new(rng)).collect();
        Self { labels, offset_ms: rng.u64(OFFSET_MS), paths, host: Host::new(rng), values: Vec::new() }
    }

    /// Appends everything this node measures in one second to a request.
    fn write(&mut self, rng: &mut Rng, request: &mut Vec<u8>, second: u64) {
        self.values.clear();
        for path in &mut self.paths {
            self.values.extend(path.step(rng));
        }
        self.host.step(rng, &mut self.values);
        let at_ms = second * 1_000 + self.offset_ms;
        for (labels, value) in self.labels.iter().zip(&self.values) {
            wire::series(request, labels, *value, at_ms);
        }
    }
}

/// All nodes.
#[derive(Debug)]
pub(crate) struct Mesh {
    rng: Rng,
    agents: Vec<Agent>,
}

impl Mesh {
    /// The mesh as it is when the data begins.
    pub(crate) fn new() -> Self {
        let mut rng = Rng::with_seed(SEED);
        let agents = (0..NODES).map(|node| Agent::new(&mut rng, node)).collect();
        Self { rng, agents }
    }

    /// How many series the nodes write together.
    pub(crate) fn series(&self) -> usize {
        self.agents.iter().map(|agent| agent.labels.len()).sum()
    }

    /// Appends what is measured in one second to as many requests as there are, each with its share of the nodes.
    pub(crate) fn write(&mut self, requests: &mut [Vec<u8>], second: u64) {
        let share = NODES.div_ceil(requests.len());
        for (agents, request) in self.agents.chunks_mut(share).zip(requests) {
            for agent in agents {
                agent.write(&mut self.rng, request, second);
            }
        }
    }
}

/// The name of a node.
pub(crate) fn name(node: usize) -> String {
    format!("node-{node:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(requests: usize) -> Vec<Vec<u8>> {
        let mut mesh = Mesh::new();
        let mut written = vec![Vec::new(); requests];
        mesh.write(&mut written, 1_795_000_000);
        written
    }

    #[test]
    fn the_mesh_has_the_size_it_should() {
        assert_eq!(PAIRS, 4_032);
        assert_eq!(Mesh::new().series(), 2 * PAIRS + 30 * NODES);
        assert_eq!(name(7), "node-07");
    }

    #[test]
    fn every_run_writes_the_same() {
        assert_eq!(written(1), written(1));
    }

    #[test]
    fn two_connections_carry_what_one_would() {
        assert_eq!(written(2).concat(), written(1).concat());
    }

    #[test]
    fn nodes_are_not_synchronised() {
        let mesh = Mesh::new();
        let offsets: std::collections::BTreeSet<_> = mesh.agents.iter().map(|agent| agent.offset_ms).collect();
        assert!(offsets.len() > NODES / 2 && offsets.iter().all(|offset| OFFSET_MS.contains(offset)));
    }
}
