//! Checks by schedule: name servers, ways, and the lines of the settings. Each has a task of its own, so that no run of a
//! check overlaps the one before; a few run at once, and what loads the machine runs on a thread of its own.

mod job;
mod plan;
mod ways;

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use netloom_core::{
    api::{AgentConfig, MeasurementState},
    check::{Check, Finding, Outcome, Phase},
    errand::Report,
    sample::Readings,
    schedule::stagger_ms,
};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::sleep,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    job::Runs,
    plan::{Job, Plan, Work},
};
use super::{discover, hub_clock::HubClock, status::StatusBoard};
use crate::{
    check::{self, Means},
    probe::icmp::IcmpProber,
};

/// Checks that run at once. They share the thread of the probes, and more would be measured along with each other.
const AT_ONCE_MAX: usize = 8;
/// The first runs are spread over this time at most, so that what is wrong is known soon after the start.
const FIRST_WITHIN_MS: u64 = 10_000;
/// How often the name servers are looked up anew.
const DISCOVER_INTERVAL: Duration = Duration::from_secs(30);

/// Runs one check to its end.
pub type Runner = Arc<dyn Fn(Check) -> BoxFuture<'static, Finding> + Send + Sync>;

/// What the scheduler needs to run.
pub struct Scheduler {
    /// The node, label `src`.
    pub node: String,
    /// What the hub tells it to do.
    pub config: watch::Receiver<AgentConfig>,
    /// Who runs checks.
    pub runner: Runner,
    /// Where it is noted how each check fares.
    pub status: StatusBoard,
    /// The hub's time.
    pub clock: HubClock,
    /// Where figures go.
    pub bursts: mpsc::Sender<Readings>,
    /// Where ways and marks go.
    pub reports: mpsc::Sender<Report>,
}

/// Runs checks with these means: what is light on this runtime, a test of throughput on a thread of its own.
pub fn runner(means: &Arc<Means>) -> Runner {
    let means = means.clone();
    Arc::new(move |check| {
        let means = means.clone();
        if check.is_test() {
            return Box::pin(run_apart(check, means));
        }
        Box::pin(async move { check::run(&check, &means, limit(&check), &|_| {}).await })
    })
}

fn limit(check: &Check) -> Duration {
    Duration::from_millis(check.longest_ms())
}

/// Runs a check in a runtime of its own.
async fn run_apart(check: Check, means: Arc<Means>) -> Finding {
    let stop = CancellationToken::new();
    // Whoever stops waiting stops the test: its program is killed, and nothing more is sent.
    let (stopped, _stop) = (stop.clone(), stop.drop_guard());
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let finding = runtime.block_on(async {
            // Sockets belong to the runtime that opened them.
            let own = Means { icmp: Arc::new(IcmpProber::new()), ..(*means).clone() };
            tokio::select! {
                finding = check::run(&check, &own, limit(&check), &|_| {}) => finding,
                () = stopped.cancelled() => Finding::new(Outcome::Skipped { why: "it was given up".to_owned() }),
            }
        });
        runtime.shutdown_background();
        Ok::<_, std::io::Error>(finding)
    };
    let cause = match tokio::task::spawn_blocking(run).await {
        Ok(Ok(finding)) => return finding,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Finding::failed(Phase::Prepare, cause, "")
}

/// What is said of a check that has not run yet.
const FIRST_RUN: &str = "waits for its first run";

impl Scheduler {
    /// Keeps one task per check until the orders end: starts what is new, stops what is gone, leaves alone what stays.
    pub async fn run(mut self) {
        let runs = Arc::new(Runs {
            node: self.node.clone(),
            runner: self.runner.clone(),
            status: self.status.clone(),
            clock: self.clock.clone(),
            bursts: self.bursts.clone(),
            reports: self.reports.clone(),
            checks: Semaphore::new(AT_ONCE_MAX),
            tests: Semaphore::new(1),
        });
        let mut running: HashMap<String, (Job, DropGuard)> = HashMap::new();
        loop {
            let plan = {
                let config = self.config.borrow_and_update();
                let servers = discover::configured_name_servers();
                let mut plan = plan::plan(&self.node, &config.settings, config.hub.ip(), &servers);
                if config.run_active {
                    plan.spare_the_run();
                }
                plan
            };
            self.note(&plan);
            running.retain(|row, (job, _)| plan.jobs.iter().any(|new| new.row == *row && new == job));
            let count = plan.jobs.len();
            for (at, job) in plan.jobs.into_iter().enumerate() {
                if !running.contains_key(&job.row) {
                    let delay = stagger_ms(at, count, job.first_within_ms(FIRST_WITHIN_MS), fastrand::f64());
                    self.status.set(&job.row, MeasurementState::Working, FIRST_RUN, self.clock.now());
                    let stop = self.start(&runs, job.clone(), Duration::from_millis(delay));
                    running.insert(job.row.clone(), (job, stop.drop_guard()));
                }
            }
            tokio::select! {
                () = sleep(DISCOVER_INTERVAL) => {}
                changed = self.config.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Starts the task of a check; cancelling the token ends it.
    fn start(&self, runs: &Arc<Runs>, job: Job, delay: Duration) -> CancellationToken {
        let (stop, runs, config) = (CancellationToken::new(), runs.clone(), self.config.clone());
        let stopped = stop.clone();
        tokio::spawn(async move {
            let run = async {
                sleep(delay).await;
                match &job.work {
                    Work::Check { .. } => runs.check(&job).await,
                    Work::Ways { hub } => ways::run(&runs, *hub, job.every, config).await,
                }
            };
            tokio::select! {
                () = run => {}
                () = stopped.cancelled() => {}
            }
        });
        stop
    }

    /// Notes what is off, and forgets what is gone.
    fn note(&self, plan: &Plan) {
        let now = self.clock.now();
        for (row, why) in &plan.off {
            self.status.set(row, MeasurementState::Off, why, now);
        }
        self.status.retain(|name| {
            let is_known =
                || plan.jobs.iter().any(|job| job.row == name) || plan.off.iter().any(|(row, _)| row == name);
            !plan::is_own(name) || is_known()
        });
    }
}

#[cfg(test)]
mod tests;
