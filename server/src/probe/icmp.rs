//! ICMP echo.
//!
//! One socket per address family. Unprivileged sockets are tried first, then raw ones; the kernel rewrites the identifier
//! of unprivileged ones, so replies are told apart by host and sequence number, and one sequence runs per process.
//!
//! A check has a socket of its own, which sees duplicates and what routers say.

mod check;
mod socket;

use std::{
    io,
    net::IpAddr,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use netloom_core::probe::{Outcome, ProbeMode, Target};
use surge_ping::{Client, Config, ICMP, PingIdentifier, PingSequence, SurgeError};

pub use self::check::check;
use super::{Prober, outcome_of};

/// The payload of a plain `ping`, so that both time packets of the same size.
const PAYLOAD: [u8; 56] = [0; 56];

/// Sends ICMP echo requests.
pub struct IcmpProber {
    v4: io::Result<Client>,
    v6: io::Result<Client>,
    identifier: u16,
    sequence: AtomicU16,
}

impl IcmpProber {
    /// Opens the sockets. Must run inside the runtime that will probe.
    pub fn new() -> Self {
        Self {
            v4: Client::new(&Config::default()),
            v6: Client::new(&Config::builder().kind(ICMP::V6).build()),
            identifier: fastrand::u16(..),
            sequence: AtomicU16::new(0),
        }
    }

    /// Whether the system permits ICMP to this address.
    ///
    /// # Errors
    /// Why not, in a phrase.
    pub fn permits(&self, address: IpAddr) -> Result<(), String> {
        self.client(address).map(|_| ()).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => "ICMP not permitted".to_owned(),
            _ => format!("ICMP not available ({error})"),
        })
    }

    fn client(&self, address: IpAddr) -> Result<&Client, &io::Error> {
        if address.is_ipv4() { self.v4.as_ref() } else { self.v6.as_ref() }
    }
}

impl Default for IcmpProber {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Prober for IcmpProber {
    fn mode(&self) -> ProbeMode {
        ProbeMode::Icmp
    }

    async fn probe(&self, target: &Target, timeout: Duration) -> Outcome {
        let client = match self.client(target.address) {
            Ok(client) => client,
            Err(error) => return Outcome::Failed { cause: error.to_string() },
        };
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let mut pinger = client.pinger(target.address, PingIdentifier(self.identifier)).await;
        pinger.timeout(timeout);
        match pinger.ping(PingSequence(sequence), &PAYLOAD).await {
            Ok((packet, rtt)) if is_echo_reply(&packet) => Outcome::Reply { rtt_us: rtt.as_nanos() as f64 / 1e3 },
            // A router's word that the packet did not arrive.
            Ok(_) | Err(SurgeError::Timeout { .. }) => Outcome::Lost,
            Err(SurgeError::IOError(error)) => outcome_of(&error),
            Err(error) => Outcome::Failed { cause: error.to_string() },
        }
    }
}

/// Whether the packet is the answer itself (types of RFC 792 and RFC 4443) and not a router's word that it failed.
fn is_echo_reply(packet: &surge_ping::IcmpPacket) -> bool {
    const ECHO_REPLY_V4: u8 = 0;
    const ECHO_REPLY_V6: u8 = 129;
    match packet {
        surge_ping::IcmpPacket::V4(packet) => packet.get_icmp_type().0 == ECHO_REPLY_V4,
        surge_ping::IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == ECHO_REPLY_V6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_answers_where_icmp_is_permitted() {
        let prober = IcmpProber::new();
        let target = Target {
            name: "self".into(),
            address: "127.0.0.1".parse().expect("an address"),
            port: 1,
            kind: netloom_core::probe::TargetKind::Custom,
        };
        let outcome = prober.probe(&target, Duration::from_secs(2)).await;
        match prober.permits(target.address) {
            Ok(()) => assert!(outcome.rtt_us().is_some_and(|rtt_us| rtt_us > 0.0), "{outcome:?}"),
            Err(_) => assert!(!outcome.was_sent(), "{outcome:?}"),
        }
    }
}
