//! Linux: `recvmmsg` with `SO_TIMESTAMPNS`, and the address that was asked by `IP_PKTINFO` (ip(7), socket(7)).

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket},
    os::fd::{AsFd, AsRawFd},
    time::Duration,
};

use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        socket::{
            ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, sendmsg,
            setsockopt, sockopt,
        },
        time::TimeSpec,
    },
};

use super::{BATCH, BUFFER_BYTES, Datagram, canonical, mapped};

/// Where datagrams are written to.
pub(super) struct Batch(Box<[[u8; BUFFER_BYTES]; BATCH]>);

impl Default for Batch {
    fn default() -> Self {
        Self(Box::new([[0; BUFFER_BYTES]; BATCH]))
    }
}

/// Asks for stamps, and for the addresses that were asked where that is wanted. Returns whether there will be stamps.
pub(super) fn prepare(socket: &UdpSocket, with_addresses: bool) -> bool {
    if with_addresses {
        let is_v6 = socket.local_addr().is_ok_and(|address| address.is_ipv6());
        let asked = if is_v6 {
            setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)
        } else {
            setsockopt(socket, sockopt::Ipv4PacketInfo, &true)
        };
        if let Err(error) = asked {
            tracing::debug!(%error, "the system chooses the address that answers");
        }
    }
    setsockopt(socket, sockopt::ReceiveTimestampns, &true).is_ok()
}

/// Takes at most a batch. Returns whether there may be more.
pub(super) fn receive(socket: &UdpSocket, batch: &mut Batch, into: &mut Vec<Datagram>) -> io::Result<bool> {
    // The kernel writes into the headers how much of them it used, so they serve for one call only.
    let space = cmsg_space!(TimeSpec, libc::in6_pktinfo);
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(space));
    let mut slices: Vec<[IoSliceMut; 1]> = batch.0.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
    let came = match recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
        Ok(came) => came,
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let before = into.len();
    into.extend(came.filter_map(|message| read(&message)));
    Ok(into.len() - before == BATCH)
}

fn read(message: &RecvMsg<SockaddrStorage>) -> Option<Datagram> {
    let address = message.address.as_ref()?;
    let from = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => SocketAddr::V4(SocketAddrV4::from(*v4)),
        (_, Some(v6)) => SocketAddr::V6(SocketAddrV6::from(*v6)),
        _ => return None,
    };
    let mut datagram =
        Datagram { bytes: [0; BUFFER_BYTES], len: 0, from: canonical(from), to: None, received_ns: None };
    let bytes = message.iovs().next().unwrap_or_default();
    datagram.bytes[..bytes.len()].copy_from_slice(bytes);
    datagram.len = bytes.len();
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::ScmTimestampns(at) => {
                datagram.received_ns = Some(Duration::from(at).as_nanos() as u64);
            }
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                datagram.to = Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into());
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                datagram.to = Some(IpAddr::from(Ipv6Addr::from(info.ipi6_addr.s6_addr)).to_canonical());
            }
            _ => {}
        }
    }
    Some(datagram)
}

/// Sends from one of this machine's addresses.
pub(super) fn send_from(socket: &UdpSocket, bytes: &[u8], to: SocketAddr, from: IpAddr) -> io::Result<()> {
    let (content, to) = ([IoSlice::new(bytes)], SockaddrStorage::from(to));
    let send = |control| {
        sendmsg(socket.as_raw_fd(), &content, &[control], MsgFlags::MSG_DONTWAIT, Some(&to))?;
        Ok(())
    };
    match from {
        IpAddr::V4(v4) if socket.local_addr()?.is_ipv4() => {
            let address = libc::in_addr { s_addr: u32::from(v4).to_be() };
            send(ControlMessage::Ipv4PacketInfo(&libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: address,
                ipi_addr: address,
            }))
        }
        from => {
            let address = libc::in6_addr { s6_addr: mapped(from).octets() };
            send(ControlMessage::Ipv6PacketInfo(&libc::in6_pktinfo { ipi6_addr: address, ipi6_ifindex: 0 }))
        }
    }
}

/// Waits to the nanosecond, which `poll` with its milliseconds could not.
pub(super) fn wait(socket: &UdpSocket, time: Duration) -> io::Result<()> {
    let mut sockets = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    match ppoll(&mut sockets, Some(TimeSpec::from(time)), None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
