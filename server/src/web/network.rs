//! The newest figures under the names of the Python monitors, the alerts, and the health: for scripts.

use std::collections::{BTreeMap, HashSet};

use axum::{Json, Router, extract::State, routing::get};
use netloom_core::{
    health::Health,
    incident::{Incident, IncidentState},
    network::NetworkMetrics,
};

use super::WebState;
use crate::clock;

/// Resolved alerts are listed for this long.
const RECENT_MS: i64 = 60 * 60_000;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new()
        .route("/api/network", get(network))
        .route("/api/network/alerts", get(alerts))
        .route("/api/network/health", get(health))
}

/// The newest network metrics of every node.
#[utoipa::path(get, path = "/api/network", tag = "network", responses(
    (status = 200, description = "the newest figures by node; what was not measured is null", body = BTreeMap<String, NetworkMetrics>),
))]
pub async fn network(State(state): State<WebState>) -> Json<BTreeMap<String, NetworkMetrics>> {
    let newest = state.board.newest();
    let (now_ms, settings) = (clock::now().ms(), state.keeper.subscribe().borrow().clone());
    let of = |node: netloom_core::api::NodeStatus| {
        let counted: HashSet<&str> =
            node.info.interfaces.iter().filter(|i| i.is_counted).map(|i| i.name.as_str()).collect();
        let metrics = NetworkMetrics::of(&node.info.node, &newest, |name| counted.contains(name), &settings, now_ms);
        (node.info.node.clone(), metrics)
    };
    Json(state.board.nodes().into_iter().map(of).collect())
}

/// Firing alerts and those resolved within the last hour, newest first.
#[utoipa::path(get, path = "/api/network/alerts", operation_id = "recent_alerts", tag = "network", responses(
    (status = 200, description = "firing and recently resolved alerts", body = Vec<Incident>),
))]
pub async fn alerts(State(state): State<WebState>) -> Json<Vec<Incident>> {
    let since_ms = clock::now().ms() - RECENT_MS;
    let mut incidents = state.board.incidents();
    incidents.retain(|incident| match incident.state {
        IncidentState::Firing => true,
        IncidentState::Resolved => incident.resolved_at.is_some_and(|at| at.ms() >= since_ms),
        IncidentState::Pending | IncidentState::Inactive => false,
    });
    Json(incidents)
}

/// How the network fares.
#[utoipa::path(get, path = "/api/network/health", operation_id = "network_health", tag = "network", responses((status = 200, description = "a word, a score and the reasons", body = Health)))]
pub async fn health(State(state): State<WebState>) -> Json<Health> {
    Json(state.board.health())
}
