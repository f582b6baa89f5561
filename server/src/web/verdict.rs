//! What is wrong in the mesh.

use axum::{Json, Router, extract::State, routing::get};
use netloom_core::verdict::MeshVerdict;

use super::WebState;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/verdict", get(verdict))
}

/// The fewest culprits that explain the bad pairs, the worst first; none when nothing is wrong.
#[utoipa::path(get, path = "/api/v1/verdict", tag = "nodes", responses((status = 200, description = "the verdict", body = MeshVerdict)))]
pub async fn verdict(State(state): State<WebState>) -> Json<MeshVerdict> {
    Json(state.board.verdict())
}
