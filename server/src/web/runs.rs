//! Training runs: begun, changed, ended, looked up.

pub(super) mod compare;
pub(super) mod step;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use netloom_core::{
    api::Problem,
    run::{
        Run, RunEvent, RunStatus,
        request::{ChangeRun, EndRun, NewRun, NewRunEvent, check_id},
        search::RunSearch,
    },
    time::Timestamp,
};
use serde::Deserialize;

use super::{WebState, body, problem::ProblemReply};
use crate::{
    clock,
    runs::{Before, RunError},
};

/// Runs in one answer, when the client names no number.
const LIMIT_USUAL: usize = 50;
/// Runs in one answer at most: with notes of a few pages each still a few megabytes.
const LIMIT_MOST: usize = 500;

/// The kind of problem of a field that is wrong.
const INVALID: &str = "invalid-run";

type Body = Result<Bytes, BytesRejection>;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new()
        .route("/api/v1/runs", get(list).post(create))
        .route("/api/v1/runs/compare", get(compare::compare))
        .route("/api/v1/runs/{id}", get(read).patch(change))
        .route("/api/v1/runs/{id}/end", post(end))
        .route("/api/v1/runs/{id}/step", post(step::step))
        .route("/api/v1/runs/{id}/events", get(events).post(add_event))
}

/// Which runs are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListText {
    /// Words that must all be found in id, name, notes or tags; `tag=lr=3e-4` or `lr:3e-4` ask for a tag,
    /// `status:failed` for a status.
    q: Option<String>,
    /// running, succeeded, failed, aborted or lost.
    status: Option<String>,
    /// At most this many, 50 when left out, 500 at most.
    limit: Option<String>,
    /// The id of a run, for those behind it in the list; or a moment, for those that started before it.
    before: Option<String>,
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", operation_id = "runs", tag = "runs", params(ListText), responses(
    (status = 200, description = "runs, newest first", body = Vec<Run>),
    (status = 400, description = "a parameter is wrong", body = Problem),
))]
pub async fn list(
    State(state): State<WebState>,
    text: Result<Query<ListText>, QueryRejection>,
) -> Result<Json<Vec<Run>>, ProblemReply> {
    let Query(text) = text?;
    let status = text.status.as_deref().map(|word| {
        RunStatus::parse(word).ok_or_else(|| {
            let known = RunStatus::ALL.map(RunStatus::word).join(", ");
            ProblemReply::bad_parameter("status", &format!("{word:?} is not one of {known}"))
        })
    });
    let limit = text.limit.as_deref().map_or(Ok(LIMIT_USUAL), |text| {
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MOST).contains(limit));
        limit.ok_or_else(|| {
            ProblemReply::bad_parameter("limit", &format!("{text:?} is not a number from 1 to {LIMIT_MOST}"))
        })
    })?;
    let before = match text.before.as_deref() {
        None => Before::End,
        Some(id) if check_id(id).is_ok() => Before::Run(id.to_owned()),
        Some(at) => Before::Moment(
            Timestamp::parse_query(at, clock::now()).map_err(|why| ProblemReply::bad_parameter("before", &why))?,
        ),
    };
    let search = RunSearch::parse(&text.q.unwrap_or_default()).with_status(status.transpose()?);
    let found = state.runs.search(&search, before, limit).await;
    found.map(Json).map_err(|error| match error {
        RunError::Unknown(id) => ProblemReply::bad_parameter("before", &format!("no run has the id {id:?}")),
        error => error.into(),
    })
}

/// Begins a run, or records one that is over. A client that chose the id itself may send the same request again.
#[utoipa::path(post, path = "/api/v1/runs", operation_id = "create_run", tag = "runs", request_body = NewRun, responses(
    (status = 201, description = "it has begun; `Location` is its address", body = Run),
    (status = 200, description = "the request was sent before; the run as it is now", body = Run),
    (status = 400, description = "not JSON", body = Problem),
    (status = 409, description = "the id belongs to another run", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
))]
pub async fn create(State(state): State<WebState>, body: Body) -> Result<Response, ProblemReply> {
    let (run, is_new) = state.runs.create(body::read::<NewRun>(body, INVALID)?).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(header::LOCATION, format!("/api/v1/runs/{}", run.id))], Json(run)).into_response())
}

/// One run.
#[utoipa::path(get, path = "/api/v1/runs/{id}", operation_id = "run", tag = "runs", params(("id" = String, Path, description = "the run")), responses(
    (status = 200, description = "the run", body = Run),
    (status = 404, description = "there is no such run", body = Problem),
))]
pub async fn read(State(state): State<WebState>, Path(id): Path<String>) -> Result<Json<Run>, ProblemReply> {
    Ok(Json(state.runs.run(&id).await?))
}

/// Changes name, tags, nodes or notes, or gives a sign of life. What is left out stays; a tag of `null` is taken away.
#[utoipa::path(patch, path = "/api/v1/runs/{id}", operation_id = "change_run", tag = "runs", request_body = ChangeRun, params(("id" = String, Path, description = "the run")), responses(
    (status = 200, description = "the run as it is now", body = Run),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "there is no such run", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
))]
pub async fn change(
    State(state): State<WebState>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<Run>, ProblemReply> {
    Ok(Json(state.runs.change(&id, body::read::<ChangeRun>(body, INVALID)?).await?))
}

/// Ends a run. The same request may be sent again.
#[utoipa::path(post, path = "/api/v1/runs/{id}/end", operation_id = "end_run", tag = "runs", request_body = EndRun, params(("id" = String, Path, description = "the run")), responses(
    (status = 200, description = "it has ended", body = Run),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "there is no such run", body = Problem),
    (status = 409, description = "it has ended in another way already", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
))]
pub async fn end(State(state): State<WebState>, Path(id): Path<String>, body: Body) -> Result<Json<Run>, ProblemReply> {
    Ok(Json(state.runs.end(&id, &body::read::<EndRun>(body, INVALID)?).await?))
}

/// What happened in a run, in order of time.
#[utoipa::path(get, path = "/api/v1/runs/{id}/events", operation_id = "run_events", tag = "runs", params(("id" = String, Path, description = "the run")), responses(
    (status = 200, description = "events in order of time", body = Vec<RunEvent>),
    (status = 404, description = "there is no such run", body = Problem),
))]
pub async fn events(
    State(state): State<WebState>,
    Path(id): Path<String>,
) -> Result<Json<Vec<RunEvent>>, ProblemReply> {
    Ok(Json(state.runs.events(&id).await?))
}

/// Notes that something happened in a run.
#[utoipa::path(post, path = "/api/v1/runs/{id}/events", operation_id = "add_run_event", tag = "runs", request_body = NewRunEvent, params(("id" = String, Path, description = "the run")), responses(
    (status = 201, description = "it is noted", body = RunEvent),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "there is no such run", body = Problem),
    (status = 422, description = "a field is wrong, or the run has too many events", body = Problem),
))]
pub async fn add_event(
    State(state): State<WebState>,
    Path(id): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<RunEvent>), ProblemReply> {
    let event = state.runs.add_event(&id, body::read::<NewRunEvent>(body, INVALID)?).await?;
    Ok((StatusCode::CREATED, Json(event)))
}

impl From<RunError> for ProblemReply {
    fn from(error: RunError) -> Self {
        let detail = error.to_string();
        match error {
            RunError::Invalid(wrong) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, INVALID, detail).with_errors(vec![wrong])
            }
            RunError::Conflict(wrong) => Self::new(StatusCode::CONFLICT, "run-conflict", detail).at(wrong.field),
            RunError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "unknown-run", detail).at("id"),
            RunError::Store(error) => error.into(),
        }
    }
}
