//! The checks: what Netloom says beside what others know.

mod cut;
mod loss;
mod probes;
mod rtt;
pub(crate) mod verdict;

use std::path::Path;

use anyhow::Result;

use super::net::{Net, Place};
use super::netloom::Netloom;
use super::options::{Group, Options};
use super::relay::Relay;
use super::report::Row;
use crate::interrupt;

#[cfg(test)]
pub(crate) use cut::cut_off;
pub(crate) use probes::PROGRAMS;

/// What the checks work with.
pub(crate) struct Lab {
    /// Where packets go first from here on when they are dropped: Netloom ends before its network does.
    pub(crate) netloom: Netloom,
    /// The delays.
    pub(crate) relay: Relay,
    /// The network.
    pub(crate) net: Net,
}

impl Lab {
    /// Makes the network and starts Netloom in it.
    pub(crate) fn start(nodes: u8, rate: Option<&str>, binary: &Path) -> Result<Self> {
        let net = Net::make(nodes)?;
        for place in net.nodes() {
            rate.iter().try_for_each(|rate| place.limit_rate(rate))?;
        }
        let relay = Relay::start(net.places())?;
        let netloom = Netloom::start(&net, binary)?;
        Ok(Self { netloom, relay, net })
    }
}

/// Runs the chosen checks.
pub(crate) fn run(options: &Options, binary: &Path) -> Result<Vec<Row>> {
    let mut lab = Lab::start(options.nodes, options.rate.as_deref(), binary)?;
    let mut rows = Vec::new();
    for group in &options.groups {
        interrupt::check()?;
        let done = match group {
            Group::Rtt => rtt::run(&lab, options.is_quick)?,
            Group::Loss => loss::run(&lab, options.is_quick)?,
            Group::Verdict => verdict::run(&mut lab, options.is_quick)?,
            Group::Probes => probes::run(&lab, binary, options.is_quick)?,
            Group::Cut => cut::run(&mut lab, options.is_quick)?,
        };
        done.iter().for_each(|row| eprintln!("lab: {}: {} | {}", row.check, row.truth, row.netloom));
        rows.extend(done);
    }
    Ok(rows)
}

/// The labels of what one node measures of another, for a question.
fn pair(src: Place, dst: Place) -> String {
    format!("&src={}&dst={}", src.name(), dst.name())
}
