//! Settings as TOML: export and import.

use axum::{
    Json,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{Extensions, HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use netloom_core::{api::Problem, settings::change::SettingsImport};
use serde::Deserialize;

use super::{peer, wanted_version};
use crate::{
    clock,
    settings::exchange::{Import, ImportError},
    web::{WebState, problem::ProblemReply, user::user},
};

/// The settings in force as a configuration file: what differs from the defaults, under `[settings]`.
#[utoipa::path(get, path = "/api/v1/settings/export", operation_id = "export_settings", tag = "settings", responses(
    (status = 200, description = "ready for `netloom serve --config`", body = String, content_type = "application/toml"),
))]
pub async fn export(State(state): State<WebState>) -> Response {
    let text = state.keeper.export(clock::now()).await;
    let headers = [
        (header::CONTENT_TYPE, "application/toml; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"netloom-settings.toml\""),
    ];
    (headers, text).into_response()
}

/// How to import.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportText {
    /// Only tell what would change.
    #[serde(default)]
    dry_run: bool,
    /// Put fields that the document leaves out back to what holds without saved settings; otherwise they keep their value.
    #[serde(default)]
    reset_others: bool,
}

/// Takes an export, or a whole configuration file, of which only `[settings]` is taken.
#[utoipa::path(post, path = "/api/v1/settings/import", operation_id = "import_settings", tag = "settings", params(ImportText),
    request_body(content = String, content_type = "application/toml"), responses(
    (status = 200, description = "what changed, or would", body = SettingsImport),
    (status = 400, description = "not TOML; the line is named", body = Problem),
    (status = 412, description = "changed in between", body = Problem),
    (status = 413, description = "too large", body = Problem),
    (status = 422, description = "fields are wrong, each is named", body = Problem),
))]
pub async fn import(
    State(state): State<WebState>,
    text: Result<Query<ImportText>, QueryRejection>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<SettingsImport>, ProblemReply> {
    let (Query(text), body) = (text?, body?);
    let bad = |detail: String| ProblemReply::new(StatusCode::BAD_REQUEST, "bad-toml", detail);
    let document = std::str::from_utf8(&body).map_err(|_| bad("the document is not UTF-8".to_owned()))?;
    let import = Import {
        text: document,
        resets_others: text.reset_others,
        is_dry: text.dry_run,
        if_version: wanted_version(&headers)?,
        by: &user(&headers, peer(&extensions)),
    };
    let imported = state.keeper.import(import).await.map_err(|error| match error {
        ImportError::Change(error) => error.into(),
        ImportError::Broken(..) => bad(format!("the document is not TOML: {error}")),
        ImportError::Nothing => bad(error.to_string()),
    })?;
    Ok(Json(imported))
}
