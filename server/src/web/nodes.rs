//! The nodes and how their measurements fare.

use axum::{Json, Router, extract::State, routing::get};
use netloom_core::api::NodeStatus;

use super::WebState;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/nodes", get(nodes))
}

/// Every node that has reported, by name.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "nodes", responses((status = 200, description = "the nodes", body = Vec<NodeStatus>)))]
pub async fn nodes(State(state): State<WebState>) -> Json<Vec<NodeStatus>> {
    Json(state.board.nodes())
}
