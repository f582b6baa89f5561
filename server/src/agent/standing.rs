//! The measurements that nobody else speaks of: those that are off, and what would switch them on; the mesh as a whole, and
//! the hub's time.

use std::time::Duration;

use netloom_core::api::{AgentConfig, MeasurementState};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{hub_clock::HubClock, status::StatusBoard};

/// How often it is looked whether the hub's time is known.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What is noted, and by what.
pub(super) struct Standing {
    /// What the hub tells the node to do.
    pub(super) config: watch::Receiver<AgentConfig>,
    /// Where it is noted.
    pub(super) status: StatusBoard,
    /// The hub's time.
    pub(super) clock: HubClock,
    /// Whether the counters of this machine are read.
    pub(super) collects: bool,
    /// Whether the probes of other nodes are answered.
    pub(super) echoes: bool,
}

/// A measurement, its state, and why.
type Row = (&'static str, MeasurementState, &'static str);

const WORKING: &str = "";

impl Standing {
    /// Notes it until the orders end.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_open = true;
        loop {
            let config = self.config.borrow_and_update().clone();
            let rows = self.rows(&config);
            for (name, state, detail) in rows {
                self.status.set(name, state, detail, self.clock.now());
            }
            tokio::select! {
                _ = ticks.tick() => {}
                changed = self.config.changed(), if is_open => is_open = changed.is_ok(),
            }
        }
    }

    fn rows(&self, config: &AgentConfig) -> Vec<Row> {
        use MeasurementState::{Degraded, Off, Working};
        let mut rows = Vec::new();
        if !self.collects {
            let why = "read by another agent of this machine";
            rows.extend(["interfaces", "sockets", "connections"].map(|name| (name, Off, why)));
        }
        if !self.echoes {
            rows.push(("mesh echo", Off, "nobody may join: start the hub with --agent-listen"));
        }
        let peers = config.mesh.as_ref().map(|orders| orders.peers.len());
        rows.push(match peers {
            _ if !config.settings.mesh.enabled => ("mesh", Off, "switched off: switch on mesh.enabled"),
            None => ("mesh", Off, "this node takes no part: nodes join a hub that was started with --agent-listen"),
            Some(0) => ("mesh", Off, "there is no other node yet: let one join on the page of the nodes"),
            Some(_) => ("mesh", Working, WORKING),
        });
        if self.clock.is_local() {
            rows.push(("clock", Working, WORKING));
            rows.push(("spool", Off, "not needed: the hub is in the same process"));
        } else if self.clock.is_estimated() {
            rows.push(("clock", Working, WORKING));
        } else {
            rows.push((
                "clock",
                Degraded,
                "the hub was not heard of yet: its time is taken to be where it was last time",
            ));
        }
        rows.push(if config.settings.active.throughput {
            ("throughput", Working, WORKING)
        } else {
            ("throughput", Off, "switched off, because tests fill the links: switch on active.throughput")
        });
        rows.push(("collectives", Off, "not measured: jobs can push figures of their own to /api/v1/samples"));
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netloom_core::{
        mesh::{KEY_BYTES, MeshKey, MeshOrders, Peer},
        settings::Settings,
        time::Timestamp,
    };

    use super::*;

    fn state(rows: &[Row], name: &str) -> Option<(MeasurementState, bool)> {
        let row = rows.iter().find(|(row, ..)| *row == name)?;
        Some((row.1, row.2.is_empty()))
    }

    #[test]
    fn what_is_off_says_why_and_what_is_on_says_nothing() {
        use MeasurementState::{Degraded, Off, Working};
        let hub = ([127, 0, 0, 1], 1).into();
        let mut config = AgentConfig { settings: Settings::default(), hub, mesh: None, run_active: false };
        let status = StatusBoard::new("n1", Timestamp(0));
        let (_, receiver) = watch::channel(config.clone());
        let mut standing =
            Standing { config: receiver, status, clock: HubClock::local(), collects: false, echoes: false };
        let rows = standing.rows(&config);
        for name in ["interfaces", "sockets", "mesh echo", "mesh", "spool", "throughput", "collectives"] {
            assert_eq!(state(&rows, name), Some((Off, false)), "{name}");
        }
        assert_eq!(state(&rows, "clock"), Some((Working, true)));
        let key = MeshKey([0; KEY_BYTES]);
        let peer = Peer { node: "n2".into(), number: 2, address: hub, key };
        config.mesh = Some(MeshOrders { number: 1, key, peers: vec![peer] });
        config.settings.active.throughput = true;
        (standing.collects, standing.echoes) = (true, true);
        standing.clock = HubClock::followed(Arc::new(|| 0), 0);
        let rows = standing.rows(&config);
        assert_eq!(state(&rows, "mesh"), Some((Working, true)));
        assert_eq!(state(&rows, "throughput"), Some((Working, true)));
        assert_eq!(state(&rows, "clock"), Some((Degraded, false)));
        assert_eq!((state(&rows, "interfaces"), state(&rows, "mesh echo"), state(&rows, "spool")), (None, None, None));
    }
}
