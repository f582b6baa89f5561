//! The far end of one test of throughput.

use std::{sync::Arc, time::Duration};

use netloom_core::{errand::Report, settings::active::ActiveSettings};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::{
    check::Means,
    probe::throughput::{
        far::{self, FarEnd},
        turn::TURN_LIMIT,
    },
};

/// What is offered to the near end.
pub(super) struct Offer {
    pub(super) ticket: String,
    pub(super) within_ms: u64,
    pub(super) bytes_max: u64,
}

/// How long this node's orders may be behind what the hub asks for: tests may have been switched on in this moment.
const ORDERS_LIMIT: Duration = Duration::from_secs(3);
/// How often it is looked whether they came.
const ORDERS_INTERVAL: Duration = Duration::from_millis(50);

/// The settings, once they allow what the hub asks for.
async fn allowed(means: &Means, bytes: u64) -> Result<ActiveSettings, String> {
    let until = Instant::now() + ORDERS_LIMIT;
    loop {
        let active = (means.active)();
        match active.allows(0, bytes) {
            Ok(()) => return Ok(active),
            Err((_, why)) if Instant::now() >= until => return Err(why),
            Err(_) => sleep(ORDERS_INTERVAL).await,
        }
    }
}

pub(super) async fn run(
    errand: u64,
    offer: Offer,
    means: Arc<Means>,
    reports: mpsc::Sender<Report>,
) -> Result<(), String> {
    let active = allowed(&means, offer.bytes_max).await?;
    let turn = means.throughput.take(TURN_LIMIT, Some(&offer.ticket)).await;
    let _turn = turn.ok_or_else(|| "another test of throughput runs on this machine".to_owned())?;
    let mut far = FarEnd::bind(None).map_err(|error| format!("cannot listen for the test: {error}"))?;
    let at = far.address();
    reports.send(Report::Serving { errand, at }).await.map_err(|_| "nobody listens any more".to_owned())?;
    let offer = far::Offer {
        ticket: offer.ticket,
        within: Duration::from_millis(offer.within_ms),
        longest: Duration::from_millis(offer.within_ms.min(active.longest_s.saturating_mul(1_000))),
        bytes_max: offer.bytes_max,
    };
    far.serve(&offer).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn orders_that_come_a_moment_later_are_waited_for() {
        let is_on = Arc::new(AtomicBool::new(false));
        let known = is_on.clone();
        let settings =
            move || ActiveSettings { throughput: known.load(Ordering::Relaxed), ..ActiveSettings::default() };
        let means = Means { active: Arc::new(settings), ..Means::new() };
        let refused = allowed(&means, 1).await;
        assert!(refused.is_err_and(|why| why.contains("switched off")), "they did not come");
        let switching = async {
            sleep(ORDERS_LIMIT / 2).await;
            is_on.store(true, Ordering::Relaxed);
        };
        let (allowed, ()) = tokio::join!(allowed(&means, 1), switching);
        assert!(allowed.is_ok_and(|active| active.throughput));
    }
}
