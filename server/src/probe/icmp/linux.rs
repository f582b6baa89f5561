//! Linux: one socket for all that is probed. The kernel stamps what comes (socket(7)), so that nobody measures how long an
//! answer waited to be read, however many there are.

use std::{
    collections::{HashMap, hash_map},
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use netloom_core::{
    icmp::{self, Message},
    probe::{Outcome, stamped_rtt_us},
};
use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        socket::{
            ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, setsockopt, sockopt,
        },
        time::TimeSpec,
    },
    time::{ClockId, clock_gettime},
};
use socket2::SockRef;
use tokio::{
    io::Interest,
    net::UdpSocket,
    sync::oneshot,
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::open::{Identity, open};
use crate::probe::outcome_of;

/// Answers taken by one call: what comes within a millisecond from a thousand targets. Room for them is made anew for each.
const BATCH: usize = 8;
/// Room for an answer: the longest header of IPv4, and what tells answers apart. The payload is of no interest.
const BUFFER_BYTES: usize = 60 + icmp::HEADER_BYTES;
/// What the socket may hold, bytes, as far as the system grants it: the kernel reckons under a kilobyte for an answer, so
/// these are a thousand, which is when a thousand targets answer at the same moment.
const QUEUE_BYTES: usize = 1 << 20;
/// How long the socket is left alone after an error.
const AFTER_ERROR: Duration = Duration::from_millis(1);

/// A socket for one version of IP.
pub(super) struct Echo {
    shared: Arc<Shared>,
    reader: AbortHandle,
    number: AtomicU64,
}

struct Shared {
    socket: UdpSocket,
    is_v6: bool,
    identity: Identity,
    /// Whom an answer is for, by the sequence number: there is one sequence for all targets.
    waiting: Mutex<HashMap<u16, Waiting>>,
}

struct Waiting {
    /// Which probe this is; its sequence number comes again.
    number: u64,
    address: IpAddr,
    sent_ns: u64,
    sent: Instant,
    told: oneshot::Sender<f64>,
}

impl Echo {
    /// Opens the socket. Must run inside the runtime that will probe.
    pub(super) fn open(is_v6: bool) -> io::Result<Self> {
        let (socket, identity) = open(is_v6)?;
        let _ = socket.set_recv_buffer_size(QUEUE_BYTES);
        // Kernels in user space may give no stamps.
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).map_err(|_| io::ErrorKind::Unsupported)?;
        // To the runtime, one kind of datagrams is like the other.
        let socket = UdpSocket::from_std(socket.into())?;
        let shared = Arc::new(Shared { socket, is_v6, identity, waiting: Mutex::default() });
        let reading = shared.clone();
        let reader = tokio::spawn(async move { reading.read().await }).abort_handle();
        Ok(Self { shared, reader, number: AtomicU64::new(0) })
    }

    /// Sends one request and waits for its answer.
    pub(super) async fn probe(&self, address: IpAddr, payload: &[u8], patience: Duration) -> Outcome {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let sequence = number as u16;
        let packet =
            icmp::request(self.shared.is_v6, icmp::Echo { id: self.shared.identity.id, seq: sequence }, payload);
        let (told, answer) = oneshot::channel();
        let waiting = Waiting { number, address, sent: Instant::now(), sent_ns: 0, told };
        let _entry = self.shared.enter(sequence, waiting);
        let to = SocketAddr::new(address, 0).into();
        let send = || {
            self.shared.stamp(sequence);
            SockRef::from(&self.shared.socket).send_to(&packet, &to)
        };
        if let Err(error) = self.shared.socket.async_io(Interest::WRITABLE, send).await {
            return outcome_of(&error);
        }
        match timeout(patience, answer).await {
            Ok(Ok(rtt_us)) => Outcome::Reply { rtt_us },
            _ => Outcome::Lost,
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// What must be forgotten when nobody waits any more, however that came.
struct Entry<'a> {
    shared: &'a Shared,
    sequence: u16,
    number: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let hash_map::Entry::Occupied(waiting) = self.shared.lock().entry(self.sequence)
            && waiting.get().number == self.number
        {
            waiting.remove();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<u16, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who waits. Should a probe of the sequence before still wait, which takes tens of thousands within its patience,
    /// it is lost.
    fn enter(&self, sequence: u16, waiting: Waiting) -> Entry<'_> {
        let number = waiting.number;
        self.lock().insert(sequence, waiting);
        Entry { shared: self, sequence, number }
    }

    /// The answer of a near host is there before the call returns, so whoever waits is noted before.
    fn stamp(&self, sequence: u16) {
        if let Some(waiting) = self.lock().get_mut(&sequence) {
            (waiting.sent, waiting.sent_ns) = (Instant::now(), now_ns());
        }
    }

    /// Hands out answers for as long as the socket is there.
    async fn read(&self) {
        let mut buffers = vec![[0; BUFFER_BYTES]; BATCH];
        while self.socket.readable().await.is_ok() {
            let taken = self.socket.try_io(Interest::READABLE, || match self.take(&mut buffers) {
                Ok(BATCH) => Ok(()),
                // Nothing is left, so that there is no need to ask once more.
                Ok(_) => Err(io::ErrorKind::WouldBlock.into()),
                Err(error) => Err(error),
            });
            if let Err(error) = taken
                && error.kind() != io::ErrorKind::WouldBlock
            {
                // It is gone once it was read. Should one stay, nobody is kept busy by it.
                sleep(AFTER_ERROR).await;
            }
        }
    }

    /// Takes a batch at most, and returns how many there were.
    fn take(&self, buffers: &mut [[u8; BUFFER_BYTES]]) -> io::Result<usize> {
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(cmsg_space!(TimeSpec)));
        let mut slices: Vec<[IoSliceMut; 1]> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let fd = self.socket.as_raw_fd();
        let came = match recvmmsg(fd, &mut headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Ok(came) => came,
            Err(Errno::EAGAIN) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for message in came {
            count += 1;
            self.hand_out(&message);
        }
        Ok(count)
    }

    fn hand_out(&self, message: &RecvMsg<SockaddrStorage>) {
        let bytes = message.iovs().next().unwrap_or_default();
        let echo = Message::received(self.is_v6, bytes).and_then(|message| message.reply(self.is_v6));
        let Some(icmp::Echo { seq, .. }) = echo.filter(|echo| self.identity.owns(*echo)) else { return };
        let from = message.address.as_ref().and_then(|from| {
            let v4 = from.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| from.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        });
        let mut waiting = self.lock();
        if waiting.get(&seq).map(|waiting| waiting.address) != from {
            return;
        }
        let Some(waiting) = waiting.remove(&seq) else { return };
        let stamp = message.cmsgs().into_iter().flatten().find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at).as_nanos() as u64),
            _ => None,
        });
        // Nobody listens any more when the patience ended just now.
        let elapsed_ns = waiting.sent.elapsed().as_nanos() as u64;
        let _ = waiting.told.send(stamped_rtt_us(waiting.sent_ns, stamp, elapsed_ns));
    }
}

/// The wall clock, with which the kernel stamps.
fn now_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |now| Duration::from(now).as_nanos() as u64)
}
