//! The live stream: one server-sent-event connection per tab.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures::stream;
use netloom_core::{
    api::Problem,
    event::{Cursor, Hello, LiveEvent, Topic},
};
use serde::Deserialize;
use tokio::{sync::broadcast::error::RecvError, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{WebState, problem::ProblemReply};
use crate::{
    clock,
    live::{Frame, Subscription},
};

/// Streams at once. Each costs some memory and a connection; a team has a few dozen tabs.
const STREAMS_MAX: usize = 512;
/// A comment after this long without events keeps proxies from closing the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long browsers wait before they come back, ms.
const RETRY_MS: u64 = 1_000;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/stream", get(stream_events))
}

/// What a listener wants.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StreamText {
    /// Topics, separated by commas: samples, nodes, alerts, settings, runs, verdict; all when left out.
    topics: Option<String>,
    /// The last event that was seen, `<epoch>:<seq>`; like the header `Last-Event-ID`.
    after: Option<String>,
}

/// Events as they happen. Starts with `hello`; then what was missed after `Last-Event-ID` or `after`, or, when that is
/// not known any more, `resync` and everything as it is now.
#[utoipa::path(get, path = "/api/v1/stream", tag = "stream", params(StreamText), responses(
    (status = 200, description = "events: hello, resync, samples, node, incident, health, settings, run, verdict", content_type = "text/event-stream"),
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
    if state.live.listeners() >= STREAMS_MAX {
        let detail = format!("{STREAMS_MAX} streams are open already: close some tabs");
        return Err(ProblemReply::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", detail));
    }
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned).or(text.after);
    let listener = Listener::start(state, topics, seen.as_deref());
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

/// One listener: what it still has to be told, then what comes.
struct Listener {
    state: WebState,
    topics: Vec<Topic>,
    waiting: VecDeque<Bytes>,
    receiver: tokio::sync::broadcast::Receiver<Arc<Frame>>,
    shutdown: CancellationToken,
}

impl Listener {
    fn start(state: WebState, topics: Vec<Topic>, seen: Option<&str>) -> Self {
        let Subscription { missed, head, receiver } = state.live.subscribe(seen.and_then(Cursor::parse));
        let shutdown = state.shutdown.clone();
        let mut listener = Self { state, topics, waiting: VecDeque::new(), receiver, shutdown };
        let hello = Hello { version: env!("CARGO_PKG_VERSION").to_owned(), now: clock::now() };
        let replay_from = missed.as_ref().and_then(|frames| Some(frames.first()?.seq - 1)).unwrap_or(head.seq);
        listener.waiting.push_back(Bytes::from(format!("retry: {RETRY_MS}\n\n")));
        listener.push(&LiveEvent::Hello(hello), replay_from);
        if let Some(frames) = missed {
            let wanted: Vec<Bytes> =
                frames.iter().filter(|frame| listener.wants(frame.topic)).map(|frame| frame.bytes.clone()).collect();
            listener.waiting.extend(wanted);
        } else {
            if seen.is_some() {
                listener.push(&LiveEvent::Resync, head.seq);
            }
            listener.push_everything(head.seq);
        }
        listener
    }

    /// The next bytes; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.waiting.pop_front() {
                return Some(bytes);
            }
            let received = tokio::select! {
                received = timeout(KEEP_ALIVE, self.receiver.recv()) => received,
                () = self.shutdown.cancelled() => return None,
            };
            match received {
                Ok(Ok(frame)) if self.wants(frame.topic) => return Some(frame.bytes.clone()),
                Ok(Ok(_)) => {}
                Ok(Err(RecvError::Lagged(_))) => {
                    self.state.live.count_lag();
                    let subscription = self.state.live.subscribe(None);
                    self.receiver = subscription.receiver;
                    self.push(&LiveEvent::Resync, subscription.head.seq);
                    self.push_everything(subscription.head.seq);
                }
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => return Some(Bytes::from_static(b": still here\n\n")),
            }
        }
    }

    fn wants(&self, topic: Option<Topic>) -> bool {
        topic.is_none_or(|topic| self.topics.contains(&topic))
    }

    fn push(&mut self, event: &LiveEvent, seq: u64) {
        if self.wants(event.topic()) {
            self.waiting.push_back(self.state.live.encode_at(event, seq));
        }
    }

    /// Everything as it is now. Read after the subscription began, so that nothing falls between; what is told twice
    /// says the same.
    fn push_everything(&mut self, seq: u64) {
        let board = self.state.board.clone();
        for node in board.nodes() {
            self.push(&LiveEvent::Node(Box::new(node)), seq);
        }
        for incident in board.incidents().into_iter().rev() {
            self.push(&LiveEvent::Incident(Box::new(incident)), seq);
        }
        if let Some(problem) = board.storage_problem() {
            self.push(&LiveEvent::Storage { problem: Some(problem) }, seq);
        }
        self.push(&LiveEvent::Health(board.health()), seq);
        self.push(&LiveEvent::Samples(board.newest_readings()), seq);
        self.push(&LiveEvent::Verdict(Box::new(board.verdict())), seq);
    }
}
