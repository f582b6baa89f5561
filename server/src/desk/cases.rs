//! What is open, and what the desk makes of what happens. Pure: the time comes in as an argument, and what changed goes out
//! as a [`Change`], which is in force once it was given back to [`Cases::apply`].

use std::collections::{BTreeMap, VecDeque};

use netloom_core::{
    incident::{Acknowledgement, Incident, IncidentState, TimelineEntry, TimelineKind},
    settings::Settings,
    silence::Silence,
    time::{Timestamp, duration_words},
};

use super::{quiet::Quiet, window::Window};

/// Incidents of jobs that ended and are remembered, for requests to end them that are sent twice.
const ENDED_MAX: usize = 200;

/// What became of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// As it is now.
    pub incident: Incident,
    /// What its timeline says of it.
    pub steps: Vec<TimelineEntry>,
    /// Whether people are to be told; not of a time to live that was put off.
    pub is_news: bool,
}

impl Change {
    fn new(incident: Incident, steps: Vec<TimelineEntry>) -> Self {
        Self { incident, steps, is_news: true }
    }

    /// Whether it is history: what never fired is not.
    pub fn is_kept(&self) -> bool {
        matches!(self.incident.state, IncidentState::Firing | IncidentState::Resolved)
    }
}

/// What came of something that somebody asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is so already.
    Same(Incident),
    /// It was open, and changes.
    Changed(Change),
    /// It begins.
    New(Change),
}

/// A step in the life of an incident.
pub fn step(at: Timestamp, kind: TimelineKind, text: impl Into<String>) -> TimelineEntry {
    TimelineEntry { at, kind, text: text.into() }
}

/// The open incidents, the silences, and the maintenance windows.
#[derive(Default)]
pub struct Cases {
    pub(super) open: BTreeMap<u64, Incident>,
    /// Of those that jobs raised, the ones that ended last.
    pub(super) ended: VecDeque<Incident>,
    silences: Vec<(Silence, Quiet)>,
    windows: Vec<Window>,
    /// Whether incidents have to be looked at, whether or not something begins or ends.
    is_stale: bool,
}

impl Cases {
    /// What is known when the hub starts.
    pub fn new(known: &[Incident], silences: Vec<Silence>) -> Self {
        let mut cases = Self { is_stale: true, ..Self::default() };
        let open = known.iter().filter(|incident| incident.state == IncidentState::Firing);
        cases.open = open.map(|incident| (incident.id, incident.clone())).collect();
        let ended = known.iter().filter(|incident| incident.state == IncidentState::Resolved && incident.is_raised());
        cases.ended = ended.take(ENDED_MAX).cloned().collect();
        silences.into_iter().for_each(|silence| cases.put_silence(silence));
        cases
    }

    /// Puts other maintenance windows in force. Returns the names of those that mean nothing here.
    pub fn set_windows(&mut self, settings: &Settings) -> Vec<String> {
        let described = &settings.alerts.maintenance;
        self.windows = described.iter().filter_map(Window::new).collect();
        self.is_stale = true;
        let is_there =
            |name: &String| self.windows.iter().any(|window| window.quiet.name == format!("maintenance {name}"));
        described.iter().map(|window| window.name.clone()).filter(|name| !is_there(name)).collect()
    }

    /// Takes a silence that is new, or ended.
    pub fn put_silence(&mut self, silence: Silence) {
        self.silences.retain(|(known, _)| known.id != silence.id);
        let quiet = Quiet::of_silence(&silence);
        self.silences.push((silence, quiet));
        self.is_stale = true;
    }

    /// The silences that are known.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.iter().map(|(silence, _)| silence)
    }

    /// Forgets silences that ended before a moment. Returns whether there were any.
    pub fn forget_silences(&mut self, ended_before: Timestamp) -> bool {
        let count = self.silences.len();
        self.silences.retain(|(silence, _)| silence.ends_at >= ended_before);
        self.silences.len() < count
    }

    /// Puts a change in force.
    pub fn apply(&mut self, change: &Change) {
        let incident = &change.incident;
        if matches!(incident.state, IncidentState::Pending | IncidentState::Firing) {
            self.open.insert(incident.id, incident.clone());
            return;
        }
        self.open.remove(&incident.id);
        if incident.is_raised() {
            self.ended.push_front(incident.clone());
            self.ended.truncate(ENDED_MAX);
        }
    }

    /// Lays what people did over what the engine says of an incident; what holds at the moment is settled before. `None`
    /// when it is no news, because it ended before.
    pub fn lay(&self, incident: Incident, now: Timestamp) -> Option<Change> {
        let before = self.open.get(&incident.id);
        let mut incident = incident;
        incident.handling = before.map(|before| before.handling.clone()).unwrap_or_default();
        let mut steps = Vec::new();
        match incident.state {
            IncidentState::Pending | IncidentState::Firing => {
                if incident.state == IncidentState::Firing {
                    let first = fired(before, &incident);
                    if !first.is_empty() {
                        // Its timeline begins here, and says what it falls under.
                        incident.handling.silenced_by = None;
                    }
                    steps.extend(first);
                    steps.extend(folded(before, &incident, now));
                }
                steps.extend(self.lay_quiet(&mut incident, now));
            }
            IncidentState::Resolved => return before.map(|before| over(before, incident, now, "")),
            IncidentState::Inactive => _ = before?,
        }
        Some(Change::new(incident, steps))
    }

    /// What begins and ends by itself at this moment: silences, windows, and incidents that nobody raised again. It is in
    /// force already.
    pub fn settle(&mut self, now: Timestamp) -> Vec<Change> {
        let mut is_changed = std::mem::take(&mut self.is_stale);
        for (silence, quiet) in &mut self.silences {
            is_changed |= quiet.set_in_force(silence.holds_at(now));
        }
        for window in &mut self.windows {
            let holds = window.holds_at(now);
            is_changed |= window.quiet.set_in_force(holds);
        }
        let mut changes = Vec::new();
        for incident in self.open.values() {
            let is_expired = incident.handling.expires_at.is_some_and(|at| at <= now);
            if is_expired {
                changes.push(over(incident, incident.clone(), now, "Nobody raised it again. "));
            } else if is_changed {
                let mut incident = incident.clone();
                let before = incident.handling.silenced_by.clone();
                let steps = self.lay_quiet(&mut incident, now).into_iter().collect();
                if incident.handling.silenced_by != before {
                    changes.push(Change::new(incident, steps));
                }
            }
        }
        changes.iter().for_each(|change| self.apply(change));
        changes
    }

    /// Ends what fires of rules that are not in force any more, and were not raised by jobs. It is in force already.
    pub fn end_orphans(&mut self, is_in_force: impl Fn(&str) -> bool, now: Timestamp) -> Vec<Change> {
        let orphans = self.open.values().filter(|incident| !incident.is_raised() && !is_in_force(&incident.rule));
        let why = "Its rule is not in force any more. ";
        let changes: Vec<Change> = orphans.map(|incident| over(incident, incident.clone(), now, why)).collect();
        changes.iter().for_each(|change| self.apply(change));
        changes
    }

    /// Takes an incident on, or gives it back; says so in its timeline when that changes something. `None` when it does not
    /// fire.
    pub fn acknowledge(&self, id: u64, wanted: Option<Acknowledgement>, who: &str, now: Timestamp) -> Option<Outcome> {
        let incident = self.open.get(&id).filter(|incident| incident.state == IncidentState::Firing)?;
        let said = |acknowledgement: &Acknowledgement| (acknowledgement.by.clone(), acknowledgement.note.clone());
        let before = &incident.handling.acknowledged;
        if before.as_ref().map(said) == wanted.as_ref().map(said) {
            return Some(Outcome::Same(incident.clone()));
        }
        let step = match &wanted {
            Some(Acknowledgement { by, note, .. }) => {
                let note = if note.is_empty() { ".".to_owned() } else { format!(": {note}") };
                step(now, TimelineKind::Acknowledged, format!("{by} took it on{note}"))
            }
            None => step(now, TimelineKind::Unacknowledged, format!("{who} gave it back.")),
        };
        let mut incident = incident.clone();
        incident.handling.acknowledged = wanted;
        Some(Outcome::Changed(Change::new(incident, vec![step])))
    }

    /// What kept notifications back when that was settled last: silences first.
    fn in_force(&self) -> impl Iterator<Item = &Quiet> {
        let all = self.silences.iter().map(|(_, quiet)| quiet).chain(self.windows.iter().map(|window| &window.quiet));
        all.filter(|quiet| quiet.is_in_force())
    }

    /// Notes in an incident what keeps its notifications back, and returns what its timeline says of that. What does now
    /// stays the one, as long as it holds.
    pub(super) fn lay_quiet(&self, incident: &mut Incident, now: Timestamp) -> Option<TimelineEntry> {
        let held = incident.handling.silenced_by.take();
        let taking = || self.in_force().filter(|quiet| quiet.takes(incident));
        let same = held.as_ref().and_then(|name| taking().find(|quiet| quiet.name == *name));
        let found = same.or_else(|| taking().next());
        let is_firing = incident.state == IncidentState::Firing;
        let step = match (&held, found) {
            (Some(held), Some(quiet)) if *held == quiet.name => None,
            (_, Some(quiet)) => Some(step(now, TimelineKind::Silenced, quiet.begins.clone())),
            (Some(held), None) => Some(step(now, TimelineKind::Unsilenced, self.ended_words(held))),
            (None, None) => None,
        };
        incident.handling.silenced_by = found.map(|quiet| quiet.name.clone());
        step.filter(|_| is_firing)
    }

    fn ended_words(&self, name: &str) -> String {
        let silence = self.silences().find(|silence| silence.id == name);
        match (silence, name.strip_prefix("maintenance ")) {
            (Some(silence), _) => format!("The silence by {} is over.", silence.by),
            (None, Some(window)) => format!("Maintenance window {window} is over."),
            (None, None) => "The silence is over.".to_owned(),
        }
    }
}

/// Whether a step is the beginning or the end of an alert.
pub fn is_turn(step: &TimelineEntry) -> bool {
    matches!(step.kind, TimelineKind::Fired | TimelineKind::Resolved)
}

/// The first steps of an incident that fires now.
fn fired(before: Option<&Incident>, incident: &Incident) -> Vec<TimelineEntry> {
    let was_pending = before.is_none_or(|before| before.state == IncidentState::Pending);
    let Some(fired_at) = incident.fired_at.filter(|_| was_pending) else { return Vec::new() };
    let began = before.unwrap_or(incident);
    let begins = (incident.started_at < fired_at).then(|| step(began.started_at, TimelineKind::Began, &began.message));
    begins.into_iter().chain([step(fired_at, TimelineKind::Fired, &incident.message)]).collect()
}

/// Says how many links an incident stands for, each time that they are twice as many: a node that falls silent takes
/// minutes to lose all of its links.
fn folded(before: Option<&Incident>, incident: &Incident, now: Timestamp) -> Option<TimelineEntry> {
    let doublings = |folded: u32| u32::BITS - folded.leading_zeros();
    let is_news = doublings(incident.folded) > doublings(before.map_or(0, |before| before.folded));
    let links = if incident.folded == 1 { "1 link".to_owned() } else { format!("{} links", incident.folded) };
    is_news.then(|| step(now, TimelineKind::Folded, format!("It stands for {links}.")))
}

/// The end of an incident. Whoever took it on is done with it; its timeline tells who that was.
pub(super) fn over(before: &Incident, last: Incident, now: Timestamp, why: &str) -> Change {
    let ended_at = last.resolved_at.unwrap_or(now);
    let lasted = duration_words(ended_at.ms() - before.started_at.ms());
    let mut incident = Incident { state: IncidentState::Resolved, resolved_at: Some(ended_at), ..last };
    incident.handling = before.handling.clone();
    (incident.handling.acknowledged, incident.handling.expires_at) = (None, None);
    Change::new(incident, vec![step(ended_at, TimelineKind::Resolved, format!("{why}Over after {lasted}."))])
}

#[cfg(test)]
mod tests;
