//! The questions that pages ask over HTTP: the same public routes that scripts use.

mod fetch;

use netloom_core::{
    api::{Problem, SettingsReply, StoreSize},
    incident::Incident,
    query::QueryAnswer,
    settings::Settings,
};
use serde_json::Value;

use crate::{live::feed::Question, range::segment};
use fetch::{Request, send};

/// The history of the series that a feed is about.
pub(crate) async fn history(question: &Question) -> Result<QueryAnswer, Problem> {
    let labels: Vec<String> =
        question.interest.labels.iter().map(|(name, value)| format!("&{name}={}", segment(value))).collect();
    let labels = labels.concat();
    let step = question.step_ms.map(|step_ms| format!("&step={step_ms}ms")).unwrap_or_default();
    let (metric, from, to) = (question.interest.metric, question.from_ms, question.to_ms);
    let agg = if question.interest.keeps_extremes && question.step_ms.is_some() { "&agg=minmax" } else { "" };
    let url = format!("/api/v1/query?metric={metric}{labels}&from={from}&to={to}{step}{agg}");
    Ok(send(Request::get(&url)).await?.body)
}

/// All incidents, newest first.
pub(crate) async fn incidents() -> Result<Vec<Incident>, Problem> {
    Ok(send(Request::get("/api/v1/alerts")).await?.body)
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
    let reply = send(Request::put("/api/v1/settings", change, &format!("\"{version}\""))).await?;
    let version = reply.etag.and_then(|etag| etag.trim_matches('"').parse().ok());
    Ok((reply.body, version))
}
