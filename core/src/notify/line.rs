//! What one receiver has been told and is being told. At most one message is on its way to a receiver; what happens
//! meanwhile is told in the next one.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::Message;
use crate::{
    incident::{Incident, IncidentState},
    settings::notify::{NotifySettings, Receiver},
    time::Timestamp,
};

/// Messages that one receiver gets within [`RATE_WINDOW_MS`]: more than people read, and what services that pass messages
/// on allow. What is beyond waits, and is told together.
pub const RATE_MAX_MESSAGES: usize = 60;
/// The time in which they are counted, ms.
pub const RATE_WINDOW_MS: i64 = 3_600_000;
/// What could not be delivered and fires still is tried again after this long, ms, in a message of its own.
pub const AGAIN_AFTER_MS: i64 = 3_600_000;

/// The state of one receiver. All of it is kept in one step, before a message is sent and after it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// The incidents that it was told of as firing, and not yet as over.
    pub told: BTreeMap<u64, Told>,
    /// The message that is on its way.
    pub outgoing: Option<Outgoing>,
    /// How many messages there were.
    pub count: u64,
    /// When the last [`RATE_MAX_MESSAGES`] were made, ms.
    pub sent_ms: VecDeque<i64>,
    /// Since when there is something to tell, ms. After a restart the wait for others begins anew.
    #[serde(skip)]
    news_since_ms: Option<i64>,
    /// Whether the message is being sent right now.
    #[serde(skip)]
    pub(super) is_in_flight: bool,
}

/// What a receiver knows of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When it was told last, ms: the time of the message.
    pub at_ms: i64,
    /// Whether a message about it was delivered.
    pub was_heard: bool,
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The message.
    pub message: Message,
    /// Attempts that were begun. One whose end nobody saw, because the hub died, is made again under the same id.
    pub attempts: u32,
    /// When the next is due, ms.
    pub due_ms: i64,
}

/// What a receiver is to be told.
#[derive(Debug, Default)]
pub(super) struct Fresh<'a> {
    pub(super) firing: Vec<&'a Incident>,
    pub(super) resolved: Vec<&'a Incident>,
    pub(super) reminders: Vec<&'a Incident>,
    /// When the next reminder is due, ms.
    pub(super) next_reminder_ms: Option<i64>,
}

impl Line {
    /// Makes a message when it is time for one. Returns when to ask again, ms.
    pub(super) fn step(
        &mut self,
        open: &BTreeMap<u64, Incident>,
        receiver: &Receiver,
        settings: &NotifySettings,
        now: Timestamp,
    ) -> Option<i64> {
        if let Some(outgoing) = &self.outgoing {
            return (!self.is_in_flight).then_some(outgoing.due_ms);
        }
        self.forget_what_needs_no_end(open, receiver);
        let fresh = self.fresh(open, receiver, settings, now.ms());
        let has_news = !fresh.firing.is_empty() || !fresh.resolved.is_empty();
        let since_ms = has_news.then(|| self.news_since_ms.unwrap_or(now.ms()));
        let news_ms = since_ms.map(|since_ms| self.due_ms(since_ms, settings));
        let reminder_ms = if fresh.reminders.is_empty() { fresh.next_reminder_ms } else { Some(now.ms()) };
        let due_ms =
            [news_ms, reminder_ms].into_iter().flatten().min().map(|due_ms| due_ms.max(self.rate_ms(now.ms())));
        if due_ms.is_none_or(|due_ms| due_ms > now.ms()) {
            self.news_since_ms = since_ms;
            return due_ms;
        }
        let id = format!("{}.{}.{}", receiver.id, self.count + 1, now.ms());
        let message = Message::of(id, &fresh, now);
        let told: Vec<u64> = fresh.firing.iter().chain(&fresh.reminders).map(|incident| incident.id).collect();
        let over: Vec<u64> = fresh.resolved.iter().map(|incident| incident.id).collect();
        for id in told {
            let was_heard = self.told.get(&id).is_some_and(|told| told.was_heard);
            self.told.insert(id, Told { at_ms: now.ms(), was_heard });
        }
        for id in over {
            self.told.remove(&id);
        }
        self.count += 1;
        self.sent_ms.push_back(now.ms());
        while self.sent_ms.len() > RATE_MAX_MESSAGES {
            self.sent_ms.pop_front();
        }
        self.news_since_ms = None;
        self.outgoing = Some(Outgoing { message, attempts: 0, due_ms: now.ms() });
        Some(now.ms())
    }

    /// The message is done with: delivered, or given up.
    pub(super) fn end(&mut self, was_delivered: bool) {
        let Some(outgoing) = self.outgoing.take() else { return };
        if was_delivered {
            let at_ms = outgoing.message.at.ms();
            self.told.values_mut().filter(|told| told.at_ms == at_ms).for_each(|told| told.was_heard = true);
        }
    }

    /// What is over needs no message when the receiver never heard of it, or does not want to hear the end.
    fn forget_what_needs_no_end(&mut self, open: &BTreeMap<u64, Incident>, receiver: &Receiver) {
        let is_over = |id: &u64| open.get(id).is_some_and(|incident| incident.state != IncidentState::Firing);
        self.told.retain(|id, told| !is_over(id) || (told.was_heard && receiver.send_resolved));
    }

    fn fresh<'a>(
        &self,
        open: &'a BTreeMap<u64, Incident>,
        receiver: &Receiver,
        settings: &NotifySettings,
        now_ms: i64,
    ) -> Fresh<'a> {
        let remind_ms = (settings.remind_h > 0.0).then_some((settings.remind_h * 3_600_000.0) as i64);
        let mut fresh = Fresh::default();
        for incident in open.values() {
            let told = self.told.get(&incident.id);
            if incident.state != IncidentState::Firing {
                if told.is_some() {
                    fresh.resolved.push(incident);
                }
                continue;
            }
            if incident.handling.silenced_by.is_some() || !receiver.wants(incident) {
                continue;
            }
            let Some(told) = told else {
                fresh.firing.push(incident);
                continue;
            };
            let is_taken_on = incident.handling.acknowledged.is_some();
            let remind_ms = if is_taken_on { None } else { remind_ms };
            let again_ms = (!told.was_heard).then_some(AGAIN_AFTER_MS);
            let Some(wait_ms) = [remind_ms, again_ms].into_iter().flatten().min() else { continue };
            let due_ms = told.at_ms + wait_ms;
            if due_ms <= now_ms {
                fresh.reminders.push(incident);
            } else {
                fresh.next_reminder_ms = Some(fresh.next_reminder_ms.map_or(due_ms, |next_ms| next_ms.min(due_ms)));
            }
        }
        fresh
    }

    /// When news that came at a moment may be told: after the wait for others, and not too soon after the last message.
    fn due_ms(&self, since_ms: i64, settings: &NotifySettings) -> i64 {
        let wait_ms = (settings.group_wait_s * 1_000.0) as i64;
        let interval_ms = (settings.group_interval_s * 1_000.0) as i64;
        let after_last = self.sent_ms.back().map_or(i64::MIN, |last_ms| last_ms + interval_ms);
        (since_ms + wait_ms).max(after_last)
    }

    /// From when on the receiver may get one more message, ms.
    fn rate_ms(&self, now_ms: i64) -> i64 {
        let is_full = self.sent_ms.len() >= RATE_MAX_MESSAGES;
        self.sent_ms.front().filter(|_| is_full).map_or(now_ms, |first_ms| first_ms + RATE_WINDOW_MS)
    }
}
