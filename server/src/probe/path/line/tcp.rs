//! TCP: handshakes with few hops to live. A connection takes its ports for itself, so a flow sends one after the other.

use std::{
    io, mem,
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use netloom_core::{check::path::tracer::Probe, icmp::Word};
use nix::poll::PollFlags;
use socket2::{Domain, Protocol, Socket, Type};

use super::{super::queue, Aim, Heard, Line, any, is_told, read_all, set_hops, with_names};

pub(super) struct Tcp {
    aim: Aim,
    flows: Vec<(u16, Attempt)>,
    /// The same ports of UDP: as long as they are held, no other trace takes these names. Those of TCP are bound anew for
    /// each probe, and free in between.
    _held: Vec<Socket>,
}

/// What a flow is at.
enum Attempt {
    None,
    Under(Probe, Socket),
    /// It ended in the call that began it, as on loopback.
    Over(Heard),
}

impl Tcp {
    pub(super) fn open(aim: Aim) -> io::Result<Self> {
        let names = with_names(aim, |name| {
            let held = Socket::new(Domain::for_address(aim.to), Type::DGRAM, Some(Protocol::UDP))?;
            held.bind(&any(aim.to, name).into())?;
            socket(aim.to, name)?;
            Ok((held, (name, Attempt::None)))
        })?;
        let (held, flows) = names.into_iter().unzip();
        Ok(Self { aim, flows, _held: held })
    }

    /// What came of a handshake.
    fn fate(&self, probe: Probe, socket: &Socket) -> Fate {
        let mut said = None;
        read_all(
            || queue::complaint(socket),
            |read| {
                if let (None, Some(from), Some(word)) = (&said, read.from, read.word) {
                    said = Some(Heard { flow: probe.flow, probe: Some(probe), from, word, at_ns: read.at_ns });
                }
            },
        );
        match (said, socket.take_error()) {
            (Some(heard), _) => Fate::Heard(heard),
            (None, Ok(Some(error))) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Fate::Heard(self.answered(probe))
            }
            (None, Ok(None)) if socket.peer_addr().is_ok() => Fate::Heard(self.answered(probe)),
            (None, Ok(None)) => Fate::UnderWay,
            (None, _) => Fate::Over,
        }
    }

    /// A handshake or a reset: both are the host's.
    fn answered(&self, probe: Probe) -> Heard {
        Heard { flow: probe.flow, probe: Some(probe), from: self.aim.to.ip(), word: Word::Answered, at_ns: None }
    }
}

/// What came of a handshake.
enum Fate {
    Heard(Heard),
    UnderWay,
    /// It failed, and nobody said why.
    Over,
}

/// A socket that is reset instead of closed: nothing stays behind in TIME-WAIT, and its port can be used again at once.
fn socket(to: SocketAddr, name: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    queue::ask(&socket, to.is_ipv6())?;
    socket.bind(&any(to, name).into())?;
    Ok(socket)
}

impl Line for Tcp {
    fn name(&self, flow: u16) -> u16 {
        self.flows[usize::from(flow)].0
    }

    fn one_at_a_time(&self) -> bool {
        true
    }

    fn send(&mut self, probe: Probe) -> io::Result<()> {
        let at = usize::from(probe.flow);
        self.flows[at].1 = Attempt::None;
        let socket = socket(self.aim.to, self.flows[at].0)?;
        set_hops(&socket, self.aim.to.is_ipv6(), probe.ttl)?;
        self.flows[at].1 = match socket.connect(&self.aim.to.into()) {
            Err(error) if error.raw_os_error() == Some(nix::libc::EINPROGRESS) => Attempt::Under(probe, socket),
            Err(error) if !is_told(&error) => return Err(error),
            Err(error) => match self.fate(probe, &socket) {
                Fate::Heard(heard) => Attempt::Over(heard),
                _ if error.kind() == io::ErrorKind::ConnectionRefused => Attempt::Over(self.answered(probe)),
                _ => return Err(error),
            },
            Ok(()) => Attempt::Under(probe, socket),
        };
        Ok(())
    }

    fn waits_for(&self) -> PollFlags {
        PollFlags::POLLOUT
    }

    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        self.flows
            .iter()
            .filter_map(|(_, attempt)| match attempt {
                Attempt::Under(_, socket) => Some(socket.as_fd()),
                _ => None,
            })
            .collect()
    }

    fn receive(&mut self, heard: &mut Vec<Heard>) {
        for at in 0..self.flows.len() {
            self.flows[at].1 = match mem::replace(&mut self.flows[at].1, Attempt::None) {
                Attempt::Over(over) => {
                    heard.push(over);
                    Attempt::None
                }
                Attempt::Under(probe, socket) => match self.fate(probe, &socket) {
                    Fate::Heard(over) => {
                        heard.push(over);
                        Attempt::None
                    }
                    Fate::UnderWay => Attempt::Under(probe, socket),
                    Fate::Over => Attempt::None,
                },
                Attempt::None => Attempt::None,
            };
        }
    }
}
