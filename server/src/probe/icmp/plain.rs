//! For systems that give no stamps: the time is taken in user space.

use std::{
    io,
    net::IpAddr,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use netloom_core::probe::Outcome;
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};

use crate::probe::outcome_of;

/// A socket for one version of IP.
pub(super) struct Echo {
    client: Client,
    identifier: u16,
    sequence: AtomicU16,
}

impl Echo {
    /// Opens the socket. Must run inside the runtime that will probe.
    pub(super) fn open(is_v6: bool) -> io::Result<Self> {
        let kind = if is_v6 { ICMP::V6 } else { ICMP::V4 };
        let client = Client::new(&Config::builder().kind(kind).build())?;
        Ok(Self { client, identifier: fastrand::u16(..), sequence: AtomicU16::new(0) })
    }

    /// Sends one request and waits for its answer.
    pub(super) async fn probe(&self, address: IpAddr, payload: &[u8], patience: Duration) -> Outcome {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let mut pinger = self.client.pinger(address, PingIdentifier(self.identifier)).await;
        pinger.timeout(patience);
        match pinger.ping(PingSequence(sequence), payload).await {
            Ok((packet, rtt)) if is_echo_reply(&packet) => Outcome::Reply { rtt_us: rtt.as_nanos() as f64 / 1e3 },
            // A router's word that the packet did not arrive.
            Ok(_) | Err(SurgeError::Timeout { .. }) => Outcome::Lost,
            Err(SurgeError::IOError(error)) => outcome_of(&error),
            Err(error) => Outcome::Failed { cause: error.to_string() },
        }
    }
}

/// Whether the packet is the answer itself (types of RFC 792 and RFC 4443) and not a router's word that it failed.
fn is_echo_reply(packet: &IcmpPacket) -> bool {
    const ECHO_REPLY_V4: u8 = 0;
    const ECHO_REPLY_V6: u8 = 129;
    match packet {
        IcmpPacket::V4(packet) => packet.get_icmp_type().0 == ECHO_REPLY_V4,
        IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == ECHO_REPLY_V6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_answers_where_icmp_is_permitted() {
        let Ok(echo) = Echo::open(false) else { return };
        let address = IpAddr::from([127, 0, 0, 1]);
        let outcome = echo.probe(address, &[0; 56], Duration::from_secs(2)).await;
        assert!(outcome.rtt_us().is_some_and(|rtt_us| rtt_us > 0.0), "{outcome:?}");
    }
}
