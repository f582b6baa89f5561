//! Questions about the past.

use axum::{
    Json, Router,
    extract::{Query as UrlQuery, State, rejection::QueryRejection},
    routing::get,
};
use netloom_core::{
    api::Problem,
    matrix::{Matrix, MatrixText},
    metric,
    query::{Query, QueryAnswer, QueryText, SeriesPoints},
};

use super::{WebState, problem::ProblemReply};
use crate::clock;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new()
        .route("/api/v1/metrics", get(metrics))
        .route("/api/v1/query", get(query))
        .route("/api/v1/matrix", get(matrix))
}

/// The names of all metrics that have series, in order.
#[utoipa::path(get, path = "/api/v1/metrics", operation_id = "metric_names", tag = "query", responses((status = 200, description = "names", body = Vec<String>)))]
pub async fn metrics(State(state): State<WebState>) -> Json<Vec<String>> {
    Json(state.stores.samples.catalog().read(netloom_core::series::Catalog::metrics))
}

/// The points of every series of a metric within a range. Where raw samples are no longer kept, summaries of a minute or
/// an hour answer; their percentiles are within 2 %.
#[utoipa::path(get, path = "/api/v1/query", tag = "query", params(QueryText), responses(
    (status = 200, description = "one entry per series that has points", body = QueryAnswer),
    (status = 400, description = "a parameter is wrong", body = Problem),
    (status = 404, description = "there is no such metric", body = Problem),
    (status = 422, description = "the answer has too many points", body = Problem),
))]
pub async fn query(
    State(state): State<WebState>,
    text: Result<UrlQuery<QueryText>, QueryRejection>,
) -> Result<Json<QueryAnswer>, ProblemReply> {
    let query = text?.parse(clock::now())?;
    let series = answer(&state, &query).await?;
    Ok(Json(QueryAnswer { unit: metric::unit_of(&query.metric), metric: query.metric, series }))
}

/// One value per ordered pair of nodes: of the newest round, or of any window of the past.
#[utoipa::path(get, path = "/api/v1/matrix", tag = "query", params(MatrixText), responses(
    (status = 200, description = "rows send, columns receive; null where there is no data", body = Matrix),
    (status = 400, description = "a parameter is wrong", body = Problem),
    (status = 404, description = "there is no such metric", body = Problem),
))]
pub async fn matrix(
    State(state): State<WebState>,
    text: Result<UrlQuery<MatrixText>, QueryRejection>,
) -> Result<Json<Matrix>, ProblemReply> {
    let query = text?.parse(clock::now())?;
    let series = answer(&state, &query).await?;
    Ok(Json(Matrix::new(&query, metric::unit_of(&query.metric), &series)))
}

async fn answer(state: &WebState, query: &Query) -> Result<Vec<SeriesPoints>, ProblemReply> {
    let series = state.stores.samples.query(query).await?;
    if series.is_empty() && !state.stores.samples.catalog().read(|catalog| catalog.knows(&query.metric)) {
        return Err(ProblemReply::unknown_metric(&query.metric));
    }
    Ok(series)
}
