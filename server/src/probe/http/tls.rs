//! TLS with the certificates that this machine trusts.

use std::{io, sync::Arc};

use netloom_core::check::http::WebAddress;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, RootCertStore, crypto::ring, pki_types::ServerName,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The certificates of authorities that this machine trusts. Read anew for each check, because they change.
pub(in crate::probe) fn trusted() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this machine has no certificates of authorities, which HTTPS needs".to_owned());
    }
    Ok(roots)
}

pub(super) fn connector(roots: RootCertStore) -> Result<TlsConnector, String> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The handshake. Fails with the cause and the cure.
pub(super) async fn handshake(
    tls: &TlsConnector,
    address: &WebAddress,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, (String, String)> {
    let name = ServerName::try_from(address.host.clone());
    let name = name.map_err(|_| {
        (format!("{} is no name that a certificate could carry", address.host), "correct the host".to_owned())
    })?;
    tls.connect(name, stream).await.map_err(|error| reason(&error))
}

fn reason(error: &io::Error) -> (String, String) {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let (cause, cure) = match inner {
        Some(Error::InvalidCertificate(wrong)) => return certificate(wrong),
        Some(Error::InvalidMessage(_)) => {
            ("it does not speak TLS on this port", "ask with http://, or correct the port")
        }
        Some(Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion)) => (
            "it speaks no version of TLS, or no cipher, that is spoken here",
            "have the server speak TLS 1.3 or 1.2 (the lean agent speaks 1.3 only)",
        ),
        Some(Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::AccessDenied)) => {
            ("it wants a certificate of its clients", "check it without TLS, or from where no certificate is wanted")
        }
        Some(other) => return (format!("the TLS handshake failed: {other}"), String::new()),
        None if error.kind() == io::ErrorKind::UnexpectedEof || error.kind() == io::ErrorKind::ConnectionReset => (
            "it closed the connection during the TLS handshake",
            "see whether the port speaks TLS, and whether the server knows this name",
        ),
        None => return (format!("the TLS handshake failed: {error}"), String::new()),
    };
    (cause.to_owned(), cure.to_owned())
}

fn certificate(wrong: &CertificateError) -> (String, String) {
    let (cause, cure) = match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("its certificate has expired", "renew the certificate, or set this machine's clock right")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("its certificate is not valid yet", "set this machine's clock right, or that of whoever signed it")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "its certificate is for another name",
            "ask under a name that the certificate carries, or have one made for this name",
        ),
        // An authority of the same name with another key is another one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "its certificate is signed by nobody whom this machine trusts",
            "install the authority's certificate on this machine, or name its file in SSL_CERT_FILE",
        ),
        CertificateError::Revoked => ("its certificate was revoked", "have a new certificate made"),
        other => return (format!("its certificate is no good: {other}"), "have a new certificate made".to_owned()),
    };
    (cause.to_owned(), cure.to_owned())
}
