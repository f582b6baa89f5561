//! Is it alive, is it ready.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use super::WebState;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready))
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "process", responses((status = 200, description = "the process answers")))]
pub async fn alive() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// The store answers, so that samples are taken and questions answered.
#[utoipa::path(get, path = "/readyz", tag = "process", responses(
    (status = 200, description = "samples are taken and questions answered"),
    (status = 503, description = "the store does not answer"),
))]
pub async fn ready(State(state): State<WebState>) -> Response {
    match state.stores.samples.size().await {
        Ok(_) => Json(json!({ "status": "ready" })).into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            (status, Json(json!({ "status": "unavailable", "reason": "the database does not answer" }))).into_response()
        }
    }
}
