//! Connections of agents: taken, secured, bounded in number, time and size.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
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
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    UplinkCounts,
    doorstep::{Doorstep, Visitor},
};
use crate::{mesh::Way, shutdown::DRAIN_LIMIT};

/// Connections at a time: a thousand agents have two each, and there is room for those that are being made anew.
const CONNECTIONS_MAX: usize = 4_096;
/// Who has not finished the handshake by then holds a connection for nothing. Until the first byte it holds no place: probes
/// of the port are over by then.
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
    let doorstep = Arc::<Doorstep>::default();
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
        let Some(visitor) = doorstep.take(peer.ip()) else {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let connection = Connection { stream, peer, visitor, places: places.clone() };
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
    visitor: Visitor,
    places: Arc<Semaphore>,
}

/// What became of a connection.
enum Arrived {
    /// It is secured, and has a place.
    Secured(Box<TlsStream<TcpStream>>, OwnedSemaphorePermit),
    /// It was closed without a byte: somebody looked whether the port answers, as agents without ICMP do.
    Silent,
    /// There is no place.
    NoRoom,
}

/// Waits for the first byte, and only then for the handshake.
async fn arrive(stream: TcpStream, acceptor: &TlsAcceptor, places: Arc<Semaphore>) -> io::Result<Arrived> {
    match stream.peek(&mut [0]).await {
        Ok(0) => return Ok(Arrived::Silent),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Arrived::Silent),
        peeked => peeked?,
    };
    let Ok(place) = places.try_acquire_owned() else { return Ok(Arrived::NoRoom) };
    Ok(Arrived::Secured(Box::new(acceptor.accept(stream).await?), place))
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
        let arriving = timeout(HANDSHAKE_LIMIT, arrive(self.stream, acceptor, self.places));
        let arrived = tokio::select! {
            arrived = arriving => arrived.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            () = stop.cancelled() => return Ok(()),
        };
        let count = |count: &AtomicU64| {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let (secured, _place) = match arrived.inspect_err(|_| count(&counts.handshakes))? {
            Arrived::Secured(secured, place) => (secured, place),
            Arrived::Silent => {
                count(&counts.silent);
                return Ok(());
            }
            Arrived::NoRoom => {
                count(&counts.refused);
                return Ok(());
            }
        };
        let service = TowerToHyperService::new(router.layer(Extension(way)).layer(Extension(self.visitor)));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(IDLE_LIMIT);
        http.max_headers(HEADERS_MAX).max_buf_size(HEADERS_MAX_BYTES);
        let connection = http.serve_connection(TokioIo::new(*secured), service);
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
