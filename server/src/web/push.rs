//! Samples that others push: scripts line by line, Prometheus and its kin by remote write.

pub mod remote_write;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::StatusCode,
    routing::post,
};
use netloom_core::{api::Problem, push};

use self::remote_write::Senders;
use super::{WebState, problem::ProblemReply};
use crate::{clock, ingest::IngestError};

/// The largest body, packed or not: ten thousand lines of eight hundred bytes.
const BODY_MAX_BYTES: usize = 8 * 1_024 * 1_024;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    let senders = Arc::new(Senders::default());
    let write = move |state, headers, body| remote_write::write(senders.clone(), state, headers, body);
    Router::new()
        .route("/api/v1/samples", post(samples))
        .route("/api/v1/write", post(write))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// Samples, one line of JSON each: `{"metric","ts_ms"?,"value","labels"?}`. All of a request is stored, or nothing.
#[utoipa::path(post, path = "/api/v1/samples", tag = "push", request_body(content = String, content_type = "application/x-ndjson"), responses(
    (status = 204, description = "durable"),
    (status = 413, description = "too large", body = Problem),
    (status = 422, description = "a line is wrong, it is named", body = Problem),
    (status = 429, description = "a limit of series is reached", body = Problem),
    (status = 503, description = "cannot be stored now, send it again", body = Problem),
    (status = 507, description = "the disk is full", body = Problem),
))]
pub async fn samples(
    State(state): State<WebState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ProblemReply> {
    let body = body.map_err(|why| too_large(&why))?;
    let text = std::str::from_utf8(&body).map_err(|error| {
        ProblemReply::new(StatusCode::BAD_REQUEST, "bad-body", format!("the body is not UTF-8: {error}"))
    })?;
    let readings = push::parse(text, clock::now().ms(), state.ingest.keep_ms()).map_err(|bad| {
        ProblemReply::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-line", bad.to_string())
            .at(format!("line {}", bad.line))
    })?;
    state.ingest.push(&readings).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn too_large(why: &BytesRejection) -> ProblemReply {
    let kind = if why.status() == StatusCode::PAYLOAD_TOO_LARGE { "too-large" } else { "bad-body" };
    let detail = format!("{} (at most {BODY_MAX_BYTES} bytes)", why.body_text());
    ProblemReply::new(why.status(), kind, detail)
}

impl From<IngestError> for ProblemReply {
    fn from(error: IngestError) -> Self {
        let detail = error.to_string();
        match error {
            IngestError::Invalid(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-samples", detail),
            IngestError::TooManySeries(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-series", detail),
            IngestError::Full(_) => Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", detail),
            IngestError::Revoked => Self::new(StatusCode::UNAUTHORIZED, "not-known", detail),
            IngestError::Unavailable(_) | IngestError::Stopping => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-stored", detail)
            }
        }
    }
}
