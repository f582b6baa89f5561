//! Silences: which incidents nobody is told of.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::StatusCode,
    routing::{delete, get},
};
use netloom_core::{
    api::Problem,
    silence::{Silence, SilenceRequest},
};

use super::{WebState, body, problem::ProblemReply, user::User};
use crate::desk::DeskError;

/// The kind of problem of a field that is wrong.
const INVALID: &str = "invalid-silence";

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/silences", get(silences).post(create)).route("/api/v1/silences/{id}", delete(end))
}

/// Silences that hold or will, then those that ended within a day; each the last to end first.
#[utoipa::path(get, path = "/api/v1/silences", operation_id = "silences", tag = "alerts", responses((status = 200, description = "silences", body = Vec<Silence>)))]
pub async fn silences(State(state): State<WebState>) -> Json<Vec<Silence>> {
    Json(state.desk.silences())
}

/// Silences incidents: they are shown like others, and nobody is told. A request that is sent twice makes one silence.
#[utoipa::path(post, path = "/api/v1/silences", operation_id = "create_silence", tag = "alerts", request_body = SilenceRequest, responses(
    (status = 201, description = "it is made", body = Silence),
    (status = 200, description = "there is just this one already", body = Silence),
    (status = 400, description = "not JSON", body = Problem),
    (status = 409, description = "there are too many", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
))]
pub async fn create(
    State(state): State<WebState>,
    User(who): User,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Silence>), ProblemReply> {
    let request = body::read::<SilenceRequest>(bytes, INVALID)?;
    let (silence, is_new) = state.desk.silence(request, who).await.map_err(|error| match error {
        DeskError::Invalid(errors) => {
            let first = errors.first().map(|error| format!("{}: {}", error.field, error.message)).unwrap_or_default();
            ProblemReply::new(StatusCode::UNPROCESSABLE_ENTITY, INVALID, first).with_errors(errors)
        }
        error => error.into(),
    })?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(silence)))
}

/// Ends a silence now; one that has not begun never will. The same request may be sent again.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", operation_id = "end_silence", tag = "alerts", params(("id" = String, Path, description = "the silence")), responses(
    (status = 200, description = "it has ended", body = Silence),
    (status = 404, description = "there is no such silence", body = Problem),
))]
pub async fn end(State(state): State<WebState>, Path(id): Path<String>) -> Result<Json<Silence>, ProblemReply> {
    Ok(Json(state.desk.end_silence(id).await?))
}
