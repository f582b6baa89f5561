//! Runs the probes: one task per target, started spread over the interval, in a runtime of their own.

use std::{collections::HashMap, io, sync::Arc, thread::JoinHandle, time::Duration};

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use netloom_core::{
    api::{AgentConfig, MeasurementState, TargetInfo},
    errand::{Numbered, Report},
    metric,
    probe::{Outcome, ProbeMode, Target},
    sample::{Readings, SeriesKey},
    schedule::stagger_ms,
    settings::probe::ProbeSettings,
    stats::round::{RoundSummary, summarise},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    discover::{Found, discover},
    errands::Errands,
    hub_clock::HubClock,
    peer_modes::PeerModes,
    status::StatusBoard,
};
use crate::{
    check::{Means, Nodes},
    probe::{Prober, icmp::IcmpProber, tcp::TcpProber},
};

/// How often names and routes are looked up anew.
const DISCOVER_INTERVAL: Duration = Duration::from_secs(30);
/// Each round starts up to this part of the interval late, by chance, so that targets do not march in step.
const JITTER_PART: f64 = 0.05;

/// What the probes need to run.
pub struct Probing {
    /// The probing node, label `src`.
    pub node: String,
    /// What the hub tells it to do.
    pub config: watch::Receiver<AgentConfig>,
    /// Where the state of each target is noted.
    pub status: StatusBoard,
    /// What the hub has the node do once.
    pub errands: mpsc::Receiver<Numbered>,
    /// What the node tells of that.
    pub reports: mpsc::Sender<Report>,
    /// Where rounds go.
    pub bursts: mpsc::Sender<Readings>,
    /// The hub's time.
    pub clock: HubClock,
    /// When to stop.
    pub shutdown: CancellationToken,
}

/// Starts the thread that probes.
///
/// # Errors
/// When the system gives no thread; the agent goes on without probes and says so.
pub fn spawn_thread(probing: Probing) -> io::Result<JoinHandle<()>> {
    let (status, clock) = (probing.status.clone(), probing.clock.clone());
    let thread = std::thread::Builder::new().name("netloom-probe".into()).spawn(move || {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                runtime.block_on(probing.run());
                // A name look-up that hangs in the system's resolver must not hold up the end.
                runtime.shutdown_background();
            }
            Err(error) => probing.status.set_result("probes", &Err(error.to_string()), probing.clock.now()),
        }
    });
    if let Err(error) = &thread {
        status.set_result("probes", &Err(error.to_string()), clock.now());
    }
    thread
}

impl Probing {
    /// Keeps one task per target until the shutdown: looks up the targets, starts what is new, stops what is gone.
    async fn run(mut self) {
        let icmp = Arc::new(IcmpProber::new());
        self.spawn_peer_modes(&icmp);
        let (errands, _rounds) = self.errands(&icmp);
        tokio::spawn(errands.run());
        let mut running: HashMap<String, (Plan, CancellationToken)> = HashMap::new();
        loop {
            let config = self.config.borrow_and_update().clone();
            let found = tokio::select! {
                found = discover(&config.settings.probe, config.hub) => found,
                () = self.shutdown.cancelled() => return,
            };
            let plans = self.plan(&config.settings.probe, &icmp, &found);
            running.retain(|name, (plan, stop)| {
                let keeps = plans.iter().any(|new| new.target.name == *name && new == plan);
                if !keeps {
                    stop.cancel();
                }
                keeps
            });
            let count = plans.len();
            for (index, plan) in plans.into_iter().enumerate() {
                if !running.contains_key(&plan.target.name) {
                    let delay_ms = stagger_ms(index, count, plan.settings.interval_ms, fastrand::f64());
                    let stop = self.start(plan.clone(), &icmp, Duration::from_millis(delay_ms));
                    running.insert(plan.target.name.clone(), (plan, stop));
                }
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = sleep(DISCOVER_INTERVAL) => {}
                changed = self.config.changed() => if changed.is_err() { return },
            }
        }
    }

    /// What the hub has the node do once, and where it asks for rounds.
    fn errands(&mut self, icmp: &Arc<IcmpProber>) -> (Errands, mpsc::Receiver<u64>) {
        let (rounds, asked) = mpsc::channel(1);
        let errands = Errands {
            given: std::mem::replace(&mut self.errands, mpsc::channel(1).1),
            reports: self.reports.clone(),
            means: Arc::new(Means { nodes: Nodes::of(self.config.clone()), ..Means::with(icmp.clone()) }),
            status: self.status.clone(),
            clock: self.clock.clone(),
            rounds,
        };
        (errands, asked)
    }

    /// Starts the probes of peers; they end with the thread.
    fn spawn_peer_modes(&self, icmp: &Arc<IcmpProber>) {
        let peer_modes = PeerModes {
            node: self.node.clone(),
            config: self.config.clone(),
            icmp: icmp.clone(),
            status: self.status.clone(),
            clock: self.clock.clone(),
            bursts: self.bursts.clone(),
        };
        tokio::spawn(peer_modes.run());
    }

    /// Decides how each target is probed, and notes that on the status board.
    fn plan(&self, settings: &ProbeSettings, icmp: &IcmpProber, found: &Found) -> Vec<Plan> {
        let now = self.clock.now();
        // How each is probed does not depend on the others; a thousand plans with a thousand targets each would be a million.
        let settings = &ProbeSettings { targets: Vec::new(), ..settings.clone() };
        let mut plans = Vec::new();
        for target in &found.targets {
            let denied = if settings.icmp { icmp.permits(target.address).err() } else { None };
            let (mode, note) = match (&denied, settings.icmp) {
                (Some(why), _) => (ProbeMode::Tcp, Some((MeasurementState::Degraded, format!("{why}: using TCP")))),
                (None, false) => {
                    (ProbeMode::Tcp, Some((MeasurementState::Working, "ICMP is switched off: using TCP".into())))
                }
                (None, true) => (ProbeMode::Icmp, None),
            };
            let note = note.unwrap_or((MeasurementState::Working, String::new()));
            plans.push(Plan { target: target.clone(), mode, note, settings: settings.clone() });
        }
        for (name, cause) in &found.unresolved {
            self.status.set_result(&measurement(name), &Err(cause.clone()), now);
        }
        let names: Vec<String> = found.targets.iter().map(|target| measurement(&target.name)).collect();
        let unresolved: Vec<String> = found.unresolved.iter().map(|(name, _)| measurement(name)).collect();
        let is_probe = |name: &str| name.starts_with(MEASUREMENT_PREFIX);
        self.status.retain(|name| !is_probe(name) || names.iter().chain(&unresolved).any(|known| known == name));
        let info = |plan: &Plan| TargetInfo {
            name: plan.target.name.clone(),
            address: plan.target.address.to_string(),
            mode: plan.mode,
        };
        self.status.set_targets(plans.iter().map(info).collect());
        plans
    }

    /// Starts the task of one target; cancelling the token ends it.
    fn start(&self, plan: Plan, icmp: &Arc<IcmpProber>, delay: Duration) -> CancellationToken {
        let stop = self.shutdown.child_token();
        let prober: Arc<dyn Prober> = match plan.mode {
            ProbeMode::Icmp => icmp.clone(),
            ProbeMode::Tcp | ProbeMode::Udp => Arc::new(TcpProber),
        };
        let task = TargetTask {
            node: self.node.clone(),
            plan,
            prober,
            status: self.status.clone(),
            bursts: self.bursts.clone(),
            clock: self.clock.clone(),
        };
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = task.run(delay) => {}
                () = stopped.cancelled() => {}
            }
        });
        stop
    }
}

const MEASUREMENT_PREFIX: &str = "probe ";

fn measurement(target: &str) -> String {
    format!("{MEASUREMENT_PREFIX}{target}")
}

/// How one target is probed; a change of any part starts its task anew.
#[derive(Debug, Clone, PartialEq)]
struct Plan {
    target: Target,
    mode: ProbeMode,
    note: (MeasurementState, String),
    settings: ProbeSettings,
}

/// Probes one target, round after round.
struct TargetTask {
    node: String,
    plan: Plan,
    prober: Arc<dyn Prober>,
    status: StatusBoard,
    bursts: mpsc::Sender<Readings>,
    clock: HubClock,
}

impl TargetTask {
    /// Starts a round at every interval. A round waits for its last answer, so rounds overlap when a target is slow;
    /// timeout and interval bound how many.
    async fn run(&self, delay: Duration) {
        let interval = Duration::from_millis(self.plan.settings.interval_ms);
        let mut ticks = interval_at(Instant::now() + delay, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut rounds = FuturesUnordered::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => rounds.push(self.round(interval)),
                Some(outcomes) = rounds.next() => {
                    if !self.report(&outcomes).await {
                        return;
                    }
                }
            }
        }
    }

    /// Sends the probes of one round, spread evenly over the interval.
    async fn round(&self, interval: Duration) -> Vec<Outcome> {
        let start = Instant::now() + interval.mul_f64(JITTER_PART * fastrand::f64());
        let timeout = Duration::from_millis(self.plan.settings.timeout_ms);
        let spacing = interval / self.plan.settings.packets.max(1);
        let probes = (0..self.plan.settings.packets).map(|index| async move {
            sleep_until(start + spacing * index).await;
            self.prober.probe(&self.plan.target, timeout).await
        });
        join_all(probes).await
    }

    /// Turns a round into samples. Returns whether anybody still listens.
    async fn report(&self, outcomes: &[Outcome]) -> bool {
        let now = self.clock.now();
        let (state, detail) = match outcomes.iter().find_map(failure) {
            Some(cause) if outcomes.iter().all(|outcome| !outcome.was_sent()) => (MeasurementState::Failing, cause),
            _ => (self.plan.note.0, self.plan.note.1.as_str()),
        };
        self.status.set(&measurement(&self.plan.target.name), state, detail, now);
        let readings = self.readings(&summarise(outcomes), now.ms());
        readings.samples.is_empty() || self.bursts.send(readings).await.is_ok()
    }

    fn readings(&self, summary: &RoundSummary, ts_ms: i64) -> Readings {
        let figures = [
            (metric::RTT_US, summary.rtt_us),
            (metric::RTT_MIN_US, summary.rtt_min_us),
            (metric::RTT_MAX_US, summary.rtt_max_us),
            (metric::JITTER_US, summary.jitter_us),
            (metric::LOSS_RATIO, summary.loss_ratio),
        ];
        let mut readings = Readings::default();
        for (name, value) in figures {
            if let Some(value) = value {
                let labels =
                    [("src", &*self.node), ("dst", &*self.plan.target.name), ("mode", self.prober.mode().label())];
                readings.push(SeriesKey::new(name, labels), ts_ms, value);
            }
        }
        readings
    }
}

fn failure(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Failed { cause } => Some(cause),
        _ => None,
    }
}
