//! UDP echo (RFC 862).

use std::{io, net::SocketAddr};

use netloom_core::check::{Finding, Phase, Progress, echo, spec::RoundSpec};
use tokio::{
    net::UdpSocket,
    time::{Instant, sleep_until},
};

use super::{
    dial::unreachable,
    flight::{Flight, Next},
    steps::Steps,
};
use crate::check::{Means, Told};

/// Errors of a socket that are passed over; one that has nothing but errors is given up.
const ERRORS_MAX: u32 = 1_000;
/// The largest datagram.
const DATAGRAM_MAX_BYTES: usize = 65_536;

/// Runs the check.
pub async fn check(spec: &RoundSpec, _means: &Means, told: Told<'_>) -> Finding {
    let mut steps = Steps::start();
    let address = match steps.resolve(&spec.host, spec.family).await {
        Ok(address) => address,
        Err(failed) => return failed,
    };
    let socket = match open(SocketAddr::new(address, spec.port)).await {
        Ok(socket) => socket,
        Err(error) => {
            let (cause, cure) = unreachable(&error);
            return steps.fail(Phase::Prepare, cause, cure);
        }
    };
    steps.end(Phase::Prepare);
    match fly(spec, &socket, told).await {
        Ok(flight) => {
            steps.end(Phase::Wait);
            let cure = "start an echo service on that port (RFC 862), or correct the port";
            let mut finding = flight.finding(cure);
            if let Some(rtt_us) = finding.value("rtt_us") {
                finding.figure("udp_echo_us", rtt_us);
            }
            steps.close(finding)
        }
        Err(error) => {
            let (cause, cure) = unreachable(&error);
            steps.fail(Phase::Send, cause, cure)
        }
    }
}

async fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    Ok(socket)
}

/// Sends and takes until the round is over. An error is that of the first probe: one that fails later is lost.
async fn fly(spec: &RoundSpec, socket: &UdpSocket, told: Told<'_>) -> io::Result<Flight> {
    let token = fastrand::u64(..);
    let bytes = usize::from(spec.payload_bytes);
    let mut flight = Flight::new(spec);
    let mut buffer = vec![0; DATAGRAM_MAX_BYTES];
    let mut errors = 0;
    loop {
        let (until, number) = match flight.next() {
            Next::Send(number, at) => (at, Some(number)),
            Next::Wait(until) => (until, None),
        };
        tokio::select! {
            biased;
            () = sleep_until(Instant::from_std(until)) => {
                let Some(number) = number else { return Ok(flight) };
                let packet = echo::packet(token, number, bytes);
                flight.sent(None);
                match socket.try_send(&packet) {
                    // The word about an earlier one; this one has not left.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        refused(&mut flight, number.saturating_sub(1), socket);
                        let _ = socket.try_send(&packet);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        let sent = socket.send(&packet).await;
                        if let Err(error) = sent && number == 0 {
                            return Err(error);
                        }
                    }
                    Err(error) if number == 0 => return Err(error),
                    Ok(_) | Err(_) => {}
                }
                told(Progress { done_ratio: flight.done_ratio(), figures: Vec::new() });
            }
            came = socket.recv(&mut buffer) => match came {
                Ok(length) => match echo::read(token, bytes, &buffer[..length]) {
                    Some(number) => flight.answered(number, None),
                    None => flight.changed(),
                },
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    let newest = flight.newest();
                    refused(&mut flight, newest, socket);
                }
                Err(_) if errors < ERRORS_MAX => errors += 1,
                Err(_) => return Ok(flight),
            },
        }
    }
}

/// The host says that nothing listens. The system does not tell about which packet; it is about the newest, because
/// the word comes before the next one goes.
fn refused(flight: &mut Flight, number: u32, socket: &UdpSocket) {
    let by = socket.peer_addr().ok().map(|peer| peer.ip());
    flight.refused(number, by, "port unreachable, nothing listens there");
}
