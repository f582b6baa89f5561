//! Who changed what of the settings, and undoing it.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{Extensions, HeaderMap},
    response::Response,
};
use netloom_core::{
    api::Problem,
    settings::{Settings, change::SettingsChange},
};
use serde::Deserialize;

use super::{peer, with_version};
use crate::web::{WebState, problem::ProblemReply, user::user};

/// The changes of the settings, newest first: who, when, what.
#[utoipa::path(get, path = "/api/v1/settings/history", operation_id = "settings_history", tag = "settings", responses(
    (status = 200, description = "the changes, newest first", body = Vec<SettingsChange>),
    (status = 503, description = "the database cannot answer now", body = Problem),
))]
pub async fn history(State(state): State<WebState>) -> Result<Json<Vec<SettingsChange>>, ProblemReply> {
    Ok(Json(state.keeper.history().await?))
}

/// How to undo.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UndoText {
    /// Also fields that changed again since.
    #[serde(default)]
    force: bool,
}

/// Puts back what was before a change, as a new version. Fields that changed again since are refused, unless it is forced.
#[utoipa::path(post, path = "/api/v1/settings/history/{version}/undo", operation_id = "undo_settings", tag = "settings",
    params(("version" = u64, Path, description = "the version that came of the change"), UndoText), responses(
    (status = 200, description = "in force, without a restart", body = Settings),
    (status = 404, description = "the history has no such version", body = Problem),
    (status = 409, description = "fields changed again since, each is named", body = Problem),
    (status = 422, description = "what was before is not possible any more", body = Problem),
))]
pub async fn undo(
    State(state): State<WebState>,
    version: Result<Path<u64>, PathRejection>,
    text: Result<Query<UndoText>, QueryRejection>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, ProblemReply> {
    let Path(version) = version.map_err(|why| ProblemReply::bad_parameter("version", &why.body_text()))?;
    let Query(text) = text?;
    let by = user(&headers, peer(&extensions));
    let (version, settings) = state.keeper.undo(version, text.force, &by).await?;
    Ok(with_version(version, settings))
}
