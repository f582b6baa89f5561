//! One check, again and again.

use std::time::Duration;

use netloom_core::{
    api::MeasurementState,
    check::{Check, Detail, Finding, Outcome, series},
    errand::Report,
    mark::{MarkKind, NewMark, TEXT_MAX_CHARS},
    sample::Readings,
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
            let Some((finding, announced)) = self.announced(job, dst, check).await else { return };
            let (state, detail) = series::state(&finding);
            self.status.set(&job.row, state, &detail, self.clock.now());
            if let Some(announced) = announced {
                announced.end(&finding);
            }
            if !self.tell(dst, check, finding).await {
                return;
            }
        }
    }

    /// Runs a check once, when it is its turn.
    pub(super) async fn run(&self, check: &Check) -> Option<Finding> {
        let _turn = self.checks.acquire().await.ok()?;
        Some((self.runner)(check.clone()).await)
    }

    /// Runs a check of a job. A test of throughput disturbs everything else, so it is put on the time axis before.
    async fn announced(&self, job: &Job, dst: &str, check: &Check) -> Option<(Finding, Option<Announced>)> {
        if !check.is_test() {
            return Some((self.run(check).await?, None));
        }
        let _turn = self.tests.acquire().await.ok()?;
        let text = format!("Test by schedule, {}", job.row).chars().take(TEXT_MAX_CHARS).collect();
        let (at, kind, src) = (self.clock.now(), MarkKind::Throughput, self.node.clone());
        let mark = NewMark { at, until: None, kind, src, dst: dst.to_owned(), text, figures: [].into() };
        self.report(Report::Mark(mark.clone()));
        let announced = Announced { mark, reports: self.reports.clone(), clock: self.clock.clone() };
        Some(((self.runner)(check.clone()).await, Some(announced)))
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

/// A test on the time axis. Dropped, it has ended, also when it was given up.
struct Announced {
    mark: NewMark,
    reports: mpsc::Sender<Report>,
    clock: HubClock,
}

impl Announced {
    /// Ends it with what came of the test.
    fn end(mut self, finding: &Finding) {
        self.mark.figures = finding.figures.iter().map(|figure| (figure.name.clone(), figure.value)).collect();
        if let Outcome::Skipped { why } = &finding.outcome {
            self.mark.text = format!("Test by schedule, not made: {why}").chars().take(TEXT_MAX_CHARS).collect();
        }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.mark.until = Some(self.clock.now());
        if self.reports.try_send(Report::Mark(self.mark.clone())).is_err() {
            tracing::debug!("the end of a test found no room");
        }
    }
}
