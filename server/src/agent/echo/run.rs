//! The echo at work: takes what came, sends what is due, reports, and rests.

use std::{
    io,
    time::{Duration, Instant},
};

use netloom_core::{
    api::{AgentConfig, MeasurementState},
    mesh::echo::{Kind, PACKET_BYTES, Packet},
};
use tokio::sync::watch;

use super::{
    Echoing, LOOK_UP, MEASUREMENT, Message, Moment,
    counts::{Counts, Dropped},
    lag::Lag,
    prober::Prober,
    report,
    responder::Responder,
    socket::{Datagram, Socket},
};
use crate::agent::hub_clock::HubClock;

/// What is due or comes within one slot is done together, ns: long enough that a hundred wake-ups a second do for any
/// number of peers, short enough that it never counts as late.
pub(super) const SLOT_NS: u64 = 5_000_000;
/// Batches taken before what is due is sent, so that a flood cannot keep the node from probing.
const BATCHES_MAX: usize = 16;
/// How long there may be more to take before losses are told nevertheless, ns: by then all that the queue can hold was
/// taken several times.
const FLOOD_NS: u64 = 1_000_000_000;
/// How often packets that were not taken are mentioned in the log.
const COUNTS_INTERVAL: Duration = Duration::from_mins(1);

/// The running echo.
pub(super) struct Loop<'a> {
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
    /// When nothing more was there to take, ns of the steady clock.
    drained_ns: u64,
    error: Option<String>,
    counts_told: (Instant, u64),
}

impl<'a> Loop<'a> {
    pub(super) fn new(echoing: &'a Echoing, socket: Socket, counts: Counts) -> Self {
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
            drained_ns: 0,
            error: None,
            counts_told: (start, 0),
        }
    }

    pub(super) fn run(mut self) {
        self.adopt();
        while !self.echoing.shutdown.is_cancelled() {
            if self.config.has_changed().unwrap_or(false) {
                self.adopt();
            }
            let (came, is_drained) = self.take();
            let sent = self.send_due();
            self.expire(is_drained);
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
            |bytes, to, before| {
                let sent = socket.send(bytes, to, None);
                // A thread that is stopped between stamp and system sends late, and nobody else would tell.
                lag.note((start.elapsed().as_nanos() as u64).saturating_sub(before.steady_ns));
                sent
            },
        )
    }

    /// Gives up what has waited too long, once everything that came in time is taken: after a stall it may lie there. A
    /// flood that never ends must not keep losses from being told.
    fn expire(&mut self, is_drained: bool) {
        let now_ns = self.now().steady_ns;
        if is_drained {
            self.drained_ns = now_ns;
        }
        if is_drained || now_ns.saturating_sub(self.drained_ns) > FLOOD_NS {
            self.prober.expire(now_ns);
        }
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
