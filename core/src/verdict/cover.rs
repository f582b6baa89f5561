//! The fewest culprits that explain the bad cells.
//!
//! Each candidate is weighed as one binomial: all its cells share one share of bad (or of lost packets). The surprise of
//! that, less the candidate's price, is its gain. A larger candidate is taken while it gains more than the links in it do
//! one by one; then the links that gain most; then again, without what is explained. Greedy covering is within a logarithm of
//! the best (V. Chvátal, "A greedy heuristic for the set-covering problem", 1979).

use super::{
    Fault,
    chance::{BLAMED_LOSS, USUAL_LOSS, surprise},
    mesh::{CULPRITS_MAX, Glance, View},
    scope::Scope,
};

/// A cell that is dead or slow counts as this many bad packets, because it was judged from many.
const WEIGHT_OF_STATE: f64 = 3.0;
/// The share of dead or slow cells that is nobody's fault, and the share from which on somebody is to blame.
const USUAL_STATE: f64 = 0.01;
const BLAMED_STATE: f64 = 0.3;
/// Packets lost in a row that make a cell dead when the hub does not hear its end either.
const DEAD_IF_SILENT_PACKETS: u32 = 5;
/// A node that answers its peers this long after the hub heard it last lives: a round and its timeout end before.
const LIVES_AFTER_MS: i64 = 3_000;
/// Pairs of groups are looked at up to this many groups.
const GROUPS_PAIRED_MAX: usize = 64;
/// Links are taken in one go that gain this part of what the plainest gains.
const PLAIN_SHARE: f64 = 0.5;
/// Goes at one fault in one verdict: more culprits than that are not told apart any more.
const ROUNDS_MAX: usize = 16;

/// A culprit and the cells that led to it.
pub struct Found {
    pub scope: Scope,
    pub fault: Fault,
    pub cells: Vec<u32>,
    pub confidence: f64,
}

/// Packets, or cells counted as packets: over ten seconds and over a minute.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    tries: [f64; 2],
    hits: [f64; 2],
    /// What the links in it gain one by one.
    parts: f64,
}

impl Sum {
    fn plus(self, other: Self) -> Self {
        Self {
            tries: [self.tries[0] + other.tries[0], self.tries[1] + other.tries[1]],
            hits: [self.hits[0] + other.hits[0], self.hits[1] + other.hits[1]],
            parts: self.parts + other.parts,
        }
    }

    /// How odd it would be by chance.
    fn surprise(&self, fault: Fault) -> f64 {
        let (usual, least) = if fault == Fault::Loss { (USUAL_LOSS, BLAMED_LOSS) } else { (USUAL_STATE, BLAMED_STATE) };
        let surprise = |at: usize| surprise(self.hits[at], self.tries[at], usual, least);
        surprise(0).max(surprise(1))
    }

    /// What naming a candidate with these cells gains.
    fn gain(&self, view: &View, scope: Scope, fault: Fault) -> f64 {
        if self.hits[0] + self.hits[1] <= 0.0 {
            return f64::NEG_INFINITY;
        }
        self.surprise(fault) - scope.price(view.mesh, fault)
    }

    /// The same for a link or a way, as if it were not named yet: what is named must not stand in the way of what
    /// explains more.
    fn fresh_gain(&self, view: &View, scope: Scope, fault: Fault) -> f64 {
        (self.surprise(fault) - scope.full_price(view.mesh, fault)).max(0.0)
    }
}

/// Hosts that are starved. Their cells say nothing of the network.
pub fn hosts(view: &View) -> Vec<Found> {
    let starved = view.mesh.nodes.iter().zip(0..).filter(|(node, _)| node.state.starved);
    let found = |node| {
        let scope = Scope::Host(node);
        let cells =
            view.cells_of(scope).map(|(at, _)| at).filter(|at| view.mesh.cells[*at as usize].cell.is_bad()).collect();
        // It is measured, not inferred.
        Found { scope, fault: Fault::Starved, cells, confidence: 1.0 }
    };
    starved.map(|(_, node)| found(node)).collect()
}

/// Nodes that the hub does not hear, and whose peers do.
pub fn uplinks(view: &View) -> Vec<Found> {
    let silent = view.mesh.nodes.iter().zip(0..).filter(|(node, _)| node.state.reports == Some(false));
    let found = |heard_ms: i64, node| {
        let scope = Scope::Uplink(node);
        let replied_ms = |at: u32| view.mesh.cells[at as usize].cell.replied_ms();
        let lives = |at: u32, glance: &Glance| glance.lost_in_row == 0 && replied_ms(at) >= heard_ms + LIVES_AFTER_MS;
        let (good, other): (Vec<_>, Vec<_>) = view.cells_of(scope).partition(|(at, glance)| lives(*at, glance));
        let confidence = (good.len() as f64 - other.len() as f64) / (good.len() + other.len() + 1) as f64;
        let cells = good.into_iter().map(|(at, _)| at).collect();
        (confidence > 0.0).then_some(Found { scope, fault: Fault::Dead, cells, confidence })
    };
    silent.filter_map(|(state, node)| found(state.state.heard_ms, node)).collect()
}

/// The culprits of one fault.
pub fn cover(view: &mut View, fault: Fault) -> Vec<Found> {
    let mut found = Vec::new();
    if !view.has_hint(fault) {
        return found;
    }
    for _ in 0..ROUNDS_MAX {
        let (totals, links) = Totals::of(view, fault);
        let scopes = match totals.best(view, fault) {
            Some(scope) => vec![scope],
            None => links,
        };
        if scopes.is_empty() || found.len() >= CULPRITS_MAX {
            break;
        }
        for scope in scopes.into_iter().take(CULPRITS_MAX) {
            found.push(view.take(scope, fault));
        }
    }
    found
}

impl View<'_> {
    /// The cells of a candidate that say something.
    fn cells_of(&self, scope: Scope) -> impl Iterator<Item = (u32, &Glance)> {
        let all = (0_u32..).zip(&self.glances).filter(|(_, glance)| glance.is_fresh);
        all.filter(move |(at, glance)| scope.holds(self.mesh, *at, (glance.src, glance.dst)))
    }

    /// What a cell says of a fault; `None` when nothing.
    fn observe(&self, at: usize, fault: Fault) -> Option<Sum> {
        let glance = &self.glances[at];
        let [src, dst] = [glance.src, glance.dst].map(|node| self.mesh.nodes[node as usize].state);
        if !glance.is_fresh || self.is_explained[at] || src.starved || dst.starved {
            return None;
        }
        let is_gone = dst.reports == Some(false) && glance.lost_in_row >= DEAD_IF_SILENT_PACKETS;
        let (is_bad, is_unsure) = match fault {
            Fault::Dead => (glance.is_dead || is_gone, glance.is_unsure[0]),
            Fault::Latency => (glance.is_slow, glance.is_unsure[1] || glance.is_dead),
            Fault::Loss | Fault::Starved => {
                let is_known = !glance.is_dead && glance.sent[1] > 0.0;
                let (tries, hits) = (glance.sent.map(f64::from), glance.lost.map(f64::from));
                return is_known.then_some(Sum { tries, hits, parts: 0.0 });
            }
        };
        let may_be_chance = fault == Fault::Dead && glance.is_dead && self.reverse_is_lossy(glance);
        if !is_bad && is_unsure || may_be_chance {
            return None;
        }
        let hits = if is_bad { WEIGHT_OF_STATE } else { 0.0 };
        Some(Sum { tries: [WEIGHT_OF_STATE, 0.0], hits: [hits, 0.0], parts: 0.0 })
    }

    /// Whether answers come the other way round, with losses: then a row of lost packets may be chance, too.
    fn reverse_is_lossy(&self, glance: &Glance) -> bool {
        let reverse = glance.reverse.map(|reverse| &self.glances[reverse as usize]);
        reverse.is_some_and(|reverse| reverse.is_fresh && !reverse.is_dead && reverse.lost[0] > 0.0)
    }

    /// Whether any cell hints at a fault: mostly none does, and there is nothing to weigh.
    fn has_hint(&self, fault: Fault) -> bool {
        let hints = |glance: &Glance| match fault {
            Fault::Dead => glance.is_dead || glance.lost_in_row >= DEAD_IF_SILENT_PACKETS,
            Fault::Loss => glance.lost[1] > 0.0,
            Fault::Latency => glance.is_slow,
            Fault::Starved => false,
        };
        self.glances.iter().any(|glance| glance.is_fresh && hints(glance))
    }

    /// Takes a culprit: its cells are explained from now on.
    fn take(&mut self, scope: Scope, fault: Fault) -> Found {
        let seen: Vec<(u32, Sum)> =
            self.cells_of(scope).filter_map(|(at, _)| Some((at, self.observe(at as usize, fault)?))).collect();
        let total = seen.iter().fold(Sum::default(), |total, (_, sum)| total.plus(*sum));
        // A cell whose loss is far below that of the whole speaks against it.
        let share =
            |sum: &Sum| if sum.tries[1] > 0.0 { sum.hits[1] / sum.tries[1] } else { sum.hits[0] / sum.tries[0] };
        let is_bad = |sum: &Sum| sum.hits.iter().any(|hits| *hits > 0.0);
        let speaks_against =
            |sum: &Sum| fault != Fault::Loss || (1.0 - share(&total)).powf(sum.tries[1].max(sum.tries[0])) < 0.05;
        let bad = seen.iter().filter(|(_, sum)| is_bad(sum)).count() as f64;
        let against = seen.iter().filter(|(_, sum)| !is_bad(sum) && speaks_against(sum)).count() as f64;
        let alone = if scope == Scope::Everything { 0.5 } else { 1.0 };
        let confidence = alone * ((bad - against) / (seen.len() + 1) as f64).clamp(0.0, 1.0);
        let mut cells = Vec::new();
        for (at, sum) in &seen {
            if is_bad(sum) {
                cells.push(*at);
            }
            self.is_explained[*at as usize] |= is_bad(sum) || fault == Fault::Loss;
        }
        Found { scope, fault, cells, confidence }
    }
}

/// What the cells of every candidate add up to.
struct Totals {
    row: Vec<Sum>,
    column: Vec<Sum>,
    uplinks: Vec<Sum>,
    inner: Vec<Sum>,
    /// By `one * groups + other`, the smaller first.
    between: Vec<Sum>,
    all: Sum,
}

impl Totals {
    /// Adds up all cells, and names the ways and links that gain something by themselves.
    fn of(view: &View, fault: Fault) -> (Self, Vec<Scope>) {
        let (nodes, groups) = (view.mesh.nodes.len(), view.mesh.groups.len());
        let paired = if groups <= GROUPS_PAIRED_MAX { groups * groups } else { 0 };
        let mut totals = Self {
            row: vec![Sum::default(); nodes],
            column: vec![Sum::default(); nodes],
            uplinks: vec![Sum::default(); groups],
            inner: vec![Sum::default(); groups],
            between: vec![Sum::default(); paired],
            all: Sum::default(),
        };
        let mut gaining = Vec::new();
        for (slot, at) in view.glances.iter().zip(0_u32..) {
            if slot.reverse.is_some_and(|reverse| reverse < at) {
                continue;
            }
            let there = view.observe(at as usize, fault);
            let back = slot.reverse.and_then(|reverse| view.observe(reverse as usize, fault));
            let parts = one_by_one(view, fault, (at, there), (slot.reverse.unwrap_or(at), back), &mut gaining);
            for (sum, (src, dst), parts) in
                [(there, (slot.src, slot.dst), parts[0]), (back, (slot.dst, slot.src), parts[1])]
            {
                if let Some(sum) = sum {
                    totals.add(view, src, dst, Sum { parts, ..sum });
                }
            }
        }
        gaining.sort_by(|a: &(f64, Scope), b| b.0.total_cmp(&a.0));
        // The plainest first: without them, a larger candidate may explain the others.
        let plainest = gaining.first().map_or(0.0, |(gain, _)| *gain);
        gaining.retain(|(gain, _)| *gain >= plainest * PLAIN_SHARE);
        (totals, gaining.into_iter().map(|(_, scope)| scope).collect())
    }

    fn add(&mut self, view: &View, src: u32, dst: u32, sum: Sum) {
        let groups = view.mesh.groups.len();
        let add = |to: &mut Sum| *to = to.plus(sum);
        add(&mut self.all);
        add(&mut self.row[src as usize]);
        add(&mut self.column[dst as usize]);
        let group = |node: u32| view.mesh.nodes[node as usize].group.map(|group| group as usize);
        let (from, to) = (group(src), group(dst));
        if from == to {
            from.into_iter().for_each(|group| add(&mut self.inner[group]));
            return;
        }
        from.into_iter().chain(to).for_each(|group| add(&mut self.uplinks[group]));
        if let (Some(from), Some(to)) = (from, to)
            && let Some(between) = self.between.get_mut(from.min(to) * groups + from.max(to))
        {
            add(between);
        }
    }

    /// The larger candidate that gains most over the links in it.
    fn best(&self, view: &View, fault: Fault) -> Option<Scope> {
        let mut best = (0.0, None);
        let mut offer = |scope: Scope, sum: &Sum| {
            let more = sum.gain(view, scope, fault) - sum.parts;
            if more > best.0 {
                best = (more, Some(scope));
            }
        };
        let groups = self.uplinks.len() as u32;
        // Where two explain the same, the first is taken: the one that claims less.
        for (sum, at) in self.between.iter().zip(0_u32..) {
            offer(Scope::Between(at / groups, at % groups), sum);
        }
        for ((row, column), node) in self.row.iter().zip(&self.column).zip(0_u32..) {
            offer(Scope::Node(node), &row.plus(*column));
            offer(Scope::Column(node), column);
            offer(Scope::Row(node), row);
        }
        for ((uplinks, inner), group) in self.uplinks.iter().zip(&self.inner).zip(0_u32..) {
            offer(Scope::Uplinks(group), uplinks);
            offer(Scope::Group(group), &uplinks.plus(*inner));
        }
        offer(Scope::Everything, &self.all);
        best.1
    }
}

/// What a pair's link or its ways gain by themselves, split onto the two cells; the better of the two is noted.
fn one_by_one(
    view: &View,
    fault: Fault,
    there: (u32, Option<Sum>),
    back: (u32, Option<Sum>),
    gaining: &mut Vec<(f64, Scope)>,
) -> [f64; 2] {
    let hits = |sum: Option<Sum>| sum.map_or(0.0, |sum| sum.hits[0] + sum.hits[1]);
    if hits(there.1) + hits(back.1) <= 0.0 {
        return [0.0; 2];
    }
    let link = Scope::Link(there.0);
    let both = there.1.unwrap_or_default().plus(back.1.unwrap_or_default());
    // One way can only be told from the other when both are known.
    let are_known = there.1.is_some() && back.1.is_some();
    let ways = [there, back].map(|(at, sum)| (Scope::Way(at), sum.filter(|_| are_known).unwrap_or_default()));
    let [way_there, way_back] = ways.map(|(way, sum)| sum.gain(view, way, fault).max(0.0));
    let link_gain = both.gain(view, link, fault).max(0.0);
    let is_link = link_gain >= way_there + way_back;
    let offers = if is_link { vec![(link_gain, link)] } else { vec![(way_there, ways[0].0), (way_back, ways[1].0)] };
    gaining.extend(offers.into_iter().filter(|(gain, _)| *gain > 0.0));
    if is_link {
        let gain = both.fresh_gain(view, link, fault);
        return if are_known { [gain / 2.0; 2] } else { [gain; 2] };
    }
    ways.map(|(way, sum)| sum.fresh_gain(view, way, fault))
}
