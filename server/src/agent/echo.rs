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
mod seal;
mod socket;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use netloom_core::{
    api::{AgentConfig, MeasurementState},
    mesh::{
        Echo,
        echo::{Kind, PACKET_BYTES, Packet},
    },
    sample::Readings,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use self::counts::{Counts, Dropped};
use self::{
    lag::Lag,
    prober::Prober,
    responder::Responder,
    socket::{Datagram, Socket},
};
use super::{hub_clock::HubClock, status::StatusBoard};
pub use socket::bind;

const MEASUREMENT: &str = "mesh echo";
/// What is due or comes within one slot is done together, ns: long enough that a hundred wake-ups a second do for any
/// number of peers, short enough that it never counts as late.
const SLOT_NS: u64 = 5_000_000;
/// How often the end, new orders and changed settings are looked for when nothing happens.
const LOOK_UP: Duration = Duration::from_millis(100);
/// Batches taken before what is due is sent, so that a flood cannot keep the node from probing.
const BATCHES_MAX: usize = 16;
/// How often packets that were not taken are mentioned in the log.
const COUNTS_INTERVAL: Duration = Duration::from_mins(1);

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

/// The running echo.
struct Loop<'a> {
    echoing: &'a Echoing,
    config: watch::Receiver<AgentConfig>,
    socket: Socket,
    start: Instant,
    prober: Prober,
    responder: Responder,
    inbox: Vec<Datagram>,
    counts: Counts,
    lag: Lag,
    /// Since when the thread could have read, ns of the steady clock: what it slept before that on purpose is not late.
    ready_ns: u64,
    error: Option<String>,
    counts_told: (Instant, u64),
}

impl<'a> Loop<'a> {
    fn new(echoing: &'a Echoing, socket: Socket, counts: Counts) -> Self {
        let start = Instant::now();
        Self {
            config: echoing.config.clone(),
            echoing,
            socket,
            start,
            prober: Prober::default(),
            responder: Responder::default(),
            inbox: Vec::new(),
            counts,
            lag: Lag::default(),
            ready_ns: 0,
            error: None,
            counts_told: (start, 0),
        }
    }

    fn run(mut self) {
        self.adopt();
        while !self.echoing.shutdown.is_cancelled() {
            if self.config.has_changed().unwrap_or(false) {
                self.adopt();
            }
            let (came, is_drained) = self.take();
            let sent = self.send_due();
            if is_drained {
                self.prober.expire(self.now().steady_ns);
            }
            self.report();
            self.rest(came > 0 || sent > 0, is_drained);
        }
    }

    fn now(&self) -> Moment {
        moment(self.start, &self.echoing.clock)
    }

    fn adopt(&mut self) {
        let now = self.now();
        if self.prober.peers().is_empty() {
            // Nobody's figures were taken meanwhile.
            self.lag = Lag::default();
        }
        let config = self.config.borrow_and_update();
        self.responder.set_key(config.mesh.as_ref().map(|orders| orders.key));
        self.prober.adopt(config.mesh.as_ref(), &config.settings.mesh, now);
        drop(config);
        self.note_state();
        report::note_peers(&self.echoing.status, self.prober.peers(), &[], self.echoing.clock.now());
    }

    fn note_state(&self) {
        let (state, detail) = match &self.error {
            Some(error) => (MeasurementState::Failing, error.as_str()),
            None if !self.socket.has_stamps() => (
                MeasurementState::Degraded,
                "the kernel does not say when packets came: times include waiting to be read",
            ),
            None => (MeasurementState::Working, ""),
        };
        self.echoing.status.set(MEASUREMENT, state, detail, self.echoing.clock.now());
    }

    /// Takes what came and answers it. Returns how much it was, and whether that was all.
    fn take(&mut self) -> (usize, bool) {
        self.inbox.clear();
        let mut is_drained = false;
        for _ in 0..BATCHES_MAX {
            match self.socket.receive(&mut self.inbox) {
                Ok(true) => {}
                Ok(false) => {
                    is_drained = true;
                    break;
                }
                Err(error) => {
                    self.fail(&error);
                    break;
                }
            }
        }
        if is_drained && self.error.take().is_some() {
            self.note_state();
        }
        if self.inbox.is_empty() {
            return (0, is_drained);
        }
        let now = self.now();
        for at in 0..self.inbox.len() {
            let datagram = self.inbox[at];
            if let Err(reason) = self.take_one(&datagram, now) {
                self.counts.add(reason);
            }
        }
        (self.inbox.len(), is_drained)
    }

    fn take_one(&mut self, datagram: &Datagram, now: Moment) -> Result<(), Dropped> {
        let packet = Packet::decode(datagram.bytes())?;
        let bytes: &[u8; PACKET_BYTES] = datagram.bytes().try_into().map_err(|_| Dropped::Size)?;
        let came_ns = datagram.received_ns.unwrap_or(now.wall_ns);
        let message = Message { packet, bytes, from: datagram.from, came_ns };
        match packet.kind {
            Kind::Request => {
                let reply = self.responder.answer(&message, now)?;
                self.socket.send(&reply, datagram.from, datagram.to).map_err(|_| Dropped::Unsent)
            }
            Kind::Reply => {
                let waited_ns = now.wall_ns.saturating_sub(came_ns);
                self.lag.note(waited_ns.min(now.steady_ns.saturating_sub(self.ready_ns)));
                self.prober.take(&message, now)
            }
        }
    }

    fn send_due(&mut self) -> u32 {
        let (start, clock, socket, lag) = (self.start, &self.echoing.clock, &self.socket, &mut self.lag);
        self.prober.send_due(
            || moment(start, clock),
            |bytes, to| {
                let before = Instant::now();
                let sent = socket.send(bytes, to, None);
                // A thread that is stopped between stamp and system sends late, and nobody else would tell.
                lag.note(before.elapsed().as_nanos() as u64);
                sent
            },
        )
    }

    /// Reports the round, if one is over: everything at once, with one time.
    fn report(&mut self) {
        let now_ns = self.now().steady_ns;
        let Some(rounds) = self.prober.round(now_ns) else { return };
        let since_ns = rounds.iter().map(|(_, round)| round.first_sent_ns).min().unwrap_or(now_ns);
        let lag_ns = self.lag.end_round(now_ns, since_ns);
        let peers = self.prober.peers();
        let now = self.echoing.clock.now();
        report::note_peers(&self.echoing.status, peers, &rounds, now);
        let readings = report::readings(&self.echoing.node, peers, &rounds, (now, lag_ns));
        if self.echoing.bursts.try_send(readings).is_err() {
            self.counts.add(Dropped::Round);
        }
        self.note_state();
        let total = self.counts.total();
        if self.counts_told.0.elapsed() >= COUNTS_INTERVAL && self.counts_told.1 != total {
            tracing::info!(counts = %self.counts, "packets of the mesh that were not taken since the start");
            self.counts_told = (Instant::now(), total);
        }
    }

    /// Sleeps until something is due. After something came or went, more will soon, and waits for the end of the slot.
    fn rest(&mut self, is_busy: bool, is_drained: bool) {
        let now_ns = self.now().steady_ns;
        self.ready_ns = now_ns;
        if !is_drained {
            return;
        }
        let end_of_slot = |ns: u64| ns.div_ceil(SLOT_NS) * SLOT_NS;
        let planned_ns = self.prober.due_ns().map_or(u64::MAX, end_of_slot);
        self.lag.note(now_ns.saturating_sub(planned_ns));
        // Without stamps the sleep would be measured.
        if is_busy && self.socket.has_stamps() {
            self.ready_ns = planned_ns.min(end_of_slot(now_ns + 1)).max(now_ns);
            std::thread::sleep(Duration::from_nanos(self.ready_ns - now_ns));
            self.lag.note(self.now().steady_ns.saturating_sub(self.ready_ns));
            return;
        }
        let wait = Duration::from_nanos(planned_ns.saturating_sub(now_ns)).min(LOOK_UP);
        if let Err(error) = self.socket.wait(wait) {
            self.fail(&error);
            std::thread::sleep(LOOK_UP);
        }
        self.lag.note(self.now().steady_ns.saturating_sub(planned_ns.max(now_ns)));
    }

    fn fail(&mut self, error: &io::Error) {
        self.error = Some(error.to_string());
        self.note_state();
    }
}

fn moment(start: Instant, clock: &HubClock) -> Moment {
    let now = Instant::now();
    let steady_ns = now.saturating_duration_since(start).as_nanos() as u64;
    Moment { steady_ns, wall_ns: crate::clock::now_ns(), hub_ms: clock.ms_at(now) }
}
