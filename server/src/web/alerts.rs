//! Incidents: what is and was wrong.

use axum::{Json, Router, extract::State, routing::get};
use netloom_core::incident::Incident;

use super::WebState;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/alerts", get(alerts))
}

/// Incidents, newest first: pending, firing and resolved.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", responses((status = 200, description = "incidents, newest first", body = Vec<Incident>)))]
pub async fn alerts(State(state): State<WebState>) -> Json<Vec<Incident>> {
    Json(state.board.incidents())
}
