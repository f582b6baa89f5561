use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use std::{net::SocketAddr, sync::Arc, sync::OnceLock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

fn identity() -> &'static CertifiedKey<rcgen::KeyPair> {
    static IDENTITY: OnceLock<CertifiedKey<rcgen::KeyPair>> = OnceLock::new();
    IDENTITY.get_or_init(|| generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate"))
}

/// Trusts the certificate of these tests and no other.
fn ours() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add(identity().cert.der().clone()).map_err(|error| error.to_string())?;
    Ok(roots)
}

/// A server over TLS that answers every request alike.
async fn serve() -> SocketAddr {
    let key = PrivateKeyDer::try_from(identity().signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![identity().cert.der().clone()], key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 1_024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

async fn asked(url: &str, trusted: fn() -> Result<RootCertStore, String>) -> Finding {
    run(&Asking { url, until: Instant::now() + TIMEOUT, timeout: TIMEOUT, trusted }).await
}

fn failure(finding: &Finding) -> (Phase, &str) {
    match &finding.outcome {
        Outcome::Failed { phase, cause, .. } => (*phase, cause),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_phase_of_https_is_timed() {
    let port = serve().await.port();
    let finding = asked(&format!("https://localhost:{port}/"), ours).await;
    assert_eq!(finding.outcome, Outcome::Reply, "{finding:?}");
    let phases: Vec<Phase> = finding.phases.iter().map(|time| time.phase).collect();
    let all = [Phase::Prepare, Phase::Resolve, Phase::Connect, Phase::Tls, Phase::Send, Phase::Wait, Phase::Transfer];
    assert_eq!(phases, all);
    assert_eq!(finding.detail, Some(Detail::Response { status: 200, version: "HTTP/1.1".into(), body_bytes: 5 }));
    assert!(finding.value("http_total_us") >= finding.value("http_first_byte_us"));
}

#[tokio::test]
async fn a_certificate_that_is_no_good_fails_in_the_phase_of_tls() {
    let port = serve().await.port();
    let other_name = asked(&format!("https://127.0.0.1:{port}/"), ours).await;
    assert_eq!(failure(&other_name), (Phase::Tls, "its certificate is for another name"));
    let strangers = || {
        let stranger = generate_simple_self_signed(vec!["stranger".to_owned()]).map_err(|error| error.to_string())?;
        let mut roots = RootCertStore::empty();
        roots.add(stranger.cert.der().clone()).map_err(|error| error.to_string())?;
        Ok(roots)
    };
    let unknown = asked(&format!("https://localhost:{port}/"), strangers).await;
    let expected = (Phase::Tls, "its certificate is signed by nobody whom this machine trusts");
    assert_eq!(failure(&unknown), expected);
    let none = asked(&format!("https://localhost:{port}/"), || Err("there are none".to_owned())).await;
    assert_eq!(failure(&none), (Phase::Prepare, "there are none"));
}

#[tokio::test]
async fn a_server_of_tls_and_one_without_are_told_apart() {
    let port = serve().await.port();
    let plain = asked(&format!("http://127.0.0.1:{port}/"), ours).await;
    assert_eq!(failure(&plain).0, Phase::Wait, "{plain:?}");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let tls = asked(&format!("https://localhost:{port}/"), ours).await;
    assert_eq!(failure(&tls), (Phase::Tls, "it does not speak TLS on this port"));
}
