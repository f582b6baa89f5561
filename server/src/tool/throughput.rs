//! `netloom throughput`: asks for a test, or is the other end of tests.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use netloom_core::{
    check::{
        Detail, Finding, Outcome, Progress,
        spec::Family,
        throughput::{
            Direction, Flowed, Protocol, ThroughputResult, ThroughputSpec, budget,
            rate::{words_bps, words_bytes},
            wire,
        },
    },
    uplink::hex,
};

use super::probe;
use crate::{
    check::Means,
    cli::{ThroughputArgs, ThroughputRole, ThroughputServeArgs},
    exit, private,
    probe::throughput::{
        self,
        far::{FarEnd, Offer, Served},
        turn::Turns,
    },
};

/// How long a ticket that was printed is good.
const TICKET_GOOD: Duration = Duration::from_hours(1);
/// Bytes of a random ticket.
const TICKET_BYTES: usize = 16;

/// Runs the command.
///
/// # Errors
/// One line: what is wrong with the arguments, or that it cannot listen.
pub async fn run(args: &ThroughputArgs) -> anyhow::Result<u8> {
    match &args.role {
        Some(ThroughputRole::Serve(args)) => serve(args).await,
        None => ask(args).await,
    }
}

async fn ask(args: &ThroughputArgs) -> anyhow::Result<u8> {
    let spec = spec(args)?;
    say(&format!("{}.", spec.budget_words()));
    let finding = throughput::check(&spec, &Means::of_terminal(), &|progress| live(&progress)).await;
    if args.json {
        probe::print(&(serde_json::to_string(&finding)? + "\n"))?;
    } else {
        print(&finding)?;
    }
    Ok(if finding.outcome == Outcome::Reply { exit::FINE } else { exit::ERROR })
}

fn spec(args: &ThroughputArgs) -> anyhow::Result<ThroughputSpec> {
    let (host, port) = place(args.host.as_deref().unwrap_or_default())?;
    let ticket = args.ticket.clone().unwrap_or_default();
    if !wire::is_ticket(&ticket) {
        bail!("--ticket: this is none; take the one that netloom throughput serve prints");
    }
    let spec = ThroughputSpec {
        host,
        family: if args.v6 {
            Family::V6
        } else if args.v4 {
            Family::V4
        } else {
            Family::Any
        },
        port,
        ticket,
        protocol: if args.udp { Protocol::Udp } else { Protocol::Tcp },
        direction: if args.bidir {
            Direction::Both
        } else if args.reverse {
            Direction::Down
        } else {
            Direction::Up
        },
        streams: args.streams,
        duration_ms: args.seconds * 1_000,
        warm_up_ms: args.warm_up_s * 1_000,
        bytes_max: args.bytes_max.unwrap_or(budget::BYTES_ANY),
        rate_bps: if args.udp { args.rate_bps } else { 0 },
    };
    spec.check().map_err(|(field, why)| anyhow!("{field} {why}"))?;
    Ok(spec)
}

/// `HOST:PORT`, with an address of IPv6 in brackets.
fn place(text: &str) -> anyhow::Result<(String, u16)> {
    let (host, port) = text.rsplit_once(':').ok_or_else(|| anyhow!("{text:?} has no port: write HOST:PORT"))?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| anyhow!("{port:?} is no port"))?;
    if host.is_empty() {
        bail!("{text:?} has no host: write HOST:PORT");
    }
    Ok((host.to_owned(), port))
}

/// A line on standard error, if anybody listens there.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A line for each second.
fn live(progress: &Progress) {
    let of = |name: &str| progress.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value);
    let rate = |name: &str, arrow: &str| of(name).map(|bps| format!("{arrow} {}", words_bps(bps)));
    let rates: Vec<String> =
        [rate("throughput_up_bps", "up"), rate("throughput_down_bps", "down")].into_iter().flatten().collect();
    say(&format!("{:3.0} %  {}", progress.done_ratio * 100.0, rates.join("   ")));
}

fn print(finding: &Finding) -> io::Result<()> {
    match &finding.outcome {
        Outcome::Failed { phase, cause, cure } => {
            say(&format!("netloom: {} ({cause})", phase.word()));
            if !cure.is_empty() {
                say(&format!("netloom: {cure}"));
            }
        }
        Outcome::Skipped { why } => say(&format!("netloom: {why}")),
        Outcome::Lost => say("netloom: nothing came back"),
        Outcome::Reply => {}
    }
    if let Some(Detail::Throughput(result)) = &finding.detail {
        for line in lines(result) {
            probe::print(&(line + "\n"))?;
        }
    }
    finding.notes.iter().for_each(|note| say(note));
    Ok(())
}

fn lines(result: &ThroughputResult) -> Vec<String> {
    let flow = |word: &str, flowed: &Option<Flowed>| flowed.as_ref().map(|flowed| line(word, flowed));
    let mut lines: Vec<String> = [flow("up", &result.up), flow("down", &result.down)].into_iter().flatten().collect();
    let ms = |us: f64| format!("{:.2} ms", us / 1e3);
    if let (Some(idle), Some(loaded)) = (result.idle_rtt_us, result.loaded_rtt_us) {
        lines.push(format!("round trip {} idle, {} under load", ms(idle), ms(loaded)));
    }
    lines
}

fn line(word: &str, flowed: &Flowed) -> String {
    let mut parts = vec![format!(
        "{word} {}, {} in {:.2} s",
        words_bps(flowed.bps),
        words_bytes(flowed.bytes),
        flowed.duration_ms / 1e3
    )];
    parts.extend(flowed.retransmits.map(|count| format!("{count} retransmitted")));
    parts.extend(flowed.loss_ratio.map(|ratio| format!("{:.2} % lost", ratio * 100.0)));
    parts.extend(flowed.jitter_us.map(|us| format!("jitter {us:.0} µs")));
    parts.join(", ")
}

async fn serve(args: &ThroughputServeArgs) -> anyhow::Result<u8> {
    if args.ticket.as_deref().is_some_and(|ticket| !wire::is_ticket(ticket)) {
        bail!("--ticket: must be {} to {} letters and digits", wire::TICKET_MIN_CHARS, wire::TICKET_MAX_CHARS);
    }
    let mut far = FarEnd::bind(args.listen).context("cannot listen for tests (--listen)")?;
    far.turns = Turns::of_machine();
    loop {
        let ticket = match &args.ticket {
            Some(ticket) => ticket.clone(),
            None => hex(&private::random::<TICKET_BYTES>()?),
        };
        probe::print(&(invitation(far.address(), &ticket) + "\n"))?;
        let offer = Offer {
            ticket,
            within: TICKET_GOOD,
            longest: Duration::from_millis(budget::DURATION_MAX_MS + budget::WARM_UP_MAX_MS),
            bytes_max: u64::MAX,
        };
        match far.serve(&offer).await {
            Ok(served) => say(&told(&served)),
            Err(why) => say(&format!("netloom: {why}")),
        }
        if args.one_off {
            return Ok(exit::FINE);
        }
    }
}

/// What to type at the other end. A wildcard stands for whatever this machine is called there.
fn invitation(address: SocketAddr, ticket: &str) -> String {
    let host = if address.ip().is_unspecified() { format!("HOST:{}", address.port()) } else { address.to_string() };
    format!("netloom throughput {host} --ticket {ticket}")
}

fn told(served: &Served) -> String {
    let peer = SocketAddr::new(served.peer.ip().to_canonical(), served.peer.port());
    match &served.received {
        Some(flowed) => format!("{peer}: {}", line("received", flowed)),
        None => format!("{peer}: sent, counted there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_and_a_port() {
        assert_eq!(place("node-7:5201").expect("right"), ("node-7".to_owned(), 5_201));
        assert_eq!(place("[::1]:80").expect("right"), ("::1".to_owned(), 80));
        for wrong in ["", "node-7", ":80", "node-7:", "node-7:0", "node-7:70000"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
