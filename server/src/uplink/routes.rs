//! What agents ask and send. Every request but the first shows a token.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequestParts, Request, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::future::join_all;
use netloom_core::{
    api::{NodeInfo, NodeRole},
    errand::Report,
    mesh::Echo,
    series::{Origin, Row, Rows, SeriesId},
    uplink::{
        BODY_MAX_BYTES, DELIVERY_MAX_BATCHES, Delivered, Delivery, Enrol, NAMED_MAX_SERIES, NO_ROOM, NameSeries,
        Orders, PROTOCOL, PROTOCOL_HEADER, REPORTS_MAX, SeriesNumbers, TIMES_HEADER, WireBatch,
    },
};
use serde::de::DeserializeOwned;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use super::{Uplink, doorstep::Visitor};
use crate::{
    agents::{AgentError, Member},
    board::Sender,
    clock,
    ingest::{IngestError, check_owner},
    mesh::{self, Way},
    web::problem::{self, ProblemReply},
};

/// The longest any answer may take, the body of the request included.
const REQUEST_LIMIT: Duration = Duration::from_secs(25);
/// What a node says of itself at most, bytes of JSON: a thousand targets with their measurements, and no more than half of a
/// body.
const INFO_MAX_BYTES: usize = 512 * 1_024;

/// The largest body of an agent that wants to join, bytes: a code and two names, and whoever sends it shows no token.
const ENROL_MAX_BYTES: usize = 4 * 1_024;

type Body = Result<Bytes, BytesRejection>;

/// Whoever shows a good token. It is looked at before the body is read, so that nobody else makes the hub keep one.
struct Known(Arc<Member>);

impl FromRequestParts<Uplink> for Known {
    type Rejection = ProblemReply;

    async fn from_request_parts(parts: &mut Parts, uplink: &Uplink) -> Result<Self, ProblemReply> {
        let member = uplink.member(&parts.headers)?;
        if let Some(visitor) = parts.extensions.get::<Visitor>() {
            visitor.is_known();
        }
        Ok(Self(member))
    }
}

/// All routes of the listener for agents.
pub(super) fn router(uplink: Uplink) -> Router {
    Router::new()
        .route("/uplink/v1/enrol", post(enrol).layer(DefaultBodyLimit::max(ENROL_MAX_BYTES)))
        .route("/uplink/v1/series", post(series))
        .route("/uplink/v1/batches", post(batches))
        .route("/uplink/v1/config", get(config))
        .route("/uplink/v1/errands", get(errands))
        .route("/uplink/v1/reports", post(reports))
        .fallback(async |uri: Uri| problem::not_found(&uri))
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_LIMIT))
        .layer(middleware::from_fn(around))
        .with_state(uplink)
}

/// Looks whether both sides speak the same protocol, and tells the times by which agents set their clocks.
async fn around(request: Request, next: Next) -> Response {
    let received_us = clock::now_us();
    let spoken = request.headers().get(PROTOCOL_HEADER).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let mut response = if spoken == Some(PROTOCOL) {
        next.run(request).await
    } else {
        let other = spoken.map_or_else(|| "none".to_owned(), |other| other.to_string());
        let detail =
            format!("this hub speaks protocol {PROTOCOL}, the agent {other}: use the same version of netloom on both");
        ProblemReply::new(StatusCode::UPGRADE_REQUIRED, "other-protocol", detail).into_response()
    };
    let status = response.status();
    let headers = response.headers_mut();
    headers.insert(PROTOCOL_HEADER, HeaderValue::from(PROTOCOL));
    if let Ok(times) = HeaderValue::try_from(format!("{received_us} {}", clock::now_us())) {
        headers.insert(TIMES_HEADER, times);
    }
    // Whoever is not known gets one answer per connection.
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::UPGRADE_REQUIRED) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// An agent joins.
async fn enrol(
    State(uplink): State<Uplink>,
    Extension(way): Extension<Way>,
    body: Body,
) -> Result<Response, ProblemReply> {
    let wish: Enrol = read(&body?)?;
    Ok(Json(uplink.agents.enrol(wish, way.peer).await?).into_response())
}

/// An agent names series and gets their numbers.
async fn series(State(uplink): State<Uplink>, Known(member): Known, body: Body) -> Result<Response, ProblemReply> {
    let NameSeries { series } = read(&body?)?;
    if series.len() > NAMED_MAX_SERIES {
        return Err(refused(format!("{} series at once, at most {NAMED_MAX_SERIES}", series.len())));
    }
    check_owner(&series, &member.node).map_err(refused)?;
    let numbers = match uplink.ingest.intern(&series).await {
        Ok(numbers) => numbers.into_iter().map(|id| id.0).collect(),
        // What is known goes on, and what is new has no room: a node must not fall silent at a limit.
        Err(IngestError::TooManySeries(why)) => {
            tracing::warn!(node = member.node, why, "new series are left out");
            uplink.ingest.known(&series).into_iter().map(|id| id.map_or(NO_ROOM, |id| id.0)).collect()
        }
        Err(other) => return Err(other.into()),
    };
    Ok(Json(SeriesNumbers { session: uplink.session, numbers }).into_response())
}

/// An agent delivers batches.
async fn batches(
    State(uplink): State<Uplink>,
    Known(member): Known,
    Extension(way): Extension<Way>,
    body: Body,
) -> Result<Response, ProblemReply> {
    let delivery: Delivery = postcard::from_bytes(&body?).map_err(|_| refused("the delivery is not understood"))?;
    if delivery.session != uplink.session {
        let detail = "the hub has started anew: name the series again";
        return Err(ProblemReply::new(StatusCode::CONFLICT, "other-session", detail));
    }
    if delivery.batches.len() > DELIVERY_MAX_BATCHES {
        return Err(refused(format!("{} batches at once, at most {DELIVERY_MAX_BATCHES}", delivery.batches.len())));
    }
    let info = delivery.info.map(|document| read_info(&document, &member)).transpose()?;
    if let Some(info) = &info {
        uplink.agents.note_version(&member, &info.version).await;
    }
    uplink.mesh.hear(&member, way, info.as_ref().map(|info| uplink.echo_of(info, way)));
    let mut info = info;
    let handed_in = delivery.batches.into_iter().map(|batch| {
        let sender = Sender {
            node: member.node.clone(),
            role: NodeRole::Agent,
            address: way.peer.to_string(),
            info: info.take(),
            revoked: member.revoked.clone(),
        };
        uplink.ingest.deliver(rows(batch, &member), sender)
    });
    let mut refused = Vec::new();
    for (at, result) in join_all(handed_in).await.into_iter().enumerate() {
        match result {
            Ok(()) => {}
            Err(IngestError::Invalid(why)) => refused.push((at, why)),
            // It is all sent again, and what is stored is recognised.
            Err(error) => return Err(error.into()),
        }
    }
    uplink.counts.batches.fetch_add(refused.len() as u64, Ordering::Relaxed);
    let revision = uplink.mesh.revision(member.number);
    let errands = uplink.errands.newest(&member.node);
    Ok(Json(Delivered { refused, revision, errands }).into_response())
}

/// What an agent is told to do.
async fn config(State(uplink): State<Uplink>, Known(member): Known) -> Result<Response, ProblemReply> {
    let (revision, config) = uplink.mesh.orders(member.number);
    Ok(Json(Orders { revision, config }).into_response())
}

/// What an agent is to do once.
async fn errands(State(uplink): State<Uplink>, Known(member): Known) -> Result<Response, ProblemReply> {
    Ok(Json(uplink.errands.fetch(&member.node)).into_response())
}

/// What an agent tells of its errands.
async fn reports(State(uplink): State<Uplink>, Known(member): Known, body: Body) -> Result<Response, ProblemReply> {
    let reports: Vec<Report> = read(&body?)?;
    if reports.len() > REPORTS_MAX {
        return Err(refused(format!("{} reports at once, at most {REPORTS_MAX}", reports.len())));
    }
    reports.into_iter().for_each(|report| uplink.errands.hear(&member.node, report));
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl Uplink {
    /// Who speaks.
    fn member(&self, headers: &HeaderMap) -> Result<Arc<Member>, ProblemReply> {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        self.agents.member(shown.unwrap_or_default()).ok_or_else(|| {
            let detail = "the hub does not take this agent's token: it was revoked, or is another hub's; join again \
                          with --token and a new code";
            ProblemReply::new(StatusCode::UNAUTHORIZED, "not-known", detail)
        })
    }
}

impl Uplink {
    /// Where a node answers probes. One that says so of a place that is not its own takes no part.
    fn echo_of(&self, info: &NodeInfo, way: Way) -> Option<Echo> {
        mesh::echo_of(info, way.peer).unwrap_or_else(|why| {
            self.counts.places.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                node = info.node,
                why,
                "a node takes no part in the mesh, because of where it wants probes sent"
            );
            None
        })
    }
}

/// What a node says of itself; only of itself.
fn read_info(document: &str, member: &Member) -> Result<NodeInfo, ProblemReply> {
    if document.len() > INFO_MAX_BYTES {
        return Err(refused(format!("a node says at most {INFO_MAX_BYTES} bytes of itself")));
    }
    let info: NodeInfo = read(document.as_bytes())?;
    if info.node != member.node {
        return Err(refused(format!("{} speaks for {}", member.node, info.node)));
    }
    Ok(info)
}

fn rows(batch: WireBatch, member: &Member) -> Rows {
    let WireBatch { epoch, seq, base_ms, rows } = batch;
    let row = |(series, after_ms, value): (u32, i64, f64)| Row {
        series: SeriesId(series),
        ts_ms: base_ms.saturating_add(after_ms),
        value,
    };
    let origin = Some(Origin { node: member.node.clone(), epoch, seq });
    Rows { origin, rows: rows.into_iter().map(row).collect() }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ProblemReply> {
    serde_json::from_slice(body).map_err(|error| refused(format!("the request is not understood: {error}")))
}

fn refused(why: impl Into<String>) -> ProblemReply {
    ProblemReply::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", why)
}

impl From<AgentError> for ProblemReply {
    fn from(error: AgentError) -> Self {
        let detail = error.to_string();
        let (status, kind) = match error {
            AgentError::BadCode => (StatusCode::FORBIDDEN, "bad-code"),
            AgentError::TooManyWrong => (StatusCode::TOO_MANY_REQUESTS, "too-many-wrong-codes"),
            AgentError::BadName(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-name"),
            AgentError::NameTaken(_) => (StatusCode::UNPROCESSABLE_ENTITY, "name-taken"),
            AgentError::Full(_) => (StatusCode::UNPROCESSABLE_ENTITY, "too-many-agents"),
            AgentError::OwnName(_) => (StatusCode::CONFLICT, "own-name"),
            AgentError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown-agent"),
            AgentError::Random(_) => (StatusCode::SERVICE_UNAVAILABLE, "no-random-numbers"),
            AgentError::Store(error) => return error.into(),
        };
        Self::new(status, kind, detail)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use netloom_core::{api::AgentConfig, settings::Settings};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        sync::watch,
        time::timeout,
    };

    use super::*;
    use crate::{
        agent::{
            hub_clock::HubClock,
            remote::client::{CallError, Client, HubPlace},
        },
        agents::AgentKeeper,
        errands::ErrandDesk,
        ingest::Ingest,
        mesh::{Mesh, Own},
        store,
        uplink::certificate,
    };

    /// A hub's listener without TLS.
    async fn listener(folder: &std::path::Path) -> (Uplink, SocketAddr) {
        let stores = store::open(folder).await.expect("a store");
        let keeper = AgentKeeper::open(stores.ledger.clone(), "n1".into()).await.expect("agents");
        let settings = watch::channel(Settings::default()).1;
        let hub = SocketAddr::from(([127, 0, 0, 1], 1));
        let config = AgentConfig { settings: Settings::default(), hub, mesh: None, run_active: false };
        let own = Own { node: "n1".into(), config, echo: None };
        let uplink = Uplink {
            agents: Arc::new(keeper),
            ingest: Ingest::channel(stores.samples, settings).0,
            mesh: Arc::new(Mesh::open(folder, own, None).expect("a mesh")),
            errands: Arc::new(ErrandDesk::new().0),
            session: 1,
            counts: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = router(uplink.clone()).layer(Extension(Way { peer: hub.ip(), local: hub.ip() }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (uplink, address)
    }

    /// The status of what a listener answers to the head of a request and as much of its body.
    async fn answered(address: SocketAddr, head: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let head = format!("POST /uplink/v1/{head}\r\nhost: x\r\n{PROTOCOL_HEADER}: {PROTOCOL}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).await.expect("taken");
        let mut status = [0; 12];
        // Sooner than the listener gives up waiting for the body.
        let read = timeout(REQUEST_LIMIT / 2, stream.read_exact(&mut status)).await;
        read.expect("answers without the body").expect("an answer");
        String::from_utf8_lossy(&status).into_owned()
    }

    #[tokio::test]
    async fn nothing_large_is_read_from_whoever_shows_no_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let (uplink, address) = listener(folder.path()).await;
        let large = format!("HTTP/1.1\r\ncontent-length: {BODY_MAX_BYTES}");
        let bad = format!("{large}\r\nauthorization: Bearer {}", "0".repeat(64));
        let other = format!("{large}\r\nauthorization: Basic {}", "0".repeat(64));
        for (head, refusals) in [(&large, 2), (&bad, 4), (&other, 6)] {
            for path in ["batches", "series"] {
                assert_eq!(answered(address, &format!("{path} {head}"), b"").await, "HTTP/1.1 401", "{head}");
            }
            assert_eq!(uplink.agents.counts.bad_tokens.load(Ordering::Relaxed), refusals, "{head}");
        }
        let body = vec![b' '; ENROL_MAX_BYTES + 1];
        assert_eq!(answered(address, &format!("enrol {large}"), &body).await, "HTTP/1.1 413");
    }

    #[tokio::test]
    async fn another_protocol_is_refused_with_both_numbers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let router = Router::new().route("/", get(async || "fine")).layer(middleware::from_fn(around));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let ask = async |protocol: Option<u32>| {
            let request = reqwest::Client::new().get(&url);
            let request = match protocol {
                Some(protocol) => request.header(PROTOCOL_HEADER, protocol),
                None => request,
            };
            let answer = request.send().await.expect("answers");
            assert_eq!(answer.headers()[PROTOCOL_HEADER], PROTOCOL.to_string());
            assert!(answer.headers().contains_key(TIMES_HEADER));
            (answer.status().as_u16(), answer.text().await.expect("a body"))
        };
        assert_eq!(ask(Some(PROTOCOL)).await, (200, "fine".to_owned()));
        let (status, body) = ask(Some(PROTOCOL + 1)).await;
        assert_eq!(status, 426);
        assert!(body.contains(&format!("speaks protocol {PROTOCOL}, the agent {}", PROTOCOL + 1)), "{body}");
        assert_eq!(ask(None).await.0, 426);
    }

    /// What an agent makes of an answer.
    async fn understood(answer: &'static str) -> CallError {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = certificate::open(folder.path()).expect("made");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let place = format!("https://{}", listener.local_addr().expect("an address"));
        let acceptor = certificate.acceptor.clone();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("somebody comes");
            let mut stream = acceptor.accept(stream).await.expect("a handshake");
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        });
        let place = HubPlace::parse(&place).expect("a place");
        let client = Client::new(place, certificate.fingerprint, HubClock::local(), None).expect("a client");
        let called = client.call(hyper::Method::GET, "/", Vec::new(), REQUEST_LIMIT).await;
        called.err().expect("no hub of this version")
    }

    #[tokio::test]
    async fn an_agent_tells_another_version_from_a_stranger() {
        let newer = understood("HTTP/1.1 200 OK\r\nnetloom-protocol: 99\r\ncontent-length: 0\r\n\r\n").await;
        assert!(matches!(&newer, CallError::Protocol(why) if why.contains("protocol 99")), "{newer}");
        let stranger = understood("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        assert!(matches!(&stranger, CallError::Stranger(why) if why.contains("not a Netloom hub")), "{stranger}");
        let rubbish = understood("\u{1}\u{2}rubbish").await;
        assert!(matches!(rubbish, CallError::Away(_)), "{rubbish}");
    }
}
