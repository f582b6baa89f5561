//! The certificate by which agents recognise the hub. The hub makes it for itself; nobody has to vouch for it, because the
//! code with which an agent joins names it.

use std::{io, path::Path, sync::Arc};

use netloom_core::uplink::Fingerprint;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    version::TLS13,
};
use tokio_rustls::TlsAcceptor;

use crate::private;

/// The certificate, ready for use.
#[derive(Clone)]
pub struct Certificate {
    /// Its SHA-256.
    pub fingerprint: Fingerprint,
    /// Makes TLS of connections.
    pub acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.fingerprint)
    }
}

/// The certificate of a data folder, made when it is not there. Certificate and key are one file, so that they always
/// belong together, and no part of the database, so that a copy of that holds no secret.
///
/// # Errors
/// When the file can be neither read nor written, or holds something else.
pub fn open(data_dir: &Path) -> io::Result<Certificate> {
    let file = private::read_or_make(&data_dir.join("agents.tls"), make)?;
    let damaged = |error: &dyn std::fmt::Display| {
        io::Error::other(format!(
            "agents.tls is damaged ({error}): restore it, or delete it and let all agents join anew"
        ))
    };
    let (certificate, key): (Vec<u8>, Vec<u8>) = postcard::from_bytes(&file).map_err(|error| damaged(&error))?;
    let fingerprint = Fingerprint(private::sha256(&certificate));
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![CertificateDer::from(certificate)], key))
        .map_err(|error| damaged(&error))?;
    Ok(Certificate { fingerprint, acceptor: TlsAcceptor::from(Arc::new(config)) })
}

fn make() -> io::Result<Vec<u8>> {
    let made = rcgen::generate_simple_self_signed(["netloom".to_owned()]).map_err(io::Error::other)?;
    let (certificate, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
    postcard::to_stdvec(&(certificate, key)).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = open(folder.path()).expect("made");
        assert_eq!(open(folder.path()).expect("read").fingerprint, made.fingerprint);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let file = std::fs::metadata(folder.path().join("agents.tls")).expect("there");
            assert_eq!(file.permissions().mode() & 0o777, 0o600);
        }
        let other = tempfile::tempdir().expect("a folder");
        assert_ne!(open(other.path()).expect("made").fingerprint, made.fingerprint);
        std::fs::write(folder.path().join("agents.tls"), "rubbish").expect("written");
        assert!(open(folder.path()).expect_err("damaged").to_string().contains("agents.tls is damaged"));
    }
}
