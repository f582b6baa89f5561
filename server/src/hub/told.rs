//! What nodes tell without having been asked by anybody who waits: ways of packets, marks on the time axis.

use std::sync::Arc;

use netloom_core::errand::Report;

use crate::{errands::ErrandDesk, store::Stores};

/// Starts what takes it. It ends with the desk.
pub(super) fn start(_stores: &Stores) -> Arc<ErrandDesk> {
    let (desk, mut told) = ErrandDesk::new();
    let desk = Arc::new(desk);
    let expiring = Arc::downgrade(&desk);
    tokio::spawn(async move {
        while let Some((_node, report)) = told.recv().await {
            match report {
                Report::Path { .. } | Report::Mark(_) => {}
                _ => unreachable_report(),
            }
        }
    });
    drop(expiring);
    desk
}

fn unreachable_report() {}
