//! Notifications: what became of them, and trying a receiver out.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::StatusCode,
    routing::{get, post},
};
use netloom_core::{
    api::Problem,
    notify::{Delivery, LOG_ANSWER_MAX},
    settings::notify::Receiver,
};
use serde::Deserialize;
use serde_json::Value;

use super::{WebState, problem::ProblemReply};

/// Entries that an answer has when nobody says how many.
const LOG_ANSWER: u32 = 50;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/notifications", get(notifications)).route("/api/v1/notifications/test", post(test))
}

/// How many entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// At most this many, 1 to 500; 50 when not given.
    limit: Option<u32>,
}

/// The delivery log, newest first: every attempt to tell somebody, and what came of it.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications", params(Wanted), responses(
    (status = 200, description = "attempts, newest first", body = Vec<Delivery>),
    (status = 400, description = "a parameter is wrong", body = Problem),
))]
pub async fn notifications(
    State(state): State<WebState>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Vec<Delivery>>, ProblemReply> {
    let Query(Wanted { limit }) = wanted?;
    let limit = limit.unwrap_or(LOG_ANSWER);
    if !(1..=LOG_ANSWER_MAX).contains(&limit) {
        return Err(ProblemReply::bad_parameter("limit", &format!("must be a number from 1 to {LOG_ANSWER_MAX}")));
    }
    Ok(Json(state.stores.ledger.deliveries(limit).await?))
}

/// A saved receiver.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedReceiver {
    /// Its name.
    receiver: String,
}

/// What is to be tried out.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the body in the document; it is read by hand, to name the field to blame")]
#[serde(untagged)]
pub enum Tried {
    /// A saved receiver.
    Saved(SavedReceiver),
    /// A receiver that is not saved; a masked secret is that of the saved one.
    Unsaved(Box<Receiver>),
}

/// Sends a test message to a saved receiver, by name, or to a whole receiver that is not saved. The answer tells what came
/// of the one attempt; it is in the delivery log, too.
#[utoipa::path(post, path = "/api/v1/notifications/test", tag = "notifications", request_body = Tried, responses(
    (status = 200, description = "what came of it, delivered or not", body = Delivery),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "no receiver has that name", body = Problem),
    (status = 422, description = "fields are wrong, each is named", body = Problem),
    (status = 429, description = "too many tests run", body = Problem),
))]
pub async fn test(
    State(state): State<WebState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Delivery>, ProblemReply> {
    let wanted: Value = super::body::read(body, "invalid-receiver")?;
    let receiver = if wanted.get("receiver").is_some() { saved(&state, &wanted)? } else { unsaved(&wanted)? };
    let tested = state.notifier.test(&receiver).await?;
    let busy =
        || ProblemReply::new(StatusCode::TOO_MANY_REQUESTS, "too-many-tests", "other tests run: try again in a moment");
    tested.map(Json).ok_or_else(busy)
}

fn saved(state: &WebState, wanted: &Value) -> Result<Receiver, ProblemReply> {
    let SavedReceiver { receiver: name } = parsed(wanted)?;
    let settings = state.keeper.subscribe();
    let found = settings.borrow().notify.receivers.iter().find(|receiver| receiver.name == name).cloned();
    found.ok_or_else(|| {
        let detail = format!("receiver: no saved receiver is called {name:?}");
        ProblemReply::new(StatusCode::NOT_FOUND, "unknown-receiver", detail).at("receiver")
    })
}

fn unsaved(wanted: &Value) -> Result<Receiver, ProblemReply> {
    let receiver: Receiver = parsed(wanted)?;
    let errors = receiver.validate();
    let Some(first) = errors.first() else { return Ok(receiver) };
    let detail = format!("{}: {}", first.field, first.message);
    Err(ProblemReply::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-receiver", detail).with_errors(errors))
}

fn parsed<T: serde::de::DeserializeOwned>(wanted: &Value) -> Result<T, ProblemReply> {
    let text = Bytes::from(wanted.to_string());
    super::body::read(Ok(text), "invalid-receiver")
}
