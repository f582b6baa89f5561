//! Real packets through made-up links: a relay between the nodes of the demo.
//!
//! Every node has a face here, a socket that stands for it towards all others. Who wants to reach it sends to its face;
//! what arrives there from the address of another node goes over the way between the two and leaves from the sender's
//! face, so that answers find back over the way in the other direction. That takes one socket per node instead of one per
//! pair, and one thread: what is under way lies in a heap, and the thread sleeps in `ppoll` until the next is due or
//! something arrives.
//!
//! Its own error: a packet leaves late by what the kernel takes to wake a thread, 40 µs in the median and 1.5 ms in one of
//! a hundred on two busy cores, so that a round trip through it has a tenth of a millisecond or two of its own. [`Relay::figures`] tells how late packets were.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    num::NonZeroU64,
    os::fd::AsFd,
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use netloom_core::{
    impair::{Fate, Impairment, Way, WayCounts, pending::Pending},
    stats::sketch::Sketch,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Packets under way at most: a second of the largest demo, 64 nodes that send 5 packets to each other and answer them.
const PENDING_MAX: usize = 40_960;
/// The longest datagram, with room to spare; those of the mesh are 96 bytes.
const DATAGRAM_MAX: usize = 2_048;
/// Datagrams that are taken from one face before the others, and what is due, have their turn.
const BURST: usize = 32;
/// Bytes on the wire besides the datagram: headers of UDP, IPv4 and Ethernet, and its check sum.
const OVERHEAD: u32 = 8 + 20 + 14 + 4;
/// How long the thread sleeps at most before it looks for orders.
const NAP: Duration = Duration::from_millis(20);
/// How late the kernel may wake the thread for other threads' convenience, ns; the default of 50 µs would be a quarter of
/// a round trip in a rack.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::MIN;

/// A running relay. It ends when this is dropped.
pub struct Relay {
    faces: Vec<SocketAddr>,
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What the relay did so far.
#[derive(Debug, Clone, Default)]
pub struct RelayFigures {
    /// What became of the packets of each way; `src × nodes + dst`.
    pub ways: Vec<WayCounts>,
    /// Packets that came from no other node.
    pub strangers: u64,
    /// Packets for a node that was not seen yet.
    pub unseen: u64,
    /// Packets dropped because too many were under way, or the system did not take them.
    pub overflowed: u64,
    /// How late packets left, µs.
    pub late_us: Sketch,
}

enum Order {
    Set(Vec<Impairment>),
    Tell(mpsc::Sender<RelayFigures>),
}

impl Relay {
    /// Opens a face for every node on a free port of `face`. Each node must have an address of its own, from which all
    /// its packets come; which port it has shows with the first. `ways` are in the order of [`RelayFigures::ways`].
    ///
    /// # Errors
    /// When a socket or the thread is not to be had.
    pub fn start(nodes: &[IpAddr], face: IpAddr, ways: Vec<Impairment>, seed: u64) -> io::Result<Self> {
        let sockets = nodes.iter().map(|_| open(face)).collect::<io::Result<Vec<_>>>()?;
        let faces = sockets.iter().map(UdpSocket::local_addr).collect::<io::Result<Vec<_>>>()?;
        let (orders, queue) = mpsc::channel();
        let worker = Worker {
            origin: Instant::now(),
            by_address: nodes.iter().enumerate().map(|(index, node)| (*node, index)).collect(),
            nodes: vec![None; nodes.len()],
            sockets,
            ways: ways.into_iter().zip(seed..).map(|(way, seed)| Way::new(way, seed)).collect(),
            pending: Pending::new(PENDING_MAX),
            figures: RelayFigures::default(),
        };
        let thread = std::thread::Builder::new().name("netloom-relay".into()).spawn(move || worker.run(&queue))?;
        Ok(Self { faces, orders: Some(orders), thread: Some(thread) })
    }

    /// Where others reach a node.
    pub fn face(&self, node: usize) -> SocketAddr {
        self.faces[node]
    }

    /// Makes the ways others from now on; what is under way stays so.
    pub fn set(&self, ways: Vec<Impairment>) {
        self.order(Order::Set(ways));
    }

    /// What the relay did so far. Waits for the relay to say so.
    pub fn figures(&self) -> RelayFigures {
        let (tell, told) = mpsc::channel();
        self.order(Order::Tell(tell));
        told.recv().unwrap_or_default()
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // A relay that has ended has nothing to obey.
            let _ = orders.send(order);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open(face: IpAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((face, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A packet on its way from one node to another.
struct Packet {
    src: usize,
    dst: usize,
    datagram: Vec<u8>,
}

/// The thread's own.
struct Worker {
    origin: Instant,
    /// Where each node was seen last.
    nodes: Vec<Option<SocketAddr>>,
    by_address: HashMap<IpAddr, usize>,
    sockets: Vec<UdpSocket>,
    ways: Vec<Way>,
    pending: Pending<Packet>,
    figures: RelayFigures,
}

impl Worker {
    fn run(mut self, orders: &mpsc::Receiver<Order>) {
        #[cfg(target_os = "linux")]
        let _ = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS));
        loop {
            let readable = self.wait();
            // Between waiting and receiving: an order that was given before a packet was sent holds for that packet.
            loop {
                match orders.try_recv() {
                    Ok(order) => self.obey(order),
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
            for face in readable {
                self.receive(face);
            }
            self.deliver();
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Set(ways) => {
                self.ways.iter_mut().zip(ways).for_each(|(way, impairment)| way.set(impairment));
            }
            Order::Tell(tell) => {
                self.figures.ways = self.ways.iter().map(Way::counts).collect();
                // Whoever asked may have gone.
                let _ = tell.send(self.figures.clone());
            }
        }
    }

    fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// Sleeps until a packet arrives or is due. Returns the faces that have something.
    fn wait(&self) -> Vec<usize> {
        let nap_ns = NAP.as_nanos() as u64;
        let left_ns = self.pending.next_ns().map_or(nap_ns, |at_ns| at_ns.saturating_sub(self.now_ns()).min(nap_ns));
        let timeout = Timespec { tv_sec: 0, tv_nsec: left_ns as _ };
        let mut fds: Vec<_> =
            self.sockets.iter().map(|face| PollFd::from_borrowed_fd(face.as_fd(), PollFlags::IN)).collect();
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(_) => fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty()).map(|(face, _)| face).collect(),
        }
    }

    /// Takes what arrived for a node, and decides what becomes of it.
    fn receive(&mut self, dst: usize) {
        let mut buffer = [0; DATAGRAM_MAX];
        for _ in 0..BURST {
            let Ok((length, from)) = self.sockets[dst].recv_from(&mut buffer) else { return };
            let now_ns = self.now_ns();
            let src = self.by_address.get(&from.ip()).copied();
            src.into_iter().for_each(|src| self.nodes[src] = Some(from));
            let Some(src) = src.filter(|src| *src != dst) else {
                self.figures.strangers += 1;
                continue;
            };
            let fate = self.ways[src * self.nodes.len() + dst].offer(now_ns, length as u32 + OVERHEAD);
            let (first, second) = match fate {
                Fate::Dropped(_) => continue,
                Fate::DeliverAt(at_ns) => (at_ns, None),
                Fate::DeliverTwice(at_ns, again_ns) => (at_ns, Some(again_ns)),
            };
            for at_ns in [Some(first), second].into_iter().flatten() {
                let packet = Packet { src, dst, datagram: buffer[..length].to_vec() };
                self.figures.overflowed += u64::from(self.pending.push(at_ns, packet).is_err());
            }
        }
    }

    /// Sends what is due.
    fn deliver(&mut self) {
        while let Some((due_ns, packet)) = self.pending.pop(self.now_ns()) {
            let Some(to) = self.nodes[packet.dst] else {
                self.figures.unseen += 1;
                continue;
            };
            let sent = self.sockets[packet.src].send_to(&packet.datagram, to);
            self.figures.overflowed += u64::from(sent.is_err());
            self.figures.late_us.add(self.now_ns().saturating_sub(due_ns) as f64 / 1_000.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    /// So many sockets on addresses of their own, with a relay between them.
    fn relayed(way: &Impairment, count: usize) -> (Vec<UdpSocket>, Relay) {
        let bind = |index: usize| UdpSocket::bind((format!("127.0.1.{}", index + 1), 0)).expect("a socket");
        let sockets: Vec<_> = (0..count).map(bind).collect();
        let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().expect("bound").ip()).collect();
        let face = "127.0.0.1".parse().expect("an address");
        let relay = Relay::start(&addresses, face, vec![way.clone(); count * count], 1).expect("starts");
        for (index, socket) in sockets.iter().enumerate() {
            socket.set_read_timeout(Some(DEADLINE)).expect("set");
            // What a node sends to itself goes nowhere, but the node is seen.
            socket.send_to(b"here", relay.face(index)).expect("sent");
        }
        let ended = Instant::now() + DEADLINE;
        while relay.figures().strangers < count as u64 && Instant::now() < ended {
            std::thread::yield_now();
        }
        (sockets, relay)
    }

    #[test]
    fn a_packet_and_its_answer_find_their_way_and_take_their_time() {
        let way = Impairment { delay_us: 5_000.0, ..Impairment::default() };
        let (nodes, relay) = relayed(&way, 3);
        let started = Instant::now();
        nodes[0].send_to(b"there", relay.face(2)).expect("sent");
        let mut buffer = [0; 64];
        let (length, from) = nodes[2].recv_from(&mut buffer).expect("arrived");
        assert_eq!((&buffer[..length], from), (&b"there"[..], relay.face(0)));
        nodes[2].send_to(b"and back", from).expect("sent");
        let (length, from) = nodes[0].recv_from(&mut buffer).expect("arrived");
        assert_eq!((&buffer[..length], from), (&b"and back"[..], relay.face(2)));
        assert!(started.elapsed() >= Duration::from_millis(10), "no way may be shorter than it is");
        let figures = relay.figures();
        let used: Vec<_> = (0..9).filter(|way| figures.ways[*way].offered > 0).collect();
        assert_eq!(used, [2, 6]);
        assert_eq!((figures.strangers, figures.overflowed, figures.late_us.count()), (3, 0, 2));
    }

    #[test]
    fn what_gets_lost_is_counted_and_nothing_else_gets_lost() {
        let (nodes, relay) = relayed(&Impairment { loss_ratio: 0.2, ..Impairment::default() }, 2);
        let mut buffer = [0; 8];
        let mut lost = 0;
        // Never more under way than the buffer of a socket holds.
        for sent in (1..=10).map(|batch| batch * 50) {
            (0..50).for_each(|_| assert_eq!(nodes[0].send_to(b"x", relay.face(1)).expect("sent"), 1));
            let ended = Instant::now() + DEADLINE;
            while relay.figures().ways[1].offered < sent && Instant::now() < ended {
                std::thread::yield_now();
            }
            let counts = relay.figures().ways[1];
            assert_eq!(counts.offered, sent);
            for _ in counts.lost - lost..50 {
                nodes[1].recv_from(&mut buffer).expect("arrived");
            }
            lost = counts.lost;
        }
        assert!(lost > 0);
        nodes[1].set_nonblocking(true).expect("set");
        assert!(nodes[1].recv_from(&mut buffer).is_err());
    }

    #[test]
    fn a_dead_way_is_dead_until_it_is_mended_and_strangers_are_not_relayed() {
        let (nodes, relay) = relayed(&Impairment { is_down: true, ..Impairment::default() }, 2);
        let stranger = UdpSocket::bind("127.0.1.9:0").expect("a socket");
        stranger.send_to(b"x", relay.face(1)).expect("sent");
        nodes[0].send_to(b"lost", relay.face(1)).expect("sent");
        let ended = Instant::now() + DEADLINE;
        while relay.figures().ways[1].down + relay.figures().strangers < 4 && Instant::now() < ended {
            std::thread::yield_now();
        }
        relay.set(vec![Impairment::default(); 4]);
        nodes[0].send_to(b"arrives", relay.face(1)).expect("sent");
        let mut buffer = [0; 8];
        let (length, _) = nodes[1].recv_from(&mut buffer).expect("arrived");
        assert_eq!(&buffer[..length], b"arrives");
        let figures = relay.figures();
        assert_eq!((figures.ways[1].down, figures.strangers), (1, 3));
    }

    /// How late packets are on this machine: `cargo test -p netloom-server relay_is_late -- --ignored --nocapture`.
    #[test]
    #[ignore = "measures, and expects nothing"]
    fn how_late_the_relay_is() {
        for delay_us in [0.0, 100.0, 10_000.0] {
            let (nodes, relay) = relayed(&Impairment { delay_us, ..Impairment::default() }, 2);
            let mut buffer = [0; 96];
            let mut round_trips: Vec<f64> = Vec::new();
            for _ in 0..500 {
                std::thread::sleep(Duration::from_millis(1));
                let started = Instant::now();
                nodes[0].send_to(&buffer, relay.face(1)).expect("sent");
                let (_, from) = nodes[1].recv_from(&mut buffer).expect("arrived");
                nodes[1].send_to(&buffer, from).expect("sent");
                nodes[0].recv_from(&mut buffer).expect("arrived");
                round_trips.push(started.elapsed().as_secs_f64() * 1e6);
            }
            round_trips.sort_by(f64::total_cmp);
            let late = relay.figures().late_us;
            let quantile = |q| late.quantile(q).unwrap_or_default();
            println!(
                "{delay_us} µs: packets late by {:.0} µs (p50), {:.0} µs (p99); round trips {:.0} µs (p50), {:.0} µs (p99)",
                quantile(0.5),
                quantile(0.99),
                round_trips[250],
                round_trips[495],
            );
        }
    }
}
