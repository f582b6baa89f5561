//! Runs the collectors at their interval.

use std::time::Duration;

use netloom_core::{api::AgentConfig, sample::Readings, time::Timestamp, topology::Interface};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{hub_clock::HubClock, status::StatusBoard};
use crate::{
    check::Nodes,
    collect::{self, Collector, Moment, depth, inventory},
};

/// How often the list of interfaces is read anew: interfaces come and go seldom, and listing them opens many files.
const INVENTORY_INTERVAL: Duration = Duration::from_secs(10);

/// Where readings go, and whose time they carry.
pub struct Out {
    /// The channel to the sender.
    pub bursts: mpsc::Sender<Readings>,
    /// The hub's time.
    pub clock: HubClock,
}

/// Reads every source at the interval of the settings until the channel closes.
pub async fn run(
    node: &str,
    mut config: watch::Receiver<AgentConfig>,
    status: StatusBoard,
    Out { bursts, clock }: Out,
) {
    let mut collectors = collect::all(node, Nodes::of(config.clone()));
    let mut interfaces = Interfaces::default();
    let start = Instant::now();
    loop {
        let interval_ms = config.borrow_and_update().settings.collect.interval_ms;
        let mut ticks = interval(Duration::from_millis(interval_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = config.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
            }
            interfaces.refresh(&status, clock.now());
            let moment = Moment { mono_ns: start.elapsed().as_nanos() as u64, ts_ms: clock.now().ms() };
            let readings = read_all(&mut collectors, moment, &interfaces.known, &status);
            if !readings.samples.is_empty() && bursts.send(readings).await.is_err() {
                return;
            }
        }
    }
}

/// The list of interfaces, read now and then.
#[derive(Default)]
struct Interfaces {
    known: Vec<Interface>,
    read_at: Option<Instant>,
}

impl Interfaces {
    fn refresh(&mut self, status: &StatusBoard, now: Timestamp) {
        if self.read_at.is_some_and(|read_at| read_at.elapsed() < INVENTORY_INTERVAL) {
            return;
        }
        self.read_at = Some(Instant::now());
        let result = inventory::read().map(|interfaces| self.known = interfaces);
        status.set_interfaces(&self.known);
        let in_depth = depth::read(&self.known).map(|depth| status.set_depth(depth, now));
        status.set_result("inventory", &result.and(in_depth), now);
    }
}

fn read_all(
    collectors: &mut [Box<dyn Collector>],
    now: Moment,
    interfaces: &[Interface],
    status: &StatusBoard,
) -> Readings {
    let mut readings = Readings::default();
    for collector in collectors {
        let result = collector.collect(now, interfaces, &mut readings);
        status.set_result(collector.name(), &result, Timestamp(now.ts_ms));
    }
    readings
}
