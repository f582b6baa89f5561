//! Questions and answers over one connection.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use netloom_core::check::redis::{Reply, command, instead, is_tls, read};
use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout_at,
};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 4_096;

/// Why there is no answer.
pub(super) enum Trouble {
    /// Nothing came in time.
    Silent,
    /// The connection ended.
    Closed,
    /// No Redis says that; and what it is instead.
    NotRedis(&'static str),
}

/// A connection to a Redis server.
pub(super) struct Talk {
    stream: TcpStream,
    timeout: Duration,
    came: Vec<u8>,
}

impl Talk {
    pub(super) fn new(stream: TcpStream, timeout: Duration) -> Self {
        Self { stream, timeout, came: Vec::new() }
    }

    /// How long an answer is waited for.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks, and waits for the answer; returns how long that took.
    pub(super) async fn ask(&mut self, words: &[&str]) -> Result<(Reply, Duration), Trouble> {
        let begun = Instant::now();
        let until = (begun + self.timeout).into();
        let sent = timeout_at(until, self.stream.write_all(&command(words))).await;
        // A server that hangs up may have said why before.
        let is_sent = sent.map_err(|_| Trouble::Silent)?.is_ok();
        loop {
            match read(&self.came) {
                Ok(Some((reply, used))) => {
                    self.came.drain(..used);
                    return Ok((reply, begun.elapsed()));
                }
                Ok(None) => {}
                Err(_) => return Err(Trouble::NotRedis(instead(&self.came))),
            }
            let mut chunk = [0; CHUNK_BYTES];
            match timeout_at(until, self.stream.read(&mut chunk)).await {
                Ok(Ok(length @ 1..)) => self.came.extend(&chunk[..length]),
                Err(_) if is_sent => return Err(Trouble::Silent),
                Ok(_) | Err(_) => return Err(Trouble::Closed),
            }
        }
    }
}

/// Whether a server answers the first message of TLS with one of its own.
pub(super) async fn speaks_tls(server: SocketAddr, timeout: Duration) -> bool {
    let hello = || {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let mut connection = ClientConnection::new(Arc::new(config), ServerName::from(server.ip())).ok()?;
        let mut hello = Vec::new();
        connection.write_tls(&mut hello).ok()?;
        Some(hello)
    };
    let Some(hello) = hello() else { return false };
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(&hello).await?;
        let mut answer = [0; 3];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(is_tls(&answer))
    };
    matches!(tokio::time::timeout(timeout, exchange).await, Ok(Ok(true)))
}
