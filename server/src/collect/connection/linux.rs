//! Linux: questions to the part of the kernel that knows sockets. They need no privilege.

use std::{io, net::SocketAddr};

use netloom_core::{
    check::connection::{
        diag::{self, Connection, Family},
        tcp_info::{TcpInfo, TcpState},
    },
    netlink::{DUMP, question},
};

use crate::collect::netlink::Netlink;

/// What the kernel knows of one connection of this machine, whoever's it is.
///
/// # Errors
/// `NotFound` when there is no such connection; `Unsupported` where the system does not tell; else why it cannot be asked.
pub fn tcp_info(local: SocketAddr, remote: SocketAddr) -> io::Result<TcpInfo> {
    let mut found = None;
    let ask = |seq| question(diag::SOCK_DIAG_BY_FAMILY, 0, seq, &diag::question_for(local, remote));
    Netlink::sock_diag()?.ask(ask, false, |message| found = diag::answer(message.body))?;
    // Where no connection fits, the kernel names the socket that would take one.
    let found = found.filter(|connection| connection.info.state != TcpState::LISTEN);
    found.map(|connection| connection.info).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// All connections of this machine over which data flows.
///
/// # Errors
/// Why the system does not tell.
pub fn all() -> io::Result<Vec<Connection>> {
    let mut socket = Netlink::sock_diag()?;
    let mut connections = Vec::new();
    for family in [Family::V4, Family::V6] {
        let ask = |seq| question(diag::SOCK_DIAG_BY_FAMILY, DUMP, seq, &diag::question_for_all(family));
        let dumped = socket.ask(ask, true, |message| connections.extend(diag::answer(message.body)));
        match dumped {
            // Where IPv6 is switched off, there is nothing to tell of it.
            Err(error) if family == Family::V6 && error.kind() == io::ErrorKind::NotFound => {}
            dumped => dumped?,
        }
    }
    Ok(connections)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    fn connected(listen: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(listen).expect("a free port");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        (client, listener.accept().expect("accepts").0)
    }

    #[test]
    fn the_kernel_tells_of_a_connection_of_either_family() {
        for listen in ["127.0.0.1:0", "[::1]:0"] {
            let (mut client, mut served) = connected(listen);
            let (local, remote) = (client.local_addr().expect("bound"), client.peer_addr().expect("connected"));
            let fresh = tcp_info(local, remote).expect("known");
            assert_eq!(
                (fresh.state, fresh.syn_retransmits, fresh.bytes_sent),
                (TcpState::ESTABLISHED, Some(0), Some(0))
            );
            let rtt_us = fresh.rtt_us.expect("the handshake was timed");
            assert!(rtt_us < 1e6, "{fresh:?}");

            client.write_all(&[7; 3_000]).expect("sent");
            served.read_exact(&mut [0; 3_000]).expect("came");
            served.write_all(&[7; 10]).expect("sent");
            client.read_exact(&mut [0; 10]).expect("came");
            let used = tcp_info(local, remote).expect("known");
            assert_eq!((used.bytes_sent, used.bytes_acked), (Some(3_000), Some(3_001)), "the SYN counts as one");
            assert_eq!((used.bytes_received, used.bytes_retrans), (Some(10), Some(0)));
            assert!(used.rtt_min_us.is_some() && used.delivery_rate.is_some(), "{used:?}");
            let all = all().expect("the kernel tells");
            let listed = all.iter().find(|connection| (connection.local, connection.remote) == (local, remote));
            assert_eq!(listed.and_then(|connection| connection.info.bytes_sent), Some(3_000));
        }
    }

    #[test]
    fn a_listening_socket_is_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let remote = SocketAddr::from(([127, 0, 0, 1], 1));
        let error = tcp_info(listener.local_addr().expect("bound"), remote).expect_err("nobody connected");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let nowhere = tcp_info(SocketAddr::from(([127, 0, 0, 1], 2)), remote).expect_err("nobody there");
        assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
    }
}
