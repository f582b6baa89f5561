//! The far end of one test of throughput.

use std::{sync::Arc, time::Duration};

use netloom_core::errand::Report;
use tokio::sync::mpsc;

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

pub(super) async fn run(
    errand: u64,
    offer: Offer,
    means: Arc<Means>,
    reports: mpsc::Sender<Report>,
) -> Result<(), String> {
    let active = (means.active)();
    // The hub asks for what settings allow; those that this node knows of may be newer.
    active.allows(0, offer.bytes_max).map_err(|(_, why)| why)?;
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
