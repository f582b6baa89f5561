//! Whether the verdict names the right one, and how long it takes.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use netloom_core::impair::Impairment;
use netloom_core::impair::script::{FaultScript, ScriptedFault};
use netloom_core::verdict::{CulpritKind, MeshVerdict};
use serde_json::Value;

use super::Lab;
use crate::interrupt;
use crate::lab::api;
use crate::lab::filter::{Drops, Flow};
use crate::lab::net::{self, Place};
use crate::lab::relay::DEVICE;
use crate::lab::report::Row;
use crate::lab::truth::median;
use crate::workspace::Workspace;

/// How long a verdict is waited for at most before the trial counts as failed.
const LIMIT: Duration = Duration::from_mins(1);
/// How often the interruption is looked for.
const POLL: Duration = Duration::from_millis(200);
/// How long the mesh rests between two faults, so that the windows of the first are empty.
const REST: Duration = Duration::from_secs(20);

/// Plays every fault of the lab's scripts a few times.
pub(crate) fn run(lab: &mut Lab, is_quick: bool) -> Result<Vec<Row>> {
    let trials = if is_quick { 2 } else { 6 };
    let names: Vec<String> = lab.net.nodes().map(Place::name).collect();
    let folder = Workspace::open().root.join("xtask/lab");
    let mut files: Vec<_> = std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    let mut rows = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "toml")) {
        let script: FaultScript = toml::from_str(&std::fs::read_to_string(file)?)?;
        script.validate(&names).map_err(|why| anyhow::anyhow!("{}: {why}", file.display()))?;
        for fault in &script.fault {
            let mut tried = Vec::new();
            for _ in 0..trials {
                let trial = trial(lab, fault)?;
                eprintln!("lab: {}: {:?} {}", fault.sentence(true), trial.after, trial.said);
                tried.push(trial);
            }
            rows.push(row(fault, &tried));
        }
    }
    Ok(rows)
}

/// How one trial went.
pub(crate) struct Trial {
    /// Until the verdict named the right one, and nothing else.
    pub(crate) after: Option<Duration>,
    /// What it said last.
    said: String,
}

/// Has a fault begin, waits until it is named, and has it end.
pub(crate) fn trial(lab: &mut Lab, fault: &ScriptedFault) -> Result<Trial> {
    let verdicts = api::verdicts()?;
    lab.netloom.until("nothing is wrong", |api| Ok(current(api)?.culprits.is_empty()))?;
    let began = Instant::now();
    let trouble = Trouble::begin(lab, fault)?;
    let trial = wait(&verdicts, fault, began);
    trouble.end()?;
    interrupt::sleep(REST)?;
    trial
}

fn current(api: &api::Api) -> Result<MeshVerdict> {
    Ok(serde_json::from_value(api.get("/api/v1/verdict")?)?)
}

fn wait(verdicts: &Receiver<(Instant, Value)>, fault: &ScriptedFault, began: Instant) -> Result<Trial> {
    let mut said = "nothing".to_owned();
    while began.elapsed() < LIMIT {
        interrupt::check()?;
        let (at, verdict) = match verdicts.recv_timeout(POLL) {
            Ok(verdict) => verdict,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => bail!("the stream of verdicts broke off"),
        };
        let verdict: MeshVerdict = serde_json::from_value(verdict)?;
        let named: Vec<_> =
            verdict.culprits.iter().map(|culprit| format!("{:?} {}", culprit.kind, culprit.names.join(" "))).collect();
        said = named.join(", ");
        if at >= began && is_named(&verdict, fault) {
            return Ok(Trial { after: Some(at - began), said });
        }
    }
    Ok(Trial { after: None, said })
}

/// Whether the verdict says what the fault is: the right culprit first. A dead node's own way to the hub is dead, too.
fn is_named(verdict: &MeshVerdict, fault: &ScriptedFault) -> bool {
    let Some(culprit) = verdict.culprits.first() else { return false };
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    culprit.kind == fault.kind && sorted(&culprit.names) == sorted(&fault.nodes)
}

/// How long until it must be named: a dead node is what a job waits for.
fn limit(fault: &ScriptedFault) -> Duration {
    let is_dead_node = fault.kind == CulpritKind::Node && fault.loss_ratio >= 1.0;
    Duration::from_secs(if is_dead_node { 3 } else { 10 })
}

fn row(fault: &ScriptedFault, trials: &[Trial]) -> Row {
    let seconds: Vec<f64> = trials.iter().filter_map(|trial| Some(trial.after?.as_secs_f64())).collect();
    let worst = seconds.iter().copied().fold(0.0, f64::max);
    let missed = trials.len() - seconds.len();
    let limit_s = limit(fault).as_secs_f64();
    let wrong = trials.iter().find(|trial| trial.after.is_none()).map(|trial| trial.said.as_str());
    let named = format!("named after {:.1} s (median), {worst:.1} s (worst)", median(&seconds));
    Row {
        check: fault.sentence(true),
        truth: format!("{} trials", trials.len()),
        netloom: wrong.map_or(named, |said| format!("{missed} not named; said: {said}")),
        limit: format!("{limit_s} s"),
        is_fine: missed == 0 && worst <= limit_s,
    }
}

/// A fault that is there.
enum Trouble {
    Unplugged(Place),
    Lossy(Vec<Drops>),
    Slow(Place, Place),
}

impl Trouble {
    fn begin(lab: &Lab, fault: &ScriptedFault) -> Result<Self> {
        let place = |name: &String| {
            lab.net.nodes().find(|place| place.name() == *name).with_context(|| format!("there is no {name}"))
        };
        let places = fault.nodes.iter().map(place).collect::<Result<Vec<_>>>()?;
        match (fault.kind, &places[..]) {
            (CulpritKind::Node, [node]) if fault.loss_ratio >= 1.0 => {
                node.plug(false)?;
                Ok(Trouble::Unplugged(*node))
            }
            (CulpritKind::Link, [a, b]) if fault.delay_us > 0.0 && fault.loss_ratio <= 0.0 => {
                lab.relay.set_link(*a, *b, &Impairment { delay_us: fault.delay_us, ..Impairment::default() });
                net::detour(*a, *b, DEVICE)?;
                Ok(Trouble::Slow(*a, *b))
            }
            _ if fault.delay_us <= 0.0 => {
                let nodes: Vec<Place> = lab.net.nodes().collect();
                let pairs = nodes.iter().flat_map(|src| nodes.iter().map(move |dst| (*src, *dst)));
                let touched = pairs.filter(|(src, dst)| src != dst && fault.touches(&src.name(), &dst.name()));
                let drops = touched.map(|(src, dst)| Drops::begin(src, dst, Flow::All, fault.loss_ratio));
                Ok(Trouble::Lossy(drops.collect::<Result<_>>()?))
            }
            _ => bail!("the lab cannot make this: {}", fault.sentence(true)),
        }
    }

    fn end(self) -> Result<()> {
        match self {
            Trouble::Unplugged(place) => place.plug(true),
            Trouble::Lossy(drops) => drops.into_iter().try_for_each(|drops| drops.end().map(|_| ())),
            Trouble::Slow(a, b) => net::straight(a, b),
        }
    }
}
