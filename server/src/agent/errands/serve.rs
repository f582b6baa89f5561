//! The far end of one test of throughput.

use std::sync::Arc;

use netloom_core::errand::Report;
use tokio::sync::mpsc;

use crate::check::Means;

/// What is offered to the near end.
pub(super) struct Offer {
    pub(super) ticket: String,
    pub(super) within_ms: u64,
    pub(super) bytes_max: u64,
}

pub(super) async fn run(
    _errand: u64,
    offer: Offer,
    _means: Arc<Means>,
    _reports: mpsc::Sender<Report>,
) -> Result<(), String> {
    let Offer { ticket: _, within_ms: _, bytes_max: _ } = offer;
    Err("not built yet".to_owned())
}
