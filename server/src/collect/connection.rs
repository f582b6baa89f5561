//! The quality of TCP connections, by where they go: the kernel measures every one of them all the time (`sock_diag`(7)).

#[cfg(target_os = "linux")]
mod collector;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use std::io;

use netloom_core::check::{Detail, Finding, Outcome, Phase, connection::group::group};

use crate::check::Means;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use other as system;

#[cfg(target_os = "linux")]
pub use self::collector::ConnectionCollector;
pub use system::{all, tcp_info};

/// Looks now.
pub async fn check(means: &Means) -> Finding {
    // Ten thousand connections take tens of milliseconds, which the probes on this thread must not wait for.
    let read = tokio::task::spawn_blocking(all).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    let connections = match read {
        Ok(connections) => connections,
        Err(error) => {
            let cause = format!("the system does not tell of its connections ({error})");
            return Finding::failed(Phase::Prepare, cause, "the kernel's module tcp_diag has to be there");
        }
    };
    let mut finding = Finding::new(Outcome::Reply);
    let remotes = group(&connections, &means.nodes.names());
    finding.figure("conn_sockets", remotes.iter().map(|remote| f64::from(remote.sockets)).sum());
    finding.detail = Some(Detail::Connections { remotes });
    finding
}
