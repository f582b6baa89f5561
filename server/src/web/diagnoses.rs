//! Diagnoses: begun, looked up, read as a report, forgotten.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use netloom_core::{
    api::Problem,
    diagnosis::{Diagnosis, DiagnosisBrief, DiagnosisRequest},
};
use serde::Deserialize;

use super::{WebState, body, problem::ProblemReply, user::User};
use crate::{diagnoses::DiagnosisError, report};

/// The kind of problem of a field that is wrong.
const INVALID: &str = "invalid-diagnosis";
/// Diagnoses in one answer, when the client names no number.
const LIMIT_USUAL: usize = 50;
/// Diagnoses in one answer at most: all that are kept.
const LIMIT_MOST: usize = 500;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new()
        .route("/api/v1/diagnoses", get(diagnoses).post(create))
        .route("/api/v1/diagnoses/{id}", get(read).delete(delete))
        .route("/api/v1/diagnoses/{id}/report", get(report))
        .route("/api/v1/diagnoses/{id}/items", get(items))
}

/// Which diagnoses are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListText {
    /// Only those of this node.
    node: Option<String>,
    /// At most this many, 50 when left out, 500 at most.
    limit: Option<String>,
}

/// Diagnoses in short, newest first.
#[utoipa::path(get, path = "/api/v1/diagnoses", operation_id = "diagnoses", tag = "diagnoses", params(ListText), responses(
    (status = 200, description = "diagnoses, newest first", body = Vec<DiagnosisBrief>),
    (status = 400, description = "a parameter is wrong", body = Problem),
))]
pub async fn diagnoses(
    State(state): State<WebState>,
    text: Result<Query<ListText>, QueryRejection>,
) -> Result<Json<Vec<DiagnosisBrief>>, ProblemReply> {
    let Query(text) = text?;
    let limit = text.limit.as_deref().map_or(Ok(LIMIT_USUAL), |text| {
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MOST).contains(limit));
        limit.ok_or_else(|| {
            ProblemReply::bad_parameter("limit", &format!("{text:?} is not a number from 1 to {LIMIT_MOST}"))
        })
    })?;
    Ok(Json(state.diagnoses.list(text.node.as_deref(), limit).await?))
}

/// Has a node check, side by side, what is asked for. It is over after some five seconds; the stream tells how far it is.
#[utoipa::path(post, path = "/api/v1/diagnoses", operation_id = "create_diagnosis", tag = "diagnoses", request_body = DiagnosisRequest, responses(
    (status = 201, description = "it is asked for; `Location` is its address", body = Diagnosis),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "there is no such node", body = Problem),
    (status = 409, description = "throughput is switched off, a training run is active, or a node is busy", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
    (status = 429, description = "too many are under way", body = Problem),
))]
pub async fn create(
    State(state): State<WebState>,
    User(who): User,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, ProblemReply> {
    let request = body::read::<DiagnosisRequest>(bytes, INVALID)?;
    let keeper = state.diagnoses.clone();
    // Apart from the request: a client that hangs up in between must not leave it half begun.
    let begun = tokio::spawn(async move { keeper.start(request, who).await }).await;
    let diagnosis = begun.map_err(|error| {
        tracing::error!(%error, "a diagnosis could not be begun");
        let detail = "the diagnosis could not be begun; the hub's log says why";
        ProblemReply::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    })??;
    let location = format!("/api/v1/diagnoses/{}", diagnosis.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(diagnosis)).into_response())
}

/// One diagnosis, as far as it is.
#[utoipa::path(get, path = "/api/v1/diagnoses/{id}", operation_id = "diagnosis", tag = "diagnoses", params(("id" = String, Path, description = "the diagnosis")), responses(
    (status = 200, description = "the diagnosis", body = Diagnosis),
    (status = 404, description = "there is no such diagnosis", body = Problem),
))]
pub async fn read(State(state): State<WebState>, Path(id): Path<String>) -> Result<Json<Diagnosis>, ProblemReply> {
    Ok(Json(state.diagnoses.get(&id).await?))
}

/// How a report is wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReportText {
    /// `true` gives the answer a file name, so that browsers save it.
    download: Option<bool>,
}

/// A diagnosis as one HTML file that needs nothing else: to read, to print, to send to a provider.
#[utoipa::path(get, path = "/api/v1/diagnoses/{id}/report", operation_id = "diagnosis_report", tag = "diagnoses",
    params(ReportText, ("id" = String, Path, description = "the diagnosis")), responses(
    (status = 200, description = "the report", content_type = "text/html"),
    (status = 400, description = "a parameter is wrong", body = Problem),
    (status = 404, description = "there is no such diagnosis", body = Problem),
))]
pub async fn report(
    State(state): State<WebState>,
    Path(id): Path<String>,
    text: Result<Query<ReportText>, QueryRejection>,
) -> Result<Response, ProblemReply> {
    let Query(text) = text?;
    let diagnosis = state.diagnoses.get(&id).await?;
    let mut response = Html(report::page(&diagnosis)).into_response();
    // It contains no script and loads nothing; should a name ever get through unescaped, it can do nothing.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    if text.download.unwrap_or_default()
        && let Ok(name) = format!("attachment; filename=\"netloom-diagnosis-{}.html\"", diagnosis.id).parse()
    {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// The details of all checks as the report writes them, one `<section data-item="N">` each, for a page to put in.
#[utoipa::path(get, path = "/api/v1/diagnoses/{id}/items", operation_id = "diagnosis_items", tag = "diagnoses", params(("id" = String, Path, description = "the diagnosis")), responses(
    (status = 200, description = "a piece of HTML", content_type = "text/html"),
    (status = 404, description = "there is no such diagnosis", body = Problem),
))]
pub async fn items(State(state): State<WebState>, Path(id): Path<String>) -> Result<Html<String>, ProblemReply> {
    Ok(Html(report::items(&state.diagnoses.get(&id).await?)))
}

/// Forgets a diagnosis; one that goes on is given up.
#[utoipa::path(delete, path = "/api/v1/diagnoses/{id}", operation_id = "delete_diagnosis", tag = "diagnoses", params(("id" = String, Path, description = "the diagnosis")), responses(
    (status = 204, description = "it is forgotten"),
    (status = 404, description = "there is no such diagnosis", body = Problem),
))]
pub async fn delete(State(state): State<WebState>, Path(id): Path<String>) -> Result<StatusCode, ProblemReply> {
    state.diagnoses.delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<DiagnosisError> for ProblemReply {
    fn from(error: DiagnosisError) -> Self {
        let detail = error.to_string();
        match error {
            DiagnosisError::UnknownNode(_) => Self::new(StatusCode::NOT_FOUND, "unknown-node", detail).at("node"),
            DiagnosisError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "unknown-diagnosis", detail).at("id"),
            DiagnosisError::Invalid(wrong) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, INVALID, detail).with_errors(vec![wrong])
            }
            DiagnosisError::TooMany(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-diagnoses", detail),
            DiagnosisError::Refused(why) => Self::new(StatusCode::CONFLICT, why.kind(), detail).at("throughput"),
            DiagnosisError::Store(error) => error.into(),
        }
    }
}
