//! Faults by the clock: which link or node has what trouble, from when to when.
//!
//! The demo plays one so that a newcomer sees a network fail; the lab plays one and holds the verdict against it. What a
//! verdict should say of a fault follows from the fault.

use serde::{Deserialize, Serialize};

use super::Impairment;
use crate::verdict::{CulpritKind, Fault};

/// Faults of one script, more than anybody would follow.
const FAULTS_MAX: usize = 1_000;

/// What goes wrong, and when.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultScript {
    /// After this time the script begins anew, s; without it everything happens once.
    pub repeat_s: Option<f64>,
    /// The faults, in any order.
    pub fault: Vec<ScriptedFault>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedFault {
    /// When it begins, s from the start of the script.
    pub at_s: f64,
    /// How long it lasts, s.
    pub for_s: f64,
    /// What has the fault: `node`, `link`, `way` or `group`.
    pub kind: CulpritKind,
    /// The node; the two ends of the link; source and destination of the way; the nodes of the group, whose ways to all
    /// others are meant.
    pub nodes: Vec<String>,
    /// Share of packets that get lost on each way on top of what is usual; 1 for a dead one.
    #[serde(default)]
    pub loss_ratio: f64,
    /// Time that each way takes on top of what is usual, µs.
    #[serde(default)]
    pub delay_us: f64,
}

/// Something begins or ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change<'a> {
    /// When, s since the script was started the first time.
    pub at_s: f64,
    /// Which fault.
    pub fault: &'a ScriptedFault,
    /// Whether it begins.
    pub begins: bool,
}

impl FaultScript {
    /// Checks the script against the names of the nodes.
    ///
    /// # Errors
    /// What is wrong, with the number of the fault.
    pub fn validate(&self, names: &[String]) -> Result<(), String> {
        if self.fault.len() > FAULTS_MAX {
            return Err(format!("more than {FAULTS_MAX} faults"));
        }
        for (index, fault) in self.fault.iter().enumerate() {
            fault.validate(names, self.repeat_s).map_err(|why| format!("fault {}: {why}", index + 1))?;
        }
        Ok(())
    }

    /// The faults that are there at a moment, s since the start.
    pub fn active_at(&self, elapsed_s: f64) -> impl Iterator<Item = &ScriptedFault> {
        let at_s = elapsed_s - self.round_start_s(elapsed_s);
        self.fault.iter().filter(move |fault| fault.at_s <= at_s && at_s < fault.at_s + fault.for_s)
    }

    /// What happens next after a moment, s since the start: all that happens at the same time; nothing when all is over.
    pub fn next_after(&self, elapsed_s: f64) -> Vec<Change<'_>> {
        let start_s = self.round_start_s(elapsed_s);
        let rounds = [Some(start_s), self.repeat_s.map(|repeat_s| start_s + repeat_s)];
        let changes = rounds.into_iter().flatten().flat_map(|start_s| {
            self.fault.iter().flat_map(move |fault| {
                let begins = Change { at_s: start_s + fault.at_s, fault, begins: true };
                [begins, Change { at_s: begins.at_s + fault.for_s, begins: false, ..begins }]
            })
        });
        let mut next: Vec<_> = changes.filter(|change| change.at_s > elapsed_s).collect();
        let first_s = next.iter().map(|change| change.at_s).fold(f64::INFINITY, f64::min);
        next.retain(|change| change.at_s <= first_s);
        next
    }

    /// A way as it is while faults are there.
    pub fn impaired(&self, elapsed_s: f64, src: &str, dst: &str, usual: Impairment) -> Impairment {
        self.active_at(elapsed_s).filter(|fault| fault.touches(src, dst)).fold(usual, |way, fault| fault.impair(way))
    }

    fn round_start_s(&self, elapsed_s: f64) -> f64 {
        self.repeat_s.map_or(0.0, |repeat_s| (elapsed_s / repeat_s).floor() * repeat_s)
    }
}

impl ScriptedFault {
    fn validate(&self, names: &[String], repeat_s: Option<f64>) -> Result<(), String> {
        let expected = match self.kind {
            CulpritKind::Node => self.nodes.len() == 1,
            CulpritKind::Link | CulpritKind::Way => self.nodes.len() == 2 && self.nodes[0] != self.nodes[1],
            CulpritKind::Group => !self.nodes.is_empty() && self.nodes.len() < names.len(),
            CulpritKind::Host | CulpritKind::Uplink => return Err("is none of node, link, way, group".into()),
        };
        if !expected {
            return Err(format!("nodes = {:?} does not fit its kind", self.nodes));
        }
        if let Some(stranger) = self.nodes.iter().find(|node| !names.contains(node)) {
            return Err(format!("there is no node {stranger:?}; there are {}", names.join(", ")));
        }
        let ends_s = self.at_s + self.for_s;
        if !(self.at_s >= 0.0 && self.for_s > 0.0 && ends_s.is_finite()) {
            return Err("at_s must be at least 0, and for_s more than that".into());
        }
        if repeat_s.is_some_and(|repeat_s| ends_s > repeat_s) {
            return Err("ends after the script begins anew".into());
        }
        if !((0.0..=1.0).contains(&self.loss_ratio) && self.delay_us.is_finite() && self.delay_us >= 0.0) {
            return Err("loss_ratio must lie between 0 and 1, and delay_us must not be negative".into());
        }
        Ok(())
    }

    /// Whether the fault is on the way from `src` to `dst`.
    pub fn touches(&self, src: &str, dst: &str) -> bool {
        let has = |node: &str| self.nodes.iter().any(|known| known == node);
        match self.kind {
            CulpritKind::Node => has(src) || has(dst),
            CulpritKind::Link => has(src) && has(dst),
            CulpritKind::Way => self.nodes.first().is_some_and(|node| node == src) && has(dst),
            CulpritKind::Group => has(src) != has(dst),
            CulpritKind::Host | CulpritKind::Uplink => false,
        }
    }

    /// A way with the fault on top of what it is.
    fn impair(&self, mut way: Impairment) -> Impairment {
        way.is_down |= self.loss_ratio >= 1.0;
        way.loss_ratio = 1.0 - (1.0 - way.loss_ratio) * (1.0 - self.loss_ratio);
        way.delay_us += self.delay_us;
        way
    }

    /// What a verdict should find: the worst that is wrong.
    pub fn fault(&self) -> Fault {
        match self.loss_ratio {
            loss if loss >= 1.0 => Fault::Dead,
            loss if loss > 0.0 => Fault::Loss,
            _ => Fault::Latency,
        }
    }

    /// What has the fault, in words.
    fn subject(&self) -> String {
        match self.kind {
            CulpritKind::Link => format!("the link {}", self.nodes.join(" ↔ ")),
            CulpritKind::Way => format!("the way {}", self.nodes.join(" → ")),
            CulpritKind::Group => format!("the group {}", self.nodes.join(", ")),
            _ => self.nodes.join(", "),
        }
    }

    /// What happens, in words.
    pub fn sentence(&self, begins: bool) -> String {
        let subject = self.subject();
        let is_dead = self.loss_ratio >= 1.0;
        match (begins, is_dead) {
            (false, true) => format!("{subject} comes back"),
            (false, false) => format!("{subject} recovers"),
            (true, true) => format!("{subject} dies"),
            (true, false) => {
                let loss = (self.loss_ratio > 0.0).then(|| format!("{} % loss", self.loss_ratio * 100.0));
                let delay = (self.delay_us > 0.0).then(|| format!("{} ms more each way", self.delay_us / 1_000.0));
                let details: Vec<_> = loss.into_iter().chain(delay).collect();
                format!("{subject} degrades ({})", details.join(", "))
            }
        }
    }
}

impl Change<'_> {
    /// What happens, in words.
    pub fn sentence(&self) -> String {
        self.fault.sentence(self.begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: CulpritKind, nodes: &[&str], at_s: f64, for_s: f64) -> ScriptedFault {
        let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
        ScriptedFault { at_s, for_s, kind, nodes, loss_ratio: 0.5, delay_us: 1_000.0 }
    }

    fn names() -> Vec<String> {
        ["a", "b", "c", "d"].map(str::to_owned).into()
    }

    #[test]
    fn faults_come_and_go_and_the_script_begins_anew() {
        let link = fault(CulpritKind::Link, &["a", "b"], 10.0, 5.0);
        let node = fault(CulpritKind::Node, &["c"], 12.0, 20.0);
        let script = FaultScript { repeat_s: Some(40.0), fault: vec![link, node] };
        assert_eq!(script.validate(&names()), Ok(()));
        let active = |at_s| script.active_at(at_s).map(|fault| fault.nodes.concat()).collect::<Vec<_>>();
        assert_eq!(active(9.9), [""; 0]);
        assert_eq!(active(10.0), ["ab"]);
        assert_eq!(active(14.9), ["ab", "c"]);
        assert_eq!(active(15.0), ["c"]);
        assert_eq!(active(50.0), ["ab"]);
        let mut told = Vec::new();
        let mut at_s = 0.0;
        while let Some(change) = script.next_after(at_s).first().filter(|change| change.at_s < 60.0) {
            at_s = change.at_s;
            told.push((at_s, change.begins));
        }
        let expected = [(10.0, true), (12.0, true), (15.0, false), (32.0, false), (50.0, true), (52.0, true)];
        assert_eq!(told[..6], expected);
        let mut once = FaultScript { repeat_s: None, ..script };
        assert_eq!(once.next_after(32.0), []);
        once.fault[1].at_s = 15.0;
        let both: Vec<_> = once.next_after(10.0).iter().map(|change| (change.at_s, change.begins)).collect();
        assert_eq!(both, [(15.0, false), (15.0, true)]);
    }

    #[test]
    fn a_fault_is_where_its_kind_says() {
        let touched = |kind, nodes: &[&str]| {
            let fault = fault(kind, nodes, 0.0, 1.0);
            let names = names();
            let pairs = names.iter().flat_map(|src| names.iter().map(move |dst| (src, dst)));
            let touched = pairs.filter(|(src, dst)| src != dst && fault.touches(src, dst));
            touched.map(|(src, dst)| format!("{src}{dst}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(touched(CulpritKind::Way, &["b", "a"]), "ba");
        assert_eq!(touched(CulpritKind::Link, &["b", "a"]), "ab ba");
        assert_eq!(touched(CulpritKind::Node, &["c"]), "ac bc ca cb cd dc");
        assert_eq!(touched(CulpritKind::Group, &["a", "b"]), "ac ad bc bd ca cb da db");
    }

    #[test]
    fn faults_add_to_what_is_usual() {
        let mut dead = fault(CulpritKind::Node, &["a"], 0.0, 9.0);
        dead.loss_ratio = 1.0;
        let link = fault(CulpritKind::Link, &["a", "b"], 0.0, 5.0);
        let script = FaultScript { repeat_s: None, fault: vec![link, dead] };
        let usual = Impairment { loss_ratio: 0.5, delay_us: 7.0, ..Impairment::default() };
        let way = script.impaired(1.0, "a", "b", usual.clone());
        assert!(way.is_down && way.loss_ratio >= 1.0);
        assert_eq!(script.impaired(1.0, "c", "b", usual.clone()), usual);
        let only_link = FaultScript { fault: script.fault[..1].to_vec(), ..script };
        let way = only_link.impaired(1.0, "b", "a", usual);
        assert_eq!((way.loss_ratio, way.delay_us, way.is_down), (0.75, 1_007.0, false));
    }

    #[test]
    fn what_is_told_reads_well() {
        let mut fault = fault(CulpritKind::Link, &["a", "b"], 0.0, 1.0);
        assert_eq!(fault.sentence(true), "the link a ↔ b degrades (50 % loss, 1 ms more each way)");
        assert_eq!(fault.sentence(false), "the link a ↔ b recovers");
        assert_eq!(fault.fault(), Fault::Loss);
        (fault.kind, fault.loss_ratio, fault.nodes) = (CulpritKind::Node, 1.0, vec!["c".into()]);
        assert_eq!((fault.sentence(true), fault.sentence(false)), ("c dies".into(), "c comes back".into()));
        assert_eq!(fault.fault(), Fault::Dead);
    }

    #[test]
    fn a_wrong_script_is_refused_with_the_reason() {
        let refused = |change: fn(&mut ScriptedFault)| {
            let mut fault = fault(CulpritKind::Link, &["a", "b"], 1.0, 1.0);
            change(&mut fault);
            FaultScript { repeat_s: Some(5.0), fault: vec![fault] }.validate(&names()).expect_err("is wrong")
        };
        assert!(refused(|fault| fault.nodes[1] = "x".into()).contains("no node \"x\""));
        assert!(refused(|fault| fault.nodes[1] = "a".into()).contains("does not fit"));
        assert!(refused(|fault| fault.kind = CulpritKind::Node).contains("does not fit"));
        assert!(refused(|fault| fault.kind = CulpritKind::Host).contains("none of"));
        assert!(refused(|fault| fault.for_s = 10.0).contains("begins anew"));
        assert!(refused(|fault| fault.for_s = f64::NAN).contains("for_s"));
        assert!(refused(|fault| fault.at_s = -1.0).contains("at_s"));
        assert!(refused(|fault| fault.loss_ratio = 1.5).contains("between 0 and 1"));
    }
}
