//! The alert rules: how they fare, and when one would have fired.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
    routing::{get, post},
};
use netloom_core::{
    api::Problem,
    rule::{
        preview::{Preview, PreviewRequest},
        status::RuleStatus,
    },
    run::search::RunSearch,
};

use super::{WebState, body, problem::ProblemReply};
use crate::{
    clock,
    rules::preview::{Past, PreviewError},
    runs::Before,
};

/// The kind of problem of a field that is wrong.
const INVALID: &str = "invalid-rule";
/// Runs that a preview knows of, the newest first.
const RUNS_MAX: usize = 1_000;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/rules", get(rules)).route("/api/v1/rules/preview", post(preview))
}

/// Every alert rule, those that are off included, and of how many subjects it says what.
#[utoipa::path(get, path = "/api/v1/rules", operation_id = "rules", tag = "alerts", responses((status = 200, description = "the rules that came with Netloom, then those that people added", body = Vec<RuleStatus>)))]
pub async fn rules(State(state): State<WebState>) -> Json<Vec<RuleStatus>> {
    let settings = state.keeper.subscribe().borrow().clone();
    let counts = state.census.borrow().clone();
    let status = |(rule, enabled): (netloom_core::rule::Rule, bool)| {
        let count = counts.iter().find(|count| count.rule == rule.id);
        RuleStatus {
            id: rule.id.to_string(),
            title: rule.title.to_string(),
            metric: rule.kind.metric().to_owned(),
            severity: rule.severity,
            is_built_in: rule.is_built_in,
            enabled,
            subjects: count.map_or(0, |count| count.subjects),
            pending: count.map_or(0, |count| count.pending),
            firing: count.map_or(0, |count| count.firing),
            condition: rule.condition(),
        }
    };
    Json(settings.alerts.all_rules(settings.round_ms()).into_iter().map(status).collect())
}

/// When a rule would have fired, by the same code that judges live samples. A rule without a name is tried, too.
#[utoipa::path(post, path = "/api/v1/rules/preview", operation_id = "preview_rule", tag = "alerts", request_body = PreviewRequest, responses(
    (status = 200, description = "when it would have fired", body = Preview),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "there is no such metric", body = Problem),
    (status = 422, description = "a field is wrong, or there is too much to try", body = Problem),
    (status = 503, description = "others are at it; ask again in a moment", body = Problem),
))]
pub async fn preview(
    State(state): State<WebState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Preview>, ProblemReply> {
    let request = body::read::<PreviewRequest>(body, INVALID)?;
    let runs = if request.rule.scope.run.is_empty() {
        Vec::new()
    } else {
        state.runs.search(&RunSearch::default(), Before::End, RUNS_MAX).await?
    };
    let counted: Vec<(String, Vec<String>)> = state
        .board
        .nodes()
        .into_iter()
        .map(|node| {
            let counted = node.info.interfaces.into_iter().filter(|interface| interface.is_counted);
            (node.info.node, counted.map(|interface| interface.name).collect())
        })
        .collect();
    let storage = state.keeper.subscribe().borrow().storage.clone();
    let store = &*state.stores.samples;
    let past = Past { store, storage: &storage, runs: &runs, counted: &counted };
    Ok(Json(state.previewer.preview(request, past, clock::now()).await?))
}

impl From<PreviewError> for ProblemReply {
    fn from(error: PreviewError) -> Self {
        let detail = error.to_string();
        match error {
            PreviewError::Invalid(errors) => {
                let first = errors.first().map(|error| format!("{}: {}", error.field, error.message));
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, INVALID, first.unwrap_or(detail)).with_errors(errors)
            }
            PreviewError::UnknownMetric(metric) => Self::unknown_metric(&metric).at("rule.metric"),
            PreviewError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail),
            PreviewError::Store(error) => error.into(),
        }
    }
}
