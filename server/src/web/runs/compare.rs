//! Two runs beside each other.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use netloom_core::{
    api::Problem,
    metric,
    query::{QueryText, SeriesPoints},
    run::{
        Run,
        compare::{self, Course, METRICS, PUSHED_MAX, Pair, RunComparison, Span},
    },
    time::Timestamp,
};
use serde::Deserialize;

use crate::{
    clock,
    runs::RunError,
    web::{WebState, problem::ProblemReply},
};

/// The runs to compare.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CompareText {
    /// The id of the run that is compared with.
    a: Option<String>,
    /// The id of the run in question.
    b: Option<String>,
}

/// Holds one run against another: figures side by side, whether they differ by more than chance, what got worse first,
/// and the links that got worse most.
#[utoipa::path(get, path = "/api/v1/runs/compare", operation_id = "compare_runs", tag = "runs", params(CompareText), responses(
    (status = 200, description = "the comparison", body = RunComparison),
    (status = 400, description = "a parameter is missing", body = Problem),
    (status = 404, description = "there is no such run; `field` says which", body = Problem),
    (status = 422, description = "the runs touch too many values", body = Problem),
))]
pub async fn compare(
    State(state): State<WebState>,
    text: Result<Query<CompareText>, QueryRejection>,
) -> Result<Json<RunComparison>, ProblemReply> {
    let Query(text) = text?;
    let now = clock::now();
    let (a, b) = (named(&state, "a", text.a).await?, named(&state, "b", text.b).await?);
    let spans = (Span::of(&a, now), Span::of(&b, now));
    let mut pairs = Vec::new();
    let own = METRICS.map(str::to_owned).into_iter();
    let names = state.stores.samples.catalog().read(netloom_core::series::Catalog::metrics).into_iter();
    let pushed = names.filter(|name| metric::find(name).is_none()).take(PUSHED_MAX);
    for metric in own.chain(pushed) {
        let (course_a, course_b) = (course(&state, &metric, (&a, spans.0)), course(&state, &metric, (&b, spans.1)));
        let (a, b) = (course_a.await?, course_b.await?);
        pairs.push(Pair { metric, a, b });
    }
    Ok(Json(compare::compare(a, b, spans, &pairs)))
}

async fn named(state: &WebState, parameter: &str, id: Option<String>) -> Result<Run, ProblemReply> {
    let id = id.ok_or_else(|| ProblemReply::bad_parameter(parameter, "is missing"))?;
    let run = state.runs.run(&id).await;
    run.map_err(|error| match error {
        error @ RunError::Unknown(_) => ProblemReply::from(error).at(parameter),
        error => error.into(),
    })
}

/// How a metric went in a run.
async fn course(state: &WebState, metric: &str, (run, span): (&Run, Span)) -> Result<Course, ProblemReply> {
    let means = points(state, metric, (span, "avg")).await?;
    let peaks = points(state, metric, (span, "max")).await?;
    Ok(Course { means, peaks }.of(run))
}

async fn points(state: &WebState, metric: &str, (span, agg): (Span, &str)) -> Result<Vec<SeriesPoints>, ProblemReply> {
    let text = QueryText {
        metric: Some(metric.to_owned()),
        from: Some(span.from_ms.to_string()),
        to: Some(span.to_ms.to_string()),
        step: Some(format!("{}ms", span.step_ms)),
        agg: Some(agg.to_owned()),
        ..QueryText::default()
    };
    Ok(state.stores.samples.query(&text.parse(Timestamp(span.to_ms))?).await?)
}
