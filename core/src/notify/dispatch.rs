//! Decides who is told of which incident, and when. It is told of incidents, settings, the time, and what came of each
//! attempt; the hub keeps the lines and does the sending.

use std::collections::BTreeMap;

use super::{
    Attempt, CAUSE_MAX_CHARS, Delivery, Outcome,
    line::{Line, Outgoing},
    retry::Retry,
};
use crate::{
    incident::{Incident, IncidentState},
    settings::notify::{NotifySettings, Receiver},
    time::Timestamp,
};

/// Incidents that are looked at: every link of a mesh of a hundred nodes. More are not told, and counted.
pub const INCIDENTS_MAX: usize = 20_000;

/// The state of all notifications.
#[derive(Debug)]
pub struct Dispatch {
    lines: BTreeMap<String, Line>,
    /// What fires, and what is over while a receiver still has to hear it.
    open: BTreeMap<u64, Incident>,
    settings: NotifySettings,
    retry: Retry,
    overlooked: u64,
}

impl Dispatch {
    /// Goes on from the lines as they were kept.
    pub fn new(lines: BTreeMap<String, Line>, settings: NotifySettings, retry: Retry) -> Self {
        let mut dispatch =
            Self { lines, open: BTreeMap::new(), settings: NotifySettings::default(), retry, overlooked: 0 };
        dispatch.set_settings(settings);
        dispatch
    }

    /// Takes settings over. A receiver that is gone or switched off is forgotten, with what was on its way to it: when it
    /// is switched on again, it is told what fires then.
    pub fn set_settings(&mut self, settings: NotifySettings) {
        self.settings = settings;
        let settings = &self.settings;
        self.lines.retain(|id, _| settings.receiver(id).is_some_and(|receiver| receiver.enabled));
        for receiver in settings.receivers.iter().filter(|receiver| receiver.enabled) {
            self.lines.entry(receiver.id.clone()).or_default();
        }
    }

    /// The receivers that are told anything, by id.
    pub fn receivers(&self) -> impl Iterator<Item = &str> {
        self.lines.keys().map(String::as_str)
    }

    /// Takes an incident as it is now.
    pub fn take(&mut self, incident: Incident) {
        let is_known = self.open.contains_key(&incident.id);
        match incident.state {
            IncidentState::Firing if !is_known && self.open.len() >= INCIDENTS_MAX => self.overlooked += 1,
            IncidentState::Firing => {
                self.open.insert(incident.id, incident);
            }
            // Only those who were told that it fires are told that it is over.
            IncidentState::Resolved if self.is_told(incident.id) => {
                self.open.insert(incident.id, incident);
            }
            _ => {
                self.open.remove(&incident.id);
            }
        }
    }

    /// The incidents that somebody was told of and that have not been seen since the start: whether they still fire has to
    /// be looked up.
    pub fn unseen(&self) -> Vec<u64> {
        let told = self.lines.values().flat_map(|line| line.told.keys());
        let mut unseen: Vec<u64> = told.filter(|id| !self.open.contains_key(id)).copied().collect();
        unseen.sort_unstable();
        unseen.dedup();
        unseen
    }

    /// Forgets an incident that nothing is known of any more.
    pub fn forget(&mut self, id: u64) {
        self.open.remove(&id);
        self.lines.values_mut().for_each(|line| {
            line.told.remove(&id);
        });
    }

    /// The incidents that fire as far as this knows.
    pub fn firing(&self) -> impl Iterator<Item = u64> {
        self.open.values().filter(|incident| incident.state == IncidentState::Firing).map(|incident| incident.id)
    }

    /// How many incidents were not looked at because there are too many.
    pub fn overlooked(&self) -> u64 {
        self.overlooked
    }

    /// Makes the messages that are due. Returns the receivers to which one is to be sent now, and when to ask again, ms.
    pub fn step(&mut self, now: Timestamp) -> (Vec<String>, Option<i64>) {
        let (mut ready, mut next_ms): (Vec<String>, Option<i64>) = (Vec::new(), None);
        for receiver in &self.settings.receivers {
            let Some(line) = self.lines.get_mut(&receiver.id) else { continue };
            let Some(due_ms) = line.step(&self.open, receiver, &self.settings, now) else { continue };
            if line.outgoing.is_some() && due_ms <= now.ms() {
                ready.push(receiver.id.clone());
            } else {
                next_ms = Some(next_ms.map_or(due_ms, |next_ms| next_ms.min(due_ms)));
            }
        }
        let lines = &self.lines;
        self.open.retain(|id, incident| {
            incident.state == IncidentState::Firing || lines.values().any(|line| line.told.contains_key(id))
        });
        (ready, next_ms)
    }

    /// Begins an attempt: the receiver, its line as it has to be kept before anything is sent, and the message.
    pub fn begin(&mut self, id: &str) -> Option<(Receiver, Line, Outgoing)> {
        let receiver = self.settings.receiver(id)?.clone();
        let line = self.lines.get_mut(id)?;
        let outgoing = line.outgoing.as_mut()?;
        outgoing.attempts += 1;
        line.is_in_flight = true;
        let outgoing = outgoing.clone();
        Some((receiver, line.clone(), outgoing))
    }

    /// The attempt could not be begun after all, because nothing can be kept now.
    pub fn postpone(&mut self, id: &str, until_ms: i64) {
        let Some(line) = self.lines.get_mut(id) else { return };
        line.is_in_flight = false;
        if let Some(outgoing) = &mut line.outgoing {
            outgoing.attempts = outgoing.attempts.saturating_sub(1);
            outgoing.due_ms = until_ms;
        }
    }

    /// Takes what came of an attempt. Returns its entry in the log, and the line as it is now, unless the receiver is gone.
    /// `random` is from 0 to 1.
    pub fn done(
        &mut self,
        receiver: &Receiver,
        outgoing: &Outgoing,
        attempt: &Attempt,
        random: f64,
    ) -> (Delivery, Option<Line>) {
        let end_ms = attempt.at.ms() + attempt.took_ms as i64;
        let wait_ms = match &attempt.result {
            Err(failure) if failure.may_retry => self.retry.wait_ms(outgoing.attempts, random, failure.wait_ms),
            _ => None,
        };
        let line = self.lines.get_mut(&receiver.id);
        let line = line.filter(|line| line.outgoing.as_ref().is_some_and(|own| own.message.id == outgoing.message.id));
        // Nobody waits for the next attempt when the receiver is gone.
        let next_ms = line.as_ref().and(wait_ms).map(|wait_ms| end_ms + wait_ms);
        let line = line.map(|line| {
            line.is_in_flight = false;
            match (next_ms, &mut line.outgoing) {
                (Some(next_ms), Some(outgoing)) => outgoing.due_ms = next_ms,
                _ => line.end(attempt.result.is_ok()),
            }
            line.clone()
        });
        (entry(receiver, outgoing, attempt, next_ms), line)
    }

    fn is_told(&self, id: u64) -> bool {
        self.lines.values().any(|line| line.told.contains_key(&id))
    }
}

/// The entry of an attempt in the log.
pub fn entry(receiver: &Receiver, outgoing: &Outgoing, attempt: &Attempt, next_ms: Option<i64>) -> Delivery {
    let (outcome, status, cause) = match &attempt.result {
        Ok(status) => (Outcome::Delivered, *status, String::new()),
        Err(failure) => {
            let outcome = match (next_ms, failure.is_refusal) {
                (Some(_), _) => Outcome::Retrying,
                (None, true) => Outcome::Refused,
                (None, false) => Outcome::Failed,
            };
            let is_plain = |c: &char| !c.is_control();
            (outcome, failure.status, failure.cause.chars().filter(is_plain).take(CAUSE_MAX_CHARS).collect())
        }
    };
    Delivery {
        message: outgoing.message.id.clone(),
        receiver: receiver.name.clone(),
        kind: receiver.kind,
        notice: outgoing.message.notice,
        incidents: outgoing.message.ids.clone(),
        count: outgoing.message.count(),
        attempt: outgoing.attempts,
        outcome,
        status,
        cause,
        at: attempt.at,
        took_ms: attempt.took_ms,
        next_at: next_ms.map(Timestamp),
    }
}

#[cfg(test)]
mod tests;
