//! The live stream: one server-sent-event connection per tab.

mod connections;
mod listener;

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use futures::stream;
use netloom_core::{
    api::Problem,
    event::{Topic, Wanted},
};
use serde::Deserialize;

use super::{WebState, body, problem::ProblemReply};
use listener::Listener;

pub use connections::Connections;

/// Streams at once. Each costs some memory and a connection; a team has a few dozen tabs.
const STREAMS_MAX: usize = 512;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/stream", get(stream_events)).route("/api/v1/stream/{stream}", put(change_stream))
}

/// What a listener wants.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StreamText {
    /// Topics, separated by commas: samples, nodes, alerts, settings, runs, verdict, marks; all when left out.
    topics: Option<String>,
    /// Which samples: a JSON list such as `[{"metric":"rtt_us","labels":{"src":"a"}}]`; all when left out.
    samples: Option<String>,
    /// Metrics whose matrix is wanted, separated by commas; none when left out.
    matrix: Option<String>,
    /// The last event that was seen, `<epoch>:<seq>`; like the header `Last-Event-ID`.
    after: Option<String>,
}

/// Events as they happen. Starts with `hello`; then what was missed after `Last-Event-ID` or `after`, or, when that is
/// not known any more, `resync` and everything as it is now.
#[utoipa::path(get, path = "/api/v1/stream", tag = "stream", params(StreamText), responses(
    (status = 200, description = "events: hello, resync, samples, node, node_left, incident, silences, health, settings, storage, run, verdict, mark, matrix", content_type = "text/event-stream"),
    (status = 400, description = "a parameter is wrong", body = Problem),
    (status = 503, description = "too many streams", body = Problem),
))]
pub async fn stream_events(
    State(state): State<WebState>,
    headers: HeaderMap,
    text: Result<Query<StreamText>, QueryRejection>,
) -> Result<Response, ProblemReply> {
    let Query(text) = text?;
    let topics = parse_topics(text.topics.as_deref())?;
    let wanted = parse_wanted(text.samples.as_deref(), text.matrix.as_deref())?;
    if state.live.listeners() >= STREAMS_MAX {
        let detail = format!("{STREAMS_MAX} streams are open already: close some tabs");
        return Err(ProblemReply::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", detail));
    }
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned).or(text.after);
    let listener = Listener::start(state, topics, wanted, seen.as_deref());
    let body = Body::from_stream(stream::unfold(listener, |mut listener| async move {
        let bytes = listener.next().await?;
        Some((Ok::<_, Infallible>(bytes), listener))
    }));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store, no-transform"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, body).into_response())
}

fn parse_topics(text: Option<&str>) -> Result<Vec<Topic>, ProblemReply> {
    let Some(text) = text else { return Ok(Topic::ALL.map(|(_, topic)| topic).to_vec()) };
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let parse = |name| {
        Topic::parse(name).ok_or_else(|| {
            let known = Topic::ALL.map(|(name, _)| name).join(", ");
            ProblemReply::bad_parameter("topics", &format!("{name:?} is not one of {known}"))
        })
    };
    names.map(parse).collect()
}

/// Changes which samples and matrices an open stream gets; its name is in `hello`. What is new in it is told at once.
#[utoipa::path(put, path = "/api/v1/stream/{stream}", tag = "stream", request_body = Wanted,
    params(("stream" = String, Path, description = "the name that `hello` gave")), responses(
    (status = 204, description = "it gets that from now on"),
    (status = 400, description = "a field is wrong", body = Problem),
    (status = 404, description = "no open stream has that name", body = Problem),
))]
pub async fn change_stream(
    State(state): State<WebState>,
    Path(stream): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ProblemReply> {
    let wanted: Wanted = body::read(bytes, "bad-wish")?;
    let wanted = wanted.checked().map_err(|(field, why)| ProblemReply::bad_parameter(field, &why))?;
    if state.connections.change(&stream, wanted) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ProblemReply::new(StatusCode::NOT_FOUND, "no-stream", format!("no open stream is called {stream:?}")))
}

fn parse_wanted(samples: Option<&str>, matrix: Option<&str>) -> Result<Wanted, ProblemReply> {
    let list = |text: &str| {
        serde_json::from_str(text).map_err(|error| {
            ProblemReply::bad_parameter("samples", &format!("is not a list of metrics and labels: {error}"))
        })
    };
    let names = matrix.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let wanted = Wanted { samples: samples.map(list).transpose()?, matrix: names.map(str::to_owned).collect() };
    wanted.checked().map_err(|(field, why)| ProblemReply::bad_parameter(field, &why))
}
