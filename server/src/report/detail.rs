//! What a single check found, in full.

use std::{fmt::Write as _, net::IpAddr};

use netloom_core::{
    check::{
        Detail, Finding, Outcome,
        connection::RemoteQuality,
        interface::InterfaceDepth,
        path::{Hop, PathTrace},
        throughput::{Flowed, ThroughputResult},
    },
    unit::{Unit, bytes_figure},
};

use super::{draw, escaped, words};

/// Rows of a table at most: the rest is in the JSON.
const ROWS_MAX: usize = 64;

/// The finding as HTML.
pub(super) fn finding(finding: &Finding) -> String {
    let mut html = outcome(finding);
    html += &draw::phases(&finding.phases);
    if !finding.figures.is_empty() {
        let rows = finding.figures.iter().map(|one| (words::label(&one.name), words::figure(&one.name, one.value)));
        html += &pairs("Figures", rows);
    }
    if let Some(detail) = &finding.detail {
        html += &self::detail(detail);
    }
    if !finding.notes.is_empty() {
        let notes =
            finding.notes.iter().fold(String::new(), |html, note| html + &format!("<li>{}</li>", escaped(note)));
        html += &["<ul class=\"notes\">", &notes, "</ul>"].concat();
    }
    html
}

fn outcome(finding: &Finding) -> String {
    let address = finding.address.map(|address| format!(" ({address})")).unwrap_or_default();
    match &finding.outcome {
        Outcome::Reply => format!("<p class=\"outcome\">Answered{address}.</p>"),
        Outcome::Lost => format!("<p class=\"outcome\">No answer came in time{address}.</p>"),
        Outcome::Skipped { why } => format!("<p class=\"outcome\">Not tried: {}.</p>", escaped(why)),
        Outcome::Failed { phase, cause, cure } => {
            let cure = if cure.is_empty() { String::new() } else { format!(" What would help: {}.", escaped(cure)) };
            format!("<p class=\"outcome\">Failed at {}{address}: {}.{cure}</p>", phase.word(), escaped(cause))
        }
    }
}

fn detail(detail: &Detail) -> String {
    match detail {
        Detail::Round { rtts_us } => draw::bars(rtts_us, Unit::Microseconds, "Round trips"),
        Detail::Answers { status, records } => {
            let rows = records.iter().map(|(data, ttl_s)| vec![data.clone(), format!("{ttl_s} s")]);
            format!("<p>Status {}.</p>{}", escaped(status), table("Records", &["Data", "Lives for"], rows))
        }
        Detail::Response { status, version, body_bytes } => {
            let size = bytes_figure(*body_bytes as f64);
            format!("<p>{} answered with status {status} and {size}.</p>", escaped(version))
        }
        Detail::Path(trace) => path(trace),
        Detail::Throughput(result) => throughput(result),
        Detail::Interfaces { interfaces } => self::interfaces(interfaces),
        Detail::Connections { remotes } => connections(remotes),
    }
}

/// A row for each hop: who answered in each flow, which is one when all went the same way.
fn path(trace: &PathTrace) -> String {
    let mut html = String::new();
    for (at, flow) in trace.flows.iter().enumerate() {
        if trace.flows[..at].iter().any(|earlier| addresses(&earlier.hops) == addresses(&flow.hops)) {
            let _ = write!(html, "<p>Flow {} took the same way as an earlier one.</p>", flow.flow);
            continue;
        }
        let rows = flow.hops.iter().map(|hop| {
            let who = hop.address.map_or_else(|| "no answer".to_owned(), |address| address.to_string());
            let time = hop.rtt_us.map(|us| Unit::Microseconds.figure(us).to_string()).unwrap_or_default();
            vec![hop.ttl.to_string(), who, format!("{} of {}", hop.answered, hop.sent), time, hop.refusal.clone()]
        });
        let caption = format!("Way by {}, flow {}", trace.mode.label().to_uppercase(), flow.flow);
        html += &table(&caption, &["Hop", "Who", "Answered", "Round trip", "Says"], rows);
    }
    let end = if trace.is_reached { "was reached" } else { "was not reached" };
    format!("{html}<p>{} {end}.</p>", trace.address)
}

fn addresses(hops: &[Hop]) -> Vec<Option<IpAddr>> {
    hops.iter().map(|hop| hop.address).collect()
}

fn throughput(result: &ThroughputResult) -> String {
    let mut html =
        format!("<p>{} streams over {:?}, slices of {} ms.</p>", result.streams, result.protocol, result.slice_ms);
    for (way, flowed) in [("There", &result.up), ("Back", &result.down)] {
        if let Some(flowed) = flowed {
            html += &direction(way, flowed);
        }
    }
    let time = |us: Option<f64>| us.map(|us| Unit::Microseconds.figure(us).to_string());
    if let (Some(idle), Some(loaded)) = (time(result.idle_rtt_us), time(result.loaded_rtt_us)) {
        let _ = write!(html, "<p>Round trip {idle} before the test, {loaded} during it.</p>");
    }
    html
}

fn direction(way: &str, flowed: &Flowed) -> String {
    let slices: Vec<Option<f64>> = flowed.slices_bps.iter().copied().map(Some).collect();
    let mut facts = format!("{way}: {} over {:.1} s", Unit::BitsPerSecond.figure(flowed.bps), flowed.duration_ms / 1e3);
    if let Some(retransmits) = flowed.retransmits {
        let _ = write!(facts, ", {retransmits} segments sent again");
    }
    if let Some(loss) = flowed.loss_ratio {
        let _ = write!(facts, ", {} lost", Unit::Ratio.figure(loss));
    }
    format!("<p>{facts}.</p>{}", draw::bars(&slices, Unit::BitsPerSecond, way))
}

fn interfaces(interfaces: &[InterfaceDepth]) -> String {
    let rows = interfaces.iter().map(|one| {
        let errors: Vec<String> =
            one.errors.iter().map(|(cause, count)| format!("{count} {}", cause.replace('_', " "))).collect();
        let bond = one.bond.as_ref().map(|bond| {
            let members: Vec<&str> = bond.members.iter().map(|member| member.name.as_str()).collect();
            format!(" ({} of {})", bond.mode, members.join(", "))
        });
        vec![
            format!("{}{}", one.name, bond.unwrap_or_default()),
            if one.is_up { "up" } else { "down" }.to_owned(),
            one.speed_mbps.map(|speed| format!("{speed} Mbit/s")).unwrap_or_default(),
            one.duplex.clone().unwrap_or_default(),
            one.mtu_bytes.map(|mtu| mtu.to_string()).unwrap_or_default(),
            one.driver.clone().unwrap_or_default(),
            format!("{} / {}", one.rx_queues, one.tx_queues),
            errors.join(", "),
        ]
    });
    let head = ["Interface", "State", "Speed", "Duplex", "MTU", "Driver", "Queues in / out", "Errors and drops"];
    table("Interfaces", &head, rows)
}

fn connections(remotes: &[RemoteQuality]) -> String {
    let time = |us: Option<f64>| us.map(|us| Unit::Microseconds.figure(us).to_string()).unwrap_or_default();
    let rows = remotes.iter().map(|one| {
        vec![
            one.remote.clone(),
            one.sockets.to_string(),
            time(one.rtt_us),
            time(one.rtt_min_us),
            one.retransmit_ratio.map(|ratio| Unit::Ratio.figure(ratio).to_string()).unwrap_or_default(),
            one.delivery_bps.map(|bps| Unit::BitsPerSecond.figure(bps).to_string()).unwrap_or_default(),
            bytes_figure(one.sent_bytes as f64).to_string(),
            bytes_figure(one.received_bytes as f64).to_string(),
        ]
    });
    let head = ["Where to", "Connections", "Round trip", "Shortest", "Sent again", "Delivered", "Sent", "Received"];
    table("TCP connections", &head, rows)
}

fn pairs(caption: &str, rows: impl Iterator<Item = (String, String)>) -> String {
    let rows = rows.take(ROWS_MAX).fold(String::new(), |html, (name, value)| {
        html + &format!(
            "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td></tr>",
            escaped(&name),
            escaped(&value)
        )
    });
    format!("<table class=\"figures\"><caption>{}</caption><tbody>{rows}</tbody></table>", escaped(caption))
}

fn table(caption: &str, head: &[&str], rows: impl ExactSizeIterator<Item = Vec<String>>) -> String {
    let more = rows.len().saturating_sub(ROWS_MAX);
    let cells =
        |row: Vec<String>| row.iter().fold(String::new(), |html, cell| html + &format!("<td>{}</td>", escaped(cell)));
    let body = rows.take(ROWS_MAX).fold(String::new(), |html, row| html + &format!("<tr>{}</tr>", cells(row)));
    let head = head.iter().fold(String::new(), |html, cell| html + &format!("<th scope=\"col\">{cell}</th>"));
    let more = if more > 0 { format!("<p>{more} more are in the JSON.</p>") } else { String::new() };
    format!(
        "<div class=\"wide\"><table><caption>{}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}",
        escaped(caption)
    )
}
