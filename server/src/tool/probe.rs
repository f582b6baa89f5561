//! `netloom probe`: checks side by side, and what they found.

mod words;

use std::{
    io::{self, Write as _},
    time::Duration,
};

use anyhow::{anyhow, bail};
use futures::{StreamExt as _, stream::FuturesOrdered};
use netloom_core::check::{Check, Finding, Outcome, spec::Family};
use serde::Serialize;

use crate::{
    check::{self, Means},
    cli::ProbeArgs,
    exit,
};

/// A check and what it found, as `--json` writes it.
#[derive(Debug, Serialize)]
struct Probed {
    /// The check as an address.
    check: String,
    #[serde(flatten)]
    finding: Finding,
}

/// Runs the checks and prints what they found in the order in which they were named.
///
/// # Errors
/// When an address is no check.
pub async fn run(args: &ProbeArgs) -> anyhow::Result<u8> {
    let checks = args.addresses.iter().map(|address| understood(address, args));
    let checks: Vec<Check> = checks.collect::<anyhow::Result<_>>()?;
    let means = Means::of_terminal();
    let mut running: FuturesOrdered<_> = checks.iter().map(|check| probed(check, &means)).collect();
    let mut all = Vec::new();
    let mut code = exit::FINE;
    while let Some(probed) = running.next().await {
        if probed.finding.outcome != Outcome::Reply {
            code = exit::WARNING;
        }
        if args.json {
            all.push(probed);
        } else {
            print(&words::text(&probed.check, &probed.finding))?;
        }
    }
    if args.json {
        print(&(serde_json::to_string_pretty(&all)? + "\n"))?;
    }
    Ok(code)
}

async fn probed(check: &Check, means: &Means) -> Probed {
    let limit = Duration::from_millis(check.longest_ms());
    let finding = check::run(check, means, limit, &|_| {}).await;
    Probed { check: check.to_string(), finding }
}

/// Who reads no further has seen enough.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// The check of an address, with what the flags say.
fn understood(address: &str, args: &ProbeArgs) -> anyhow::Result<Check> {
    let is_bare = !address.contains("://") && !address.ends_with(':');
    let in_full = if is_bare { format!("icmp://{address}") } else { address.to_owned() };
    let mut check = Check::parse(&in_full).map_err(|why| anyhow!("{address}: {why}"))?;
    if let Some(count) = args.count {
        match &mut check {
            Check::Icmp(spec) | Check::Tcp(spec) | Check::Udp(spec) => spec.packets = count,
            Check::Redis(spec) => spec.packets = count,
            _ => {}
        }
    }
    if let (Some(interval), Check::Icmp(spec) | Check::Tcp(spec) | Check::Udp(spec)) = (args.interval, &mut check) {
        spec.interval_ms = interval;
    }
    if let Some(timeout) = args.timeout {
        set_timeout(&mut check, timeout);
    }
    let family = match (args.ipv4, args.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => return Ok(check),
    };
    if !set_family(&mut check, family) {
        bail!("{address}: -4 and -6 do not go with it: name an address of that family instead");
    }
    Ok(check)
}

fn set_timeout(check: &mut Check, timeout_ms: u64) {
    match check {
        Check::Icmp(spec) | Check::Tcp(spec) | Check::Udp(spec) => spec.timeout_ms = timeout_ms,
        Check::Dns(spec) => spec.timeout_ms = timeout_ms,
        Check::Http(spec) => spec.timeout_ms = timeout_ms,
        Check::Path(spec) => spec.timeout_ms = timeout_ms,
        Check::Mtu(spec) => spec.timeout_ms = timeout_ms,
        Check::Redis(spec) => spec.timeout_ms = timeout_ms,
        Check::Download(_) | Check::Throughput(_) | Check::Iperf3(_) | Check::Interfaces | Check::Connections => {}
    }
}

/// Returns whether such a check can choose.
fn set_family(check: &mut Check, family: Family) -> bool {
    match check {
        Check::Icmp(spec) | Check::Tcp(spec) | Check::Udp(spec) => spec.family = family,
        Check::Path(spec) => spec.family = family,
        Check::Mtu(spec) => spec.family = family,
        Check::Redis(spec) => spec.family = family,
        Check::Throughput(spec) => spec.family = family,
        Check::Iperf3(spec) => spec.family = family,
        Check::Dns(_) | Check::Http(_) | Check::Download(_) => return false,
        Check::Interfaces | Check::Connections => {}
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(address: &str) -> ProbeArgs {
        ProbeArgs {
            addresses: vec![address.to_owned()],
            json: false,
            ipv4: false,
            ipv6: false,
            count: Some(3),
            interval: Some(100),
            timeout: Some(700),
        }
    }

    #[test]
    fn flags_say_what_the_address_leaves_open() {
        for (address, expected) in [
            ("10.0.0.1", "icmp://10.0.0.1?packets=3&interval_ms=100&timeout_ms=700"),
            ("::1", "icmp://[::1]?packets=3&interval_ms=100&timeout_ms=700"),
            ("https://a.example/", "https://a.example/#timeout_ms=700"),
            ("redis://a", "redis://a?packets=3&timeout_ms=700"),
            ("interfaces:", "interfaces:"),
        ] {
            let check = understood(address, &args(address)).expect(address);
            assert_eq!(check.to_string(), expected);
        }
    }

    #[test]
    fn a_family_that_cannot_be_chosen_is_refused() {
        let six = |address: &str| understood(address, &ProbeArgs { ipv6: true, ..args(address) });
        assert!(six("a.example").expect("icmp").to_string().contains("family=6"));
        assert!(six("http://a.example").expect_err("no choice").to_string().contains("-6"));
        assert!(six("a.example:").expect_err("no address").to_string().contains("tcp://HOST:PORT"));
    }
}
