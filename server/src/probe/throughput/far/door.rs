//! Who comes to the far end: told apart by their first bytes, within bounds.

use std::{
    net::{SocketAddr, TcpStream as StdStream},
    time::Duration,
};

use netloom_core::check::throughput::wire::{Far, Near, Opening, PREAMBLE_BYTES, Preamble, opening};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::super::control::Control;

/// Connections whose first bytes are waited for at most: those of the largest test in both directions, and as many of
/// strangers. Who comes on top is turned away.
const UNKNOWN_MAX: usize = 64;
/// How long the first bytes may take.
const FIRST_LIMIT: Duration = Duration::from_secs(3);
/// How long somebody who is refused may take to read that.
const REFUSED_LIMIT: Duration = Duration::from_secs(2);
/// A pause when the system hands out no connections, because there are too many.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who came.
pub(super) enum Arrival {
    /// Somebody who wants a test, or something else.
    Control { control: Control, hello: Near, peer: SocketAddr },
    /// A connection for data.
    Data { stream: StdStream, preamble: Preamble },
}

/// Takes connections.
pub(super) struct Door {
    listener: TcpListener,
    unknown: JoinSet<Option<Arrival>>,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, unknown: JoinSet::new() }
    }

    /// The next who says what it is there for. May be dropped while it waits, and nothing is lost.
    pub(super) async fn next(&mut self) -> Arrival {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) if self.unknown.len() < UNKNOWN_MAX => {
                        self.unknown.spawn(async move { timeout(FIRST_LIMIT, meet(stream, peer)).await.ok().flatten() });
                    }
                    Ok(_) => {}
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
                Some(met) = self.unknown.join_next() => {
                    if let Ok(Some(arrival)) = met {
                        return arrival;
                    }
                }
            }
        }
    }
}

/// Reads what somebody begins with; `None` when that is nothing of ours.
async fn meet(mut stream: TcpStream, peer: SocketAddr) -> Option<Arrival> {
    let mut first = [0; PREAMBLE_BYTES];
    stream.read_exact(&mut first[..4]).await.ok()?;
    match opening(&first[..4]) {
        Opening::Control => {
            let mut control = Control::on(stream, &first[..4]);
            let hello = control.hear().await.ok()?;
            Some(Arrival::Control { control, hello, peer })
        }
        Opening::Data => {
            stream.read_exact(&mut first[4..]).await.ok()?;
            let preamble = Preamble::parse(&first)?;
            let stream = stream.into_std().ok()?;
            stream.set_nonblocking(false).ok()?;
            Some(Arrival::Data { stream, preamble })
        }
        Opening::Unknown | Opening::Foreign => None,
    }
}

/// Tells somebody why there is no test; on a task of its own, so that nobody waits for a stranger.
pub(super) fn refuse(mut control: Control, why: Far) {
    tokio::spawn(async move {
        if control.say(&why).await.is_ok() {
            // Otherwise what it still sends would reset the connection before it has read the answer.
            control.wait_for_end(REFUSED_LIMIT).await;
        }
    });
}
