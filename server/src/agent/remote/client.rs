//! Requests to the hub over one connection that is kept, and what an answer, or none, means.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, HOST, HeaderMap},
};
use hyper_util::rt::TokioIo;
use netloom_core::{
    api::Problem,
    clock_offset::Exchange,
    uplink::{Fingerprint, PROTOCOL, PROTOCOL_HEADER, TIMES_HEADER, UPLINK_PORT},
};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    super::hub_clock::HubClock,
    pin::{self, Shown},
};
use crate::resolve::resolve;

/// A hub to which no connection comes about in this time is away.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The largest answer: orders with every peer there may be take a tenth of it.
const ANSWER_MAX_BYTES: usize = 1_024 * 1_024;
/// The name in the handshake. The certificate is recognised by its fingerprint, whatever name stands in it.
const SERVER_NAME: &str = "netloom";

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody answers now.
    #[error("{0}")]
    Away(String),
    /// Whoever answers is not the hub that this agent joined.
    #[error("{0}")]
    Stranger(String),
    /// The two sides would misunderstand each other.
    #[error("{0}")]
    Protocol(String),
    /// The hub does not take the token or the code.
    #[error("{0}")]
    Denied(String),
    /// The hub has started anew: numbers of series are others now.
    #[error("the hub has started anew")]
    OtherSession,
    /// The hub will never take this.
    #[error("{0}")]
    Refused(String),
    /// What the hub wants is not understood.
    #[error("{0}")]
    Garbled(String),
}

/// Where a hub listens for agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubPlace {
    host: String,
    port: u16,
}

impl HubPlace {
    /// Reads `https://HOST:PORT`.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.trim().strip_prefix("https://") else {
            return Err(format!("--hub {text}: agents join over TLS, as in https://HOST:{UPLINK_PORT}"));
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            // The colons of an address of version 6 without brackets are no port's.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
            _ => (rest, Some(UPLINK_PORT)),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        match port {
            Some(port) if !host.is_empty() && !host.contains(['/', '?', '#', '@']) => Ok(Self { host, port }),
            _ => Err(format!("--hub {text}: not of the form https://HOST:{UPLINK_PORT}")),
        }
    }
}

impl std::fmt::Display for HubPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bracket = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "https://{}{}{}:{}", bracket.0, self.host, bracket.1, self.port)
    }
}

/// One connection to a hub, made anew when it broke. Requests on it wait for each other.
pub struct Client {
    place: HubPlace,
    expected: Fingerprint,
    shown: Shown,
    tls: TlsConnector,
    clock: HubClock,
    token: Option<String>,
    open: tokio::sync::Mutex<Option<Open>>,
}

struct Open {
    sender: SendRequest<Full<Bytes>>,
    peer: SocketAddr,
}

/// An answer that is fine, and where it came from.
pub struct Answer {
    /// Its body.
    pub body: Bytes,
    /// The address of the hub.
    pub peer: SocketAddr,
}

impl Client {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// Never with the provider of cryptography in use.
    pub fn new(
        place: HubPlace,
        expected: Fingerprint,
        clock: HubClock,
        token: Option<String>,
    ) -> Result<Self, rustls::Error> {
        let shown = Shown::default();
        let tls = TlsConnector::from(Arc::new(pin::config(expected, shown.clone())?));
        Ok(Self { place, expected, shown, tls, clock, token, open: tokio::sync::Mutex::default() })
    }

    /// Sends a request, and waits no longer than the limit for all of the answer.
    ///
    /// # Errors
    /// What the answer, or its absence, means.
    pub async fn call(&self, method: Method, path: &str, body: Vec<u8>, limit: Duration) -> Result<Answer, CallError> {
        let mut open = self.open.lock().await;
        // Taken out: a request that is given up half-way takes its connection with it.
        let kept = open.take().filter(|kept| !kept.sender.is_closed());
        let mut connection = match kept {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let peer = connection.peer;
        let called = timeout(limit, self.exchange(&mut connection.sender, method, path, body.into())).await;
        let (status, body) = called.map_err(|_| {
            CallError::Away(format!("the hub at {} did not answer within {} s", self.place, limit.as_secs_f32()))
        })??;
        *open = Some(connection);
        drop(open);
        if status.is_success() { Ok(Answer { body, peer }) } else { Err(meaning(status, &body)) }
    }

    async fn exchange(
        &self,
        sender: &mut SendRequest<Full<Bytes>>,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let broke = |error: hyper::Error| CallError::Away(format!("the connection to {} broke: {error}", self.place));
        let mut request = Request::builder().method(method).uri(path).header(HOST, SERVER_NAME);
        request = request.header(PROTOCOL_HEADER, PROTOCOL);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body)).map_err(|error| CallError::Refused(error.to_string()))?;
        sender.ready().await.map_err(broke)?;
        let sent_us = self.clock.here_us();
        let answer = sender.send_request(request).await.map_err(broke)?;
        let back_us = self.clock.here_us();
        self.check_protocol(&answer)?;
        if let Some((received_us, answered_us)) = hub_times(answer.headers()) {
            self.clock.take(Exchange { sent_us, received_us, answered_us, back_us });
        }
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES).collect().await;
        let body = body.map_err(|error| CallError::Away(format!("the connection to {} broke: {error}", self.place)))?;
        Ok((status, body.to_bytes()))
    }

    fn check_protocol(&self, answer: &Response<Incoming>) -> Result<(), CallError> {
        let text = answer.headers().get(PROTOCOL_HEADER).and_then(|value| value.to_str().ok());
        match text.map(str::parse::<u32>) {
            Some(Ok(PROTOCOL)) => Ok(()),
            Some(Ok(other)) => Err(CallError::Protocol(format!(
                "the hub at {} speaks protocol {other} and this agent protocol {PROTOCOL}: use the same version of \
                 netloom on both",
                self.place
            ))),
            _ => Err(CallError::Stranger(format!("what answers at {} is not a Netloom hub", self.place))),
        }
    }

    async fn connect(&self) -> Result<Open, CallError> {
        let limited = timeout(CONNECT_LIMIT, self.connect_at_leisure()).await;
        limited.unwrap_or_else(|_| {
            let limit = CONNECT_LIMIT.as_secs();
            Err(CallError::Away(format!("no hub answers at {} within {limit} s", self.place)))
        })
    }

    async fn connect_at_leisure(&self) -> Result<Open, CallError> {
        let away = |why: String| CallError::Away(format!("cannot reach the hub at {}: {why}", self.place));
        let address = resolve(&self.place.host).await.map_err(away)?;
        let peer = SocketAddr::new(address, self.place.port);
        let stream = TcpStream::connect(peer).await.map_err(|error| away(error.to_string()))?;
        // A request in several pieces must not wait for the first to be acknowledged (RFC 896).
        let _ = stream.set_nodelay(true);
        let name = ServerName::try_from(SERVER_NAME).map_err(|error| away(error.to_string()))?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| self.handshake_failed(&error))?;
        Ok(Open { sender: self.speak(stream).await?, peer })
    }

    async fn speak(&self, stream: TlsStream<TcpStream>) -> Result<SendRequest<Full<Bytes>>, CallError> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| CallError::Away(format!("the connection to {} broke: {error}", self.place)))?;
        // It ends when the sender is dropped or the hub hangs up.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn handshake_failed(&self, error: &std::io::Error) -> CallError {
        let (place, shown) = (&self.place, self.shown.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(shown) = shown {
            return CallError::Stranger(format!(
                "{place} shows another certificate than the hub of this agent (sha256 {shown}, expected {}): it is \
                 another hub, one that was set up anew, or somebody in between; join again with a new code if it is \
                 the right one",
                self.expected
            ));
        }
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidMessage(_)) => CallError::Stranger(format!(
                "what answers at {place} speaks no TLS: agents join at the hub's --agent-listen, not at its pages"
            )),
            Some(other) => {
                CallError::Stranger(format!("{place} is not a Netloom hub: the TLS handshake failed: {other}"))
            }
            None => CallError::Away(format!("{place} broke off the TLS handshake ({error}): is it a Netloom hub?")),
        }
    }
}

/// What an answer means that is not fine.
fn meaning(status: StatusCode, body: &[u8]) -> CallError {
    let problem = serde_json::from_slice::<Problem>(body);
    let detail = problem.map_or_else(|_| format!("the hub answered {status}"), |problem| problem.detail);
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CallError::Denied(detail),
        StatusCode::CONFLICT => CallError::OtherSession,
        StatusCode::UPGRADE_REQUIRED => CallError::Protocol(detail),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => CallError::Away(detail),
        status if status.is_client_error() => CallError::Refused(detail),
        _ => CallError::Away(detail),
    }
}

/// The hub's times of an exchange, µs.
fn hub_times(headers: &HeaderMap) -> Option<(i64, i64)> {
    let (received, answered) = headers.get(TIMES_HEADER)?.to_str().ok()?.split_once(' ')?;
    Some((received.parse().ok()?, answered.parse().ok()?))
}

/// What a lock protects is whole at any time.
pub(super) fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_written() {
        let cases = [
            ("https://hub:7000", "https://hub:7000"),
            ("https://hub/", "https://hub:6387"),
            ("https://10.0.0.1:1", "https://10.0.0.1:1"),
            ("https://[fe80::1]:9", "https://[fe80::1]:9"),
            ("https://[::1]", "https://[::1]:6387"),
        ];
        for (text, expected) in cases {
            assert_eq!(HubPlace::parse(text).expect(text).to_string(), expected);
        }
        for bad in
            ["", "http://hub:6387", "hub:6387", "https://", "https://hub:port", "https://hub/path", "https://u@h"]
        {
            assert!(HubPlace::parse(bad).is_err(), "{bad}");
        }
    }
}
