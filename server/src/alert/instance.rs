//! One rule with one subject: its life, and what it makes of a verdict.

use netloom_core::{
    incident::{Handling, Hold, Incident, IncidentState, Life, Transition, subject},
    rule::{
        Rule, RuleKind, Verdict,
        budget::Spent,
        view::{INPUTS_MAX, Past, View},
    },
    sample::Labels,
    time::Timestamp,
};

use super::{
    fold::Fold,
    table::{NONE, Series, Table},
};
use crate::incident_ids::IncidentIds;

/// One rule with one subject. There may be hundreds of thousands, so it is small: what only few need is behind a pointer.
pub struct Instance {
    /// Which rule.
    pub rule: u32,
    /// The series that it looks at.
    pub inputs: [u32; INPUTS_MAX],
    /// In which round of judging it was judged last.
    pub judged_in: u32,
    /// Whether it is counted in the incident of a silent node.
    pub is_folded: bool,
    /// Whether its node takes part in a run that the rule asks for.
    pub is_in_run: bool,
    /// Whether the rule was changed since it was judged.
    pub is_edited: bool,
    pub life: Life,
    pub incident: Option<Box<Incident>>,
    pub memory: Option<Box<Memory>>,
}

/// What a rule keeps of a subject besides the window.
pub enum Memory {
    /// What is known of the past.
    Past(Past),
    /// How the period of a budget was spent, and whether what was stored before is in it.
    Spent(Spent, bool),
}

impl Instance {
    pub fn new(rule: u32, kind: &RuleKind) -> Self {
        Self {
            rule,
            inputs: [NONE; INPUTS_MAX],
            judged_in: 0,
            is_folded: false,
            is_in_run: true,
            is_edited: false,
            life: Life::Inactive,
            incident: None,
            memory: Memory::of(kind),
        }
    }

    /// A series that it looks at; all of them carry the same labels.
    pub fn series<'a>(&self, table: &'a Table) -> Option<&'a Series> {
        self.inputs.iter().find_map(|at| table.get(*at))
    }

    /// Bytes of what it keeps besides itself.
    pub fn memory_bytes(&self) -> usize {
        let more = match self.memory.as_deref() {
            None => return 0,
            Some(Memory::Past(_)) => 0,
            Some(Memory::Spent(spent, _)) => spent.bytes(),
        };
        size_of::<Memory>() + more
    }

    /// Ends it for a reason other than its figures.
    pub fn end(&mut self, now: Timestamp) -> Option<Incident> {
        self.life = Life::Inactive;
        self.incident.take().map(|incident| ended(*incident, now))
    }
}

impl Memory {
    /// What a kind of rule keeps of each subject.
    pub fn of(kind: &RuleKind) -> Option<Box<Self>> {
        match kind {
            RuleKind::Budget(rule) => Some(Box::new(Memory::Spent(Spent::new(rule.period_ms), false))),
            RuleKind::Deviation(_) => Some(Box::new(Memory::Past(Past::Unknown))),
            RuleKind::Change(rule) if !rule.is_near() => Some(Box::new(Memory::Past(Past::Unknown))),
            _ => None,
        }
    }
}

/// A round of judging.
pub struct Round<'a> {
    pub table: &'a Table,
    pub fold: &'a mut Fold,
    pub ids: &'a IncidentIds,
    pub scratch: &'a mut Vec<f64>,
    /// Series whose windows hold what was lost while a node was silent, which is not held against its links.
    pub stale: &'a mut Vec<u32>,
    pub now: Timestamp,
    pub number: u32,
}

impl Round<'_> {
    /// Judges an instance. Returns its incident when that changed.
    pub fn judge(&mut self, rule: &Rule, instance: &mut Instance) -> Option<Incident> {
        if instance.judged_in == self.number {
            return None;
        }
        instance.judged_in = self.number;
        let series = instance.series(self.table)?;
        let is_left_out = !series.is_counted && rule.wants_counted();
        if !instance.is_in_run || is_left_out {
            return instance.end(self.now);
        }
        let silent = match rule.kind {
            RuleKind::Silence(_) => None,
            _ => self.fold.stands_for(series.about),
        };
        if silent.is_none() && std::mem::take(&mut instance.is_folded) {
            self.stale.extend(instance.inputs.iter().filter(|at| **at != NONE));
            return None;
        }
        let (windows, newest_ms) = self.table.windows(instance.inputs);
        let (mut past, mut spent) = (Past::Unknown, None);
        match instance.memory.as_deref() {
            Some(Memory::Past(known)) => past = *known,
            // What fired before a restart is not over because little is known of its period yet.
            Some(Memory::Spent(known, is_whole)) if *is_whole || !instance.life.is_firing() => spent = Some(known),
            _ => {}
        }
        let is_firing = instance.life.is_firing();
        let now_ms = self.now.ms();
        let (since_ms, scratch) = (series.since_ms, &mut *self.scratch);
        let mut view = View { windows, newest_ms, since_ms, now_ms, is_firing, past, spent, scratch };
        let verdict = rule.kind.evaluate(&mut view);
        if let Some(node) = silent {
            if matches!(verdict, Verdict::Bad { .. }) {
                self.fold.count(node, series.about);
            }
            instance.is_folded = true;
            return instance.end(self.now);
        }
        if verdict == Verdict::Unknown && instance.life == Life::Inactive {
            return None;
        }
        let limit = match verdict {
            Verdict::Bad { value } => rule.kind.limit_of(&mut view, value),
            _ => f64::NAN,
        };
        let hold = Hold { for_ms: rule.for_ms, keep_firing_for_ms: rule.keep_firing_for_ms };
        let (life, transition) = instance.life.step(verdict, now_ms, hold);
        instance.life = life;
        instance.note(rule, verdict, limit);
        let is_edited = std::mem::take(&mut instance.is_edited) && matches!(verdict, Verdict::Bad { .. });
        match transition {
            Some(transition) => instance.change(transition, (rule, &series.key.labels), (verdict, limit), self),
            None if is_edited => instance.restate(rule, limit),
            None => None,
        }
    }
}

impl Instance {
    /// Notes the newest and the worst figure in the incident that there is.
    fn note(&mut self, rule: &Rule, verdict: Verdict, limit: f64) {
        let (Some(incident), Some(value)) = (&mut self.incident, verdict.value()) else { return };
        incident.value = value;
        let is_bad = matches!(verdict, Verdict::Bad { .. });
        if is_bad && incident.worst.is_none_or(|worst| rule.kind.is_worse(value, worst, limit)) {
            incident.worst = Some(value);
        }
    }

    /// What a transition makes of the incident.
    fn change(
        &mut self,
        transition: Transition,
        (rule, labels): (&Rule, &Labels),
        (verdict, limit): (Verdict, f64),
        round: &Round,
    ) -> Option<Incident> {
        let (now, value) = (round.now, verdict.value());
        match transition {
            Transition::Begins => {
                self.incident = value.map(|value| Box::new(fresh(round.ids.next(), rule, labels, (value, limit), now)));
            }
            Transition::Fires => {
                let before = self.incident.take();
                let id = before.as_ref().map_or_else(|| round.ids.next(), |incident| incident.id);
                let started_at = before.as_ref().map_or(now, |incident| incident.started_at);
                let worst = before.and_then(|incident| incident.worst);
                self.incident = value.map(|value| {
                    let incident = fresh(id, rule, labels, (value, limit), now);
                    let worst = worst.or(incident.worst);
                    let state = IncidentState::Firing;
                    Box::new(Incident { state, started_at, fired_at: Some(now), worst, ..incident })
                });
            }
            Transition::Withdrawn | Transition::Resolves => {
                return self.incident.take().map(|incident| ended(*incident, now));
            }
        }
        self.incident.as_deref().cloned()
    }

    /// Has an incident say what a rule says that was changed meanwhile.
    fn restate(&mut self, rule: &Rule, limit: f64) -> Option<Incident> {
        let incident = self.incident.as_deref_mut()?;
        rule.title.as_ref().clone_into(&mut incident.title);
        incident.severity = rule.severity;
        rule.runbook.as_ref().clone_into(&mut incident.runbook);
        (incident.limit, incident.unit) = (finite(limit), rule.kind.unit());
        incident.message = rule.message(&incident.subject, &incident.labels, incident.value, limit);
        Some(incident.clone())
    }
}

/// An incident that is over.
pub fn ended(incident: Incident, now: Timestamp) -> Incident {
    match incident.state {
        IncidentState::Firing => Incident { state: IncidentState::Resolved, resolved_at: Some(now), ..incident },
        _ => Incident { state: IncidentState::Inactive, ..incident },
    }
}

/// What stands in documents, where everything is a number.
fn finite(limit: f64) -> f64 {
    if limit.is_finite() { limit } else { 0.0 }
}

fn fresh(id: u64, rule: &Rule, labels: &Labels, (value, limit): (f64, f64), now: Timestamp) -> Incident {
    let subject = subject(labels);
    Incident {
        id,
        rule: rule.id.as_ref().to_owned(),
        title: rule.title.as_ref().to_owned(),
        severity: rule.severity,
        state: IncidentState::Pending,
        message: rule.message(&subject, labels, value, limit),
        subject,
        labels: labels.clone(),
        value,
        limit: finite(limit),
        unit: rule.kind.unit(),
        started_at: now,
        fired_at: None,
        resolved_at: None,
        folded: 0,
        metric: rule.kind.metric().to_owned(),
        worst: Some(value),
        runbook: rule.runbook.as_ref().to_owned(),
        handling: Handling::default(),
    }
}
