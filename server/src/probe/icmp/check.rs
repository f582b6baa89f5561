//! A round of echoes.

use std::{io, net::IpAddr};

use netloom_core::check::{Finding, Phase, Progress, spec::RoundSpec};
use tokio::time::{Instant, sleep_until};

use super::socket::{Came, IcmpSocket};
use crate::{
    check::{Means, Told},
    probe::{
        dial::unreachable,
        flight::{Flight, Next},
        steps::Steps,
    },
};

/// What would help where ICMP is not permitted.
const PERMISSION: &str = "permit it to everybody with sysctl net.ipv4.ping_group_range=\"0 2147483647\", or to this \
                          program with setcap cap_net_raw+ep";
/// Errors of a socket that are passed over; one that has nothing but errors is given up.
const ERRORS_MAX: u32 = 1_000;

/// Runs the check.
pub async fn check(spec: &RoundSpec, _means: &Means, told: Told<'_>) -> Finding {
    let mut steps = Steps::start();
    let address = match steps.resolve(&spec.host, spec.family).await {
        Ok(address) => address,
        Err(failed) => return failed,
    };
    let socket = match IcmpSocket::open(address, spec.payload_bytes.into()) {
        Ok(socket) => socket,
        Err(error) => {
            let (cause, cure) = not_permitted(&error, address);
            return steps.fail(Phase::Prepare, cause, cure);
        }
    };
    steps.end(Phase::Prepare);
    if let Err(error) = socket.connect(address) {
        let (cause, cure) = unreachable(&error);
        return steps.fail(Phase::Send, cause, cure);
    }
    match fly(spec, &socket, told).await {
        Ok(flight) => {
            steps.end(Phase::Wait);
            let cure = "see whether the host is up, the address right, and what the router filters";
            steps.close(flight.finding(cure))
        }
        Err(error) => {
            let (cause, cure) = match error.raw_os_error() {
                // What does not fit and may not be cut, EMSGSIZE.
                Some(90) => (
                    format!("{} bytes do not fit into a packet", spec.payload_bytes),
                    "choose a smaller payload_bytes".to_owned(),
                ),
                _ => unreachable(&error),
            };
            steps.fail(Phase::Send, cause, cure)
        }
    }
}

fn not_permitted(error: &io::Error, address: IpAddr) -> (String, String) {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ("this machine does not permit ICMP to this program".to_owned(), PERMISSION.to_owned())
        }
        _ if address.is_ipv6() && error.kind() == io::ErrorKind::Unsupported => {
            ("this machine has no IPv6".to_owned(), "ask for IPv4, or switch IPv6 on".to_owned())
        }
        _ => (format!("ICMP is not available ({error})"), String::new()),
    }
}

/// Sends and takes until the round is over. An error is that of the first probe: one that fails later is lost.
async fn fly(spec: &RoundSpec, socket: &IcmpSocket, told: Told<'_>) -> io::Result<Flight> {
    let payload: Vec<u8> = (0..spec.payload_bytes).map(|at| at as u8).collect();
    let first = fastrand::u16(..);
    let mut flight = Flight::new(spec);
    let mut buffer = Vec::new();
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
                flight.sent(IcmpSocket::wall_ns());
                let seq = first.wrapping_add(number as u16);
                // Words of routers about earlier ones are told to whoever sends next; they are in the queue, too.
                let sent = socket.send(seq, &payload).or_else(|_| socket.send(seq, &payload));
                if let Err(error) = sent && number == 0 {
                    return Err(error);
                }
                told(Progress { done_ratio: flight.done_ratio(), figures: Vec::new() });
            }
            came = socket.next(&mut buffer, &payload) => {
                let number = |seq: u16| u32::from(seq.wrapping_sub(first));
                match came {
                    Ok(Came::Reply { seq, is_changed: false, stamp_ns }) => flight.answered(number(seq), stamp_ns),
                    Ok(Came::Reply { .. }) => flight.changed(),
                    Ok(Came::Refusal { seq, by, words }) => flight.refused(number(seq), by, &words),
                    Ok(Came::Other) => {}
                    Err(_) if errors < ERRORS_MAX => errors += 1,
                    Err(_) => return Ok(flight),
                }
            }
        }
    }
}
