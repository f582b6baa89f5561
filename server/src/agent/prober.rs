//! Runs the probes: one task per target, started spread over the interval, in a runtime of their own.

mod target;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, atomic::AtomicBool},
    thread::JoinHandle,
    time::Duration,
};

use netloom_core::{
    api::{AgentConfig, MeasurementState, TargetInfo},
    errand::{Numbered, Report},
    probe::ProbeMode,
    sample::Readings,
    schedule::stagger_ms,
    settings::probe::ProbeSettings,
};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use self::target::{Asked, Plan, TargetTask};
use super::{
    discover::{Found, discover},
    errands::Errands,
    hub_clock::HubClock,
    peer_modes::PeerModes,
    scheduler::{self, Scheduler},
    status::StatusBoard,
};
use crate::{
    check::{Means, Nodes},
    probe::{Prober, icmp::IcmpProber, tcp::TcpProber, throughput::turn::Turns},
};

/// How often names and routes are looked up anew.
const DISCOVER_INTERVAL: Duration = Duration::from_secs(30);

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
            Err(error) => probing.status.set_result(MEASUREMENT, &Err(error.to_string()), probing.clock.now()),
        }
    });
    if let Err(error) = &thread {
        status.set_result(MEASUREMENT, &Err(error.to_string()), clock.now());
    }
    thread
}

impl Probing {
    /// Keeps one task per target until the shutdown: looks up the targets, starts what is new, stops what is gone.
    async fn run(mut self) {
        let icmp = Arc::new(IcmpProber::new());
        self.spawn_peer_modes(&icmp);
        let means = Arc::new(self.means(&icmp));
        self.spawn_scheduler(&means);
        let (errands, rounds) = self.errands(means);
        tokio::spawn(errands.run());
        let (asking, asked) = watch::channel(Asked::default());
        tokio::spawn(target::hand_on(rounds, asking));
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
                    let stop = self.start(plan.clone(), &icmp, &asked, Duration::from_millis(delay_ms));
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
    fn errands(&mut self, means: Arc<Means>) -> (Errands, mpsc::Receiver<u64>) {
        let (rounds, asked) = mpsc::channel(1);
        let errands = Errands {
            given: std::mem::replace(&mut self.errands, mpsc::channel(1).1),
            reports: self.reports.clone(),
            means,
            status: self.status.clone(),
            clock: self.clock.clone(),
            rounds,
        };
        (errands, asked)
    }

    /// Starts what is checked by schedule; it ends with the thread.
    fn spawn_scheduler(&self, means: &Arc<Means>) {
        let scheduler = Scheduler {
            node: self.node.clone(),
            config: self.config.clone(),
            runner: scheduler::runner(means),
            status: self.status.clone(),
            clock: self.clock.clone(),
            bursts: self.bursts.clone(),
            reports: self.reports.clone(),
        };
        tokio::spawn(scheduler.run());
    }

    /// What checks share, and may take, as the hub says.
    fn means(&self, icmp: &Arc<IcmpProber>) -> Means {
        let config = self.config.clone();
        let active = Arc::new(move || config.borrow().settings.active.clone());
        let (nodes, throughput) = (Nodes::of(self.config.clone()), Turns::of_machine());
        Means { throughput, active, nodes, ..Means::with(icmp.clone()) }
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
        if plans.is_empty() && unresolved.is_empty() {
            let why = "no targets: switch on probe.default_targets, or name some in probe.targets";
            self.status.set(MEASUREMENT, MeasurementState::Off, why, now);
        } else {
            self.status.retain(|name| name != MEASUREMENT);
        }
        let info = |plan: &Plan| TargetInfo {
            name: plan.target.name.clone(),
            address: plan.target.address.to_string(),
            mode: plan.mode,
        };
        self.status.set_targets(plans.iter().map(info).collect());
        plans
    }

    /// Starts the task of one target; cancelling the token ends it.
    fn start(
        &self,
        plan: Plan,
        icmp: &Arc<IcmpProber>,
        asked: &watch::Receiver<Asked>,
        delay: Duration,
    ) -> CancellationToken {
        let stop = self.shutdown.child_token();
        let prober: Arc<dyn Prober> = match plan.mode {
            ProbeMode::Icmp => icmp.clone(),
            ProbeMode::Tcp | ProbeMode::Udp => Arc::new(TcpProber),
        };
        let task = TargetTask {
            node: self.node.clone(),
            plan,
            prober,
            asked: asked.clone(),
            status: self.status.clone(),
            bursts: self.bursts.clone(),
            clock: self.clock.clone(),
            has_answered: AtomicBool::new(false),
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

const MEASUREMENT: &str = "probes";
const MEASUREMENT_PREFIX: &str = "probe ";

fn measurement(target: &str) -> String {
    format!("{MEASUREMENT_PREFIX}{target}")
}
