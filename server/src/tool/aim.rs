//! Whom probes go to, and how: ICMP where it is permitted, else the handshakes of TCP.

use std::{sync::Arc, time::Duration};

use netloom_core::{
    check::{Finding, spec::Family},
    probe::{Outcome, ProbeMode, Target, TargetKind},
};

use crate::{
    check::{Means, address_of},
    probe::{Prober, icmp::IcmpProber, tcp::TcpProber},
};

/// What is wanted of probes.
pub(super) struct Wish<'a> {
    pub(super) host: &'a str,
    pub(super) family: Family,
    /// Whether handshakes are wanted, also where ICMP is permitted.
    pub(super) tcp: bool,
    pub(super) port: u16,
    pub(super) payload_bytes: u16,
}

/// A host that can be probed.
#[derive(Clone)]
pub(super) struct Aim {
    pub(super) target: Target,
    how: How,
    /// Why it is not what was wished for.
    pub(super) note: Option<String>,
}

#[derive(Clone)]
enum How {
    Icmp { prober: Arc<IcmpProber>, payload_bytes: u16 },
    Tcp,
}

impl Aim {
    /// Looks the host up and chooses the way.
    ///
    /// # Errors
    /// The finding that says why the host has no address.
    pub(super) async fn at(wish: &Wish<'_>, means: &Means) -> Result<Self, Finding> {
        let address = address_of(wish.host, wish.family).await?;
        let refused = means.icmp.permits(address).err().filter(|_| !wish.tcp);
        let how = if wish.tcp || refused.is_some() {
            How::Tcp
        } else {
            How::Icmp { prober: Arc::clone(&means.icmp), payload_bytes: wish.payload_bytes }
        };
        let note = refused.map(|why| format!("{why}: TCP handshakes with port {} are timed instead", wish.port));
        let target = Target { name: wish.host.to_owned(), address, port: wish.port, kind: TargetKind::Custom };
        Ok(Self { target, how, note })
    }

    /// What the probes are.
    pub(super) fn mode(&self) -> ProbeMode {
        match self.how {
            How::Icmp { .. } => ProbeMode::Icmp,
            How::Tcp => ProbeMode::Tcp,
        }
    }

    /// The port, where the probes have one.
    pub(super) fn port(&self) -> Option<u16> {
        matches!(self.how, How::Tcp).then_some(self.target.port)
    }

    /// Bytes of payload, where the probes have one.
    pub(super) fn payload_bytes(&self) -> Option<u16> {
        match self.how {
            How::Icmp { payload_bytes, .. } => Some(payload_bytes),
            How::Tcp => None,
        }
    }

    /// Probes once.
    pub(super) async fn probe(self, timeout: Duration) -> Outcome {
        match self.how {
            How::Icmp { prober, payload_bytes } => prober.probe_with(self.target.address, payload_bytes, timeout).await,
            How::Tcp => TcpProber.probe(&self.target, timeout).await,
        }
    }
}
