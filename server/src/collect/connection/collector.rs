//! The connections to the other nodes, as series.

use std::time::Instant;

use netloom_core::{
    check::connection::{
        RemoteQuality,
        group::{Names, Watched},
    },
    metric,
    sample::{Readings, SeriesKey},
    topology::Interface,
};

use super::all;
use crate::{
    check::Nodes,
    collect::{Collector, Moment},
};

/// The shortest time from one look to the next, ns: the kernel smooths over seconds anyway.
const INTERVAL_NS: u64 = 10_000_000_000;
/// A look is followed by a pause of so many times what it took, so that it never costs more than a five hundredth of a
/// processor, with however many connections.
const PAUSE: u64 = 500;
/// The label `mode`: of sockets that others opened.
const MODE: &str = "sock";

/// Looks at the connections to the nodes that are known, now and then. Without any it looks once, which tells whether it can.
pub struct ConnectionCollector {
    node: String,
    nodes: Nodes,
    watched: Watched,
    next_ns: u64,
    /// What the last look came to.
    last: Option<Result<(), String>>,
}

impl ConnectionCollector {
    /// A collector for the node of that name, which knows of these others.
    pub fn new(node: &str, nodes: Nodes) -> Self {
        Self { node: node.to_owned(), nodes, watched: Watched::default(), next_ns: 0, last: None }
    }

    fn look(&mut self, now: Moment, names: &Names, readings: &mut Readings) -> Result<(), String> {
        let started = Instant::now();
        let connections = all().map_err(|error| format!("the system does not tell of its connections ({error})"));
        for remote in connections.as_ref().map(|all| self.watched.look(all, names)).unwrap_or_default() {
            self.tell(&remote, now.ts_ms, readings);
        }
        let pause_ns = started.elapsed().as_nanos() as u64 * PAUSE;
        self.next_ns = now.mono_ns + pause_ns.max(INTERVAL_NS);
        connections.map(|_| ())
    }

    fn tell(&self, remote: &RemoteQuality, ts_ms: i64, readings: &mut Readings) {
        let figures = [
            (metric::CONN_RTT_US, remote.rtt_us),
            (metric::CONN_RETRANSMIT_RATIO, remote.retransmit_ratio),
            (metric::CONN_DELIVERY_BPS, remote.delivery_bps),
            (metric::CONN_SOCKETS, Some(f64::from(remote.sockets))),
        ];
        for (name, value) in figures {
            if let Some(value) = value {
                let labels = [("src", &*self.node), ("dst", &*remote.remote), ("mode", MODE)];
                readings.push(SeriesKey::new(name, labels), ts_ms, value);
            }
        }
    }
}

impl Collector for ConnectionCollector {
    fn name(&self) -> &'static str {
        "connections"
    }

    fn collect(&mut self, now: Moment, _: &[Interface], readings: &mut Readings) -> Result<(), String> {
        let names: Names = self.nodes.names();
        match &self.last {
            Some(last) if now.mono_ns < self.next_ns || names.is_empty() => last.clone(),
            _ => {
                let looked = self.look(now, &names, readings);
                self.last = Some(looked.clone());
                looked
            }
        }
    }
}
