//! ICMP echo.
//!
//! One socket per address family. Unprivileged sockets are tried first, then raw ones; the kernel rewrites the identifier
//! of unprivileged ones, so replies are told apart by host and sequence number, and one sequence runs per process.
//!
//! A check has a socket of its own, which sees duplicates and what routers say.

mod check;
mod open;
mod socket;

#[cfg(target_os = "linux")]
mod linux;
mod plain;

use std::{io, net::IpAddr, time::Duration};

use async_trait::async_trait;
use netloom_core::probe::{Outcome, ProbeMode, Target};

pub use self::check::check;
use super::Prober;

/// The payload of a plain `ping`, so that both time packets of the same size.
const PAYLOAD: [u8; 56] = [0; 56];

/// What sends and takes, for one version of IP.
enum Echo {
    /// Timed by the kernel's stamps.
    #[cfg(target_os = "linux")]
    Stamped(linux::Echo),
    /// Timed in user space, where the system gives no stamps.
    Plain(plain::Echo),
}

impl Echo {
    /// Opens the socket. Must run inside the runtime that will probe.
    fn open(is_v6: bool) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        match linux::Echo::open(is_v6) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            opened => return opened.map(Echo::Stamped),
        }
        plain::Echo::open(is_v6).map(Echo::Plain)
    }

    async fn probe(&self, address: IpAddr, payload: &[u8], patience: Duration) -> Outcome {
        match self {
            #[cfg(target_os = "linux")]
            Echo::Stamped(echo) => echo.probe(address, payload, patience).await,
            Echo::Plain(echo) => echo.probe(address, payload, patience).await,
        }
    }
}

/// Sends ICMP echo requests.
pub struct IcmpProber {
    v4: io::Result<Echo>,
    v6: io::Result<Echo>,
}

impl IcmpProber {
    /// Opens the sockets. Must run inside the runtime that will probe.
    pub fn new() -> Self {
        Self { v4: Echo::open(false), v6: Echo::open(true) }
    }

    /// Whether the system permits ICMP to this address.
    ///
    /// # Errors
    /// Why not, in a phrase.
    pub fn permits(&self, address: IpAddr) -> Result<(), String> {
        self.socket(address).map(|_| ()).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => "ICMP not permitted".to_owned(),
            _ => format!("ICMP not available ({error})"),
        })
    }

    /// Probes an address once, with a payload of that many bytes.
    pub async fn probe_with(&self, address: IpAddr, payload_bytes: u16, timeout: Duration) -> Outcome {
        self.echo(address, &vec![0; usize::from(payload_bytes)], timeout).await
    }

    /// Sends one request with that payload, and waits for its answer.
    pub async fn echo(&self, address: IpAddr, payload: &[u8], timeout: Duration) -> Outcome {
        match self.socket(address) {
            Ok(socket) => socket.probe(address, payload, timeout).await,
            Err(error) => Outcome::Failed { cause: error.to_string() },
        }
    }

    fn socket(&self, address: IpAddr) -> Result<&Echo, &io::Error> {
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
        self.echo(target.address, &PAYLOAD, timeout).await
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn loopback_answers_where_icmp_is_permitted() {
        let prober = IcmpProber::new();
        for address in ["127.0.0.1", "::1"] {
            let target = Target {
                name: "self".into(),
                address: address.parse().expect("an address"),
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

    #[tokio::test]
    async fn hundreds_at_once_get_each_its_own_answer() {
        let prober = IcmpProber::new();
        let address = |number: u16| IpAddr::from([127, 8, number.to_be_bytes()[0], number.to_be_bytes()[1].max(1)]);
        if prober.permits(address(1)).is_err() {
            return;
        }
        // Two probers with raw sockets see each other's packets.
        let other = IcmpProber::new();
        let patience = Duration::from_secs(10);
        let all = (1..=400).map(|number| {
            let prober = if number % 2 == 0 { &prober } else { &other };
            prober.echo(address(number), &[7; 1_000], patience)
        });
        let outcomes = join_all(all).await;
        assert!(outcomes.iter().all(|outcome| outcome.rtt_us().is_some()), "{outcomes:?}");
    }

    #[tokio::test]
    async fn what_is_not_answered_is_lost_and_what_is_not_sent_failed() {
        let prober = IcmpProber::new();
        // A broadcast address is refused, as long as nobody asked for that permission.
        let refused =
            prober.echo("255.255.255.255".parse().expect("an address"), &PAYLOAD, Duration::from_secs(1)).await;
        assert!(!refused.was_sent(), "{refused:?}");
        let nobody = prober.echo("127.0.0.1".parse().expect("an address"), &PAYLOAD, Duration::ZERO).await;
        assert!(nobody == Outcome::Lost || nobody.rtt_us().is_some() || prober.permits([127, 0, 0, 1].into()).is_err());
    }
}
