//! The sockets of a trace: UDP, echoes of ICMP, or connections of TCP.

mod echo;
mod tcp;
mod udp;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::BorrowedFd,
};

use netloom_core::{check::path::tracer::Probe, icmp::Word, probe::ProbeMode};
use nix::poll::PollFlags;
use socket2::Socket;

use super::queue::Read;

/// The names of flows begin here: above the ports that systems give out by themselves, so that they are nearly always free.
const NAMES_FROM: u16 = 61_000;
/// Blocks of names among which one is chosen by the host. A host has the same ones in every trace, because routers choose
/// among equal ways by them: other ways would be taken for a change.
const BLOCKS: u16 = 250;
/// Names of one block: those of the most flows.
const BLOCK_NAMES: u16 = netloom_core::check::path::tracer::FLOWS_MAX;
/// Blocks that are tried when one is in use.
const ATTEMPTS: u16 = 8;
/// Packets that are read from a socket at one go: one that gets more than can be read must not keep a trace from its end.
const READ_MAX: usize = 1_024;

/// Where probes go, and what the flows are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    /// The host, with the port of UDP and TCP.
    pub to: SocketAddr,
    /// How many flows.
    pub flows: u16,
}

/// What was heard.
pub(super) struct Heard {
    /// Which flow it is about.
    pub flow: u16,
    /// Which probe, where that can be told.
    pub probe: Option<Probe>,
    /// Who spoke.
    pub from: IpAddr,
    /// What was said.
    pub word: Word,
    /// When it came, by the clock on the wall, ns.
    pub at_ns: Option<u64>,
}

/// The sockets of one trace.
pub(super) trait Line: Send {
    /// What a flow is called: its source port, or its identifier.
    fn name(&self, flow: u16) -> u16;
    /// Sends a probe.
    fn send(&mut self, probe: Probe) -> io::Result<()>;
    /// What is waited on.
    fn sockets(&self) -> Vec<BorrowedFd<'_>>;
    /// What is waited for there, errors apart.
    fn waits_for(&self) -> PollFlags {
        PollFlags::POLLIN
    }
    /// Takes what came.
    fn receive(&mut self, heard: &mut Vec<Heard>);
    /// Whether a flow takes one probe at a time.
    fn one_at_a_time(&self) -> bool {
        false
    }
}

/// Opens the sockets of a mode.
pub(super) fn open(mode: ProbeMode, aim: Aim) -> io::Result<Box<dyn Line>> {
    Ok(match mode {
        ProbeMode::Udp => Box::new(udp::Udp::open(aim)?),
        ProbeMode::Tcp => Box::new(tcp::Tcp::open(aim)?),
        ProbeMode::Icmp => match echo::Echo::open(aim) {
            Ok(line) => Box::new(line),
            // Where systems do not let everybody send echoes, those who may do everything still can.
            Err(refused) => Box::new(echo::Raw::open(aim).map_err(|_| refused)?),
        },
    })
}

/// Reads until there is no more.
fn read_all(mut read: impl FnMut() -> io::Result<Option<Read>>, mut take: impl FnMut(Read)) {
    for _ in 0..READ_MAX {
        let Ok(Some(read)) = read() else { break };
        take(read);
    }
}

/// The first name of a host's flows in the attempt of that number.
fn first_name(host: IpAddr, attempt: u16) -> u16 {
    let block = (u64::from(crc32fast::hash(host.to_string().as_bytes())) % u64::from(BLOCKS)) as u16;
    NAMES_FROM + (block + attempt) % BLOCKS * BLOCK_NAMES
}

/// Opens something for every flow with the names of a block, of the next one when a name is in use.
fn with_names<T>(aim: Aim, open: impl Fn(u16) -> io::Result<T>) -> io::Result<Vec<T>> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for attempt in 0..ATTEMPTS {
        let first = first_name(aim.to.ip(), attempt);
        match (0..aim.flows.min(BLOCK_NAMES)).map(|flow| open(first + flow)).collect() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            opened => return opened,
        }
    }
    Err(last)
}

/// Any address of this machine, with a port.
fn any(like: SocketAddr, port: u16) -> SocketAddr {
    match like {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, port).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, port).into(),
    }
}

/// Sets how many hops packets of a socket may take.
pub(in crate::probe) fn set_hops(socket: &Socket, is_v6: bool, hops: u8) -> io::Result<()> {
    if is_v6 { socket.set_unicast_hops_v6(hops.into()) } else { socket.set_ttl_v4(hops.into()) }
}

/// Sends again when an error is told that belongs to an earlier packet: what routers say of it is in the error queue, too.
pub(in crate::probe) fn send_despite(socket: &Socket, send: impl Fn() -> io::Result<usize>) -> io::Result<()> {
    /// More cannot have come since the queue was read last.
    const ATTEMPTS: usize = 8;
    let mut result = send();
    for _ in 0..ATTEMPTS {
        match &result {
            Err(error) if is_told(error) => {
                // Reading the pending error takes it away.
                let _ = socket.take_error();
                result = send();
            }
            _ => break,
        }
    }
    result.map(|_| ())
}

/// Whether an error of the system may be the word of a router.
pub(super) fn is_told(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, PermissionDenied};
    let kinds = [ConnectionRefused, HostUnreachable, NetworkUnreachable, PermissionDenied];
    let numbers =
        [nix::libc::EPROTO, nix::libc::ENOPROTOOPT, nix::libc::EMSGSIZE, nix::libc::ENONET, nix::libc::EHOSTDOWN];
    kinds.contains(&error.kind()) || error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}
