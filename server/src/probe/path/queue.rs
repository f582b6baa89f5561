//! What the kernel keeps for a socket: packets that came, and in the error queue what routers said of packets that it sent
//! (`IP_RECVERR`, ip(7)). Nobody needs a privilege to read what is said of his own packets.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::AsRawFd,
    time::Duration,
};

use netloom_core::icmp::Word;
use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    sys::{
        socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
        time::TimeSpec,
    },
};
use socket2::Socket;

/// Bytes of a packet that are read: what is quoted of a probe is at most this, and of answers the headers are enough.
const READ_BYTES: usize = 1_280;

/// A packet that came, or what was said of one that was sent.
pub(in crate::probe) struct Read {
    /// From whom; `None` when the kernel does not say.
    pub from: Option<IpAddr>,
    /// What was said, for an entry of the error queue; `None` there for what says nothing of a probe.
    pub word: Option<Word>,
    /// Whether this machine said it, and nobody on the way.
    pub is_own: bool,
    /// The packet, or what is quoted of it: from the transport's header of ICMP and TCP, behind it of UDP.
    pub bytes: Vec<u8>,
    /// When it came, by the clock on the wall, ns.
    pub at_ns: Option<u64>,
}

/// Asks for the error queue, and for stamps of when packets came.
pub(in crate::probe) fn ask(socket: &Socket, is_v6: bool) -> io::Result<()> {
    if is_v6 {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
    }
    stamp(socket)
}

/// Asks for stamps of when packets came.
pub(in crate::probe) fn stamp(socket: &Socket) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::ReceiveTimestampns, &true)?)
}

/// Takes the next entry of the error queue.
pub(in crate::probe) fn complaint(socket: &Socket) -> io::Result<Option<Read>> {
    read(socket, MsgFlags::MSG_ERRQUEUE)
}

/// Takes the next packet.
pub(in crate::probe) fn packet(socket: &Socket) -> io::Result<Option<Read>> {
    read(socket, MsgFlags::empty())
}

fn read(socket: &Socket, from: MsgFlags) -> io::Result<Option<Read>> {
    let mut buffer = [0; READ_BYTES];
    let mut slices = [IoSliceMut::new(&mut buffer)];
    let mut space = cmsg_space!(TimeSpec, libc::sock_extended_err, libc::sockaddr_in6);
    let flags = MsgFlags::MSG_DONTWAIT | from;
    let message = match recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut space), flags) {
        Ok(message) => message,
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut read = Read { from: None, word: None, is_own: false, bytes: Vec::new(), at_ns: None };
    if from.is_empty() {
        let address = message.address.as_ref();
        let v4 = address.and_then(|address| address.as_sockaddr_in()).map(|v4| IpAddr::from(v4.ip()));
        read.from = v4.or_else(|| Some(address?.as_sockaddr_in6()?.ip().into()));
    }
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::ScmTimestampns(at) => read.at_ns = Some(Duration::from(at).as_nanos() as u64),
            ControlMessageOwned::Ipv4RecvErr(error, from) => {
                read.say(&error);
                read.from = from.map(|from| Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr)).into());
            }
            ControlMessageOwned::Ipv6RecvErr(error, from) => {
                read.say(&error);
                read.from = from.map(|from| Ipv6Addr::from(from.sin6_addr.s6_addr).into());
            }
            _ => {}
        }
    }
    let length = message.bytes;
    read.bytes = buffer[..length].to_vec();
    Ok(Some(read))
}

impl Read {
    fn say(&mut self, error: &libc::sock_extended_err) {
        let is_v6 = error.ee_origin == libc::SO_EE_ORIGIN_ICMP6;
        self.is_own = error.ee_origin == libc::SO_EE_ORIGIN_LOCAL;
        self.word = match (is_v6, error.ee_origin) {
            (true, _) | (_, libc::SO_EE_ORIGIN_ICMP) => Word::of(is_v6, error.ee_type, error.ee_code, error.ee_info),
            _ => None,
        };
    }
}
