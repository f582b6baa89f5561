//! A request to a server that nobody vouches for: where it leads is checked, nothing is followed, little is read.
//!
//! It goes directly, without a proxy, because only then is it known where. HTTPS with ring; certificates are held against
//! the authorities that the machine trusts.

use std::{net::SocketAddr, sync::Arc};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use netloom_core::notify::{Failure, target};
use reqwest::Url;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OnceCell,
};
use tokio_rustls::TlsConnector;

use crate::resolve::resolve_all;

/// What is read of an answer that is no success, to say why: servers give their reason first.
const ANSWER_MAX_BYTES: usize = 16 * 1_024;
/// What is shown of it, characters.
const SHOWN_MAX_CHARS: usize = 120;
/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 4;
/// How servers that know the custom (`draft-ietf-httpapi-idempotency-key-header`) recognise a message that comes again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What is posted.
pub(super) struct Posted<'a> {
    pub(super) url: &'a str,
    /// A bearer token, or nothing.
    pub(super) token: &'a str,
    /// The message's lasting name.
    pub(super) id: &'a str,
    pub(super) json: &'a serde_json::Value,
    pub(super) allow_private: bool,
}

/// Posts to servers; the authorities that the machine trusts are read once, when they are needed first.
#[derive(Default)]
pub(super) struct Http {
    tls: OnceCell<Result<TlsConnector, String>>,
}

impl Http {
    #[cfg(test)]
    fn trusting(roots: RootCertStore) -> Self {
        Self { tls: OnceCell::new_with(Some(connector(roots))) }
    }

    /// Posts JSON once. Whoever calls limits the time.
    pub(super) async fn post(&self, posted: &Posted<'_>) -> Result<Option<u16>, Failure> {
        let url = Url::parse(posted.url).map_err(|error| Failure::lasting(format!("the address is wrong: {error}")))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let stream = connect(&host, port, posted.allow_private).await?;
        let request = request(&url, posted)?;
        let answer = if url.scheme() == "https" {
            let tls = self.tls.get_or_init(trusted).await.as_ref().map_err(Failure::lasting)?;
            let name =
                ServerName::try_from(host.clone()).map_err(|_| Failure::lasting(format!("{host} is no host name")))?;
            let stream = tls.connect(name, stream).await;
            exchange(stream.map_err(|error| Failure::passing(format!("the TLS handshake failed: {error}")))?, request)
                .await
        } else {
            exchange(stream, request).await
        };
        meaning(answer?).await
    }
}

async fn trusted() -> Result<TlsConnector, String> {
    let read = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("this machine has no certificates of authorities, which HTTPS needs".to_owned());
        }
        connector(roots)
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(error.to_string()))
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Connects to one of the very addresses that were checked, so that a name cannot lead elsewhere in between.
async fn connect(host: &str, port: u16, allow_private: bool) -> Result<TcpStream, Failure> {
    let addresses = resolve_all(host).await.map_err(Failure::passing)?;
    if !allow_private {
        let special = addresses.iter().find_map(|address| Some((address, target::special(*address)?)));
        if let Some((address, what)) = special {
            let leads = if host == address.to_string() {
                format!("{host} is")
            } else {
                format!("{host} leads to {address}, which is")
            };
            let how = "it is not posted to such addresses unless notify.allow_private is on";
            return Err(Failure::refusal(format!("{leads} {what}: {how}")));
        }
    }
    let mut why = String::new();
    for address in addresses.into_iter().take(ADDRESSES_MAX) {
        let address = SocketAddr::new(address, port);
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => why = format!("cannot connect to {address}: {error}"),
        }
    }
    Err(Failure::passing(why))
}

fn request(url: &Url, posted: &Posted<'_>) -> Result<Request<Full<Bytes>>, Failure> {
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let host = url.port().map_or_else(
        || url.host_str().unwrap_or_default().to_owned(),
        |port| format!("{}:{port}", url.host_str().unwrap_or_default()),
    );
    let mut request = Request::post(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("netloom/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header(IDEMPOTENCY_KEY, posted.id);
    if !posted.token.is_empty() {
        let bearer = HeaderValue::try_from(format!("Bearer {}", posted.token));
        let mut bearer = bearer.map_err(|_| Failure::lasting("the token has characters that no header may have"))?;
        bearer.set_sensitive(true);
        request = request.header(AUTHORIZATION, bearer);
    }
    let body = Full::new(Bytes::from(posted.json.to_string()));
    request.body(body).map_err(|error| Failure::lasting(format!("the address is wrong: {error}")))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broke(&error))?;
    // It ends when the answer is dropped, or the server hangs up.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender.send_request(request).await.map_err(|error| broke(&error))
}

fn broke(error: &hyper::Error) -> Failure {
    Failure::passing(if error.is_parse() {
        "the server speaks no HTTP".to_owned()
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        "the server closed the connection without an answer".to_owned()
    } else {
        format!("the connection broke: {}", innermost(error))
    })
}

/// The last cause of an error, which is the one that says something.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

/// What an answer means.
async fn meaning(answer: Response<Incoming>) -> Result<Option<u16>, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(Some(status.as_u16()));
    }
    let wait_ms = retry_after_ms(answer.headers());
    let failure = if status.is_redirection() {
        let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
        let to: String = to.chars().take(SHOWN_MAX_CHARS).collect();
        Failure::refusal(format!("the server answered {status} and leads to {to}: that is not followed"))
    } else {
        let said = said(answer).await;
        let cause = format!("the server answered {status}{said}");
        let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        let may_pass = status.is_server_error() || passes.contains(&status);
        if may_pass { Failure::passing(cause) } else { Failure::lasting(cause) }
    };
    Err(Failure { wait_ms, ..failure }.with_status(status.as_u16()))
}

/// The beginning of an answer's body, as the end of a sentence.
async fn said(answer: Response<Incoming>) -> String {
    let Ok(body) = Limited::new(answer.into_body(), ANSWER_MAX_BYTES).collect().await else { return String::new() };
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text: String = words.join(" ").chars().filter(|c| !c.is_control()).take(SHOWN_MAX_CHARS).collect();
    if text.is_empty() { text } else { format!(": {text}") }
}

/// How long the server asks to wait, when it says so in seconds.
fn retry_after_ms(headers: &HeaderMap) -> Option<i64> {
    let seconds: u32 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(i64::from(seconds) * 1_000)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    };
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn posted<'a>(url: &'a str, json: &'a serde_json::Value) -> Posted<'a> {
        Posted { url, token: "", id: "1", json, allow_private: true }
    }

    #[tokio::test]
    async fn https_is_spoken_with_those_who_are_vouched_for_and_nobody_else() {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut buffer = [0; 4_096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        });
        let (url, json) = (format!("https://localhost:{port}/hook"), json!({}));
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).expect("a root");
        assert_eq!(Http::trusting(roots.clone()).post(&posted(&url, &json)).await, Ok(Some(204)));
        let other = generate_simple_self_signed(["localhost".to_owned()]).expect("made").cert;
        let mut strangers = RootCertStore::empty();
        strangers.add(other.der().clone()).expect("a root");
        let refused = Http::trusting(strangers).post(&posted(&url, &json)).await.expect_err("a stranger");
        assert!(refused.cause.contains("TLS handshake"), "{refused:?}");
        let by_address = format!("https://127.0.0.1:{port}/hook");
        let refused = Http::trusting(roots).post(&posted(&by_address, &json)).await.expect_err("another name");
        assert!(refused.cause.contains("TLS handshake"), "{refused:?}");
    }

    #[tokio::test]
    async fn special_addresses_are_refused_by_number_and_by_name() {
        let json = json!({});
        for url in
            ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://0x7f.1:9/", "http://2130706433/"]
        {
            let refused = Http::default().post(&Posted { allow_private: false, ..posted(url, &json) }).await;
            let refused = refused.expect_err(url);
            assert!(refused.is_refusal && refused.cause.contains("loopback"), "{url}: {refused:?}");
        }
    }
}
