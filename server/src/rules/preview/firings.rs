//! Incidents of a preview become stretches of time, by subject.

use std::collections::BTreeMap;

use netloom_core::{
    incident::{Incident, IncidentState},
    rule::preview::{Firing, Preview, PreviewSubject, SUBJECTS_MAX},
    sample::Labels,
    time::Timestamp,
};

/// Stretches of one subject that are told; one that flaps all week has more, and nobody reads them.
const FIRINGS_MAX: usize = 500;

/// The stretches so far.
pub struct Firings {
    from: Timestamp,
    subjects: BTreeMap<Labels, PreviewSubject>,
    count: usize,
    left_out: usize,
}

impl Firings {
    /// None yet; what begins before `from` begins with it.
    pub fn new(from: Timestamp) -> Self {
        Self { from, subjects: BTreeMap::new(), count: 0, left_out: 0 }
    }

    /// Takes incidents that changed.
    pub fn take(&mut self, changed: &[Incident]) {
        for incident in changed {
            let worst = incident.worst.unwrap_or(incident.value);
            match incident.state {
                IncidentState::Firing => self.begin(incident, worst),
                IncidentState::Resolved => self.end(incident, worst),
                IncidentState::Pending | IncidentState::Inactive => {}
            }
        }
    }

    fn begin(&mut self, incident: &Incident, worst: f64) {
        let subject = self.subjects.entry(incident.labels.clone()).or_insert_with(|| PreviewSubject {
            subject: incident.subject.clone(),
            labels: incident.labels.clone(),
            firings: Vec::new(),
        });
        if subject.firings.last().is_some_and(|last| last.to.is_none()) {
            return;
        }
        self.count += 1;
        if subject.firings.len() >= FIRINGS_MAX {
            self.left_out += 1;
            return;
        }
        let from = incident.fired_at.unwrap_or(incident.started_at).max(self.from);
        subject.firings.push(Firing { from, to: None, worst });
    }

    fn end(&mut self, incident: &Incident, worst: f64) {
        let Some(subject) = self.subjects.get_mut(&incident.labels) else { return };
        let Some(last) = subject.firings.last_mut().filter(|last| last.to.is_none()) else { return };
        (last.to, last.worst) = (incident.resolved_at, worst);
        // What was over before the beginning only filled the windows.
        if incident.resolved_at.is_some_and(|resolved_at| resolved_at <= self.from) {
            subject.firings.pop();
            self.count -= 1;
        }
    }

    /// All of them.
    pub fn preview(
        self,
        (from, to): (Timestamp, Timestamp),
        step_ms: i64,
        judged: usize,
        mut notes: Vec<String>,
    ) -> Preview {
        let mut subjects: Vec<PreviewSubject> =
            self.subjects.into_values().filter(|subject| !subject.firings.is_empty()).collect();
        let firing_ms = |subject: &PreviewSubject| -> i64 {
            subject.firings.iter().map(|firing| firing.to.unwrap_or(to).ms() - firing.from.ms()).sum()
        };
        subjects.sort_by_key(|subject| std::cmp::Reverse(firing_ms(subject)));
        if subjects.len() > SUBJECTS_MAX {
            notes.push(format!(
                "It would have fired for {} subjects; the {SUBJECTS_MAX} longest are listed.",
                subjects.len()
            ));
            subjects.truncate(SUBJECTS_MAX);
        }
        if self.left_out > 0 {
            notes.push(format!("Only the first {FIRINGS_MAX} stretches of a subject are listed."));
        }
        Preview { from, to, step_ms, judged, firings: self.count, subjects, notes }
    }
}
