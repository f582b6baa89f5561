//! Which rules look at which series: decided once, when a series is met or the rules change.

use std::{collections::HashMap, sync::Arc};

use netloom_core::{
    incident::{Incident, IncidentState, JOB_RULE_PREFIX, Life},
    rule::{Rule, RuleKind},
    sample::{Labels, SeriesKey},
    series::{SeriesId, SharedCatalog},
    time::Timestamp,
};

use super::{
    Engine, INSTANCES_MAX, RuleState, SUBJECTS_MAX,
    instance::{Instance, Memory, ended},
    table::{NONE, Place},
};

impl Engine {
    /// Where a series is; one that is met for the first time is shown to the rules.
    pub(super) fn resolve(&mut self, id: SeriesId, catalog: &SharedCatalog) -> Place {
        match self.table.place(id) {
            Place::New => {}
            known => return known,
        }
        let Some(key) = catalog.key(id) else { return Place::New };
        let before = self.unwatched;
        let place = match self.meet(&key) {
            Some(at) => {
                if let Some(series) = self.table.get_mut(at) {
                    series.id = Some(id);
                }
                Place::At(at)
            }
            None if self.unwatched > before => Place::Unwatched,
            None => Place::Ignored,
        };
        // It is counted when its sample is taken.
        self.unwatched = before;
        self.table.set_place(id, place);
        place
    }

    /// Takes a series in when a rule looks at it.
    pub(super) fn meet(&mut self, key: &Arc<SeriesKey>) -> Option<u32> {
        if let Some(at) = self.table.find(key) {
            return Some(at);
        }
        let about = self.names.about(&key.labels);
        let at = self.table.add(key.clone(), about);
        self.count_interface(at);
        self.attach(at);
        let is_needed = self.table.get(at).is_some_and(|series| !series.instances.is_empty() || series.is_lateness);
        if !is_needed {
            self.table.remove(at);
        }
        is_needed.then_some(at)
    }

    /// Has every rule look at a series that should and does not yet.
    pub(super) fn attach(&mut self, at: u32) {
        let Some(key) = self.table.get(at).map(|series| series.key.clone()) else { return };
        let wanted = self.by_metric.get(key.metric.as_str()).cloned().unwrap_or_default();
        for (rule, input) in wanted {
            let state = &self.rules[rule as usize];
            if !state.rule.selector.takes(&key.labels) || self.instance_of(at, rule).is_some() {
                continue;
            }
            if let Some(instance) = self.sibling(&key, rule) {
                self.link(at, instance, input);
            } else if state.subjects >= SUBJECTS_MAX || self.instances.len() >= INSTANCES_MAX {
                self.unwatched += 1;
            } else {
                let mut instance = Instance::new(rule, &state.rule.kind);
                instance.is_in_run = state.rule.selector.is_in_run(&key.labels, &self.going);
                self.rules[rule as usize].subjects += 1;
                let instance = self.instances.add(instance);
                self.link(at, instance, input);
            }
        }
    }

    fn link(&mut self, at: u32, instance: u32, input: u8) {
        let Some(known) = self.instances.get_mut(instance) else { return };
        known.inputs[input as usize] = at;
        let kind = &self.rules[known.rule as usize].rule.kind;
        let Some(series) = self.table.get_mut(at) else { return };
        series.instances.push(instance);
        series.keep_ms = series.keep_ms.max(kind.window_ms());
        series.keep_rounds = series.keep_rounds.max(kind.rounds());
        series.budgets += u32::from(matches!(kind, RuleKind::Budget(_)));
        match kind {
            RuleKind::Silence(_) => self.silences.push(instance),
            RuleKind::Absent(rule) => self.due.add(series.newest_ms.unwrap_or(i64::MIN / 2) + rule.after_ms, instance),
            _ => {}
        }
    }

    /// The instance with which a rule looks at a series.
    pub(super) fn instance_of(&self, at: u32, rule: u32) -> Option<u32> {
        let instances = &self.table.get(at)?.instances;
        instances.iter().copied().find(|at| self.instances.get(*at).is_some_and(|instance| instance.rule == rule))
    }

    /// The instance with which a rule of several inputs looks at another one of the same subject.
    fn sibling(&self, key: &SeriesKey, rule: u32) -> Option<u32> {
        let inputs = self.rules[rule as usize].rule.kind.inputs();
        let mut others = inputs.into_iter().filter(|metric| *metric != key.metric);
        others.find_map(|metric| {
            let other = SeriesKey { metric: metric.to_owned(), labels: key.labels.clone() };
            self.instance_of(self.table.find(&other)?, rule)
        })
    }

    /// Puts other rules in force. A rule that stays keeps what it knows of its subjects; the incidents of one that goes,
    /// or that looks at a subject no longer, are returned as resolved.
    pub fn set_rules(&mut self, rules: Vec<Rule>, now: Timestamp) -> Vec<Incident> {
        if rules.len() == self.rules.len() && self.rules.iter().zip(&rules).all(|(state, rule)| state.rule == *rule) {
            return Vec::new();
        }
        let before: Vec<Rule> = std::mem::take(&mut self.rules).into_iter().map(|state| state.rule).collect();
        let by_id: HashMap<&str, u32> = rules.iter().enumerate().map(|(at, rule)| (&*rule.id, at as u32)).collect();
        let stays: Vec<Option<u32>> = before
            .iter()
            .map(|old| by_id.get(&*old.id).copied().filter(|at| rules[*at as usize].kind.inputs() == old.kind.inputs()))
            .collect();
        let instances = std::mem::take(&mut self.instances);
        self.rules = rules.into_iter().map(RuleState::new).collect();
        self.begin_anew();
        let mut over = Vec::new();
        for mut instance in instances.into_all() {
            let labels = instance.series(&self.table).map(|series| series.key.labels.clone()).unwrap_or_default();
            let stays = stays[instance.rule as usize];
            let kept = stays.filter(|rule| self.rules[*rule as usize].rule.selector.takes(&labels));
            match kept {
                Some(rule) => self.carry(instance, &before, rule, &labels),
                None => over.extend(instance.end(now)),
            }
        }
        let all: Vec<u32> = self.table.iter().map(|(at, _)| at).collect();
        for at in all {
            self.attach(at);
            self.touch(at);
        }
        over
    }

    /// Takes an instance over to a rule that was changed.
    fn carry(&mut self, mut instance: Instance, before: &[Rule], rule: u32, labels: &Labels) {
        let state = &mut self.rules[rule as usize];
        let old = &before[instance.rule as usize];
        instance.is_edited = state.rule != *old;
        if state.rule.kind != old.kind {
            instance.memory = Memory::of(&state.rule.kind);
        }
        instance.rule = rule;
        instance.is_in_run = state.rule.selector.is_in_run(labels, &self.going);
        state.subjects += 1;
        let (inputs, is_open) = (instance.inputs, instance.life != Life::Inactive);
        let at = self.instances.add(instance);
        for (input, series) in inputs.into_iter().enumerate().filter(|(_, series)| *series != NONE) {
            self.link(series, at, input as u8);
        }
        if is_open {
            self.open.insert(at);
        }
    }

    /// Forgets what follows from the rules.
    fn begin_anew(&mut self) {
        self.by_metric.clear();
        for (at, state) in self.rules.iter().enumerate() {
            for (input, metric) in state.rule.kind.inputs().into_iter().enumerate() {
                self.by_metric.entry(metric.to_owned()).or_default().push((at as u32, input as u8));
            }
        }
        for (_, series) in self.table.iter_mut() {
            series.instances.clear();
            (series.keep_ms, series.keep_rounds, series.budgets) = (0, 0, 0);
        }
        self.table.ask_again();
        self.open.clear();
        self.due.clear();
        self.silences.clear();
    }

    /// Takes up what fired when the hub stopped. What no rule speaks of any more is over; what jobs raised is not ours.
    pub(super) fn restore(&mut self, known: &[Incident], now: Timestamp) {
        let firing = |incident: &&Incident| incident.state == IncidentState::Firing;
        let own = |incident: &&Incident| !incident.rule.starts_with(JOB_RULE_PREFIX);
        for incident in known.iter().filter(firing).filter(own) {
            if !self.restore_one(incident, now) {
                self.over.push(ended(incident.clone(), now));
            }
        }
    }

    fn restore_one(&mut self, incident: &Incident, now: Timestamp) -> bool {
        let Some(rule) = self.rules.iter().position(|state| *state.rule.id == *incident.rule) else { return false };
        let kind = &self.rules[rule].rule.kind;
        let after_ms = kind.fires_after_ms();
        let inputs: Vec<String> = kind.inputs().into_iter().map(str::to_owned).collect();
        let mut is_restored = false;
        for metric in inputs {
            let key = Arc::new(SeriesKey { metric, labels: incident.labels.clone() });
            let Some(at) = self.meet(&key) else { continue };
            if let (Some(after_ms), Some(series)) = (after_ms, self.table.get_mut(at)) {
                // It has been gone since then.
                series.newest_ms = Some(incident.started_at.ms() - after_ms - 1);
            }
            let Some(instance) = self.instance_of(at, rule as u32) else { continue };
            if let Some(known) = self.instances.get_mut(instance) {
                (known.life, known.incident) = (Life::restored(now.ms()), Some(Box::new(incident.clone())));
                is_restored = true;
            }
            self.open.insert(instance);
        }
        is_restored
    }
}
