//! Which nodes stand together.

use std::sync::atomic::Ordering;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
    routing::get,
};
use netloom_core::{api::Problem, layout::Layout};

use super::{WebState, problem::ProblemReply};
use crate::layout::ChangeError;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/layout", get(layout).put(change).delete(clear))
}

/// The groups of nodes, such as racks.
#[utoipa::path(get, path = "/api/v1/layout", tag = "nodes", responses((status = 200, description = "the groups", body = Layout)))]
pub async fn layout(State(state): State<WebState>) -> Json<Layout> {
    Json(state.layout.current())
}

/// Takes other groups, all or none: Slurm's `topology.conf`, or TOML with a `[[rack]]` of `name` and `nodes` for each.
#[utoipa::path(put, path = "/api/v1/layout", operation_id = "change_layout", tag = "nodes", request_body(content = String, content_type = "text/plain"), responses(
    (status = 200, description = "the groups", body = Layout),
    (status = 400, description = "not text", body = Problem),
    (status = 413, description = "too large", body = Problem),
    (status = 422, description = "a line is wrong; `field` names it", body = Problem),
))]
pub async fn change(
    State(state): State<WebState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Layout>, ProblemReply> {
    let taken = take(&state, body).await;
    if taken.as_ref().is_err_and(|problem| problem.0.status < StatusCode::INTERNAL_SERVER_ERROR.as_u16()) {
        state.layout.refused.fetch_add(1, Ordering::Relaxed);
    }
    taken.map(Json)
}

async fn take(state: &WebState, body: Result<Bytes, BytesRejection>) -> Result<Layout, ProblemReply> {
    let body = body?;
    let text = std::str::from_utf8(&body)
        .map_err(|_| ProblemReply::new(StatusCode::BAD_REQUEST, "bad-text", "the body is not UTF-8"))?;
    Ok(state.layout.change(text).await?)
}

/// Forgets the groups.
#[utoipa::path(delete, path = "/api/v1/layout", operation_id = "clear_layout", tag = "nodes", responses((status = 204, description = "forgotten")))]
pub async fn clear(State(state): State<WebState>) -> Result<StatusCode, ProblemReply> {
    state.layout.clear().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<ChangeError> for ProblemReply {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Store(error) => error.into(),
            ChangeError::Invalid(error) => {
                let refused = |detail: String| Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-layout", detail);
                match error.line.map(|line| format!("line {line}")) {
                    Some(place) => refused(format!("{place}: {}", error.message)).at(place),
                    None => refused(error.message),
                }
            }
        }
    }
}
