//! One check, again and again.

use std::time::Duration;

use netloom_core::{
    api::MeasurementState,
    check::{Check, Detail, Finding, Outcome, series},
    errand::Report,
    mark::{MarkKind, NewMark, TEXT_MAX_CHARS},
    sample::Readings,
    time::Timestamp,
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{MissedTickBehavior, interval},
};

use super::{
    Runner,
    plan::{Job, Work},
};
use crate::agent::{hub_clock::HubClock, status::StatusBoard};

/// What the tasks of all checks share.
pub(super) struct Runs {
    pub(super) node: String,
    pub(super) runner: Runner,
    pub(super) status: StatusBoard,
    pub(super) clock: HubClock,
    pub(super) bursts: mpsc::Sender<Readings>,
    pub(super) reports: mpsc::Sender<Report>,
    /// How many checks run at once.
    pub(super) checks: Semaphore,
    /// The same for tests of throughput.
    pub(super) tests: Semaphore,
}

impl Runs {
    /// Runs a check at its interval until nobody listens. A run that takes longer than that, or has to wait for others, is
    /// followed by the next one that is due.
    pub(super) async fn check(&self, job: &Job) {
        let Work::Check { dst, check } = &job.work else { return };
        let mut ticks = interval(job.every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let Some((finding, began)) = self.run(check).await else { return };
            let (state, detail) = series::state(&finding);
            self.status.set(&job.row, state, &detail, self.clock.now());
            if check.is_test() {
                self.mark(&job.row, dst, &finding, began);
            }
            if !self.tell(dst, check, finding).await {
                return;
            }
        }
    }

    /// Runs a check once, when it is its turn. Returns when that was, too.
    pub(super) async fn run(&self, check: &Check) -> Option<(Finding, Timestamp)> {
        let turn = if check.is_test() { &self.tests } else { &self.checks };
        let _turn = turn.acquire().await.ok()?;
        let began = self.clock.now();
        Some(((self.runner)(check.clone()).await, began))
    }

    /// Sends the figures of a finding, and the way when it is one. Returns whether anybody listens.
    pub(super) async fn tell(&self, dst: &str, check: &Check, finding: Finding) -> bool {
        let at = self.clock.now();
        let readings = series::readings(&self.node, dst, check, &finding, at.ms());
        if let Some(Detail::Path(trace)) = finding.detail {
            self.report(Report::Path { dst: dst.to_owned(), at, trace });
        }
        readings.samples.is_empty() || self.bursts.send(readings).await.is_ok()
    }

    /// A test of throughput disturbs everything else, so it stands on the time axis.
    fn mark(&self, row: &str, dst: &str, finding: &Finding, began: Timestamp) {
        if matches!(finding.outcome, Outcome::Skipped { .. }) {
            return;
        }
        self.report(Report::Mark(NewMark {
            at: began,
            until: Some(self.clock.now()),
            kind: MarkKind::Throughput,
            src: self.node.clone(),
            dst: dst.to_owned(),
            text: format!("Test by schedule, {row}").chars().take(TEXT_MAX_CHARS).collect(),
            figures: finding.figures.iter().map(|figure| (figure.name.clone(), figure.value)).collect(),
        }));
    }

    fn report(&self, report: Report) {
        // A hub that is away for so long hears of the next one.
        if self.reports.try_send(report).is_err() {
            tracing::debug!("a report of a check found no room");
        }
    }

    /// Notes how a measurement fares.
    pub(super) fn note(&self, row: &str, (state, detail): (MeasurementState, String)) {
        self.status.set(row, state, &detail, self.clock.now());
    }
}
