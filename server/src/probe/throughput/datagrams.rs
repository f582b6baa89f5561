//! The data of a test over UDP: datagrams with numbers, sent at a rate.

mod batch;

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use netloom_core::check::throughput::{
    STREAMS_MAX,
    datagram::{DATAGRAM_BYTES, Head, StreamCount},
    wire::{Plan, TestId},
};
use socket2::SockRef;

use self::batch::{BATCH, Incoming, Outgoing};
use super::{
    lanes::{Lanes, Purse},
    streams::spawn,
};

/// What a socket may hold, bytes, as far as the system grants it: a receiver that is held up for some milliseconds must not
/// look like a network that loses.
const QUEUE_BYTES: usize = 8 << 20;
/// How long a thread waits before it looks whether the test is over.
const LOOK: Duration = Duration::from_millis(100);
/// The longest nap of a sender, for the same reason.
const NAP: Duration = Duration::from_millis(50);

/// Opens a socket of a test.
pub(super) fn open(at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(at)?;
    let options = SockRef::from(&socket);
    // A shorter queue is no reason not to test.
    let _ = (options.set_recv_buffer_size(QUEUE_BYTES), options.set_send_buffer_size(QUEUE_BYTES / 8));
    socket.set_read_timeout(Some(LOOK))?;
    Ok(socket)
}

/// Takes datagrams of a test from a socket, on a thread of its own: counts those that carry data, hands on the others with
/// their senders.
pub(super) struct Taking {
    pub(super) socket: UdpSocket,
    pub(super) test: TestId,
    pub(super) bytes_max: u64,
    pub(super) lanes: Arc<Lanes>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Taking {
    pub(super) fn start(self, greet: impl Fn(&UdpSocket, Head, SocketAddr) + Send + 'static) -> io::Result<()> {
        spawn(move || self.run(&greet))
    }

    fn run(self, greet: &dyn Fn(&UdpSocket, Head, SocketAddr)) {
        use netloom_core::check::throughput::datagram::DatagramKind::Data;

        let clock = Instant::now();
        let mut counts = [StreamCount::default(); STREAMS_MAX as usize];
        let mut incoming = Incoming::default();
        let mut total = 0;
        while !self.stop.load(Ordering::Relaxed) && total <= self.bytes_max {
            // A socket that tells of an unreachable port goes on: the other end may not be there yet.
            let Ok(came) = incoming.take(&self.socket) else { continue };
            let came_us = clock.elapsed().as_micros() as u64;
            for (bytes, from) in came {
                let Some(head) = Head::parse(bytes).filter(|head| head.test == self.test.half()) else { continue };
                if head.kind != Data {
                    greet(&self.socket, head, from);
                } else if let Some(count) = counts.get_mut(usize::from(head.stream)) {
                    count.note(&head, bytes.len(), came_us);
                    total += bytes.len() as u64;
                }
            }
            for (at, count) in counts.iter().enumerate().filter(|(_, count)| count.datagrams > 0) {
                self.lanes.note(at, count);
            }
        }
    }
}

/// Sends the datagrams of one stream at a rate, on a thread of its own.
pub(super) struct Pacing {
    pub(super) socket: UdpSocket,
    /// Where to, when the socket is not connected.
    pub(super) to: Option<SocketAddr>,
    pub(super) head: Head,
    pub(super) rate_bps: f64,
    pub(super) purse: Arc<Purse>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Pacing {
    /// One for each stream of a plan.
    pub(super) fn rate_of_stream(plan: &Plan) -> f64 {
        plan.rate_bps as f64 / f64::from(plan.streams.max(1))
    }

    pub(super) fn start(self) -> io::Result<()> {
        spawn(move || {
            let stream = usize::from(self.head.stream);
            let sent = self.run();
            self.lanes.end(stream, sent.err().as_ref());
        })
    }

    fn run(&self) -> io::Result<()> {
        let datagrams_ps = self.rate_bps / (DATAGRAM_BYTES as f64 * 8.0);
        let (clock, mut sent) = (Instant::now(), 0_u64);
        let mut outgoing = Outgoing::new(self.to);
        while !self.stop.load(Ordering::Relaxed) {
            let elapsed = clock.elapsed();
            let due = (elapsed.as_secs_f64() * datagrams_ps) as u64 + 1;
            if due <= sent {
                let next = Duration::from_secs_f64(sent as f64 / datagrams_ps);
                thread::sleep(next.saturating_sub(elapsed).min(NAP));
                continue;
            }
            let wanted = (due - sent).min(BATCH as u64);
            let count = self.purse.take(wanted * DATAGRAM_BYTES as u64) / DATAGRAM_BYTES as u64;
            if count == 0 {
                return Ok(());
            }
            let sent_us = elapsed.as_micros() as u64;
            let heads = (sent..sent + count).map(|seq| Head { seq, sent_us, ..self.head });
            match outgoing.send(&self.socket, heads) {
                Ok(count) => sent += count as u64,
                // A full queue of this machine, or a port that is not open any more: the numbers of what was not sent are
                // used for what comes next.
                Err(error) if is_passing(&error) => thread::sleep(Duration::from_millis(1)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, Interrupted, OutOfMemory, WouldBlock};
    const ENOBUFS: i32 = 105;
    matches!(error.kind(), ConnectionRefused | Interrupted | OutOfMemory | WouldBlock)
        || error.raw_os_error() == Some(ENOBUFS)
}
