//! From an address to the head of the answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Response, Version,
    body::Incoming,
    client::conn::http1,
    header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use netloom_core::check::{Finding, Phase, http::WebAddress, spec::Family};
use rustls::RootCertStore;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;

use super::{
    tls,
    watched::{Marks, Watched},
};
use crate::probe::{
    dial::dial,
    steps::{Steps, seconds},
};

/// Bytes of the head of an answer at most: what browsers and servers allow, too.
const HEAD_MAX_BYTES: usize = 65_536;

/// What is asked for, and how long there is.
pub(in crate::probe) struct Asking<'a> {
    pub(in crate::probe) url: &'a str,
    pub(in crate::probe) until: Instant,
    /// The same from the beginning, for people.
    pub(in crate::probe) timeout: Duration,
    /// Reads the certificates of authorities.
    pub(in crate::probe) trusted: fn() -> Result<RootCertStore, String>,
}

/// An answer whose head is there.
pub(in crate::probe) struct Answered {
    pub(in crate::probe) body: Incoming,
    pub(in crate::probe) status: u16,
    pub(in crate::probe) version: String,
    pub(in crate::probe) location: Option<String>,
    /// Ends with it.
    pub(in crate::probe) connection: AbortOnDropHandle<()>,
}

/// Asks, up to the head of the answer.
///
/// # Errors
/// The finding that says what failed.
pub(in crate::probe) async fn ask(asking: &Asking<'_>, steps: &mut Steps) -> Result<Answered, Finding> {
    let address = WebAddress::parse(asking.url);
    let address = address.map_err(|cause| steps.fail(Phase::Prepare, cause, "correct the address"))?;
    let tls = if address.is_tls {
        let read = tokio::task::spawn_blocking(asking.trusted).await;
        let roots = read.unwrap_or_else(|error| Err(error.to_string())).and_then(tls::connector);
        let cure = "install the package ca-certificates, or name a file of certificates in SSL_CERT_FILE";
        Some(roots.map_err(|cause| steps.fail(Phase::Prepare, cause, cure))?)
    } else {
        None
    };
    steps.end(Phase::Prepare);
    let stream = dial(&address.host, address.port, Family::Any, asking.until, steps).await?;
    match tls {
        Some(tls) => {
            let handshake = tls::handshake(&tls, &address, stream);
            match tokio::time::timeout_at(asking.until.into(), handshake).await {
                Ok(Ok(stream)) => {
                    steps.end(Phase::Tls);
                    exchange(stream, &address, asking, steps).await
                }
                Ok(Err((cause, cure))) => Err(steps.fail(Phase::Tls, cause, cure)),
                Err(_) => {
                    let waited = seconds(asking.timeout);
                    let cause = format!("it took the connection and did not end the TLS handshake within {waited}");
                    Err(steps.fail(Phase::Tls, cause, "see whether the port speaks TLS and the service is alive"))
                }
            }
        }
        None => exchange(stream, &address, asking, steps).await,
    }
}

async fn exchange<S>(
    stream: S,
    address: &WebAddress,
    asking: &Asking<'_>,
    steps: &mut Steps,
) -> Result<Answered, Finding>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = Request::get(&address.target)
        .header(HOST, address.authority())
        .header(USER_AGENT, concat!("netloom/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|error| steps.fail(Phase::Prepare, error.to_string(), "correct the address"))?;
    let marks = Arc::new(Marks::default());
    let stream = TokioIo::new(Watched::new(stream, marks.clone()));
    let handshake = http1::Builder::new().max_buf_size(HEAD_MAX_BYTES).handshake(stream).await;
    let (mut sender, connection) = handshake.map_err(|error| steps.fail(Phase::Send, error.to_string(), ""))?;
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // What goes wrong is told to whoever reads the answer.
        let _ = connection.await;
    }));
    let answer = tokio::time::timeout_at(asking.until.into(), sender.send_request(request)).await;
    if let Some(sent) = marks.sent() {
        steps.end_at(Phase::Send, sent);
    }
    match answer {
        Ok(Ok(response)) => {
            steps.end_at(Phase::Wait, marks.first_byte().unwrap_or_else(Instant::now));
            Ok(answered(response, connection))
        }
        Ok(Err(error)) => {
            let (cause, cure) = reason(&error, marks.first_byte().is_some());
            Err(steps.fail(Phase::Wait, cause, cure))
        }
        Err(_) => {
            let what = if marks.first_byte().is_some() { "did not end the head of its answer" } else { "said nothing" };
            let cause = format!("it took the connection and {what} within {}", seconds(asking.timeout));
            Err(steps.fail(Phase::Wait, cause, "see whether the service behind the port is alive and speaks HTTP"))
        }
    }
}

fn answered(response: Response<Incoming>, connection: AbortOnDropHandle<()>) -> Answered {
    let version = if response.version() == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" };
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    Answered {
        status: response.status().as_u16(),
        version: version.to_owned(),
        location: location.map(str::to_owned),
        body: response.into_body(),
        connection,
    }
}

/// Why there is no answer, and what would help.
fn reason(error: &hyper::Error, has_spoken: bool) -> (&'static str, &'static str) {
    if error.is_incomplete_message() && !has_spoken {
        ("it closed the connection without an answer", "look at the server's log, and whether it wants https://")
    } else if error.is_parse() || has_spoken {
        // Who speaks before the request, as SSH and mail do, speaks no HTTP either.
        ("what it answers is no HTTP", "see what listens on that port, and whether it wants https://")
    } else {
        ("the connection broke before the answer", "look at the server's log, and at what is between")
    }
}
