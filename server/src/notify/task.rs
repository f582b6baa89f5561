//! The task that owns what was told to whom.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use netloom_core::{
    incident::{Incident, TimelineEntry, TimelineKind},
    notify::{Attempt, Delivery, Outcome, dispatch::Dispatch, line::Outgoing},
    settings::{Settings, notify::Receiver},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Pace, Post};
use crate::{
    clock,
    shutdown::DRAIN_LIMIT,
    store::{StoreError, ledger::Ledger},
};

/// Incidents that are taken at once before it is looked what is due.
const TAKE_MAX: usize = 1_024;
/// How long to wait when the database cannot keep anything.
const STORE_WAIT_MS: i64 = 5_000;
/// The longest sleep: whatever happens to the clock of the machine, it is looked again after this.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// The owner of what was told to whom.
pub struct NotifierTask {
    pub(super) incoming: mpsc::Receiver<Incident>,
    pub(super) behind: Arc<Notify>,
    pub(super) settings: watch::Receiver<Settings>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) post: Arc<Post>,
    pub(super) pace: Pace,
}

/// An attempt that ended.
type Ended = (Receiver, Outgoing, Attempt);

impl NotifierTask {
    /// Runs until it is to finish; what is being sent then may end.
    pub async fn run(mut self, finish: CancellationToken) {
        let mut dispatch = loop {
            match self.begin().await {
                Ok(dispatch) => break dispatch,
                Err(error) => tracing::error!(%error, "cannot read what was told"),
            }
            tokio::select! {
                () = finish.cancelled() => return,
                () = sleep(Duration::from_millis(STORE_WAIT_MS as u64)) => {}
            }
        };
        let mut sending: JoinSet<Ended> = JoinSet::new();
        let mut taken = Vec::new();
        let behind = self.behind.clone();
        loop {
            let next_ms = self.send_what_is_due(&mut dispatch, &mut sending).await;
            let wait =
                Duration::from_millis(next_ms.map_or(i64::MAX, |next_ms| next_ms - clock::now().ms()).max(1) as u64);
            tokio::select! {
                () = finish.cancelled() => break,
                count = self.incoming.recv_many(&mut taken, TAKE_MAX) => {
                    taken.drain(..).for_each(|incident| dispatch.take(incident));
                    if count == 0 {
                        break;
                    }
                }
                Some(Ok(ended)) = sending.join_next() => self.note(&mut dispatch, ended).await,
                Ok(()) = self.settings.changed() => self.take_settings(&mut dispatch).await,
                () = behind.notified() => {
                    // What waits is older than what is in the ledger.
                    while let Ok(incident) = self.incoming.try_recv() {
                        dispatch.take(incident);
                    }
                    if let Err(error) = self.look_up(&mut dispatch).await {
                        tracing::error!(%error, "cannot look up what fires");
                        self.behind.notify_one();
                        sleep(Duration::from_secs(1)).await;
                    }
                }
                () = sleep(wait.min(SLEEP_MAX)) => {}
            }
            self.post.counts.overlooked.store(dispatch.overlooked(), std::sync::atomic::Ordering::Relaxed);
        }
        let rest = async {
            while let Some(Ok(ended)) = sending.join_next().await {
                self.note(&mut dispatch, ended).await;
            }
        };
        // What is cut off here is sent again at the next start, under the same id.
        let _ = timeout(DRAIN_LIMIT, rest).await;
    }

    async fn begin(&mut self) -> Result<Dispatch, StoreError> {
        let lines = self.ledger.notify_lines().await?;
        let settings = self.settings.borrow_and_update().notify.clone();
        let mut dispatch = Dispatch::new(lines, settings, self.pace.retry);
        self.look_up(&mut dispatch).await?;
        Ok(dispatch)
    }

    /// Takes what fires from the ledger, and what became of all else that somebody was told of.
    async fn look_up(&self, dispatch: &mut Dispatch) -> Result<(), StoreError> {
        let open = self.ledger.incidents(0).await?;
        let is_open: BTreeSet<u64> = open.iter().map(|incident| incident.id).collect();
        open.into_iter().for_each(|incident| dispatch.take(incident));
        let mut ended: BTreeSet<u64> = dispatch.unseen().into_iter().collect();
        ended.extend(dispatch.firing().filter(|id| !is_open.contains(id)));
        let ids: Vec<u64> = ended.iter().copied().collect();
        for incident in self.ledger.incidents_of(&ids).await? {
            ended.remove(&incident.id);
            dispatch.take(incident);
        }
        ended.into_iter().for_each(|id| dispatch.forget(id));
        Ok(())
    }

    async fn take_settings(&mut self, dispatch: &mut Dispatch) {
        let before: Vec<String> = dispatch.receivers().map(str::to_owned).collect();
        dispatch.set_settings(self.settings.borrow_and_update().notify.clone());
        let after: BTreeSet<String> = dispatch.receivers().map(str::to_owned).collect();
        for gone in before.iter().filter(|id| !after.contains(*id)) {
            if let Err(error) = self.ledger.forget_notify_line(gone).await {
                tracing::error!(%error, "cannot forget what a receiver was told");
            }
        }
    }

    /// Begins the attempts that are due; returns when the next one is, ms. Nothing is sent that was not kept before: after a
    /// crash it is known what may have been sent, and goes out again under the same id.
    async fn send_what_is_due(&self, dispatch: &mut Dispatch, sending: &mut JoinSet<Ended>) -> Option<i64> {
        let now = clock::now();
        let (ready, mut next_ms) = dispatch.step(now);
        for id in ready {
            let Some((receiver, line, outgoing)) = dispatch.begin(&id) else { continue };
            if let Err(error) = self.ledger.save_notify_line(&id, &line, None).await {
                tracing::error!(%error, receiver = receiver.name, "cannot keep a notification, so it is not sent yet");
                let until_ms = now.ms() + STORE_WAIT_MS;
                dispatch.postpone(&id, until_ms);
                next_ms = Some(next_ms.map_or(until_ms, |next_ms| next_ms.min(until_ms)));
                continue;
            }
            let post = self.post.clone();
            sending.spawn(async move {
                let attempt = post.attempt(&receiver, &outgoing.message).await;
                (receiver, outgoing, attempt)
            });
        }
        next_ms
    }

    /// Keeps what came of an attempt.
    async fn note(&self, dispatch: &mut Dispatch, (receiver, outgoing, attempt): Ended) {
        let (delivery, line) = dispatch.done(&receiver, &outgoing, &attempt, fastrand::f64());
        self.post.counts.count(delivery.outcome);
        say(&delivery);
        let kept = match line {
            Some(line) => self.ledger.save_notify_line(&receiver.id, &line, Some(&delivery)).await,
            None => self.ledger.add_delivery(&delivery).await,
        };
        if let Err(error) = kept {
            tracing::error!(%error, receiver = receiver.name, "cannot keep what came of a notification");
        }
        let Some(step) = step(&delivery) else { return };
        for incident in &delivery.incidents {
            if let Err(error) = self.ledger.add_incident_step(*incident, &step).await {
                tracing::error!(%error, incident, "cannot note in an incident who was told");
            }
        }
    }
}

/// What the timelines of the incidents get; nothing for what is tried again.
fn step(delivery: &Delivery) -> Option<TimelineEntry> {
    let Delivery { receiver, cause, .. } = delivery;
    let text = match delivery.outcome {
        Outcome::Delivered => format!("{receiver} was told"),
        Outcome::Failed | Outcome::Refused => format!("{receiver} could not be told: {cause}"),
        Outcome::Retrying => return None,
    };
    Some(TimelineEntry { at: delivery.at, kind: TimelineKind::Notified, text })
}

/// An attempt in the hub's own log.
fn say(delivery: &Delivery) {
    let Delivery { message, receiver, attempt, cause, count, .. } = delivery;
    match delivery.outcome {
        Outcome::Delivered => tracing::info!(message, receiver, attempt, count, "notification delivered"),
        Outcome::Retrying => tracing::warn!(message, receiver, attempt, cause, "notification is tried again"),
        Outcome::Failed | Outcome::Refused => tracing::error!(message, receiver, attempt, cause, "notification failed"),
    }
}
