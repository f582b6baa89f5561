//! Echoes of ICMP: by sockets that everybody may open where the system allows it, else by a raw one. Which probe an answer is
//! about stands in the sequence number, which every router quotes.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd},
};

use netloom_core::{
    check::path::tracer::Probe,
    icmp::{self, Message, Quote, Word, request_of_flow},
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    super::queue::{self, Read},
    Aim, BLOCK_NAMES, Heard, Line, any, first_name, read_all, send_despite, set_hops, with_names,
};

/// As long as that of `traceroute`, with the header.
const ECHO_BYTES: usize = 40;
/// Bits of the sequence number: a mark of the trace, the hop less one, the turn.
const TURN_BITS: u32 = 4;
const TTL_BITS: u32 = 6;

/// Where a probe stands in the sequence numbers of a trace.
fn sequence(mark: u16, probe: Probe) -> u16 {
    (mark << (TTL_BITS + TURN_BITS)) | (u16::from(probe.ttl - 1) << TURN_BITS) | (probe.turn & ((1 << TURN_BITS) - 1))
}

/// The probe of a sequence number, if it is one of this trace.
fn probe(mark: u16, flow: u16, sequence: u16) -> Option<Probe> {
    let is_ours = sequence >> (TTL_BITS + TURN_BITS) == mark & (u16::MAX >> (TTL_BITS + TURN_BITS));
    let ttl = (sequence >> TURN_BITS) & ((1 << TTL_BITS) - 1);
    is_ours.then(|| Probe { flow, ttl: ttl as u8 + 1, turn: sequence & ((1 << TURN_BITS) - 1) })
}

fn random_mark() -> u16 {
    fastrand::u16(..1 << (u16::BITS - TTL_BITS - TURN_BITS))
}

fn protocol(to: SocketAddr) -> Protocol {
    if to.is_ipv6() { Protocol::ICMPV6 } else { Protocol::ICMPV4 }
}

/// A socket for each flow; the kernel sorts the answers.
pub(super) struct Echo {
    aim: Aim,
    mark: u16,
    flows: Vec<(u16, Socket)>,
}

impl Echo {
    pub(super) fn open(aim: Aim) -> io::Result<Self> {
        let to = SocketAddr::new(aim.to.ip(), 0);
        let flows = with_names(aim, |name| {
            let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(protocol(to)))?;
            queue::ask(&socket, to.is_ipv6())?;
            socket.set_nonblocking(true)?;
            // The port of such a socket is the identifier of its echoes.
            socket.bind(&any(to, name).into())?;
            socket.connect(&to.into())?;
            Ok((name, socket))
        })?;
        Ok(Self { aim, mark: random_mark(), flows })
    }

    fn heard(&self, flow: u16, read: &Read) -> Option<Heard> {
        let is_v6 = self.aim.to.is_ipv6();
        let message = Message::parse(&read.bytes)?;
        let word = match read.word {
            Some(word) => word,
            None => Word::of(is_v6, message.kind, message.code, message.rest).filter(|word| *word == Word::Answered)?,
        };
        let from = read.from?;
        let probe = Some(probe(self.mark, flow, message.echo().seq)?);
        Some(Heard { flow, probe, from, word, at_ns: read.at_ns })
    }
}

impl Line for Echo {
    fn name(&self, flow: u16) -> u16 {
        self.flows[usize::from(flow)].0
    }

    fn send(&mut self, probe: Probe) -> io::Result<()> {
        let (name, socket) = &self.flows[usize::from(probe.flow)];
        let is_v6 = self.aim.to.is_ipv6();
        set_hops(socket, is_v6, probe.ttl)?;
        let packet = request_of_flow(is_v6, icmp::Echo { id: *name, seq: sequence(self.mark, probe) }, ECHO_BYTES);
        send_despite(socket, || socket.send(&packet))
    }

    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        self.flows.iter().map(|(_, socket)| socket.as_fd()).collect()
    }

    fn receive(&mut self, heard: &mut Vec<Heard>) {
        for (flow, (_, socket)) in (0..).zip(&self.flows) {
            read_all(|| queue::complaint(socket), |read| heard.extend(read.word.and_then(|_| self.heard(flow, &read))));
            read_all(|| queue::packet(socket), |read| heard.extend(self.heard(flow, &read)));
        }
    }
}

/// One raw socket for all flows. It gets every ICMP packet of the machine, and takes those that are about its own.
pub(super) struct Raw {
    aim: Aim,
    mark: u16,
    first: u16,
    socket: Socket,
}

impl Raw {
    pub(super) fn open(aim: Aim) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(aim.to), Type::RAW, Some(protocol(aim.to)))?;
        queue::stamp(&socket)?;
        socket.set_nonblocking(true)?;
        // Nobody else's names are in the way of raw sockets; the mark tells two traces to one host apart.
        Ok(Self { aim, mark: random_mark(), first: first_name(aim.to.ip(), 0), socket })
    }

    fn heard(&self, read: &Read) -> Option<Heard> {
        let is_v6 = self.aim.to.is_ipv6();
        let message = Message::received(is_v6, &read.bytes)?;
        let word = Word::of(is_v6, message.kind, message.code, message.rest)?;
        let from = read.from?;
        let echo = if word == Word::Answered {
            (from == self.aim.to.ip()).then(|| message.echo())?
        } else {
            let quote = Quote::parse(is_v6, message.body)?;
            let expected = if is_v6 { icmp::ICMP_V6 } else { icmp::ICMP };
            let is_ours = quote.protocol == expected && quote.destination == self.aim.to.ip();
            is_ours.then(|| Message::parse(quote.transport))??.echo()
        };
        let flow = echo.id.checked_sub(self.first).filter(|flow| *flow < self.aim.flows.min(BLOCK_NAMES))?;
        Some(Heard { flow, probe: Some(probe(self.mark, flow, echo.seq)?), from, word, at_ns: read.at_ns })
    }
}

impl Line for Raw {
    fn name(&self, flow: u16) -> u16 {
        self.first + flow
    }

    fn send(&mut self, probe: Probe) -> io::Result<()> {
        let is_v6 = self.aim.to.is_ipv6();
        set_hops(&self.socket, is_v6, probe.ttl)?;
        let echo = icmp::Echo { id: self.name(probe.flow), seq: sequence(self.mark, probe) };
        let packet = request_of_flow(is_v6, echo, ECHO_BYTES);
        let to = SocketAddr::new(self.aim.to.ip(), 0).into();
        send_despite(&self.socket, || self.socket.send_to(&packet, &to))
    }

    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.socket.as_fd()]
    }

    fn receive(&mut self, heard: &mut Vec<Heard>) {
        read_all(|| queue::packet(&self.socket), |read| heard.extend(self.heard(&read)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_found_again_by_their_sequence_numbers() {
        for (mark, ttl, turn) in [(0, 1, 0), (63, 64, 9), (17, 30, 2)] {
            let sent = Probe { flow: 3, ttl, turn };
            assert_eq!(probe(mark, 3, sequence(mark, sent)), Some(sent));
            assert_eq!(probe(mark ^ 1, 3, sequence(mark, sent)), None, "another trace");
        }
    }
}
