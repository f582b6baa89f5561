//! Goal: the verdict names what is broken, all of it, and nothing else. Method: scenarios in `data/verdict` say what breaks
//! when; a seeded generator turns each into the samples that agents would send, and the verdict is asked every second of
//! virtual time. Counted is, for every second by which a scenario expects to be understood, what was rightly named, wrongly
//! named, and missed.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use netloom_core::{
    layout::{Group, Layout},
    verdict::{
        CulpritKind, Fault, MeshVerdict,
        host::Lateness,
        mesh::{CellId, Mesh, NodeState},
    },
};
use serde::Deserialize;

/// Packets of a round, as agents send them.
const PACKETS: u32 = 5;
/// After what silence the hub takes a node for silent, ms.
const SILENT_AFTER_MS: i64 = netloom_core::api::SILENT_AFTER_MS;
/// Hosts that are later than this are late, µs.
const DOUBTFUL_AFTER_US: f64 = 10_000.0;
/// Cells without a sample for this long say nothing, ms.
const FRESH_MS: i64 = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    title: String,
    /// They are called `n1`, `n2` and so on.
    nodes: usize,
    seconds: i64,
    #[serde(default = "usual_rtt_us")]
    rtt_us: f64,
    #[serde(default = "usual_jitter_us")]
    jitter_us: f64,
    #[serde(default)]
    noise_loss: f64,
    /// How many peers each node probes; 0 for all.
    #[serde(default)]
    peers: usize,
    #[serde(default)]
    group: Vec<Group>,
    #[serde(default)]
    fault: Vec<Break>,
    #[serde(default)]
    expect: Vec<Expected>,
    /// From this second on nothing may be named any more.
    clean_from_s: Option<i64>,
}

fn usual_rtt_us() -> f64 {
    180.0
}

fn usual_jitter_us() -> f64 {
    15.0
}

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// The machine is off.
    NodeDead,
    /// Its data network is gone; the hub hears it.
    NodeCut,
    NodeLoss,
    NodeLatency,
    /// It answers no probe.
    EchoOff,
    LinkDead,
    LinkLoss,
    LinkLatency,
    /// Everything from the first to the second gets lost in part, probes and answers alike.
    DirectionLoss,
    /// Probes of the first never reach the second; answers do.
    Filter,
    /// Into and out of a group.
    UplinkLoss,
    UplinkLatency,
    UplinkDead,
    /// All machines of a group are off.
    GroupDead,
    /// Between two groups.
    BetweenLoss,
    AllLoss,
    AllLatency,
    /// The host is late with everything.
    Starved,
    /// The hub does not hear it.
    HubUplink,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Break {
    what: What,
    #[serde(default)]
    of: Vec<String>,
    /// A share of packets, or microseconds.
    #[serde(default)]
    amount: f64,
    at_s: i64,
    until_s: Option<i64>,
    /// It is there for this long, then gone for as long.
    flaps_s: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    kind: CulpritKind,
    fault: Fault,
    names: Vec<String>,
    /// It must be named from this second on ...
    by_s: i64,
    /// ... until this one; to the end when left out.
    until_s: Option<i64>,
}

type Key = (CulpritKind, Fault, Vec<String>);

impl Expected {
    fn key(&self) -> Key {
        (self.kind, self.fault, self.names.clone())
    }
}

/// `SplitMix64` (Steele, Lea, Flood, 2014).
struct Dice(u64);

impl Dice {
    /// From 0 to 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What happens to a packet on its way from one node to another, and what it takes longer.
#[derive(Clone, Copy, Default)]
struct Leg {
    loss: f64,
    extra_us: f64,
}

impl Leg {
    fn suffer(&mut self, loss: f64, extra_us: f64) {
        self.loss = 1.0 - (1.0 - self.loss) * (1.0 - loss);
        self.extra_us += extra_us;
    }
}

struct World<'a> {
    scenario: &'a Scenario,
    dice: Dice,
}

/// A round on its way to the hub: the second in which it arrives, its cell, its loss and median time.
type Delivery = (i64, CellId, f64, Option<f64>);

impl World<'_> {
    fn is_in(&self, group: &str, node: usize) -> bool {
        let name = format!("n{}", node + 1);
        self.scenario.group.iter().any(|known| known.name == group && known.nodes.contains(&name))
    }

    fn active(&self, second: i64) -> impl Iterator<Item = &Break> {
        self.scenario.fault.iter().filter(move |fault| {
            let is_on = second >= fault.at_s && fault.until_s.is_none_or(|until_s| second < until_s);
            is_on && fault.flaps_s.is_none_or(|flaps_s| (second - fault.at_s) / flaps_s % 2 == 0)
        })
    }

    fn has(&self, what: What, node: usize, second: i64) -> bool {
        let name = format!("n{}", node + 1);
        self.active(second).any(|fault| fault.what == what && fault.of.contains(&name))
    }

    fn is_off(&self, node: usize, second: i64) -> bool {
        let in_dead_group =
            self.active(second).any(|fault| fault.what == What::GroupDead && self.is_in(&fault.of[0], node));
        in_dead_group || self.has(What::NodeDead, node, second)
    }

    /// The way of a packet; `is_probe` tells it from an answer.
    fn leg(&self, from: usize, to: usize, is_probe: bool, second: i64) -> Leg {
        let mut leg = Leg::default();
        let names = [from, to].map(|node| format!("n{}", node + 1));
        for fault in self.active(second) {
            let of = |at: usize| fault.of.get(at).map_or("", String::as_str);
            let touches = || names.iter().any(|name| fault.of.contains(name));
            let is_link = || names.iter().all(|name| fault.of.contains(name));
            let is_way = || of(0) == names[0] && of(1) == names[1];
            let crosses = || self.is_in(of(0), from) != self.is_in(of(0), to);
            let is_between =
                || self.is_in(of(0), from) && self.is_in(of(1), to) || self.is_in(of(1), from) && self.is_in(of(0), to);
            match fault.what {
                What::NodeCut if touches() => leg.suffer(1.0, 0.0),
                What::NodeLoss if touches() => leg.suffer(fault.amount, 0.0),
                What::NodeLatency if touches() => leg.suffer(0.0, fault.amount),
                What::EchoOff if is_probe && of(0) == names[1] => leg.suffer(1.0, 0.0),
                What::LinkDead if is_link() => leg.suffer(1.0, 0.0),
                What::LinkLoss if is_link() => leg.suffer(fault.amount, 0.0),
                What::LinkLatency if is_link() => leg.suffer(0.0, fault.amount),
                What::DirectionLoss if is_way() => leg.suffer(fault.amount, 0.0),
                What::Filter if is_probe && is_way() => leg.suffer(1.0, 0.0),
                What::UplinkLoss if crosses() => leg.suffer(fault.amount, 0.0),
                What::UplinkLatency if crosses() => leg.suffer(0.0, fault.amount),
                What::UplinkDead if crosses() => leg.suffer(1.0, 0.0),
                What::BetweenLoss if is_between() => leg.suffer(fault.amount, 0.0),
                What::AllLoss => leg.suffer(fault.amount, 0.0),
                What::AllLatency => leg.suffer(0.0, fault.amount),
                What::Starved if touches() => leg.suffer(0.01, 4_000.0),
                _ => {}
            }
        }
        leg
    }

    /// One round of probes: its loss, its median time, and whether the last answer was waited for in vain.
    fn round(&mut self, src: usize, dst: usize, second: i64) -> (f64, Option<f64>) {
        let (there, back) = (self.leg(src, dst, true, second), self.leg(dst, src, false, second));
        let kept = (1.0 - there.loss) * (1.0 - back.loss) * (1.0 - self.scenario.noise_loss);
        let comes = if self.is_off(dst, second) { 0.0 } else { kept };
        let lost = (0..PACKETS).filter(|_| self.dice.roll() >= comes).count() as u32;
        // Each pair has a distance of its own, and now and then a host is busy for a moment.
        let distance_us = self.scenario.rtt_us * (1.0 + 0.1 * ((src * 7 + dst * 7) % 5) as f64);
        let noise = self.dice.roll() + self.dice.roll() + self.dice.roll() - 1.5;
        let hiccup_us = if self.dice.roll() < 0.01 { 3_000.0 * self.dice.roll() } else { 0.0 };
        let rtt_us = distance_us + there.extra_us + back.extra_us + noise * self.scenario.jitter_us * 2.0 + hiccup_us;
        (f64::from(lost) / f64::from(PACKETS), (lost < PACKETS).then_some(rtt_us.max(1.0)))
    }

    fn probes(&self, src: usize, dst: usize) -> bool {
        let (nodes, peers) = (self.scenario.nodes, self.scenario.peers);
        // Peers are spread over the ring, as a rotation would choose them.
        src != dst && (peers == 0 || ((dst + nodes - src) % nodes) * 7 % nodes < peers)
    }
}

/// What came of a scenario.
struct Outcome {
    right: u32,
    wrong: u32,
    missed: u32,
    /// What was named at any time and never expected.
    strays: BTreeSet<Key>,
    /// After how many seconds each expectation was met first.
    detected_s: Vec<Option<i64>>,
    complaints: String,
}

fn run(scenario: &Scenario) -> Outcome {
    let mut world = World { scenario, dice: Dice(scenario.nodes as u64) };
    let mut mesh = Mesh::default();
    mesh.set_layout(&Layout { groups: scenario.group.clone() });
    let names: Vec<String> = (1..=scenario.nodes).map(|node| format!("n{node}")).collect();
    let mut cells = Vec::new();
    for (src, src_name) in names.iter().enumerate() {
        for (dst, dst_name) in names.iter().enumerate().filter(|(dst, _)| world.probes(src, *dst)) {
            cells.push((src, dst, mesh.cell(src_name, dst_name, 0).unwrap()));
        }
    }
    let mut heard_ms = vec![0; scenario.nodes];
    let mut lateness = vec![Lateness::default(); scenario.nodes];
    let mut outcome = Outcome {
        right: 0,
        wrong: 0,
        missed: 0,
        strays: BTreeSet::new(),
        detected_s: vec![None; scenario.expect.len()],
        complaints: String::new(),
    };
    let mut under_way: Vec<Delivery> = Vec::new();
    for second in 0..scenario.seconds {
        for (src, dst, cell) in &cells {
            if world.is_off(*src, second) || world.has(What::HubUplink, *src, second) {
                continue;
            }
            let (loss, rtt_us) = world.round(*src, *dst, second);
            // A round with a loss ends with a timeout.
            under_way.push((second + if loss > 0.0 { 2 } else { 1 }, *cell, loss, rtt_us));
        }
        for (due_s, cell, loss, rtt_us) in std::mem::take(&mut under_way) {
            if due_s > second {
                under_way.push((due_s, cell, loss, rtt_us));
                continue;
            }
            mesh.take_loss(cell, second * 1_000, loss, PACKETS);
            rtt_us.into_iter().for_each(|rtt_us| mesh.take_rtt(cell, second * 1_000, rtt_us));
        }
        for (node, name) in names.iter().enumerate() {
            if !world.is_off(node, second) && !world.has(What::HubUplink, node, second) {
                heard_ms[node] = second * 1_000;
            }
            let reports = Some(second * 1_000 - heard_ms[node] <= SILENT_AFTER_MS);
            let lag_us = if world.has(What::Starved, node, second - 1) { 25_000.0 } else { 300.0 };
            let starved = lateness[node].take(lag_us, DOUBTFUL_AFTER_US);
            mesh.set_state(name, NodeState { reports, heard_ms: heard_ms[node], starved });
        }
        let verdict = mesh.verdict(second * 1_000, FRESH_MS);
        outcome.judge(scenario, second, &verdict);
    }
    outcome
}

impl Outcome {
    fn judge(&mut self, scenario: &Scenario, second: i64, verdict: &MeshVerdict) {
        let named: BTreeSet<Key> =
            verdict.culprits.iter().map(|culprit| (culprit.kind, culprit.fault, culprit.names.clone())).collect();
        for (expected, detected_s) in scenario.expect.iter().zip(&mut self.detected_s) {
            if named.contains(&expected.key()) && detected_s.is_none() {
                *detected_s = Some(second);
            }
        }
        let is_due =
            |expected: &&Expected| second >= expected.by_s && expected.until_s.is_none_or(|until_s| second < until_s);
        let due: BTreeSet<Key> = scenario.expect.iter().filter(is_due).map(Expected::key).collect();
        let may: BTreeSet<Key> = scenario.expect.iter().map(Expected::key).collect();
        self.strays.extend(named.difference(&may).cloned());
        let is_before = scenario.fault.iter().all(|fault| second < fault.at_s);
        let is_clean = is_before || scenario.clean_from_s.is_some_and(|from_s| second >= from_s);
        if due.is_empty() && !is_clean {
            return;
        }
        self.right += named.intersection(&due).count() as u32;
        let missed = due.difference(&named).count() as u32;
        // What is expected later may be known earlier.
        let wrong = named.iter().filter(|key| if is_clean { true } else { !may.contains(*key) }).count() as u32;
        if missed + wrong > 0 && self.complaints.len() < 1_500 {
            let messages: Vec<&str> = verdict.culprits.iter().map(|culprit| culprit.message.as_str()).collect();
            let _ = writeln!(self.complaints, "  second {second}: {missed} missed, {wrong} wrong: {messages:?}");
        }
        self.missed += missed;
        self.wrong += wrong;
    }
}

#[test]
fn every_scenario_is_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/data/verdict");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 25, "{} scenarios", files.len());
    let (mut right, mut wrong, mut missed, mut strays) = (0, 0, 0, 0);
    let mut complaints = String::new();
    println!("{:<52} {:>5} {:>6} {:>6}  detected after", "scenario", "right", "wrong", "missed");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let scenario: Scenario = toml::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let outcome = run(&scenario);
        let began = |expected: &Expected| {
            let before = scenario.fault.iter().map(|fault| fault.at_s).filter(|at_s| *at_s <= expected.by_s);
            before.max().unwrap_or(0)
        };
        let detected: Vec<String> = scenario
            .expect
            .iter()
            .zip(&outcome.detected_s)
            .map(|(expected, at_s)| at_s.map_or("never".into(), |at_s| format!("{} s", at_s - began(expected))))
            .collect();
        let stray = if outcome.strays.is_empty() { String::new() } else { format!("  passing: {:?}", outcome.strays) };
        println!(
            "{:<52} {:>5} {:>6} {:>6}  {}{stray}",
            scenario.title,
            outcome.right,
            outcome.wrong,
            outcome.missed,
            detected.join(", ")
        );
        if outcome.wrong + outcome.missed > 0 {
            let _ = writeln!(complaints, "{}\n{}", file.display(), outcome.complaints);
        }
        right += outcome.right;
        wrong += outcome.wrong;
        missed += outcome.missed;
        strays += outcome.strays.len();
    }
    let share = |of: u32, other: u32| f64::from(of) / f64::from(of + other);
    println!(
        "precision {:.4}, recall {:.4} over {right} rightly named; {strays} named in passing",
        share(right, wrong),
        share(right, missed)
    );
    assert_eq!((wrong, missed), (0, 0), "wrong and missed:\n{complaints}");
}
