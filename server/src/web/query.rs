//! Questions about the past.

use axum::{
    Json, Router,
    extract::{Query as UrlQuery, State, rejection::QueryRejection},
    http::StatusCode,
    routing::get,
};
use netloom_core::{
    api::Problem,
    metric,
    query::{QueryAnswer, QueryText},
};

use super::{WebState, problem::ProblemReply};
use crate::clock;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/query", get(query))
}

/// The points of every series of a metric within a range.
#[utoipa::path(get, path = "/api/v1/query", tag = "query", params(QueryText), responses(
    (status = 200, description = "one entry per series that has points", body = QueryAnswer),
    (status = 400, description = "a parameter is wrong", body = Problem),
    (status = 404, description = "there is no such metric", body = Problem),
    (status = 422, description = "the question touches too many values", body = Problem),
))]
pub async fn query(
    State(state): State<WebState>,
    text: Result<UrlQuery<QueryText>, QueryRejection>,
) -> Result<Json<QueryAnswer>, ProblemReply> {
    let UrlQuery(text) =
        text.map_err(|why| ProblemReply::new(StatusCode::BAD_REQUEST, "bad-parameter", why.body_text()))?;
    let query = text.parse(clock::now())?;
    let series = state.stores.samples.query(&query).await?;
    if series.is_empty() && metric::find(&query.metric).is_none() {
        let detail = format!("metric: no series is called {:?}", query.metric);
        return Err(ProblemReply::new(StatusCode::NOT_FOUND, "unknown-metric", detail).at("metric"));
    }
    Ok(Json(QueryAnswer { unit: metric::unit_of(&query.metric), metric: query.metric.clone(), series }))
}
