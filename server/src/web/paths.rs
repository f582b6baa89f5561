//! Ways of packets over time.

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    routing::get,
};
use netloom_core::{api::Problem, check::path::record::PathRecord};
use serde::Deserialize;

use super::{WebState, marks::moment, problem::ProblemReply};
use crate::store::ledger::{PAIR_RECORDS_MAX, PathSearch};

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/paths", get(paths))
}

/// Which ways are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PathsText {
    /// From this node.
    src: Option<String>,
    /// To this destination.
    dst: Option<String>,
    /// Those that were seen at this moment or later.
    from: Option<String>,
    /// Those that were seen first up to this moment.
    to: Option<String>,
}

/// The ways that packets took, a record for as long as a way stayed the same, those that were seen last first, at most 200.
#[utoipa::path(get, path = "/api/v1/paths", operation_id = "paths", tag = "paths", params(PathsText), responses(
    (status = 200, description = "ways, the newest first", body = Vec<PathRecord>),
    (status = 400, description = "a parameter is wrong", body = Problem),
))]
pub async fn paths(
    State(state): State<WebState>,
    text: Result<Query<PathsText>, QueryRejection>,
) -> Result<Json<Vec<PathRecord>>, ProblemReply> {
    let Query(text) = text?;
    let (from, to) = (moment("from", text.from.as_deref())?, moment("to", text.to.as_deref())?);
    let limit = PAIR_RECORDS_MAX.unsigned_abs() as usize;
    let search = PathSearch { src: text.src, dst: text.dst, from, to, limit };
    Ok(Json(state.paths.search(&search).await?))
}
