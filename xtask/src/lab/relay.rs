//! Delays between places: a relay in user space that packets reach through an interface of their own (TUN).
//!
//! One thread holds an interface in every namespace. What is routed there goes through the impairment of its way and
//! comes out of the interface at its destination. `ping`, `fping` and Netloom take the same way, so what the relay itself
//! adds is in the figures of all of them alike.

use std::os::fd::AsFd;
use std::process::Command;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use netloom_core::impair::pending::Pending;
use netloom_core::impair::{Fate, Impairment, Way};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tun_rs::{DeviceBuilder, SyncDevice};

use super::net::{Place, ip};
use crate::process;

/// The interface of the relay in each namespace.
pub(crate) const DEVICE: &str = "relay0";
/// The longest packet: what the interfaces take by default.
const MTU: usize = 1_500;
/// Bytes of an Ethernet frame around a packet.
const FRAME: u32 = 18;
/// Packets under way at most: a second of 20 Mbit/s in the smallest packets.
const PENDING_MAX: usize = 65_536;
/// How long the thread sleeps at most before it looks for orders.
const NAP: Duration = Duration::from_millis(10);
/// Where the address of the destination ends in an IPv4 header (RFC 791 section 3.1), and where that of the source does.
const DST_OCTET: usize = 19;
const SRC_OCTET: usize = 15;

/// A running relay. It and its interfaces end when this is dropped.
pub(crate) struct Relay {
    orders: Option<mpsc::Sender<(Place, Place, Impairment)>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Makes an interface in every place and begins to relay, with ways that do nothing.
    pub(crate) fn start(places: &[Place]) -> Result<Self> {
        let (orders, queue) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let places = places.to_vec();
        // The thread wanders through the namespaces; no other may.
        let thread = std::thread::Builder::new().name("lab-relay".into()).spawn(move || match open(&places) {
            Ok(devices) => {
                let _ = ready.send(Ok(()));
                Worker::new(places, devices).run(&queue);
            }
            Err(error) => drop(ready.send(Err(error))),
        })?;
        is_ready.recv().map_err(|_| anyhow!("the relay of the lab broke"))??;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Makes both ways between two places another one.
    pub(crate) fn set_link(&self, a: Place, b: Place, link: &Impairment) {
        for (src, dst) in [(a, b), (b, a)] {
            if let Some(orders) = &self.orders {
                // A relay that has ended has nothing to obey.
                let _ = orders.send((src, dst, link.clone()));
            }
        }
        // Until it has surely been obeyed.
        std::thread::sleep(2 * NAP);
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

fn open(places: &[Place]) -> Result<Vec<SyncDevice>> {
    let open = |place: &Place| {
        place.enter()?;
        let device = DeviceBuilder::new().name(DEVICE).build_sync().context("could not make a TUN interface")?;
        device.set_nonblocking(true)?;
        ip(&["-n", &place.name(), "link", "set", DEVICE, "up"])?;
        Ok(device)
    };
    places.iter().map(open).collect()
}

struct Worker {
    origin: Instant,
    places: Vec<Place>,
    devices: Vec<SyncDevice>,
    ways: Vec<Way>,
    /// Destination and packet.
    pending: Pending<(usize, Vec<u8>)>,
}

impl Worker {
    fn new(places: Vec<Place>, devices: Vec<SyncDevice>) -> Self {
        let ways = (0..places.len() * places.len()).map(|way| Way::new(Impairment::default(), way as u64)).collect();
        Self { origin: Instant::now(), places, devices, ways, pending: Pending::new(PENDING_MAX) }
    }

    fn run(mut self, orders: &mpsc::Receiver<(Place, Place, Impairment)>) {
        // To the nanosecond: the default of 50 µs would be seen at the other end.
        let _ = rustix::thread::set_current_timer_slack(Some(std::num::NonZeroU64::MIN));
        // Before everything that is not in a hurry; where there is no chrt, the relay is as late as others.
        let own = rustix::thread::gettid().as_raw_nonzero().to_string();
        let _ = process::output(Command::new("chrt").args(["--fifo", "--pid", "10", &own]));
        loop {
            self.wait();
            loop {
                match orders.try_recv() {
                    Ok((src, dst, impairment)) => {
                        if let Some(way) = self.way(src.octet(), dst.octet()) {
                            self.ways[way].set(impairment);
                        }
                    }
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
            self.receive();
            self.deliver();
        }
    }

    fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    fn place(&self, octet: u8) -> Option<usize> {
        self.places.iter().position(|place| place.octet() == octet)
    }

    fn way(&self, src: u8, dst: u8) -> Option<usize> {
        Some(self.place(src)? * self.places.len() + self.place(dst)?)
    }

    /// Sleeps until a packet arrives or is due.
    fn wait(&self) {
        let nap_ns = NAP.as_nanos() as u64;
        let left_ns = self.pending.next_ns().map_or(nap_ns, |at_ns| at_ns.saturating_sub(self.now_ns()).min(nap_ns));
        let timeout = Timespec { tv_sec: 0, tv_nsec: left_ns as _ };
        let mut fds: Vec<_> =
            self.devices.iter().map(|device| PollFd::from_borrowed_fd(device.as_fd(), PollFlags::IN)).collect();
        // Interrupted or not, there is something to look at.
        let _ = poll(&mut fds, Some(&timeout));
    }

    fn receive(&mut self) {
        let mut buffer = [0; MTU];
        for device in 0..self.devices.len() {
            while let Ok(length) = self.devices[device].recv(&mut buffer) {
                let now_ns = self.now_ns();
                let packet = &buffer[..length];
                // IPv4 only; the kernel also sends multicast of IPv6 here.
                if length <= DST_OCTET || packet[0] >> 4 != 4 {
                    continue;
                }
                let (Some(way), Some(dst)) =
                    (self.way(packet[SRC_OCTET], packet[DST_OCTET]), self.place(packet[DST_OCTET]))
                else {
                    continue;
                };
                let fate = self.ways[way].offer(now_ns, length as u32 + FRAME);
                let (Fate::DeliverAt(at_ns) | Fate::DeliverTwice(at_ns, _)) = fate else { continue };
                // What does not fit is lost, as in any queue.
                let _ = self.pending.push(at_ns, (dst, packet.to_vec()));
                if let Fate::DeliverTwice(_, again_ns) = fate {
                    let _ = self.pending.push(again_ns, (dst, packet.to_vec()));
                }
            }
        }
    }

    fn deliver(&mut self) {
        while let Some((_, (dst, packet))) = self.pending.pop(self.now_ns()) {
            // An interface that is down takes nothing.
            let _ = self.devices[dst].send(&packet);
        }
    }
}
