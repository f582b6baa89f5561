//! The echo: agents that probe each other over UDP.
//!
//! One thread with one socket sends the trains of this node and answers those of the others. It sleeps in slots, so that
//! whatever is due or came within one costs one wake-up; that nobody measures the sleep, the kernel stamps what comes, and
//! the responder tells how long a packet lay there. How late the thread was against its own plan goes out with the
//! figures, so that the samples of a starved host can be doubted.
//!
//! Nothing is answered that is not genuine, fresh and new; whatever is not taken is counted by reason.

mod counts;
mod lag;
mod peer;
mod prober;
mod report;
mod responder;
mod run;
mod seal;
mod socket;

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    thread::JoinHandle,
    time::Duration,
};

use netloom_core::{
    api::AgentConfig,
    mesh::{
        Echo,
        echo::{PACKET_BYTES, Packet},
    },
    sample::Readings,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use self::counts::{Counts, Dropped};
use self::{run::Loop, socket::Socket};
use super::{hub_clock::HubClock, status::StatusBoard};
pub use socket::bind;

const MEASUREMENT: &str = "mesh echo";
/// How often the end, new orders and changed settings are looked for when nothing happens.
const LOOK_UP: Duration = Duration::from_millis(100);

/// What the echo needs to run.
pub struct Echoing {
    /// The node, label `src`.
    pub node: String,
    /// Where it answers, and where its own probes come from.
    pub socket: UdpSocket,
    /// What the hub tells it to do.
    pub config: watch::Receiver<AgentConfig>,
    /// The hub's time.
    pub clock: HubClock,
    /// Where its state is noted.
    pub status: StatusBoard,
    /// Where rounds go.
    pub bursts: mpsc::Sender<Readings>,
    /// When to stop.
    pub shutdown: CancellationToken,
}

/// Starts the thread of the echo.
///
/// # Errors
/// When the system gives no thread; the agent goes on without and says so.
pub fn spawn_thread(echoing: Echoing) -> io::Result<(JoinHandle<()>, Counts)> {
    let (status, counts, now) = (echoing.status.clone(), Counts::default(), echoing.clock.now());
    let counted = counts.clone();
    let thread = std::thread::Builder::new().name("netloom-echo".into()).spawn(move || echoing.run(&counted));
    if let Err(error) = &thread {
        status.set_result(MEASUREMENT, &Err(error.to_string()), now);
    }
    Ok((thread?, counts))
}

/// A moment on the clocks that are needed.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// Since the start of the thread, ns.
    steady_ns: u64,
    /// Since the epoch, ns.
    wall_ns: u64,
    /// The hub's time, epoch ms.
    hub_ms: Option<i64>,
}

/// A packet that came.
struct Message<'a> {
    /// What it says; whether that is true, its tag tells.
    packet: Packet,
    /// The packet as it came.
    bytes: &'a [u8; PACKET_BYTES],
    /// From where.
    from: SocketAddr,
    /// When, ns of the wall clock.
    came_ns: u64,
}

impl Echoing {
    fn run(self, counts: &Counts) {
        let opened = self.socket.try_clone().and_then(Socket::on).and_then(|socket| Ok((socket.local_addr()?, socket)));
        match opened {
            Ok((address, socket)) => {
                let told = (!address.ip().is_unspecified()).then(|| address.ip());
                self.status.set_echo(Some(Echo { port: address.port(), address: told }));
                Loop::new(&self, socket, counts.clone()).run();
            }
            Err(error) => self.status.set_result(MEASUREMENT, &Err(error.to_string()), self.clock.now()),
        }
    }
}

#[cfg(test)]
mod tests;
