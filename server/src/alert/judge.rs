//! A round of judging: who is silent, then what was touched, is open, or is due.

use netloom_core::{
    incident::{Incident, Life},
    rule::RuleKind,
    time::Timestamp,
};

use super::{
    Engine,
    instance::Round,
    names::{About, Name},
};

/// A series without data for this long is forgotten.
const FORGET_AFTER_MS: i64 = 10 * 60_000;
/// A series that only reports of absences are waited for is remembered this much longer, ms: a month, after which nobody
/// waits for it.
const MISSED_FOR_MS: i64 = 31 * 86_400_000;
/// A series of which nothing is wrong and nothing new has come is looked at this often: its window grows old.
const REJUDGE_AFTER_MS: i64 = 1_000;
/// How often it is looked which runs were lost and which series may be forgotten, ms.
const TIDY_EVERY_MS: i64 = 10_000;

impl Engine {
    /// Judges the subjects of which something is new, or wrong, as they are at `now`; the others once a second. Returns the
    /// incidents that changed.
    pub fn evaluate(&mut self, now: Timestamp) -> Vec<Incident> {
        let mut changed = std::mem::take(&mut self.over);
        self.round = self.round.wrapping_add(1);
        if now.ms() < self.judged_ms {
            self.clock_went_back(now);
        }
        self.judged_ms = now.ms();
        if !(0..TIDY_EVERY_MS).contains(&now.ms().saturating_sub(self.tidied_ms)) {
            self.tidied_ms = now.ms();
            self.look_at_runs(now);
            changed.extend(self.tidy(now));
        }
        if !(0..REJUDGE_AFTER_MS).contains(&now.ms().saturating_sub(self.swept_ms)) {
            self.swept_ms = now.ms();
            self.sweep(now);
        }
        let mut stale = Vec::new();
        // Who is silent must be known before the links are judged.
        let silences = std::mem::take(&mut self.silences);
        self.judge(&silences, now, &mut changed, &mut stale);
        let silent: Vec<Name> = silences.iter().filter_map(|at| self.silent(*at)).collect();
        self.silences = silences;
        self.fold.set_silent(&silent, now);

        let mut list: Vec<u32> = self.open.iter().copied().collect();
        for at in std::mem::take(&mut self.touched) {
            let Some(series) = self.table.get_mut(at) else { continue };
            (series.is_touched, series.judged_ms) = (false, now.ms());
            series.trim(now.ms());
            list.extend_from_slice(&series.instances);
        }
        self.take_due(now, &mut list);
        self.judge(&list, now, &mut changed, &mut stale);
        for at in stale {
            self.table.get_mut(at).into_iter().for_each(|series| series.window.clear());
        }
        self.tell_folded(&mut changed);
        changed
    }

    fn judge(&mut self, list: &[u32], now: Timestamp, changed: &mut Vec<Incident>, stale: &mut Vec<u32>) {
        let (table, fold, ids, scratch) = (&self.table, &mut self.fold, &self.ids, &mut self.scratch);
        let mut round = Round { table, fold, ids, scratch, stale, now, number: self.round };
        for at in list {
            let Some(instance) = self.instances.get_mut(*at) else { continue };
            let before = instance.life;
            changed.extend(round.judge(&self.rules[instance.rule as usize].rule, instance));
            match (before == Life::Inactive, instance.life == Life::Inactive) {
                (true, false) => _ = self.open.insert(*at),
                (false, true) => _ = self.open.remove(at),
                _ => {}
            }
        }
    }

    /// The node that an instance knows to be silent.
    fn silent(&self, instance: u32) -> Option<Name> {
        let instance = self.instances.get(instance).filter(|instance| instance.life.is_firing())?;
        match instance.series(&self.table)?.about {
            About::Node(node) => Some(node),
            _ => None,
        }
    }

    /// Takes what came before the clock was set back for what came just now: else it would be the newest for hours.
    fn clock_went_back(&mut self, now: Timestamp) {
        for (_, series) in self.table.iter_mut() {
            series.newest_ms = series.newest_ms.map(|newest_ms| newest_ms.min(now.ms()));
            series.since_ms = series.since_ms.map(|since_ms| since_ms.min(now.ms()));
            series.window.forget_after(now.ms());
        }
        self.due.clear();
        for (at, instance) in self.instances.iter() {
            if matches!(self.rules[instance.rule as usize].rule.kind, RuleKind::Absent(_)) {
                self.due.add(now.ms(), at);
            }
        }
    }

    /// Absences whose time is up.
    fn take_due(&mut self, now: Timestamp, list: &mut Vec<u32>) {
        let mut again = Vec::new();
        while let Some(at) = self.due.next(now.ms()) {
            let Some(instance) = self.instances.get(at) else { continue };
            let Some(after_ms) = self.rules[instance.rule as usize].rule.kind.fires_after_ms() else { continue };
            let newest_ms = instance.series(&self.table).and_then(|series| series.newest_ms);
            let due_ms = newest_ms.map_or(i64::MIN, |newest_ms| newest_ms + after_ms);
            if due_ms < now.ms() {
                list.push(at);
            }
            again.push((due_ms.max(now.ms() + REJUDGE_AFTER_MS - 1), at));
        }
        again.into_iter().for_each(|(ms, at)| self.due.add(ms, at));
    }

    /// Has series judged of which nothing came for a while, until there is nothing left to judge.
    fn sweep(&mut self, now: Timestamp) {
        let is_old = |judged_ms: i64| !(0..REJUDGE_AFTER_MS).contains(&now.ms().saturating_sub(judged_ms));
        for (at, series) in self.table.iter_mut() {
            if !series.is_touched && is_old(series.judged_ms) && (!series.window.is_empty() || series.budgets > 0) {
                series.is_touched = true;
                self.touched.push(at);
            }
        }
    }

    /// Forgets series of which nothing came for long, and about which nothing is open.
    fn tidy(&mut self, now: Timestamp) -> Vec<Incident> {
        let mut gone = Vec::new();
        for (at, series) in self.table.iter() {
            let instances = || series.instances.iter().filter_map(|at| self.instances.get(*at));
            let is_missed = instances().any(|instance| {
                let kind = &self.rules[instance.rule as usize].rule.kind;
                matches!(kind, RuleKind::Absent(_))
            });
            let patience_ms = if is_missed { MISSED_FOR_MS } else { FORGET_AFTER_MS };
            let is_alive = series.newest_ms.is_some_and(|newest_ms| now.ms() - newest_ms < patience_ms);
            if !is_alive && instances().all(|instance| instance.incident.is_none()) {
                gone.push(at);
            }
        }
        gone.into_iter().flat_map(|at| self.remove(at, now)).collect()
    }

    /// Notes in the incidents of silent nodes how many links they stand for.
    fn tell_folded(&mut self, changed: &mut Vec<Incident>) {
        for at in &self.silences {
            let Some(instance) = self.instances.get_mut(*at) else { continue };
            let Some(About::Node(node)) = instance.series(&self.table).map(|series| series.about) else { continue };
            let folded = self.fold.links(node);
            let Some(incident) = instance.incident.as_mut().filter(|incident| folded > incident.folded) else {
                continue;
            };
            incident.folded = folded;
            changed.retain(|other| other.id != incident.id);
            changed.push((**incident).clone());
        }
    }
}
