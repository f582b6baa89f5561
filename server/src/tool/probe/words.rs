//! Findings as lines for people.

use std::fmt::Write as _;

use netloom_core::check::{Detail, Finding, Outcome, path::PathTrace};

/// The figures of a round, which stand together on one line.
const ROUND: [&str; 8] =
    ["rtt_us", "rtt_avg_us", "rtt_min_us", "rtt_max_us", "rtt_mdev_us", "jitter_us", "loss_ratio", "probes_sent"];
/// Records and interfaces that are listed; more are told by their number.
const LISTED_MAX: usize = 12;

/// A finding: the check on a line, and what was found on indented ones.
pub(super) fn text(check: &str, finding: &Finding) -> String {
    let mut text = check.trim_end_matches(':').to_owned();
    // Writing to a text cannot fail.
    if let Some(address) = finding.address.filter(|address| !check.contains(&address.to_string())) {
        let _ = write!(text, " ({address})");
    }
    match &finding.outcome {
        Outcome::Reply => text.push_str(": reply\n"),
        Outcome::Lost => text.push_str(": lost, nothing came back in time\n"),
        Outcome::Failed { phase, cause, cure } => {
            let _ = writeln!(text, ": failed ({}): {cause}", phase.word());
            if !cure.is_empty() {
                let _ = writeln!(text, "  cure: {cure}");
            }
        }
        Outcome::Skipped { why } => {
            let _ = writeln!(text, ": skipped: {why}");
        }
    }
    if let Some(round) = round(finding) {
        let _ = writeln!(text, "  {round}");
    }
    let figures = finding.figures.iter().filter(|figure| !ROUND.contains(&figure.name.as_str()));
    let figures: Vec<String> = figures.map(|figure| named(&figure.name, figure.value)).collect();
    if !figures.is_empty() {
        let _ = writeln!(text, "  {}", figures.join(", "));
    }
    if let Some(detail) = &finding.detail {
        write_detail(&mut text, detail);
    }
    if finding.phases.len() > 2 {
        let phases = finding.phases.iter().map(|time| format!("{} {}", time.phase.word(), ms(time.us)));
        let _ = writeln!(text, "  phases: {}", phases.collect::<Vec<_>>().join(", "));
    }
    for note in &finding.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    text
}

/// A round as `ping` sums it up.
fn round(finding: &Finding) -> Option<String> {
    let value = |name: &str| finding.value(name);
    let (sent, loss) = (value("probes_sent")?, value("loss_ratio")?);
    let mut line = format!("{sent:.0} sent, {} lost", percent(loss));
    if let (Some(min), Some(avg), Some(max), Some(mdev), Some(median)) =
        (value("rtt_min_us"), value("rtt_avg_us"), value("rtt_max_us"), value("rtt_mdev_us"), value("rtt_us"))
    {
        let [min, avg, max, mdev] = [min, avg, max, mdev].map(|us| format!("{:.3}", us / 1e3));
        let _ = write!(line, ", rtt min/avg/max/mdev = {min}/{avg}/{max}/{mdev} ms, median {}", ms(median));
    }
    if let Some(jitter) = value("jitter_us") {
        let _ = write!(line, ", jitter {}", ms(jitter));
    }
    Some(line)
}

/// A figure by its name, whose last word is the unit.
fn named(name: &str, value: f64) -> String {
    let (words, unit) = name.rsplit_once('_').unwrap_or((name, ""));
    let value = match unit {
        "us" => ms(value),
        "bps" => format!("{:.1} Mbit/s", value / 1e6),
        "ratio" => percent(value),
        "bytes" => format!("{value:.0} bytes"),
        _ => return format!("{} {value:.0}", name.replace('_', " ")),
    };
    format!("{} {value}", words.replace('_', " "))
}

fn ms(us: f64) -> String {
    format!("{:.3} ms", us / 1e3)
}

fn percent(ratio: f64) -> String {
    let percent = (ratio * 1e3).round() / 10.0;
    format!("{percent} %")
}

fn write_detail(text: &mut String, detail: &Detail) {
    match detail {
        Detail::Answers { status, records } => {
            let _ = writeln!(text, "  {status}, {} records", records.len());
            for (data, ttl_s) in records.iter().take(LISTED_MAX) {
                let _ = writeln!(text, "    {data} (kept {ttl_s} s)");
            }
        }
        Detail::Response { status, version, body_bytes } => {
            let _ = writeln!(text, "  {version} {status}, {body_bytes} bytes");
        }
        Detail::Path(trace) => write_path(text, trace),
        Detail::Interfaces { interfaces } => {
            for interface in interfaces {
                let state = if interface.is_up { "up" } else { "down" };
                let speed = interface.speed_mbps.map_or_else(String::new, |speed| format!(", {speed} Mbit/s"));
                let mtu = interface.mtu_bytes.map_or_else(String::new, |mtu| format!(", MTU {mtu}"));
                let _ = write!(text, "  {}: {state}{speed}{mtu}", interface.name);
                for (cause, count) in &interface.errors {
                    let _ = write!(text, ", {cause} {count}");
                }
                text.push('\n');
            }
        }
        Detail::Connections { remotes } => {
            for remote in remotes.iter().take(LISTED_MAX) {
                let rtt = remote.rtt_us.map_or_else(String::new, |us| format!(", rtt {}", ms(us)));
                let again = remote
                    .retransmit_ratio
                    .map_or_else(String::new, |ratio| format!(", {} sent again", percent(ratio)));
                let _ = writeln!(text, "  {}: {} connections{rtt}{again}", remote.remote, remote.sockets);
            }
        }
        Detail::Round { .. } | Detail::Throughput(_) => {}
    }
}

fn write_path(text: &mut String, trace: &PathTrace) {
    for flow in &trace.flows {
        let _ = writeln!(text, "  flow {}", flow.flow);
        for hop in &flow.hops {
            let who = hop.address.map_or_else(|| "*".to_owned(), |address| address.to_string());
            let rtt = hop.rtt_us.map_or_else(String::new, |us| format!("  {}", ms(us)));
            let refusal = if hop.refusal.is_empty() { String::new() } else { format!("  {}", hop.refusal) };
            let _ = writeln!(text, "    {:>2}  {who}{rtt}  {}/{}{refusal}", hop.ttl, hop.answered, hop.sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use netloom_core::check::{Phase, round};

    use super::*;

    #[test]
    fn a_round_reads_like_ping() {
        let mut finding = round::finding(vec![Some(1_000.0), None, Some(3_000.0), Some(2_000.0)]);
        finding.note("1 answer came more than once");
        let expected = "icmp://a: reply\n  4 sent, 25 % lost, rtt min/avg/max/mdev = 1.000/2.000/3.000/0.816 ms, median \
                        2.000 ms, jitter 1.000 ms\n  note: 1 answer came more than once\n";
        assert_eq!(text("icmp://a", &finding), expected);
    }

    #[test]
    fn a_failure_says_where_why_and_what_would_help() {
        let finding = Finding::failed(Phase::Tls, "it has expired", "renew it");
        assert_eq!(text("https://a", &finding), "https://a: failed (TLS): it has expired\n  cure: renew it\n");
    }

    #[test]
    fn figures_are_told_in_the_units_of_people() {
        assert_eq!(named("redis_ping_us", 1_234.0), "redis ping 1.234 ms");
        assert_eq!(named("throughput_bps", 9.5e8), "throughput 950.0 Mbit/s");
        assert_eq!(named("syn_retransmits", 2.0), "syn retransmits 2");
    }
}
