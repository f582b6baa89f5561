//! The quality of TCP connections, by where they go.

use std::{io, net::SocketAddr};

use netloom_core::check::{Finding, Outcome, connection::tcp_info::TcpInfo};

use crate::check::Means;

/// What the kernel knows of one connection of this machine. Needs no privilege, and the connection may be anybody's.
///
/// # Errors
/// `NotFound` when there is no such connection; `Unsupported` where the system does not tell; else why it cannot be asked.
#[cfg(target_os = "linux")]
pub fn tcp_info(local: SocketAddr, remote: SocketAddr) -> io::Result<TcpInfo> {
    use netloom_core::{
        check::connection::{diag, tcp_info::TcpState},
        netlink::question,
    };

    let mut found = None;
    let ask = |seq| question(diag::SOCK_DIAG_BY_FAMILY, 0, seq, &diag::question_for(local, remote));
    super::netlink::Netlink::sock_diag()?.ask(ask, false, |message| found = diag::answer(message.body))?;
    // Where no connection fits, the kernel names the socket that would take one.
    let found = found.filter(|connection| connection.info.state != TcpState::LISTEN);
    found.map(|connection| connection.info).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// What the kernel knows of one connection of this machine.
///
/// # Errors
/// Always: this system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn tcp_info(_local: SocketAddr, _remote: SocketAddr) -> io::Result<TcpInfo> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Looks now.
pub async fn check(_means: &Means) -> Finding {
    Finding::new(Outcome::Skipped { why: "it is not built yet".to_owned() })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
    };

    use netloom_core::check::connection::tcp_info::TcpState;

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
