//! Asks over UDP, and over TCP for what did not fit.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Instant,
};

use netloom_core::check::dns::{Answer, Asked, MESSAGE_MAX_BYTES, Unfit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout_at,
};

/// Datagrams that are no answer and are looked at: a server that sends nothing else need not be heard to its end.
const UNFIT_MAX: u32 = 64;

/// Why there is no answer.
pub(super) enum Silence {
    /// Nothing came in time.
    Nothing,
    /// Nobody listens.
    Closed,
    /// What came is no answer to the question.
    Unfit(Unfit),
    /// The connection ended in the middle.
    CutOff,
    /// It could not be asked.
    Error(io::Error),
}

impl From<io::Error> for Silence {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Silence::Closed,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Silence::CutOff,
            io::ErrorKind::TimedOut => Silence::Nothing,
            _ => Silence::Error(error),
        }
    }
}

/// Asks over UDP. Whatever carries another number may be a late answer or a forged one, so the right one is waited for
/// all the same, as resolvers do.
pub(super) async fn over_udp(asked: &Asked, server: SocketAddr, until: Instant) -> Result<Answer, Silence> {
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    // Only the server is heard, from the port that was asked.
    socket.connect(server).await?;
    socket.send(&asked.message()).await?;
    let mut buffer = vec![0; MESSAGE_MAX_BYTES];
    let mut unfit = None;
    for _ in 0..UNFIT_MAX {
        let Ok(came) = timeout_at(until.into(), socket.recv(&mut buffer)).await else { break };
        match asked.read(&buffer[..came?]) {
            Ok(answer) => return Ok(answer),
            Err(damaged @ Unfit::Damaged(_)) => return Err(Silence::Unfit(damaged)),
            Err(other) => unfit = Some(other),
        }
    }
    Err(unfit.map_or(Silence::Nothing, Silence::Unfit))
}

/// Asks over TCP, where messages follow their length (RFC 1035 section 4.2.2).
pub(super) async fn over_tcp(asked: &Asked, server: SocketAddr, until: Instant) -> Result<Answer, Silence> {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        let message = asked.message();
        let mut framed = (message.len() as u16).to_be_bytes().to_vec();
        framed.extend(message);
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut message = vec![0; usize::from(length)];
        stream.read_exact(&mut message).await?;
        asked.read(&message).map_err(Silence::Unfit)
    };
    timeout_at(until.into(), exchange).await.unwrap_or(Err(Silence::Nothing))
}
