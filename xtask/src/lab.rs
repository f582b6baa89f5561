//! `cargo xtask lab`: Netloom between network namespaces, held against what the kernel and other programs say.
//!
//! Every node is a namespace with one plug in a switch. Losses are made by rules of the kernel that count what they drop,
//! rates by a token bucket, delays by a relay that packets reach through an interface of their own. So for everything that
//! Netloom reports there is something else that knows the truth.

mod api;
mod check;
mod filter;
mod net;
mod netloom;
mod options;
mod relay;
mod report;
#[cfg(test)]
mod tests;
mod truth;

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{interrupt, server, workspace::Workspace};
use net::Net;
use options::Group;
pub(crate) use options::{Action, Options};
use relay::Relay;

/// The variable that names a binary to use instead of building one.
const BINARY: &str = "NETLOOM_BIN";

/// Does what was asked for. Whatever was made is gone in the end.
pub(crate) fn run(options: &Options) -> Result<()> {
    let compares = options.action == Action::Run && options.groups.contains(&Group::Probes);
    net::require(if compares { check::PROGRAMS } else { &[] })?;
    match options.action {
        Action::Up => up(options),
        Action::Run => checks(options),
        Action::Down => {
            let _lock = net::lock()?;
            net::remove()
        }
    }
}

/// Makes the network and holds it until it is interrupted.
fn up(options: &Options) -> Result<()> {
    interrupt::watch()?;
    let net = Net::make(options.nodes)?;
    for place in net.nodes() {
        options.rate.iter().try_for_each(|rate| place.limit_rate(rate))?;
    }
    let relay = Relay::start(net.places())?;
    for place in net.places() {
        println!("{:<8} {}", place.name(), place.address());
    }
    println!(
        "enter one with `ip netns exec {} bash`; interrupting this removes everything",
        net::Place::Node(1).name()
    );
    while interrupt::sleep(Duration::from_hours(1)).is_ok() {}
    drop((relay, net));
    Ok(())
}

/// Runs the checks against the release binary and prints how they went.
fn checks(options: &Options) -> Result<()> {
    let workspace = Workspace::open();
    let binary = if let Some(binary) = std::env::var_os(BINARY) {
        binary.into()
    } else {
        server::build_with_client(&workspace)?;
        workspace.binary()
    };
    interrupt::watch()?;
    let rows = check::run(options, &binary)?;
    println!("{}", report::table(&rows));
    if let Some(file) = &options.save {
        let document = report::document(&rows, &report::machine());
        std::fs::write(file, document).with_context(|| format!("could not write {}", file.display()))?;
    }
    let failed = rows.iter().filter(|row| !row.is_fine).count();
    if failed > 0 {
        bail!("{failed} of {} checks failed", rows.len());
    }
    Ok(())
}
