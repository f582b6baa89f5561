//! What people read of a culprit.

use std::collections::BTreeMap;

use super::{
    Culprit, Evidence, Fault,
    mesh::{Mesh, Slot},
    scope::Scope,
};
use crate::{time::Timestamp, unit::Unit};

/// Cells that are shown of a culprit.
const EVIDENCE_MAX: usize = 8;

/// A culprit in words: `cells` led to it at `now_ms`, and it has been so since `since`.
pub(super) fn culprit(
    mesh: &Mesh,
    scope: Scope,
    fault: Fault,
    (cells, now_ms, since): (&[u32], i64, Timestamp),
    confidence: f64,
) -> Culprit {
    let slots: Vec<&Slot> = cells.iter().map(|at| &mesh.cells[*at as usize]).collect();
    let words = Words { mesh, fault, slots: &slots, now_ms };
    Culprit {
        kind: scope.kind(),
        fault,
        names: names(mesh, scope),
        // Hundredths: what nobody sees is no change.
        confidence: (confidence * 100.0).round() / 100.0,
        since,
        message: words.message(scope),
        evidence: words.evidence(),
        cells: cells.len() as u32,
    }
}

fn names(mesh: &Mesh, scope: Scope) -> Vec<String> {
    let node = |node: u32| mesh.nodes[node as usize].name.clone();
    let group = |group: u32| mesh.groups[group as usize].clone();
    match scope {
        Scope::Way(cell) | Scope::Link(cell) => {
            let slot = &mesh.cells[cell as usize];
            let mut ends = vec![node(slot.src), node(slot.dst)];
            if matches!(scope, Scope::Link(_)) {
                ends.sort_unstable();
            }
            ends
        }
        Scope::Node(at) | Scope::Row(at) | Scope::Column(at) | Scope::Host(at) | Scope::Uplink(at) => vec![node(at)],
        Scope::Uplinks(at) | Scope::Group(at) => vec![group(at)],
        Scope::Between(one, other) => vec![group(one), group(other)],
        Scope::Everything => vec!["the whole network".to_owned()],
    }
}

struct Words<'a> {
    mesh: &'a Mesh,
    fault: Fault,
    slots: &'a [&'a Slot],
    now_ms: i64,
}

impl Words<'_> {
    /// How bad a cell is, in the figure of the fault.
    fn badness(&self, slot: &Slot) -> f64 {
        match self.fault {
            Fault::Dead | Fault::Loss => slot.cell.long(self.now_ms).ratio().unwrap_or(0.0),
            Fault::Latency | Fault::Starved => extra_us(slot),
        }
    }

    fn evidence(&self) -> Vec<Evidence> {
        let name = |node: u32| self.mesh.nodes[node as usize].name.as_str();
        let mut slots = self.slots.to_vec();
        slots.sort_by(|a, b| {
            let by_name = || (name(a.src), name(a.dst)).cmp(&(name(b.src), name(b.dst)));
            self.badness(b).total_cmp(&self.badness(a)).then_with(by_name)
        });
        let evidence = |slot: &&Slot| {
            let is_dead = slot.cell.is(Fault::Dead);
            Evidence {
                src: name(slot.src).to_owned(),
                dst: name(slot.dst).to_owned(),
                loss_ratio: if is_dead { Some(1.0) } else { slot.cell.long(self.now_ms).ratio() },
                rtt_us: slot.cell.rtt_us(),
                usual_rtt_us: slot.cell.usual_rtt_us(),
            }
        };
        slots.iter().take(EVIDENCE_MAX).map(evidence).collect()
    }

    fn message(&self, scope: Scope) -> String {
        let names = names(self.mesh, scope);
        let name = names[0].as_str();
        match scope {
            Scope::Way(_) => self.one_way(name, &names[1]),
            Scope::Link(_) => self.link(name, &names[1]),
            Scope::Node(node) => self.node(node, name),
            Scope::Column(node) => {
                let peers = self.peers(scope, node);
                format!(
                    "{name} reaches its peers, but what they ask it {} with {peers}; likely a filter before it or its echo.",
                    self.suffers()
                )
            }
            Scope::Row(node) => {
                let peers = self.peers(scope, node);
                format!(
                    "What {name} asks {} with {peers}, while they reach it; likely a filter on what it sends.",
                    self.suffers()
                )
            }
            Scope::Uplinks(group) => {
                let size = self.mesh.nodes.iter().filter(|node| node.group == Some(group)).count();
                format!(
                    "{name} ({size} nodes) {} with what is outside of it, and is fine inside; likely its uplink.",
                    self.does()
                )
            }
            Scope::Group(_) => {
                format!("{name} {} inside and to the outside; likely its switch or its power.", self.does())
            }
            Scope::Between(..) => {
                let other = &names[1];
                format!(
                    "The way between {name} and {other} {}, and both are fine inside; likely an uplink of one of them.",
                    self.does()
                )
            }
            Scope::Everything => {
                let nodes = self.mesh.nodes.len();
                format!(
                    "The whole network of {nodes} nodes {}; likely what all share: a switch, or its load.",
                    self.does()
                )
            }
            Scope::Host(_) => {
                format!("{name} is starved: it sends and reads packets late, so its figures are not the network's.")
            }
            Scope::Uplink(node) => {
                let peers = self.peers(scope, node);
                format!("The hub does not hear {name}, but {peers} do; likely the way from it to the hub.")
            }
        }
    }

    fn node(&self, node: u32, name: &str) -> String {
        let peers = self.peers(Scope::Node(node), node);
        match self.fault {
            Fault::Dead if self.mesh.nodes[node as usize].state.reports == Some(false) => {
                format!("{name} is dead: neither the hub nor {peers} hear it.")
            }
            Fault::Dead => {
                format!(
                    "{name} reports to the hub, but nothing comes through between it and {peers}; likely its network card or a filter."
                )
            }
            _ => format!("{name} {} with {peers}; likely its network card or its cable.", self.does()),
        }
    }

    fn link(&self, one: &str, other: &str) -> String {
        let cause = if self.mesh.nodes.len() == 2 {
            "with two nodes, it may be either of them or the link"
        } else {
            "likely the path between the two"
        };
        match self.fault {
            Fault::Dead => format!("Nothing comes through between {one} and {other}; {cause}."),
            _ => format!("The link between {one} and {other} {}; {cause}.", self.does()),
        }
    }

    fn one_way(&self, src: &str, dst: &str) -> String {
        match self.fault {
            Fault::Dead => {
                format!("{dst} does not answer {src}, while {src} answers {dst}; likely a filter between the two.")
            }
            _ => format!(
                "{src} → {dst} {}, and {dst} → {src} is fine; likely a filter or a path of its own.",
                self.does()
            ),
        }
    }

    /// `loses 2.1 %`.
    fn does(&self) -> String {
        match self.fault {
            Fault::Dead => "lets nothing through".into(),
            Fault::Loss => format!("loses {}", self.figure()),
            Fault::Latency | Fault::Starved => format!("takes {} longer than usual", self.figure()),
        }
    }

    /// `gets lost (2.1 %)`.
    fn suffers(&self) -> String {
        match self.fault {
            Fault::Dead => "gets no answer".into(),
            Fault::Loss => format!("gets lost ({})", self.figure()),
            Fault::Latency | Fault::Starved => format!("takes {} longer than usual", self.figure()),
        }
    }

    /// The loss of all the cells together, or the median of what they take longer.
    fn figure(&self) -> String {
        if self.fault == Fault::Loss {
            let counts = || self.slots.iter().map(|slot| slot.cell.long(self.now_ms));
            let (sent, lost) =
                (counts().map(|count| count.sent).sum::<u32>(), counts().map(|count| count.lost).sum::<u32>());
            return Unit::Ratio.figure(f64::from(lost) / f64::from(sent.max(1))).to_string();
        }
        let mut extra: Vec<f64> = self.slots.iter().map(|slot| extra_us(slot)).collect();
        extra.sort_unstable_by(f64::total_cmp);
        Unit::Microseconds.figure(extra.get(extra.len() / 2).copied().unwrap_or(0.0)).to_string()
    }

    /// `6 of 7 peers`: with how many of those that say something, something is so.
    fn peers(&self, scope: Scope, node: u32) -> String {
        let mut peers: BTreeMap<u32, bool> = BTreeMap::new();
        let all =
            self.mesh.cells.iter().zip(0_u32..).filter(|(slot, at)| scope.holds(self.mesh, *at, (slot.src, slot.dst)));
        for (slot, _) in all {
            peers.entry(if slot.src == node { slot.dst } else { slot.src }).or_default();
        }
        for slot in self.slots {
            peers.insert(if slot.src == node { slot.dst } else { slot.src }, true);
        }
        let with = peers.values().filter(|is_so| **is_so).count();
        format!("{with} of {} {}", peers.len(), if peers.len() == 1 { "peer" } else { "peers" })
    }
}

/// What a cell takes longer than usual, µs.
fn extra_us(slot: &Slot) -> f64 {
    slot.cell.rtt_us().zip(slot.cell.usual_rtt_us()).map_or(0.0, |(now_us, usual_us)| (now_us - usual_us).max(0.0))
}
