//! What the store takes.

use axum::{Json, Router, extract::State, routing::get};
use netloom_core::api::{Problem, StoreSize};

use super::{WebState, problem::ProblemReply};
use crate::clock;

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
    let size = state.stores.samples.size().await?;
    let up_s = (clock::now().ms() - state.started.ms()).max(1) as f64 / 1_000.0;
    let samples = state.counts.borrow().samples;
    Ok(Json(StoreSize { samples_per_s: samples as f64 / up_s, ..size }))
}
