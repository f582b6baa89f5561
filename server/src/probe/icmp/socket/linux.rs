//! Linux: what routers say comes through the error queue of the socket (`IP_RECVERR`, ip(7)), and answers carry the moment
//! at which the kernel took them (`SO_TIMESTAMPNS`, socket(7)).

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::AsRawFd,
    time::Duration,
};

use nix::{
    cmsg_space,
    libc::{sock_extended_err, sockaddr_in6},
    sys::{
        socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
        time::TimeSpec,
    },
};
use socket2::Socket;
use tokio::{io::Interest, net::UdpSocket};

use super::{Received, Refusal};

/// What wakes up whoever waits for the error queue.
pub(super) const TROUBLE: Interest = Interest::ERROR;
/// Where an error comes from: an ICMP packet of version 4 or 6.
const FROM_ICMP: u8 = 2;
const FROM_ICMPV6: u8 = 3;

/// Asks for both. What the system does not give is missed, not needed.
pub(super) fn prepare(socket: &Socket, is_v6: bool) {
    let asked = if is_v6 {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)
    } else {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)
    };
    if let Err(error) = asked.and_then(|()| setsockopt(socket, sockopt::ReceiveTimestampns, &true)) {
        tracing::debug!(%error, "the system tells less of ICMP");
    }
}

/// Takes what waits: what routers say before what the host says.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    match take(socket, buffer, MsgFlags::MSG_ERRQUEUE) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => take(socket, buffer, MsgFlags::empty()),
        other => other,
    }
}

fn take(socket: &UdpSocket, buffer: &mut [u8], flags: MsgFlags) -> io::Result<Received> {
    let mut space = cmsg_space!(TimeSpec, sock_extended_err, sockaddr_in6);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = flags | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut space), flags)?;
    let mut received = Received { bytes: message.bytes, stamp_ns: None, refusal: None };
    // Control data that did not fit is missed, not needed.
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::ScmTimestampns(at) => {
                received.stamp_ns = Some(Duration::from(at).as_nanos() as u64);
            }
            ControlMessageOwned::Ipv4RecvErr(error, by) if error.ee_origin == FROM_ICMP => {
                let by = by.map(|by| IpAddr::from(Ipv4Addr::from(u32::from_be(by.sin_addr.s_addr))));
                received.refusal = Some(Refusal { by, kind: error.ee_type, code: error.ee_code });
            }
            ControlMessageOwned::Ipv6RecvErr(error, by) if error.ee_origin == FROM_ICMPV6 => {
                let by = by.map(|by| IpAddr::from(Ipv6Addr::from(by.sin6_addr.s6_addr)));
                received.refusal = Some(Refusal { by, kind: error.ee_type, code: error.ee_code });
            }
            _ => {}
        }
    }
    if flags.contains(MsgFlags::MSG_ERRQUEUE) && received.refusal.is_none() {
        // Something of this machine alone; whoever sent it was told.
        received.bytes = 0;
    }
    Ok(received)
}

/// The wall clock, as the stamps of the kernel have it, ns.
pub(super) fn wall_ns() -> Option<u64> {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME).ok()?;
    Some(Duration::from(now).as_nanos() as u64)
}
