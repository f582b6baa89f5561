//! The settings document, its history, and its form as TOML.

pub(super) mod exchange;
pub(super) mod history;

use std::net::SocketAddr;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, State, rejection::BytesRejection},
    http::{Extensions, HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use netloom_core::{
    api::{Problem, SettingsReply},
    settings::Settings,
};
use serde_json::Value;

use super::{WebState, problem::ProblemReply, user::user};
use crate::settings::Change;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new()
        .route("/api/v1/settings", get(document).put(change))
        .route("/api/v1/settings/details", get(details))
        .route("/api/v1/settings/history", get(history::history))
        .route("/api/v1/settings/history/{version}/undo", post(history::undo))
        .route("/api/v1/settings/export", get(exchange::export))
        .route("/api/v1/settings/import", post(exchange::import))
}

/// The settings in force. The `ETag` is their version.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses((status = 200, description = "the document", body = Settings)))]
pub async fn document(State(state): State<WebState>) -> Response {
    let details = state.keeper.details().await;
    with_version(details.version, details.settings)
}

/// The settings with what a form needs beside them.
#[utoipa::path(get, path = "/api/v1/settings/details", tag = "settings", responses((status = 200, description = "document, version, and where values come from", body = SettingsReply)))]
pub async fn details(State(state): State<WebState>) -> Json<SettingsReply> {
    Json(state.keeper.details().await)
}

/// Changes the settings. All of it is checked before anything changes; fields that are left out keep their value, so
/// without `If-Match` a change is joined with what others changed meanwhile. With `If-Match` it is refused when somebody
/// else was faster, and the fields that changed are named. Who makes it may be said in the header `Netloom-User`.
#[utoipa::path(put, path = "/api/v1/settings", tag = "settings", request_body = Settings, responses(
    (status = 200, description = "in force, without a restart", body = Settings),
    (status = 400, description = "not JSON", body = Problem),
    (status = 412, description = "changed in between", body = Problem),
    (status = 413, description = "too large", body = Problem),
    (status = 422, description = "fields are wrong, each is named", body = Problem),
))]
pub async fn change(
    State(state): State<WebState>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ProblemReply> {
    let body = body?;
    let document: Value = serde_json::from_slice(&body).map_err(|why| {
        ProblemReply::new(StatusCode::BAD_REQUEST, "bad-json", format!("the body is not JSON: {why}"))
    })?;
    let (by, if_version) = (user(&headers, peer(&extensions)), wanted_version(&headers)?);
    let change = Change { document: &document, if_version, by: &by, note: "" };
    let (version, settings) = state.keeper.change(change).await?;
    Ok(with_version(version, settings))
}

/// Where a request came from.
fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer)
}

/// The version in `If-Match`; `*` matches any.
fn wanted_version(headers: &HeaderMap) -> Result<Option<u64>, ProblemReply> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim_matches('"');
    if text == "*" {
        return Ok(None);
    }
    let version = text.parse().map_err(|_| {
        let detail = format!("If-Match: {text:?} is not a version of the settings");
        ProblemReply::new(StatusCode::PRECONDITION_FAILED, "settings-changed-in-between", detail)
    })?;
    Ok(Some(version))
}

fn with_version(version: u64, settings: Settings) -> Response {
    ([(header::ETAG, format!("\"{version}\""))], Json(settings)).into_response()
}
