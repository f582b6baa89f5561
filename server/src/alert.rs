//! The alert engine: feeds samples to the rules and turns verdicts into incidents.
//!
//! It owns every rule's state. It reads no clock and touches no store: [`Engine::take`] and [`Engine::evaluate`] say what
//! changed, and ingest keeps and tells it; what a rule must know of the past it asks for ([`Engine::questions`]).
//!
//! A series is shown to the rules once, when it is met (`attach`). From then on it is a place in a table, its samples are
//! kept once for all rules, and only what was touched, what is open and what is due is judged. What a starved host measured
//! is left out (`doubt`), and the links of a silent node are counted in its incident instead of raising their own (`fold`).

mod ask;
mod attach;
mod doubt;
mod due;
mod fold;
mod instance;
mod judge;
mod names;
mod slab;
mod table;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use netloom_core::{
    incident::Incident,
    rule::{Rule, RuleKind, silence},
    run::{Run, RunStatus},
    sample::SeriesKey,
    series::{Row, SharedCatalog},
    time::Timestamp,
};

pub use self::ask::{ASK_EVERY_MS, PastAbout, PastAnswer, PastQuestion, PastSeries};
use self::{
    doubt::Doubts,
    due::Due,
    fold::Fold,
    instance::{Instance, Memory},
    names::{About, Name, Names},
    slab::Slab,
    table::{Place, Table},
};
use crate::incident_ids::IncidentIds;

/// Subjects one rule watches: the pairs of 64 nodes in three modes, twice over. Those beyond are counted and not judged;
/// the verdict looks at more.
const SUBJECTS_MAX: usize = 25_000;
/// Rules times subjects: 25,000 series with 20 rules each; each takes about 80 bytes. Those beyond are counted and not
/// judged.
const INSTANCES_MAX: usize = 500_000;
/// Judges samples by the rules in force.
pub struct Engine {
    rules: Vec<RuleState>,
    /// The rules that look at a metric, and as which of their inputs.
    by_metric: HashMap<String, Vec<(u32, u8)>>,
    table: Table,
    names: Names,
    instances: Slab<Instance>,
    /// Those that are pending or fire.
    open: BTreeSet<u32>,
    /// Series with new samples, or whose rules changed.
    touched: Vec<u32>,
    due: Due,
    /// The reports of nodes, by name, and the instances that wait for them.
    heard: HashMap<String, u32>,
    silences: Vec<u32>,
    /// Interfaces that count, by node: a slow link is one of those, not a bridge or a container's end.
    counted: HashMap<Name, HashSet<String>>,
    doubts: Doubts,
    fold: Fold,
    runs: Vec<Run>,
    /// Those of the runs that are going on.
    going: Vec<Run>,
    ids: IncidentIds,
    /// Incidents that ended before anything was judged.
    over: Vec<Incident>,
    unwatched: u64,
    round: u32,
    judged_ms: i64,
    swept_ms: i64,
    tidied_ms: i64,
    scratch: Vec<f64>,
}

struct RuleState {
    rule: Rule,
    subjects: usize,
    /// When the past was asked for last.
    asked_ms: Option<i64>,
}

impl RuleState {
    fn new(rule: Rule) -> Self {
        Self { rule, subjects: 0, asked_ms: None }
    }
}

/// Of how many subjects a rule says what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCount {
    /// The rule.
    pub rule: Arc<str>,
    /// How many it watches.
    pub subjects: usize,
    /// Of how many it is about to fire.
    pub pending: usize,
    /// For how many it fires.
    pub firing: usize,
}

/// What the engine takes, for those who measure it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Rules times subjects.
    pub instances: usize,
    /// Bytes of one of them, without its window.
    pub instance_bytes: usize,
    /// Bytes of what a rule keeps of a subject besides, the mean over all.
    pub memory_bytes: usize,
    /// Bytes of one series, without its window.
    pub series_bytes: usize,
    /// Values in all windows, with what there is room for.
    pub window_values: usize,
}

impl Engine {
    /// An engine with the rules in force and the incidents that were open when the hub stopped.
    pub fn new(rules: Vec<Rule>, known: &[Incident], ids: IncidentIds, now: Timestamp) -> Self {
        let mut engine = Self {
            rules: Vec::new(),
            by_metric: HashMap::new(),
            table: Table::default(),
            names: Names::default(),
            instances: Slab::default(),
            open: BTreeSet::new(),
            touched: Vec::new(),
            due: Due::default(),
            heard: HashMap::new(),
            silences: Vec::new(),
            counted: HashMap::new(),
            doubts: Doubts::default(),
            fold: Fold::default(),
            runs: Vec::new(),
            going: Vec::new(),
            ids,
            over: Vec::new(),
            unwatched: 0,
            round: 0,
            judged_ms: i64::MIN,
            swept_ms: i64::MIN,
            tidied_ms: i64::MIN,
            scratch: Vec::new(),
        };
        engine.set_rules(rules, now);
        engine.restore(known, now);
        engine
    }

    /// Notes which interfaces of a node count.
    pub fn set_counted(&mut self, node: &str, interfaces: impl Iterator<Item = String>) {
        let node = self.names.number(node);
        self.counted.insert(node, interfaces.collect());
        let of_node: Vec<u32> =
            self.table.iter().filter(|(_, series)| series.about.touches(node)).map(|(at, _)| at).collect();
        of_node.into_iter().for_each(|at| self.count_interface(at));
    }

    /// Notes whether a series is of an interface that counts, or of none.
    fn count_interface(&mut self, at: u32) {
        let Some(series) = self.table.get_mut(at) else { return };
        let Some(interface) = series.key.labels.get("interface") else { return };
        let About::Node(node) = series.about else { return };
        series.is_counted = self.counted.get(&node).is_some_and(|counted| counted.contains(interface));
    }

    /// How many samples were not judged because their rule has too many subjects.
    pub fn unwatched(&self) -> u64 {
        self.unwatched
    }

    /// After what lateness of its host a round of probes is doubtful, ms.
    pub fn set_doubtful_after_ms(&mut self, after_ms: f64) {
        self.doubts.set_after_ms(after_ms);
    }

    /// How many samples were not judged because their host was starved.
    pub fn doubtful(&self) -> u64 {
        self.doubts.skipped()
    }

    /// Notes which runs there are; those that ended may be left out.
    pub fn set_runs(&mut self, runs: &[Run], now: Timestamp) {
        self.runs = runs.to_vec();
        self.look_at_runs(now);
    }

    /// Looks which runs are going on: some are lost only because time passes.
    fn look_at_runs(&mut self, now: Timestamp) {
        let is_going = |run: &&Run| run.status_at(now) == RunStatus::Running;
        let going: Vec<Run> = self.runs.iter().filter(is_going).cloned().collect();
        if going == self.going {
            return;
        }
        self.going = going;
        let mut touched = Vec::new();
        for (_, instance) in self.instances.iter_mut() {
            let selector = &self.rules[instance.rule as usize].rule.selector;
            let Some(series) = instance.series(&self.table).filter(|_| selector.asks_for_run()) else { continue };
            let is_in_run = selector.is_in_run(&series.key.labels, &self.going);
            if instance.is_in_run != is_in_run {
                instance.is_in_run = is_in_run;
                touched.push(instance.inputs[0]);
            }
        }
        touched.into_iter().for_each(|at| self.touch(at));
    }

    /// Notes that a node reported.
    pub fn heard(&mut self, node: &str, now: Timestamp) {
        let at = self.heard.get(node).copied().filter(|at| self.table.get(*at).is_some());
        let at = at.or_else(|| {
            let at = self.meet(&Arc::new(SeriesKey::new(silence::INPUT, [("node", node)])))?;
            self.heard.insert(node.to_owned(), at);
            Some(at)
        });
        if let Some(series) = at.and_then(|at| self.table.get_mut(at)) {
            series.newest_ms = Some(now.ms());
        }
    }

    /// Takes samples into the windows of the rules that look at them.
    pub fn take(&mut self, rows: &[Row], catalog: &SharedCatalog) {
        for row in rows {
            let Place::At(at) = self.resolve(row.series, catalog) else { continue };
            let Some(series) = self.table.get(at).filter(|series| series.is_lateness) else { continue };
            if let About::Node(node) = series.about {
                self.doubts.note(node, row.ts_ms, row.value);
            }
        }
        for row in rows {
            match self.table.place(row.series) {
                Place::At(at) => self.take_one(at, row),
                Place::Unwatched => self.unwatched += 1,
                Place::New | Place::Ignored => {}
            }
        }
    }

    fn take_one(&mut self, at: u32, row: &Row) {
        let Some(series) = self.table.get_mut(at) else { return };
        if self.doubts.skips(series.about.src(), row.ts_ms) {
            return;
        }
        series.push(row.ts_ms, row.value);
        let (budgets, about) = (series.budgets, series.about);
        if budgets > 0 && self.fold.stands_for(about).is_none() {
            self.spend(at, row);
        }
        self.touch(at);
    }

    /// Has the budgets of a series know of a sample.
    fn spend(&mut self, at: u32, row: &Row) {
        let Some(series) = self.table.get(at) else { return };
        for instance in &series.instances {
            let Some(instance) = self.instances.get_mut(*instance) else { continue };
            let RuleKind::Budget(rule) = &self.rules[instance.rule as usize].rule.kind else { continue };
            if let Some(Memory::Spent(spent, _)) = instance.memory.as_deref_mut() {
                spent.push(row.ts_ms, rule.is_bad(row.value), rule.gap_ms);
            }
        }
    }

    fn touch(&mut self, at: u32) {
        if let Some(series) = self.table.get_mut(at).filter(|series| !series.is_touched) {
            series.is_touched = true;
            self.touched.push(at);
        }
    }

    /// Forgets a node that is not one any more. Returns its incidents, which are over.
    pub fn forget(&mut self, node: &str, now: Timestamp) -> Vec<Incident> {
        let Some(name) = self.names.known(node) else { return Vec::new() };
        let its: Vec<u32> =
            self.table.iter().filter(|(_, series)| series.about.touches(name)).map(|(at, _)| at).collect();
        let over = its.into_iter().flat_map(|at| self.remove(at, now)).collect();
        self.counted.remove(&name);
        self.heard.remove(node);
        over
    }

    /// Takes a series out with what looks at it. Returns the incidents that are over with it.
    fn remove(&mut self, at: u32, now: Timestamp) -> Vec<Incident> {
        let Some(series) = self.table.remove(at) else { return Vec::new() };
        let mut over = Vec::new();
        for number in series.instances {
            let Some(instance) = self.instances.get_mut(number) else { continue };
            instance.inputs.iter_mut().filter(|input| **input == at).for_each(|input| *input = table::NONE);
            if instance.inputs.iter().all(|input| *input == table::NONE) {
                over.extend(instance.end(now));
                self.rules[instance.rule as usize].subjects -= 1;
                self.instances.remove(number);
                self.open.remove(&number);
                self.silences.retain(|silence| *silence != number);
            }
        }
        over
    }

    /// How the rules fare, in their order.
    pub fn census(&self) -> Vec<RuleCount> {
        let count = |state: &RuleState| RuleCount {
            rule: state.rule.id.clone(),
            subjects: state.subjects,
            pending: 0,
            firing: 0,
        };
        let mut counts: Vec<RuleCount> = self.rules.iter().map(count).collect();
        for instance in self.open.iter().filter_map(|at| self.instances.get(*at)) {
            let count = &mut counts[instance.rule as usize];
            if instance.life.is_firing() { count.firing += 1 } else { count.pending += 1 }
        }
        counts
    }

    /// What it takes.
    pub fn footprint(&self) -> Footprint {
        Footprint {
            instances: self.instances.len(),
            instance_bytes: size_of::<Option<Instance>>() + size_of::<u32>(),
            memory_bytes: self.instances.iter().map(|(_, instance)| instance.memory_bytes()).sum::<usize>()
                / self.instances.len().max(1),
            series_bytes: size_of::<Option<table::Series>>(),
            window_values: self.table.iter().map(|(_, series)| series.window.capacity()).sum(),
        }
    }
}

#[cfg(test)]
mod tests;
