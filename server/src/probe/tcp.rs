//! The time of a TCP handshake.

mod check;

use std::{io, net::SocketAddr, time::Duration};

use async_trait::async_trait;
use netloom_core::{
    check::Phase,
    probe::{Outcome, ProbeMode, Target},
};
use tokio::net::TcpSocket;

pub use self::check::check;
use self::check::{Shaken, shake};
use super::{Prober, outcome_of};

/// Opens a connection and closes it at once.
pub struct TcpProber;

#[async_trait]
impl Prober for TcpProber {
    fn mode(&self) -> ProbeMode {
        ProbeMode::Tcp
    }

    async fn probe(&self, target: &Target, timeout: Duration) -> Outcome {
        match shake(SocketAddr::new(target.address, target.port), timeout).await {
            // The SYN that was timed is lost; how long the system waits before it sends another is no time of the way.
            Shaken::Answered { again: 1.., .. } | Shaken::Lost => Outcome::Lost,
            Shaken::Answered { rtt_us, .. } => Outcome::Reply { rtt_us },
            Shaken::Failed(Phase::Prepare, error) => Outcome::Failed { cause: error.to_string() },
            Shaken::Failed(_, error) => outcome_of(&error),
        }
    }
}

/// A socket that is reset instead of closed, so that thousands of probes leave nothing behind in TIME-WAIT.
fn open(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use netloom_core::probe::TargetKind;
    use tokio::net::TcpListener;

    use super::*;

    const WAIT: Duration = Duration::from_secs(2);

    fn target(address: IpAddr, port: u16) -> Target {
        Target { name: "t".into(), address, port, kind: TargetKind::Custom }
    }

    #[tokio::test]
    async fn an_open_port_and_a_closed_one_both_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let open = TcpProber.probe(&target(Ipv4Addr::LOCALHOST.into(), port), WAIT).await;
        assert!(open.rtt_us().is_some_and(|rtt_us| rtt_us > 0.0), "{open:?}");
        drop(listener);
        let closed = TcpProber.probe(&target(Ipv4Addr::LOCALHOST.into(), port), WAIT).await;
        assert!(closed.rtt_us().is_some(), "{closed:?}");
    }

    #[tokio::test]
    async fn a_backlog_that_is_full_is_loss() {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let listener = socket.listen(1).expect("listens");
        let address = listener.local_addr().expect("bound");
        let mut held = Vec::new();
        for _ in 0..8 {
            let attempt =
                tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await;
            held.extend(attempt.ok());
        }
        let outcome = TcpProber.probe(&target(address.ip(), address.port()), Duration::from_millis(200)).await;
        assert_eq!(outcome, Outcome::Lost);
    }
}
