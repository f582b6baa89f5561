//! What the store takes.

use axum::{Json, Router, extract::State, routing::get};
use netloom_core::api::{Problem, StoreSize};

use super::{WebState, problem::ProblemReply};

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/storage", get(storage))
}

/// How large the store is, tier by tier.
#[utoipa::path(get, path = "/api/v1/storage", tag = "process", responses(
    (status = 200, description = "what the store takes", body = StoreSize),
    (status = 503, description = "the database cannot answer now", body = Problem),
))]
pub async fn storage(State(state): State<WebState>) -> Result<Json<StoreSize>, ProblemReply> {
    Ok(Json(state.stores.samples.size().await?))
}
