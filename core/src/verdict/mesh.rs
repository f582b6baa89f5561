//! Every node and every cell of the mesh, and the verdict on them.

use std::collections::HashMap;

use super::{
    Culprit, CulpritKind, Fault, MeshVerdict,
    cell::Cell,
    cover::{Found, cover, hosts, uplinks},
    scope::Scope,
    words,
};
use crate::{layout::Layout, time::Timestamp};

/// Cells that are kept: a full mesh of 316 nodes, or 1,000 nodes with a hundred peers each; at most 25 MB. Pairs beyond
/// are counted and not judged.
const CELLS_MAX: usize = 100_000;
/// Culprits that are named: more is no list that anybody reads.
pub(super) const CULPRITS_MAX: usize = 32;

/// A cell, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellId(pub(super) u32);

impl CellId {
    /// Its place, counted from 0.
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

/// What is known of a node besides its cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeState {
    /// Whether the hub hears it; `None` when it has never spoken for itself.
    pub reports: Option<bool>,
    /// When the hub heard it last, ms.
    pub heard_ms: i64,
    /// Whether its host is starved.
    pub starved: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub name: String,
    pub state: NodeState,
    pub group: Option<u32>,
}

#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub src: u32,
    pub dst: u32,
    /// The cell of the other way.
    pub reverse: Option<u32>,
    pub cell: Cell,
}

/// A culprit of the last verdict: it is named on for less than it takes to be named.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub scope: Scope,
    pub fault: Fault,
    pub since_ms: i64,
    /// Seen, but not named yet: a link waits until it is seen twice, because the cells of a node turn bad one by one, and
    /// so do loss and latency, because the first signs may be anybody's.
    pub is_suspect: bool,
}

/// The mesh as the hub sees it.
#[derive(Debug, Default)]
pub struct Mesh {
    pub(super) nodes: Vec<Node>,
    by_name: HashMap<String, u32>,
    pub(super) cells: Vec<Slot>,
    by_pair: HashMap<(u32, u32), u32>,
    pub(super) groups: Vec<String>,
    layout: HashMap<String, u32>,
    pub(super) known: Vec<Known>,
    unjudged: u64,
}

impl Mesh {
    /// The number of the cell of an ordered pair, which is made when it is new; `None` when there is no room for it.
    pub fn cell(&mut self, src: &str, dst: &str, now_ms: i64) -> Option<CellId> {
        let pair = (self.node(src), self.node(dst));
        if let Some(id) = self.by_pair.get(&pair) {
            return Some(CellId(*id));
        }
        if self.cells.len() >= CELLS_MAX || src == dst {
            self.unjudged += 1;
            return None;
        }
        let id = self.cells.len() as u32;
        let reverse = self.by_pair.get(&(pair.1, pair.0)).copied();
        if let Some(reverse) = reverse {
            self.cells[reverse as usize].reverse = Some(id);
        }
        self.cells.push(Slot { src: pair.0, dst: pair.1, reverse, cell: Cell::new(now_ms) });
        self.by_pair.insert(pair, id);
        Some(CellId(id))
    }

    fn node(&mut self, name: &str) -> u32 {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = self.nodes.len() as u32;
        let group = self.layout.get(name).copied();
        self.nodes.push(Node { name: name.to_owned(), state: NodeState::default(), group });
        self.by_name.insert(name.to_owned(), id);
        id
    }

    /// Takes the loss of one round of `packets`.
    pub fn take_loss(&mut self, id: CellId, at_ms: i64, ratio: f64, packets: u32) {
        if let Some(slot) = self.cells.get_mut(id.0 as usize) {
            slot.cell.take_loss(at_ms, ratio, packets);
        }
    }

    /// Takes the median round-trip time of one round.
    pub fn take_rtt(&mut self, id: CellId, at_ms: i64, rtt_us: f64) {
        if let Some(slot) = self.cells.get_mut(id.0 as usize) {
            slot.cell.take_rtt(at_ms, rtt_us);
        }
    }

    /// Notes how a node fares; one that is in no cell does not matter.
    pub fn set_state(&mut self, node: &str, state: NodeState) {
        if let Some(id) = self.by_name.get(node) {
            self.nodes[*id as usize].state = state;
        }
    }

    /// Forgets how nodes fare: those of which nothing is said anew are nodes no more.
    pub fn forget_states(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.state = NodeState::default());
    }

    /// Whether there is no room for another pair.
    pub fn is_full(&self) -> bool {
        self.cells.len() >= CELLS_MAX
    }

    /// Forgets pairs without a sample since `ts_ms`, and nodes in no pair. The numbers of all cells change.
    pub fn forget_before(&mut self, ts_ms: i64) {
        let mut kept = Self { layout: std::mem::take(&mut self.layout), ..Self::default() };
        kept.groups = std::mem::take(&mut self.groups);
        kept.unjudged = self.unjudged;
        for slot in self.cells.drain(..).filter(|slot| slot.cell.newest_ms() >= ts_ms) {
            let [src, dst] = [slot.src, slot.dst].map(|node| self.nodes[node as usize].clone());
            let Some(id) = kept.cell(&src.name, &dst.name, slot.cell.newest_ms()) else { continue };
            kept.cells[id.0 as usize].cell = slot.cell;
            for node in [src, dst] {
                let at = kept.node(&node.name) as usize;
                kept.nodes[at].state = node.state;
            }
        }
        *self = kept;
    }

    /// Notes which nodes stand together.
    pub fn set_layout(&mut self, layout: &Layout) {
        self.groups = layout.groups.iter().map(|group| group.name.clone()).collect();
        let numbered = layout.groups.iter().zip(0..);
        self.layout = numbered.flat_map(|(group, at)| group.nodes.iter().map(move |node| (node.clone(), at))).collect();
        for node in &mut self.nodes {
            node.group = self.layout.get(&node.name).copied();
        }
        self.known.clear();
    }

    /// Samples of pairs that are not judged because there are too many.
    pub fn unjudged(&self) -> u64 {
        self.unjudged
    }

    /// What is wrong at `now_ms`. Cells without a sample for `fresh_ms` say nothing.
    pub fn verdict(&mut self, now_ms: i64, fresh_ms: i64) -> MeshVerdict {
        let mut view = View::of(self, now_ms, fresh_ms);
        let mut found = hosts(&view);
        found.extend(uplinks(&view));
        for fault in [Fault::Dead, Fault::Loss, Fault::Latency] {
            found.extend(cover(&mut view, fault));
        }
        let (mut culprits, mut known): (Vec<Culprit>, Vec<Known>) = (Vec::new(), Vec::new());
        let judged = view.glances.iter().filter(|glance| glance.is_fresh).count() as u32;
        let is_bad = |(slot, glance): (&Slot, &Glance)| glance.is_fresh && slot.cell.is_bad();
        let mut is_bad: Vec<bool> = self.cells.iter().zip(&view.glances).map(is_bad).collect();
        for Found { scope, fault, cells, confidence } in found {
            let before = self.known.iter().find(|known| known.scope == scope && known.fault == fault);
            let began = cells.iter().filter_map(|at| self.cells[*at as usize].cell.since_ms(fault)).min();
            let since_ms = before.map_or(began.unwrap_or(now_ms), |known| known.since_ms);
            let is_suspect = before.is_none() && (scope.is_one_link() || matches!(fault, Fault::Loss | Fault::Latency));
            known.push(Known { scope, fault, since_ms, is_suspect });
            if is_suspect {
                continue;
            }
            if !matches!(scope, Scope::Host(_) | Scope::Uplink(_)) {
                cells.iter().for_each(|at| is_bad[*at as usize] = true);
            }
            culprits.push(words::culprit(self, scope, fault, (&cells, now_ms, Timestamp(since_ms)), confidence));
        }
        self.known = known;
        culprits.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.names.cmp(&b.names)));
        culprits.truncate(CULPRITS_MAX);
        MeshVerdict { culprits, judged, bad: is_bad.iter().filter(|is_bad| **is_bad).count() as u32 }
    }
}

/// The worst first: by fault, then by how much it covers, then the oldest. Nothing of it changes from tick to tick.
fn rank(culprit: &Culprit) -> (Fault, u8, Timestamp) {
    let breadth = match culprit.kind {
        CulpritKind::Group => 0,
        CulpritKind::Node => 1,
        CulpritKind::Uplink => 2,
        CulpritKind::Link => 3,
        CulpritKind::Way => 4,
        CulpritKind::Host => 5,
    };
    (culprit.fault, breadth, culprit.since)
}

/// What a verdict asks of a cell again and again, in a tenth of its bytes: so a pass over all cells stays in the cache.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glance {
    pub src: u32,
    pub dst: u32,
    pub reverse: Option<u32>,
    /// Packets sent and lost over ten seconds and over a minute.
    pub sent: [f32; 2],
    pub lost: [f32; 2],
    pub lost_in_row: u32,
    /// Whether it has something to say.
    pub is_fresh: bool,
    pub is_dead: bool,
    pub is_slow: bool,
    /// Whether it may be about to die or become slow.
    pub is_unsure: [bool; 2],
}

/// What one verdict looks at.
pub(super) struct View<'a> {
    pub mesh: &'a Mesh,
    pub glances: Vec<Glance>,
    /// Whether a cell is explained by a culprit already.
    pub is_explained: Vec<bool>,
}

impl<'a> View<'a> {
    fn of(mesh: &'a Mesh, now_ms: i64, fresh_ms: i64) -> Self {
        let glance = |slot: &Slot| {
            let cell = &slot.cell;
            // What a node said before it fell silent is of the past.
            let speaks = mesh.nodes[slot.src as usize].state.reports != Some(false);
            let counts = [cell.short(now_ms), cell.long(now_ms)];
            Glance {
                src: slot.src,
                dst: slot.dst,
                reverse: slot.reverse,
                sent: counts.map(|count| count.sent as f32),
                lost: counts.map(|count| count.lost as f32),
                lost_in_row: cell.lost_in_row(),
                is_fresh: speaks && now_ms - cell.newest_ms() <= fresh_ms,
                is_dead: cell.is(Fault::Dead),
                is_slow: cell.is(Fault::Latency),
                is_unsure: [Fault::Dead, Fault::Latency].map(|fault| cell.is_unsure(fault)),
            }
        };
        let glances: Vec<Glance> = mesh.cells.iter().map(glance).collect();
        Self { mesh, is_explained: vec![false; glances.len()], glances }
    }
}

#[cfg(test)]
mod tests;
