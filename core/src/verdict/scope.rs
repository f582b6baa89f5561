//! Candidates: which cells each would explain, and what it costs to name it.

use super::{CulpritKind, Fault, mesh::Mesh};

/// A possible culprit, by the numbers of nodes, groups and cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One cell.
    Way(u32),
    /// A cell and its reverse, by the smaller number.
    Link(u32),
    /// Row and column of a node.
    Node(u32),
    /// What a node asks, and not what it is asked.
    Row(u32),
    /// What a node is asked, and not what it asks.
    Column(u32),
    /// Into and out of a group.
    Uplinks(u32),
    /// Into, out of and inside a group.
    Group(u32),
    /// Between two groups, the smaller number first.
    Between(u32, u32),
    /// Everything.
    Everything,
    /// The host of a node.
    Host(u32),
    /// The way from a node to the hub.
    Uplink(u32),
}

/// What naming a culprit costs, in nats: a few of a thousand things are broken at a time.
const PRICE: f64 = 6.0;
/// What a fault costs more that depends on who asks: such faults are rarer than broken hardware, and loss of such a kind
/// is rarer still.
const PRICE_OF_ONE_WAY: f64 = 3.0;
const PRICE_OF_ONE_WAY_LOSS: f64 = 6.0;
/// What blaming everything costs more.
const PRICE_OF_EVERYTHING: f64 = 2.0;
/// What it costs less to call a node dead that the hub does not hear either.
const SILENT_REBATE: f64 = 3.0;
/// A culprit that is named already is named on for this part of the price, so that it does not come and go.
const KNOWN_SHARE: f64 = 0.5;

impl Scope {
    /// Whether a cell belongs to it.
    pub fn holds(self, mesh: &Mesh, at: u32, (src, dst): (u32, u32)) -> bool {
        let groups = || (mesh.nodes[src as usize].group, mesh.nodes[dst as usize].group);
        match self {
            Scope::Way(cell) => at == cell,
            Scope::Link(cell) => {
                let slot = &mesh.cells[cell as usize];
                (src, dst) == (slot.src, slot.dst) || (dst, src) == (slot.src, slot.dst)
            }
            Scope::Node(node) | Scope::Host(node) => src == node || dst == node,
            Scope::Row(node) => src == node,
            Scope::Column(node) | Scope::Uplink(node) => dst == node,
            Scope::Uplinks(group) => {
                let (src, dst) = groups();
                (src == Some(group)) != (dst == Some(group))
            }
            Scope::Group(group) => {
                let (src, dst) = groups();
                src == Some(group) || dst == Some(group)
            }
            Scope::Between(one, other) => {
                let ends = groups();
                ends == (Some(one), Some(other)) || ends == (Some(other), Some(one))
            }
            Scope::Everything => true,
        }
    }

    /// What people call it.
    pub const fn kind(self) -> CulpritKind {
        match self {
            Scope::Way(_) => CulpritKind::Way,
            Scope::Link(_) => CulpritKind::Link,
            Scope::Node(_) | Scope::Row(_) | Scope::Column(_) => CulpritKind::Node,
            Scope::Uplinks(_) | Scope::Group(_) | Scope::Between(..) | Scope::Everything => CulpritKind::Group,
            Scope::Host(_) => CulpritKind::Host,
            Scope::Uplink(_) => CulpritKind::Uplink,
        }
    }

    /// Whether it is no more than a link.
    pub const fn is_one_link(self) -> bool {
        matches!(self, Scope::Way(_) | Scope::Link(_))
    }

    /// What naming it costs now: less when it is named already.
    pub fn price(self, mesh: &Mesh, fault: Fault) -> f64 {
        let is_known = mesh.known.iter().any(|known| known.scope == self && known.fault == fault && !known.is_suspect);
        self.full_price(mesh, fault) * if is_known { KNOWN_SHARE } else { 1.0 }
    }

    /// What naming it costs. Loss is chance, and the more links there are, the odder is the oddest of them.
    pub fn full_price(self, mesh: &Mesh, fault: Fault) -> f64 {
        let look_elsewhere = if fault == Fault::Loss { (1.0 + mesh.cells.len() as f64 / 2.0).ln() } else { 0.0 };
        let more = match self {
            Scope::Way(_) | Scope::Row(_) | Scope::Column(_) if fault == Fault::Loss => PRICE_OF_ONE_WAY_LOSS,
            Scope::Way(_) | Scope::Row(_) | Scope::Column(_) => PRICE_OF_ONE_WAY,
            Scope::Everything => PRICE_OF_EVERYTHING,
            Scope::Node(node) if fault == Fault::Dead && mesh.nodes[node as usize].state.reports == Some(false) => {
                -SILENT_REBATE
            }
            _ => 0.0,
        };
        PRICE + look_elsewhere + more
    }
}
