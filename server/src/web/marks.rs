//! Marks on the time axis.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::StatusCode,
    routing::get,
};
use netloom_core::{
    api::Problem,
    mark::{Mark, MarkKind, NewMark},
    time::Timestamp,
};
use serde::Deserialize;

use super::{WebState, body, problem::ProblemReply};
use crate::{clock, marks::MarkError, store::ledger::MarkSearch};

/// Marks in one answer at most: more cannot be told apart on a chart.
const LIMIT_MOST: usize = 1_000;
/// The kind of problem of a field that is wrong.
const INVALID: &str = "invalid-mark";

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/marks", get(marks).post(create))
}

/// Which marks are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MarksText {
    /// Those that were not over before this moment.
    from: Option<String>,
    /// Those that began up to this moment.
    to: Option<String>,
    /// `throughput`, `path_change`, `diagnosis` or `around`.
    kind: Option<String>,
    /// Those about this node, or from it.
    src: Option<String>,
    /// Those about the way to this destination.
    dst: Option<String>,
}

/// Reads a moment.
pub(super) fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ProblemReply> {
    let read = |text| Timestamp::parse_query(text, clock::now()).map_err(|why| ProblemReply::bad_parameter(name, &why));
    text.map(read).transpose()
}

/// Marks on the time axis, the newest first, at most 1,000.
#[utoipa::path(get, path = "/api/v1/marks", operation_id = "marks", tag = "marks", params(MarksText), responses(
    (status = 200, description = "marks, the newest first", body = Vec<Mark>),
    (status = 400, description = "a parameter is wrong", body = Problem),
))]
pub async fn marks(
    State(state): State<WebState>,
    text: Result<Query<MarksText>, QueryRejection>,
) -> Result<Json<Vec<Mark>>, ProblemReply> {
    let Query(text) = text?;
    let kind = text.kind.as_deref().map(|word| {
        let known = "throughput, path_change, diagnosis, around";
        let unknown = || ProblemReply::bad_parameter("kind", &format!("{word:?} is not one of {known}"));
        MarkKind::parse(word).ok_or_else(unknown)
    });
    let search = MarkSearch {
        from: moment("from", text.from.as_deref())?,
        to: moment("to", text.to.as_deref())?,
        kind: kind.transpose()?,
        src: text.src,
        dst: text.dst,
        limit: LIMIT_MOST,
    };
    Ok(Json(state.marks.search(&search).await?))
}

/// Sets a mark on the time axis.
#[utoipa::path(post, path = "/api/v1/marks", operation_id = "create_mark", tag = "marks", request_body = NewMark, responses(
    (status = 201, description = "it is set", body = Mark),
    (status = 400, description = "not JSON", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
))]
pub async fn create(
    State(state): State<WebState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Mark>), ProblemReply> {
    let mark = state.marks.add(body::read::<NewMark>(body, INVALID)?).await?;
    Ok((StatusCode::CREATED, Json(mark)))
}

impl From<MarkError> for ProblemReply {
    fn from(error: MarkError) -> Self {
        let detail = error.to_string();
        match error {
            MarkError::Invalid(wrong) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, INVALID, detail).with_errors(vec![wrong])
            }
            MarkError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "unknown-mark", detail).at("id"),
            MarkError::Store(error) => error.into(),
        }
    }
}
