//! The questions that pages ask over HTTP: the same public routes that scripts use.

mod fetch;
pub(crate) mod told;

use netloom_core::{
    api::{AgentRecord, EnrolmentCode, Problem, SettingsReply, StoreSize},
    diagnosis::DiagnosisBrief,
    event::Wanted,
    incident::{Incident, IncidentDetails},
    mark::Mark,
    matrix::Matrix,
    notify::Delivery,
    query::QueryAnswer,
    rule::{preview::Preview, status::RuleStatus},
    run::{Run, RunEvent, compare::RunComparison},
    settings::{
        Settings,
        change::{SettingsChange, SettingsImport},
    },
    silence::{Silence, SilenceRequest},
};
use serde_json::{Value, json};

use crate::{
    charts::racks::Racks,
    live::feed::{Question, aggregation_name},
    pages::{diagnose::told::Diagnosis, link::path::PathRecord},
    range::segment,
};
pub(crate) use fetch::Stop;
use fetch::{JSON, Request, send, send_only, send_text};

/// The history of the series that a feed is about.
pub(crate) async fn history(question: &Question) -> Result<QueryAnswer, Problem> {
    let labels = &question.interest.labels;
    let labels = (!labels.is_empty()).then(|| serde_json::to_string(labels).unwrap_or_default());
    let labels = labels.map(|labels| format!("&labels={}", segment(&labels))).unwrap_or_default();
    let step = question.step_ms.map(|step_ms| format!("&step={step_ms}ms")).unwrap_or_default();
    let (metric, from, to) = (segment(&question.interest.metric), question.from_ms, question.to_ms);
    let agg = match question.interest.across.map(aggregation_name) {
        Some(how) => format!("&agg={how}&across={how}"),
        None if question.interest.keeps_extremes && question.step_ms.is_some() => "&agg=minmax".to_owned(),
        None => String::new(),
    };
    let url = format!("/api/v1/query?metric={metric}{labels}&from={from}&to={to}{step}{agg}");
    Ok(send(Request::get(&url)).await?.body)
}

/// The names of all metrics, in order.
pub(crate) async fn metrics() -> Result<Vec<String>, Problem> {
    Ok(send(Request::get("/api/v1/metrics")).await?.body)
}

/// Incidents, newest first; `query` chooses some, with `?` in front.
pub(crate) async fn incidents(query: &str) -> Result<Vec<Incident>, Problem> {
    Ok(send(Request::get(&format!("/api/v1/alerts{query}"))).await?.body)
}

/// One incident with everything that its page shows.
pub(crate) async fn incident(id: u64) -> Result<IncidentDetails, Problem> {
    Ok(send(Request::get(&format!("/api/v1/alerts/{id}"))).await?.body)
}

/// Takes an incident on.
pub(crate) async fn acknowledge(id: u64, note: &str) -> Result<Incident, Problem> {
    let url = format!("/api/v1/alerts/{id}/acknowledgement");
    Ok(send(Request::put(&url, &json!({ "note": note }))).await?.body)
}

/// Gives an incident back.
pub(crate) async fn give_back(id: u64) -> Result<Incident, Problem> {
    let url = format!("/api/v1/alerts/{id}/acknowledgement");
    Ok(send(Request::with_text("DELETE", &url, JSON, "{}".to_owned())).await?.body)
}

/// The silences that hold, will, or did not long ago.
pub(crate) async fn silences() -> Result<Vec<Silence>, Problem> {
    Ok(send(Request::get("/api/v1/silences")).await?.body)
}

/// Makes a silence.
pub(crate) async fn make_silence(request: &SilenceRequest) -> Result<(), Problem> {
    let body = serde_json::to_value(request).unwrap_or_default();
    send_only(Request::post("/api/v1/silences", &body)).await
}

/// Ends a silence now.
pub(crate) async fn end_silence(id: &str) -> Result<(), Problem> {
    let url = format!("/api/v1/silences/{}", segment(id));
    send_only(Request::with_text("DELETE", &url, JSON, "{}".to_owned())).await
}

/// The rules and how they fare.
pub(crate) async fn rules() -> Result<Vec<RuleStatus>, Problem> {
    Ok(send(Request::get("/api/v1/rules")).await?.body)
}

/// When a rule would have fired from a moment on, and the way to give the question up.
pub(crate) fn preview(rule: &Value, from: &str) -> (impl Future<Output = Result<Preview, Problem>> + use<>, Stop) {
    let (request, stop) =
        Request::post("/api/v1/rules/preview", &json!({ "rule": rule, "from": from, "to": "" })).stoppable();
    (async move { Ok(send(request).await?.body) }, stop)
}

/// What the history takes on disk.
pub(crate) async fn storage() -> Result<StoreSize, Problem> {
    Ok(send(Request::get("/api/v1/storage")).await?.body)
}

/// The settings with what a form needs beside them.
pub(crate) async fn settings() -> Result<SettingsReply, Problem> {
    Ok(send(Request::get("/api/v1/settings/details")).await?.body)
}

/// Changes settings, unless they are not at `version` any more; returns the new ones and their version.
pub(crate) async fn save_settings(change: &Value, version: u64) -> Result<(Settings, Option<u64>), Problem> {
    let if_match = format!("\"{version}\"");
    let reply = send(Request::put("/api/v1/settings", change).if_match(&if_match)).await?;
    let version = reply.etag.and_then(|etag| etag.trim_matches('"').parse().ok());
    Ok((reply.body, version))
}

/// Who changed what of the settings, newest first.
pub(crate) async fn settings_history() -> Result<Vec<SettingsChange>, Problem> {
    Ok(send(Request::get("/api/v1/settings/history")).await?.body)
}

/// Puts back what was before a change of the settings; forced, also what changed again since.
pub(crate) async fn undo_settings(version: u64, is_forced: bool) -> Result<(), Problem> {
    let url = format!("/api/v1/settings/history/{version}/undo?force={is_forced}");
    send_only(Request::with_text("POST", &url, JSON, "{}".to_owned())).await
}

/// What a document of settings would change.
pub(crate) async fn try_import(text: String, resets_others: bool) -> Result<SettingsImport, Problem> {
    let url = format!("/api/v1/settings/import?dry_run=true&reset_others={resets_others}");
    Ok(send(Request::with_text("POST", &url, "application/toml", text)).await?.body)
}

/// The newest attempts to tell people of incidents.
pub(crate) async fn notifications(limit: u32) -> Result<Vec<Delivery>, Problem> {
    Ok(send(Request::get(&format!("/api/v1/notifications?limit={limit}"))).await?.body)
}

/// Sends a test to a receiver, saved or not.
pub(crate) async fn test_receiver(receiver: &Value) -> Result<Delivery, Problem> {
    Ok(send(Request::post("/api/v1/notifications/test", receiver)).await?.body)
}

/// The newest runs that a search finds, or those behind a run in that list.
pub(crate) async fn runs(search: &str, behind: Option<&str>) -> Result<Vec<Run>, Problem> {
    let behind = behind.map(|id| format!("&before={id}")).unwrap_or_default();
    Ok(send(Request::get(&format!("/api/v1/runs?q={}{behind}", segment(search)))).await?.body)
}

/// One run.
pub(crate) async fn run(id: &str) -> Result<Run, Problem> {
    Ok(send(Request::get(&format!("/api/v1/runs/{}", segment(id)))).await?.body)
}

/// What happened in a run, in order of time.
pub(crate) async fn run_events(id: &str) -> Result<Vec<RunEvent>, Problem> {
    Ok(send(Request::get(&format!("/api/v1/runs/{}/events", segment(id)))).await?.body)
}

/// Begins a run.
pub(crate) async fn start_run(name: &str) -> Result<Run, Problem> {
    Ok(send(Request::post("/api/v1/runs", &json!({ "name": name }))).await?.body)
}

/// Changes a run; what is left out stays.
pub(crate) async fn change_run(id: &str, change: &Value) -> Result<Run, Problem> {
    Ok(send(Request::patch(&format!("/api/v1/runs/{}", segment(id)), change)).await?.body)
}

/// Ends a run that nothing else ends.
pub(crate) async fn end_run(id: &str) -> Result<Run, Problem> {
    Ok(send(Request::post(&format!("/api/v1/runs/{}/end", segment(id)), &json!({}))).await?.body)
}

/// Two runs beside each other.
pub(crate) async fn compare_runs(a: &str, b: &str) -> Result<RunComparison, Problem> {
    Ok(send(Request::get(&format!("/api/v1/runs/compare?a={}&b={}", segment(a), segment(b)))).await?.body)
}

/// What the tab's stream carries from now on.
pub(crate) async fn want(stream: &str, wanted: &Wanted) -> Result<(), Problem> {
    let body = serde_json::to_string(wanted).unwrap_or_default();
    send_only(Request::with_text("PUT", &format!("/api/v1/stream/{}", segment(stream)), JSON, body)).await
}

/// All pairs at a moment of the past, or of a stretch before it.
pub(crate) async fn matrix(metric: &str, at_ms: i64, window_ms: i64, agg: &str) -> Result<Matrix, Problem> {
    let url = format!("/api/v1/matrix?metric={}&at={at_ms}&window={window_ms}ms&agg={agg}", segment(metric));
    Ok(send(Request::get(&url)).await?.body)
}

/// Racks, as somebody told.
pub(crate) async fn layout() -> Result<Racks, Problem> {
    Ok(send(Request::get("/api/v1/layout")).await?.body)
}

/// Tells the racks: a Slurm `topology.conf` or TOML.
pub(crate) async fn save_layout(text: String) -> Result<Racks, Problem> {
    Ok(send(Request::with_text("PUT", "/api/v1/layout", "text/plain", text)).await?.body)
}

/// Forgets the racks.
pub(crate) async fn clear_layout() -> Result<(), Problem> {
    send_only(Request::with_text("DELETE", "/api/v1/layout", "text/plain", String::new())).await
}

/// The agents that have joined.
pub(crate) async fn agents() -> Result<Vec<AgentRecord>, Problem> {
    Ok(send(Request::get("/api/v1/agents")).await?.body)
}

/// A code with which one more may join.
pub(crate) async fn enrolment_code() -> Result<EnrolmentCode, Problem> {
    Ok(send(Request::post("/api/v1/agents/codes", &json!({}))).await?.body)
}

/// Takes an agent's access away.
pub(crate) async fn revoke_agent(node: &str) -> Result<(), Problem> {
    let url = format!("/api/v1/agents/{}/revoke", segment(node));
    send_only(Request::with_text("POST", &url, JSON, "{}".to_owned())).await
}

/// An answer that is read field by field.
async fn plain(request: Request<'_>) -> Result<Value, Problem> {
    Ok(send(request).await?.body)
}

/// Begins a diagnosis; returns its name.
pub(crate) async fn diagnose(request: &Value) -> Result<String, Problem> {
    Ok(told::text(&plain(Request::post("/api/v1/diagnoses", request)).await?, "id"))
}

/// The newest diagnoses.
pub(crate) async fn diagnoses() -> Result<Vec<DiagnosisBrief>, Problem> {
    let all = plain(Request::get("/api/v1/diagnoses")).await?;
    Ok(told::items(&all).iter().filter_map(told::brief).collect())
}

/// A diagnosis as far as it is.
pub(crate) async fn diagnosis(id: &str) -> Result<Diagnosis, Problem> {
    Ok(Diagnosis::read(&plain(Request::get(&format!("/api/v1/diagnoses/{}", segment(id)))).await?))
}

/// The details of all its checks, as HTML.
pub(crate) async fn diagnosis_items(id: &str) -> Result<String, Problem> {
    send_text(Request::get(&format!("/api/v1/diagnoses/{}/items", segment(id)))).await
}

/// Deletes a diagnosis.
pub(crate) async fn delete_diagnosis(id: &str) -> Result<(), Problem> {
    let url = format!("/api/v1/diagnoses/{}", segment(id));
    send_only(Request::with_text("DELETE", &url, JSON, "{}".to_owned())).await
}

/// The marks on a stretch of the time axis.
pub(crate) async fn marks(from_ms: i64, to_ms: i64) -> Result<Vec<Mark>, Problem> {
    let all = plain(Request::get(&format!("/api/v1/marks?from={from_ms}&to={to_ms}"))).await?;
    Ok(told::items(&all).iter().filter_map(told::mark).collect())
}

/// The ways that packets took from a node to a host, newest first.
pub(crate) async fn paths(src: &str, dst: &str) -> Result<Vec<PathRecord>, Problem> {
    let all = plain(Request::get(&format!("/api/v1/paths?src={}&dst={}", segment(src), segment(dst)))).await?;
    Ok(told::items(&all).iter().filter_map(PathRecord::read).collect())
}
