//! Connections of agents: taken, secured, bounded in number, time and size.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::UplinkCounts;
use crate::{mesh::Way, shutdown::DRAIN_LIMIT};

/// Connections at a time: a thousand agents have two each, and there is room for those that are being made anew.
const CONNECTIONS_MAX: usize = 4_096;
/// Who has not finished the handshake by then holds a connection for nothing.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// The longest a connection waits for the next request: agents send a sign of life every two seconds.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// The longest a connection lives: after it agents connect anew, so that none is held for ever.
const AGE_LIMIT: Duration = Duration::from_hours(1);
/// Headers of one request, and bytes of all of them: agents send half a dozen.
const HEADERS_MAX: usize = 32;
const HEADERS_MAX_BYTES: usize = 16 * 1_024;
/// The wait after the system refused a connection because it has no more to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the shutdown, then lets requests that are under way finish.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    router: Router,
    counts: Arc<UplinkCounts>,
    shutdown: CancellationToken,
) {
    let (places, tasks) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection of an agent");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let connection = Connection { stream, peer, _place: place };
        let (acceptor, router, counts, stop) = (acceptor.clone(), router.clone(), counts.clone(), shutdown.clone());
        tasks.spawn(async move {
            if let Err(error) = connection.serve(&acceptor, router, &counts, &stop).await {
                tracing::debug!(%peer, %error, "a connection of an agent broke");
            }
        });
    }
    tasks.close();
    if timeout(DRAIN_LIMIT, tasks.wait()).await.is_err() {
        tracing::warn!("some agents did not end their requests in time and were cut");
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(
        self,
        acceptor: &TlsAcceptor,
        router: Router,
        counts: &UplinkCounts,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        // An acknowledgement must not wait for that of the one before (RFC 896).
        let _ = self.stream.set_nodelay(true);
        let way = Way { peer: self.peer.ip().to_canonical(), local: self.stream.local_addr()?.ip().to_canonical() };
        let handshake = timeout(HANDSHAKE_LIMIT, acceptor.accept(self.stream));
        let secured = tokio::select! {
            secured = handshake => secured.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            () = stop.cancelled() => return Ok(()),
        };
        let secured = secured.inspect_err(|_| {
            counts.handshakes.fetch_add(1, Ordering::Relaxed);
        })?;
        let service = TowerToHyperService::new(router.layer(Extension(way)));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(IDLE_LIMIT);
        http.max_headers(HEADERS_MAX).max_buf_size(HEADERS_MAX_BYTES);
        let connection = http.serve_connection(TokioIo::new(secured), service);
        tokio::pin!(connection);
        tokio::select! {
            served = &mut connection => return served.map_err(io::Error::other),
            () = stop.cancelled() => {}
            () = sleep(AGE_LIMIT) => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await.map_err(io::Error::other)
    }
}
