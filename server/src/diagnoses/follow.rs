//! Hears what a node finds, until it is done or its time is over.

use std::{sync::Arc, time::Duration};

use netloom_core::{
    check::{Check, Finding, Outcome},
    diagnosis::{Diagnosis, DiagnosisState, ITEMS_MAX, Item, plan::is_load},
    errand::{FETCH_WITHIN_MS, Plan, Report},
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{DiagnosisKeeper, mesh};
use crate::{clock, errands::Handed, throughput::Guard};

/// How long all checks that only look may take, beyond the time until the node comes for its errand: three times what they
/// promise, for a machine that is busy.
const LOOKS_LIMIT: Duration = Duration::from_secs(15);
/// What a test of throughput may take beyond the time that it says it takes, on the node as well as here.
const LOAD_GRACE: Duration = Duration::from_secs(10);
/// How often everybody is told how far it is, at most.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// What a finding may take, bytes: the interfaces of a machine with hundreds of them. Of a larger one the details go.
const FINDING_MAX_BYTES: usize = 128 * 1_024;

/// What is followed.
pub(super) struct Following {
    pub(super) id: String,
    pub(super) node: String,
    pub(super) plan: Plan,
    pub(super) stop: CancellationToken,
}

impl DiagnosisKeeper {
    /// Follows a diagnosis to its end; what is held for it is free then.
    pub(super) async fn follow(self: Arc<Self>, following: Following, mut handed: Handed, held: Option<Guard>) {
        let limit = limit(&following.plan);
        let deadline = Instant::now() + limit;
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_news = false;
        let end = loop {
            tokio::select! {
                report = handed.reports.recv() => match report {
                    Some(Report::Done { .. }) => break Ok(()),
                    Some(Report::Failed { why, .. }) => break Err(why),
                    Some(report) => is_news |= self.take(&following, report),
                    None => break Err(format!("{} went away", following.node)),
                },
                _ = ticks.tick() => {
                    let diagnosis = self.running().get(&following.id).filter(|_| is_news).map(|one| one.diagnosis.clone());
                    diagnosis.iter().for_each(|diagnosis| self.publish(diagnosis));
                    is_news = false;
                }
                () = sleep_until(deadline) => {
                    self.errands.give_up(&following.node, handed.errand);
                    break Err(format!("it did not end within {} s", limit.as_secs()));
                }
                // It was deleted: nobody wants to know any more.
                () = following.stop.cancelled() => return self.errands.give_up(&following.node, handed.errand),
            }
        };
        if let Some((held, finding)) = held.zip(self.throughput(&following.id)) {
            held.end(&finding);
        }
        self.end(&following, end).await;
    }

    /// What came of the test of throughput, when there was one.
    fn throughput(&self, id: &str) -> Option<Finding> {
        let running = self.running();
        let mut items = running.get(id)?.diagnosis.items.iter();
        items.find(|item| matches!(item.spec.check, Check::Throughput(_)))?.finding.clone()
    }

    /// Takes what the node tells. Returns whether a check ended, or everything began.
    fn take(&self, following: &Following, report: Report) -> bool {
        let mut running = self.running();
        let Some(diagnosis) = running.get_mut(&following.id).map(|running| &mut running.diagnosis) else {
            return false;
        };
        match report {
            Report::Planned { items, .. } if diagnosis.state == DiagnosisState::Waiting => {
                diagnosis.state = DiagnosisState::Running;
                diagnosis.items = items.into_iter().take(ITEMS_MAX).map(Item::waiting).map(without_ticket).collect();
                true
            }
            Report::Item { item, progress, finding, .. } => {
                let Some(item) = diagnosis.items.get_mut(item) else { return false };
                progress.into_iter().for_each(|progress| item.take_progress(progress));
                let has_ended = finding.is_some();
                finding.into_iter().for_each(|finding| item.take(bounded(*finding)));
                has_ended
            }
            _ => false,
        }
    }

    async fn end(&self, following: &Following, end: Result<(), String>) {
        let (plan, now) = (&following.plan, clock::now());
        let seen = mesh::items(&self.board, &following.node, &plan.hosts, plan.is_usual, now);
        let Some(mut diagnosis) = self.running().get(&following.id).map(|running| running.diagnosis.clone()) else {
            return;
        };
        let room = ITEMS_MAX.saturating_sub(diagnosis.items.len());
        match end {
            Ok(()) => {
                for item in diagnosis.items.iter_mut().filter(|item| item.finding.is_none()) {
                    item.take(Finding::new(Outcome::Skipped { why: "its end was not heard of".to_owned() }));
                }
                for item in seen.into_iter().take(room) {
                    let beside = diagnosis.items.iter().rposition(|other| other.spec.subject == item.spec.subject);
                    diagnosis.items.insert(beside.map_or(0, |at| at + 1), item);
                }
                diagnosis.conclude(now);
            }
            Err(why) => diagnosis.fail(why, now),
        }
        self.keep(&following.id, diagnosis).await;
    }

    /// Keeps what ended, and only then lets go of it, so that it can be read at any moment.
    async fn keep(&self, id: &str, diagnosis: Diagnosis) {
        let is_wanted = self.running().get_mut(id).map(|running| running.diagnosis = diagnosis.clone()).is_some();
        if is_wanted {
            if let Err(error) = self.ledger.save_diagnosis(&diagnosis).await {
                tracing::error!(%error, id, "a diagnosis cannot be kept");
            }
            if self.running().remove(id).is_none() {
                // It was deleted in this moment.
                let _ = self.ledger.delete_diagnosis(id).await;
                return;
            }
            self.publish(&diagnosis);
        }
    }
}

/// How long all of it may take.
fn limit(plan: &Plan) -> Duration {
    let loads_ms: u64 = plan
        .checks
        .iter()
        .filter(|(_, check)| is_load(check))
        .map(|(_, check)| check.longest_ms().saturating_add(LOAD_GRACE.as_millis() as u64))
        .fold(0, u64::saturating_add);
    Duration::from_millis((FETCH_WITHIN_MS as u64).saturating_add(loads_ms)) + LOOKS_LIMIT
}

/// Tickets are for the node alone.
fn without_ticket(mut item: Item) -> Item {
    if let Check::Throughput(spec) = &mut item.spec.check {
        spec.ticket.clear();
    }
    item
}

/// A finding that is not too large.
fn bounded(mut finding: Finding) -> Finding {
    let bytes = serde_json::to_vec(&finding).map_or(usize::MAX, |json| json.len());
    if bytes > FINDING_MAX_BYTES {
        finding.detail = None;
        finding.notes.truncate(1);
        finding.figures.truncate(32);
        finding.note("there was too much to tell: the details are left out");
    }
    finding
}
