//! The alert engine: feeds samples to the rules and turns verdicts into incidents.
//!
//! It owns every rule's state. It reads no clock and touches no store: [`Engine::take`] and [`Engine::evaluate`] say what
//! changed, and ingest keeps and tells it. What a starved host measured is left out (`doubt`), and the links of a silent
//! node are counted in its incident instead of raising their own (`fold`).

mod doubt;
mod fold;

use std::collections::{BTreeMap, HashSet};

use netloom_core::{
    incident::{Handling, Incident, IncidentState, Life, Transition},
    rule::{Rule, RuleKind, Verdict},
    sample::{Labels, Readings},
    stats::window::Window,
    time::Timestamp,
};

use self::{doubt::Doubts, fold::Fold};
use crate::incident_ids::IncidentIds;

/// Subjects one rule watches: the pairs of 64 nodes in three modes, twice over; each takes about a kilobyte and a
/// microsecond a second. Those beyond are counted and not judged; the verdict looks at more.
const SUBJECTS_MAX: usize = 25_000;
/// A subject without data for this long is forgotten.
const FORGET_AFTER_MS: i64 = 10 * 60_000;
/// A subject of which nothing is wrong and nothing new has come is looked at this often: its windows grow old.
const REJUDGE_AFTER_MS: i64 = 1_000;

/// Judges samples by the rules in force.
pub struct Engine {
    rules: Vec<RuleState>,
    ids: IncidentIds,
    /// Interfaces that count, as `(node, interface)`: a slow link is one of those, not a bridge or a container's end.
    counted: HashSet<(String, String)>,
    unwatched: u64,
    doubts: Doubts,
    fold: Fold,
}

struct RuleState {
    rule: Rule,
    subjects: BTreeMap<Labels, Subject>,
}

#[derive(Default)]
struct Subject {
    windows: Vec<Window>,
    life: Life,
    incident: Option<Incident>,
    newest_ms: i64,
    /// Whether something came, or the rule changed, since it was judged.
    is_touched: bool,
    judged_ms: i64,
    /// Whether it is counted in the incident of a silent node.
    is_folded: bool,
}

impl Engine {
    /// An engine with the rules in force and the incidents that were open when the hub stopped.
    pub fn new(rules: Vec<Rule>, known: &[Incident], ids: IncidentIds, now: Timestamp) -> Self {
        let mut engine = Self {
            rules: Vec::new(),
            ids,
            counted: HashSet::new(),
            unwatched: 0,
            doubts: Doubts::default(),
            fold: Fold::default(),
        };
        engine.set_rules(rules, now);
        for incident in known.iter().filter(|incident| incident.state == IncidentState::Firing) {
            let state = engine.rules.iter_mut().find(|state| state.rule.id == incident.rule);
            if let Some(state) = state {
                let life = Life::Firing { judged_ms: now.ms() };
                let subject =
                    Subject { life, incident: Some(incident.clone()), newest_ms: now.ms(), ..Subject::default() };
                state.subjects.insert(incident.labels.clone(), subject);
            }
        }
        engine
    }

    /// Puts other rules in force. A rule that stays keeps what it knows of its subjects; the incidents of one that goes
    /// are returned as resolved.
    pub fn set_rules(&mut self, rules: Vec<Rule>, now: Timestamp) -> Vec<Incident> {
        let mut before: Vec<RuleState> = std::mem::take(&mut self.rules);
        for rule in rules {
            let kept = before.iter().position(|state| state.rule.id == rule.id).map(|at| before.swap_remove(at));
            let mut subjects = kept.map(|state| state.subjects).unwrap_or_default();
            subjects.values_mut().for_each(|subject| subject.is_touched = true);
            self.rules.push(RuleState { rule, subjects });
        }
        let gone = before.into_iter().flat_map(|state| state.subjects.into_values());
        gone.filter_map(|subject| subject.incident).map(|incident| ended(incident, now)).collect()
    }

    /// Notes which interfaces of a node count.
    pub fn set_counted(&mut self, node: &str, interfaces: impl Iterator<Item = String>) {
        self.counted.retain(|(known, _)| known != node);
        self.counted.extend(interfaces.map(|interface| (node.to_owned(), interface)));
    }

    /// How many subjects are not watched because their rule has too many.
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

    /// Notes that a node reported.
    pub fn heard(&mut self, node: &str, now: Timestamp) {
        for state in self.rules.iter_mut().filter(|state| matches!(state.rule.kind, RuleKind::Silence(_))) {
            let labels = Labels::from([("node".to_owned(), node.to_owned())]);
            if !state.subjects.contains_key(&labels) && state.subjects.len() >= SUBJECTS_MAX {
                self.unwatched += 1;
                continue;
            }
            let subject = state.subjects.entry(labels).or_default();
            // Only the last time matters.
            let mut window = Window::default();
            window.push(now.ms(), 0.0);
            subject.windows = vec![window];
            subject.newest_ms = now.ms();
        }
    }

    /// Takes samples into the windows of the rules that look at them.
    pub fn take(&mut self, readings: &Readings) {
        self.doubts.note(readings);
        for (series, reading) in readings.iter() {
            if self.doubts.skips(series, reading.ts_ms) {
                continue;
            }
            let interface = series.labels.get("interface");
            let is_counted =
                interface.is_none_or(|interface| self.counted.contains(&(series.node().to_owned(), interface.clone())));
            for state in self.rules.iter_mut().filter(|_| is_counted) {
                let inputs = state.rule.kind.inputs();
                let Some(at) = inputs.iter().position(|input| *input == series.metric) else { continue };
                let is_full = state.subjects.len() >= SUBJECTS_MAX;
                // Looked up without a copy of the labels: mostly the subject is known.
                let subject = match state.subjects.get_mut(&series.labels) {
                    Some(subject) => subject,
                    None if is_full => {
                        self.unwatched += 1;
                        continue;
                    }
                    None => state.subjects.entry(series.labels.clone()).or_default(),
                };
                subject.windows.resize_with(inputs.len(), Window::default);
                subject.windows[at].push(reading.ts_ms, reading.value);
                subject.newest_ms = subject.newest_ms.max(reading.ts_ms);
                subject.is_touched = true;
            }
        }
    }

    /// Forgets a node that is not one any more. Returns its incidents, which are over.
    pub fn forget(&mut self, node: &str, now: Timestamp) -> Vec<Incident> {
        let is_its =
            |labels: &Labels| ["node", "src", "dst"].iter().any(|name| labels.get(*name).is_some_and(|v| v == node));
        let mut over = Vec::new();
        for state in &mut self.rules {
            state.subjects.retain(|labels, subject| {
                let goes = is_its(labels);
                if goes {
                    over.extend(subject.incident.take().map(|incident| ended(incident, now)));
                }
                !goes
            });
        }
        self.counted.retain(|(known, _)| known != node);
        over
    }

    /// Judges the subjects of which something is new, or wrong, as they are at `now`; the others once a second. Returns the
    /// incidents that changed.
    pub fn evaluate(&mut self, now: Timestamp) -> Vec<Incident> {
        let mut changed = Vec::new();
        // Who is silent must be known before the links are judged.
        let (silences, others): (Vec<_>, Vec<_>) =
            self.rules.iter_mut().partition(|state| matches!(state.rule.kind, RuleKind::Silence(_)));
        let ids = &self.ids;
        let mut silent = Vec::new();
        for state in silences {
            changed.extend(state.evaluate(now, ids, |_, _| false));
            let firing = state.subjects.iter().filter(|(_, subject)| matches!(subject.life, Life::Firing { .. }));
            silent.extend(firing.filter_map(|(labels, _)| labels.get("node").cloned()));
        }
        self.fold.set_silent(silent, now);
        for state in others {
            let fold = &mut self.fold;
            changed.extend(state.evaluate(now, ids, |labels, is_bad| fold.takes(labels, is_bad)));
        }
        self.tell_folded(&mut changed);
        changed
    }

    /// Notes in the incidents of silent nodes how many links they stand for.
    fn tell_folded(&mut self, changed: &mut Vec<Incident>) {
        let silences = self.rules.iter_mut().filter(|state| matches!(state.rule.kind, RuleKind::Silence(_)));
        for (labels, subject) in silences.flat_map(|state| &mut state.subjects) {
            let folded = labels.get("node").map_or(0, |node| self.fold.links(node));
            let Some(incident) = subject.incident.as_mut().filter(|incident| folded > incident.folded) else {
                continue;
            };
            incident.folded = folded;
            changed.retain(|other| other.id != incident.id);
            changed.push(incident.clone());
        }
    }
}

impl RuleState {
    /// Judges subjects. `folds` is told the labels of each and whether it is bad, and says whether a silent node stands for
    /// it.
    fn evaluate(
        &mut self,
        now: Timestamp,
        ids: &IncidentIds,
        mut folds: impl FnMut(&Labels, bool) -> bool,
    ) -> Vec<Incident> {
        let mut changed = Vec::new();
        let rule = &self.rule;
        let is_about_time = matches!(rule.kind, RuleKind::Silence(_));
        for (labels, subject) in &mut self.subjects {
            let is_quiet = !subject.is_touched && subject.life == Life::Inactive;
            if is_quiet && !is_about_time && now.ms() - subject.judged_ms < REJUDGE_AFTER_MS {
                continue;
            }
            (subject.is_touched, subject.judged_ms) = (false, now.ms());
            subject.windows.iter_mut().for_each(|window| window.forget_until(now.ms() - rule.kind.window_ms()));
            let verdict = rule.kind.evaluate(&subject.windows, now.ms());
            if folds(labels, matches!(verdict, Verdict::Bad { .. })) {
                (subject.is_folded, subject.life) = (true, Life::Inactive);
                changed.extend(subject.incident.take().map(|incident| ended(incident, now)));
                continue;
            }
            if std::mem::take(&mut subject.is_folded) {
                // What was lost while the node was silent is not held against its links.
                subject.windows.iter_mut().for_each(|window| *window = Window::default());
                continue;
            }
            let (life, transition) = subject.life.step(verdict, now.ms(), rule.for_ms);
            subject.life = life;
            if let Some(transition) = transition {
                let id = subject.incident.as_ref().map_or_else(|| ids.next(), |incident| incident.id);
                let fresh = |value| incident(id, rule, labels, value, now);
                changed.extend(subject.change(transition, verdict, fresh, now));
            }
        }
        let is_alive = |subject: &Subject| subject.incident.is_some() || now.ms() - subject.newest_ms < FORGET_AFTER_MS;
        self.subjects.retain(|_, subject| is_alive(subject));
        changed
    }
}

impl Subject {
    /// What a transition makes of the incident.
    fn change(
        &mut self,
        transition: Transition,
        verdict: Verdict,
        fresh: impl Fn(f64) -> Incident,
        now: Timestamp,
    ) -> Option<Incident> {
        let value = match verdict {
            Verdict::Bad { value } | Verdict::Good { value } => Some(value),
            Verdict::Unknown => None,
        };
        match transition {
            Transition::Begins => self.incident = value.map(fresh),
            Transition::Fires => {
                let started_at = self.incident.as_ref().map_or(now, |incident| incident.started_at);
                let firing =
                    |incident| Incident { state: IncidentState::Firing, started_at, fired_at: Some(now), ..incident };
                self.incident = value.map(fresh).map(firing);
            }
            Transition::Withdrawn => {
                return self.incident.take().map(|incident| Incident { state: IncidentState::Inactive, ..incident });
            }
            Transition::Resolves => {
                let last = |incident: Incident| Incident { value: value.unwrap_or(incident.value), ..incident };
                return self.incident.take().map(|incident| ended(last(incident), now));
            }
        }
        self.incident.clone()
    }
}

fn ended(incident: Incident, now: Timestamp) -> Incident {
    match incident.state {
        IncidentState::Firing => Incident { state: IncidentState::Resolved, resolved_at: Some(now), ..incident },
        _ => Incident { state: IncidentState::Inactive, ..incident },
    }
}

fn incident(id: u64, rule: &Rule, labels: &Labels, value: f64, now: Timestamp) -> Incident {
    let subject = subject_words(labels);
    Incident {
        id,
        rule: rule.id.to_owned(),
        title: rule.title.to_owned(),
        severity: rule.severity,
        state: IncidentState::Pending,
        message: rule.kind.message(&subject, value),
        subject,
        labels: labels.clone(),
        value,
        limit: rule.kind.limit(),
        unit: rule.kind.unit(),
        started_at: now,
        fired_at: None,
        resolved_at: None,
        folded: 0,
        metric: rule.kind.inputs().first().map_or_else(String::new, |metric| (*metric).to_owned()),
        worst: None,
        runbook: String::new(),
        handling: Handling::default(),
    }
}

/// `a → b`, with the mode where it is not the usual one; `a eth0`.
fn subject_words(labels: &Labels) -> String {
    let label = |name: &str| labels.get(name).map(String::as_str);
    match (label("src"), label("dst"), label("node"), label("interface")) {
        (Some(src), Some(dst), ..) => match label("mode") {
            Some("icmp") | None => format!("{src} → {dst}"),
            Some(mode) => format!("{src} → {dst} ({mode})"),
        },
        (.., Some(node), Some(interface)) => format!("{node} {interface}"),
        (.., node, _) => node.unwrap_or("the cluster").to_owned(),
    }
}

#[cfg(test)]
mod tests;
