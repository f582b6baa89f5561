//! Rounds as samples and as states of measurements.

use netloom_core::{
    api::MeasurementState,
    mesh::train::Round,
    metric,
    probe::ProbeMode,
    sample::{Readings, SeriesKey},
    time::Timestamp,
};

use super::peer::Probed;
use crate::agent::status::StatusBoard;

const PREFIX: &str = "mesh peer ";

/// Everything of one moment: the figures of all peers, and how late the node was meanwhile.
pub(super) fn readings(
    node: &str,
    peers: &[Probed],
    rounds: &[(usize, Round)],
    (now, lag_ns): (Timestamp, u64),
) -> Readings {
    let ts_ms = now.ms();
    let mut readings = Readings::default();
    readings.push(SeriesKey::new(metric::ECHO_LAG_US, [("node", node)]), ts_ms, lag_ns as f64 / 1e3);
    for (at, round) in rounds {
        for (name, value) in figures(round) {
            if let Some(value) = value {
                let labels = [("src", node), ("dst", &peers[*at].peer.node), ("mode", ProbeMode::Udp.label())];
                readings.push(SeriesKey::new(name, labels), ts_ms, value);
            }
        }
    }
    readings
}

fn figures(round: &Round) -> [(&'static str, Option<f64>); 8] {
    // Reordering and duplicates are so rare that a series of zeros for every pair would only take room.
    let where_seen = |ratio: Option<f64>| ratio.filter(|ratio| *ratio > 0.0);
    let summary = &round.summary;
    [
        (metric::RTT_US, summary.rtt_us),
        (metric::RTT_MIN_US, summary.rtt_min_us),
        (metric::RTT_MAX_US, summary.rtt_max_us),
        (metric::JITTER_US, summary.jitter_us),
        (metric::LOSS_RATIO, summary.loss_ratio),
        (metric::PROBES_SENT, (round.sent > 0).then_some(f64::from(round.sent))),
        (metric::REORDER_RATIO, where_seen(round.reorder_ratio)),
        (metric::DUPLICATE_RATIO, where_seen(round.duplicate_ratio)),
    ]
}

/// Peers to whom nothing can be sent are named, with the reason; the others are not.
pub(super) fn note_peers(status: &StatusBoard, peers: &[Probed], rounds: &[(usize, Round)], now: Timestamp) {
    for (at, _) in rounds.iter().filter(|(_, round)| round.sent == 0 && round.failed > 0) {
        let name = format!("{PREFIX}{}", peers[*at].peer.node);
        status.set(&name, MeasurementState::Failing, &peers[*at].cause, now);
    }
    let is_fine = |at: usize| rounds.iter().any(|(of, round)| *of == at && round.sent > 0);
    status.retain(|name| {
        let Some(peer) = name.strip_prefix(PREFIX) else { return true };
        peers.iter().position(|probed| probed.peer.node == peer).is_some_and(|at| !is_fine(at))
    });
}
