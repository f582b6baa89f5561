//! UDP: a socket for each flow, whose ports stay the same. What a probe is stands in its payload, which routers quote; of
//! those that quote no more than the ports, the order of the answers tells.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use netloom_core::{check::path::tracer::Probe, icmp::Word};
use socket2::{Domain, Protocol, Socket, Type};

use super::{super::queue, Aim, Heard, Line, any, read_all, send_despite, set_hops, with_names};

/// What a probe carries: a mark of the trace, then the hop and the turn. As long as the payload of `traceroute`.
const PAYLOAD_BYTES: usize = 32;
const MARK_BYTES: usize = 8;

pub(super) struct Udp {
    aim: Aim,
    mark: [u8; MARK_BYTES],
    flows: Vec<(u16, Socket)>,
}

impl Udp {
    pub(super) fn open(aim: Aim) -> io::Result<Self> {
        let flows = with_names(aim, |name| {
            let socket = Socket::new(Domain::for_address(aim.to), Type::DGRAM, Some(Protocol::UDP))?;
            queue::ask(&socket, aim.to.is_ipv6())?;
            socket.set_nonblocking(true)?;
            socket.bind(&any(aim.to, name).into())?;
            socket.connect(&aim.to.into())?;
            Ok((name, socket))
        })?;
        Ok(Self { aim, mark: fastrand::u64(..).to_be_bytes(), flows })
    }

    fn probe(&self, flow: u16, payload: &[u8]) -> Option<Probe> {
        let rest = payload.strip_prefix(&self.mark)?;
        Some(Probe { flow, ttl: *rest.first()?, turn: (*rest.get(1)?).into() })
    }
}

impl Line for Udp {
    fn name(&self, flow: u16) -> u16 {
        self.flows[usize::from(flow)].0
    }

    fn send(&mut self, probe: Probe) -> io::Result<()> {
        let socket = &self.flows[usize::from(probe.flow)].1;
        set_hops(socket, self.aim.to.is_ipv6(), probe.ttl)?;
        let mut payload = [0; PAYLOAD_BYTES];
        payload[..MARK_BYTES].copy_from_slice(&self.mark);
        payload[MARK_BYTES] = probe.ttl;
        payload[MARK_BYTES + 1] = probe.turn as u8;
        send_despite(socket, || socket.send(&payload))
    }

    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        self.flows.iter().map(|(_, socket)| socket.as_fd()).collect()
    }

    fn receive(&mut self, heard: &mut Vec<Heard>) {
        for (flow, (_, socket)) in (0..).zip(&self.flows) {
            let mut take = |from, word, read: &queue::Read| {
                let (Some(from), Some(word)) = (from, word) else { return };
                heard.push(Heard { flow, probe: self.probe(flow, &read.bytes), from, word, at_ns: read.at_ns });
            };
            read_all(|| queue::complaint(socket), |read| take(read.from, read.word, &read));
            let host = Some(self.aim.to.ip());
            read_all(|| queue::packet(socket), |read| take(host, Some(Word::Answered), &read));
        }
    }
}
