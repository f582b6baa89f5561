//! Where agents of other machines join and report: a listener of its own, over TLS, that serves nothing else.

pub mod certificate;
mod doorstep;
mod listener;
mod routes;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::certificate::Certificate;
use crate::{agents::AgentKeeper, errands::ErrandDesk, ingest::IngestHandle, mesh::Mesh};

/// Counts for `/metrics`.
#[derive(Debug, Default)]
pub struct UplinkCounts {
    /// Connections that were refused because there were too many.
    pub refused: AtomicU64,
    /// Connections that did not get past the handshake.
    pub handshakes: AtomicU64,
    /// Connections that were closed without a byte.
    pub silent: AtomicU64,
    /// Places at which agents said that they answer probes, and that are not theirs.
    pub places: AtomicU64,
    /// Batches of agents that were refused.
    pub batches: AtomicU64,
}

/// What the listener works with.
#[derive(Clone)]
pub struct Uplink {
    /// Who may speak.
    pub agents: Arc<AgentKeeper>,
    /// Where samples are handed in.
    pub ingest: IngestHandle,
    /// What agents are told.
    pub mesh: Arc<Mesh>,
    /// What agents are to do once, and what they tell of it.
    pub errands: Arc<ErrandDesk>,
    /// The life of the hub: numbers of series hold in it.
    pub session: u64,
    /// What was refused.
    pub counts: Arc<UplinkCounts>,
}

/// What the pages tell about the listener.
#[derive(Debug, Clone)]
pub struct UplinkPlace {
    /// Where it listens.
    pub address: SocketAddr,
    /// What agents recognise it by.
    pub certificate: Certificate,
    /// What was refused.
    pub counts: Arc<UplinkCounts>,
}

impl Uplink {
    /// Serves agents until the shutdown.
    pub async fn serve(self, listener: TcpListener, certificate: Certificate, shutdown: CancellationToken) {
        let counts = self.counts.clone();
        listener::serve(listener, certificate.acceptor, routes::router(self), counts, shutdown).await;
    }
}
