//! How the spool fares, as a measurement of the node.

use std::{sync::atomic::Ordering, time::Duration};

use netloom_core::api::MeasurementState;
use tokio::time::{MissedTickBehavior, interval};

use super::RemoteUplink;
use crate::agent::status::StatusBoard;

const MEASUREMENT: &str = "spool";
/// How often it is looked. The numbers are series; here is only what people have to know.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Notes it until the agent ends.
pub(super) async fn note(uplink: &RemoteUplink, status: &StatusBoard) {
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut waited, mut lost) = (false, 0);
    loop {
        ticks.tick().await;
        let waits = uplink.waiting.load(Ordering::Relaxed) > 0;
        let now_lost = uplink.dropped.load(Ordering::Relaxed) + uplink.refused.load(Ordering::Relaxed);
        let (state, detail) = state(waits && waited, now_lost > lost);
        status.set(MEASUREMENT, state, detail, uplink.clock.now());
        // A batch that waits for a moment is what the spool is for.
        (waited, lost) = (waits, now_lost);
    }
}

fn state(waits: bool, loses: bool) -> (MeasurementState, &'static str) {
    match (loses, waits) {
        (true, _) => (
            MeasurementState::Failing,
            "batches are lost: the spool is full, they grew too old, or the hub refused them",
        ),
        (false, true) => (MeasurementState::Degraded, "batches wait for the hub: what is measured arrives late"),
        (false, false) => (MeasurementState::Working, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losing_is_worse_than_waiting() {
        assert_eq!(state(true, true).0, MeasurementState::Failing);
        assert_eq!(state(true, false).0, MeasurementState::Degraded);
        assert_eq!(state(false, false), (MeasurementState::Working, ""));
    }
}
