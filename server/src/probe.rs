//! Probes: one file per kind, each turning a target into an [`Outcome`]. A failed probe is data, not an error.

mod dial;
pub mod dns;
pub mod download;
mod flight;
pub mod http;
pub mod icmp;
pub mod iperf3;
pub mod mtu;
pub mod path;
pub mod redis;
mod steps;
pub mod tcp;
pub mod throughput;
pub mod udp;

use std::{io, time::Duration};

use async_trait::async_trait;
use netloom_core::probe::{Outcome, ProbeMode, Target};

/// Sends one probe and waits for what comes of it.
#[async_trait]
pub trait Prober: Send + Sync {
    /// How it measures, which is also a label of its series.
    fn mode(&self) -> ProbeMode;
    /// Probes a target once.
    async fn probe(&self, target: &Target, timeout: Duration) -> Outcome;
}

/// What an error of the operating system says about the path. A host that does not answer for its address is as lost as
/// a packet on the way; only what never left this machine is a failure of the probe.
pub(crate) fn outcome_of(error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::HostUnreachable | io::ErrorKind::TimedOut | io::ErrorKind::ConnectionReset => Outcome::Lost,
        _ => Outcome::Failed { cause: error.to_string() },
    }
}
