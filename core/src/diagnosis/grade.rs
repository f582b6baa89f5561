//! What a single finding means: how bad it is, and the figure or the cause that people look at first.
//!
//! Only what is bad on any network is judged here; what a finding means beside the others is for the verdict to say.

mod local;

pub use local::{faults, is_lossy as is_lossy_remote};

use super::{Grade, ItemSpec, plan};
use crate::{
    check::{Check, Detail, Finding, Outcome, Phase, path::PathTrace},
    unit::Unit,
};

/// More loss than this is bad: TCP's throughput falls with the square root of it, and at 1 % a path of 10 ms carries about
/// 10 Mbit/s per connection (Mathis et al. 1997).
pub const LOSS_BAD_RATIO: f64 = 0.01;
/// A single lost packet of a round is chance as often as not; it takes more to call a path lossy.
const LOST_BAD_PACKETS: f64 = 1.5;
/// A round trip to the gateway or to another node takes less than this in any building; more is a queue, or radio.
const NEAR_RTT_NOTABLE_US: f64 = 50_000.0;
/// A round trip around the world takes 0.3 s; more is a queue, or a satellite.
const FAR_RTT_NOTABLE_US: f64 = 400_000.0;
/// Round-trip times that differ by more than this from one to the next are a queue that fills and empties.
const JITTER_NOTABLE_US: f64 = 30_000.0;
/// People notice a look-up that takes longer, and everything that opens connections does it often.
const LOOKUP_NOTABLE_US: f64 = 500_000.0;
/// The same for an answer of a web server.
const HTTP_NOTABLE_US: f64 = 2_000_000.0;
/// A store of locks and queues that takes longer holds up whoever asks it at every step.
const REDIS_NOTABLE_US: f64 = 50_000.0;
/// What Ethernet carries, and everything that is not a tunnel.
const MTU_USUAL_BYTES: f64 = 1_500.0;
/// Less than any link has to carry for version 6 (RFC 8200 section 5).
const MTU_BAD_BYTES: f64 = 1_280.0;
/// A round trip may take this much longer under load; more is a buffer that holds everybody up.
const LOADED_NOTABLE_US: f64 = 100_000.0;

/// Whether a finding shows that the host is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answered, be it with a refusal.
    Answered,
    /// It did not.
    Silent,
    /// Nothing can be said: it was not asked.
    None,
}

/// Whether a finding shows that the host is there.
pub fn sign(finding: &Finding) -> Sign {
    match (&finding.outcome, &finding.detail) {
        (Outcome::Reply, Some(Detail::Path(trace))) => {
            if trace.is_reached {
                Sign::Answered
            } else {
                Sign::Silent
            }
        }
        // What was cut off here says nothing of the host.
        (Outcome::Failed { .. }, _) if finding.is_cut_off() => Sign::None,
        (Outcome::Skipped { .. }, _) => Sign::None,
        (Outcome::Lost, _) => Sign::Silent,
        // A name server that will not, or cannot, answers all the same.
        (Outcome::Reply, _) | (Outcome::Failed { .. }, Some(Detail::Answers { .. })) => Sign::Answered,
        (Outcome::Failed { phase, .. }, _) => match phase {
            _ if is_refusal(finding) => Sign::Answered,
            // No route leads there.
            _ if is_unreachable(finding) => Sign::Silent,
            Phase::Prepare | Phase::Resolve => Sign::None,
            // Connected it was.
            Phase::Tls | Phase::Authenticate | Phase::Transfer => Sign::Answered,
            Phase::Connect | Phase::Send | Phase::Wait => Sign::Silent,
        },
    }
}

/// Whether the host said that nobody listens there.
pub fn is_refusal(finding: &Finding) -> bool {
    let says = |text: &str| text.contains("refused") || text.contains("closed") || text.contains("reset");
    match &finding.outcome {
        Outcome::Failed { phase: Phase::Connect | Phase::Send | Phase::Wait, cause, .. } => says(cause),
        Outcome::Reply => finding.notes.iter().any(|note| says(note)),
        _ => false,
    }
}

/// Whether this machine, or a router, says that no way leads there.
fn is_unreachable(finding: &Finding) -> bool {
    matches!(&finding.outcome, Outcome::Failed { cause, .. } if cause.to_lowercase().contains("unreachable"))
}

/// How bad it is, and the headline.
pub fn grade(spec: &ItemSpec, finding: &Finding) -> (Grade, String) {
    match &finding.outcome {
        Outcome::Reply => answered(spec, finding),
        Outcome::Skipped { why } => (Grade::Unknown, why.clone()),
        Outcome::Lost if plan::is_optional(spec) => (Grade::Unknown, "no answer, which may be meant so".to_owned()),
        // Hosts and routers need not answer such packets.
        Outcome::Lost if matches!(spec.check, Check::Path(_) | Check::Mtu(_)) => {
            (Grade::Unknown, "no answer to such packets".to_owned())
        }
        Outcome::Lost => (Grade::Bad, lost(finding)),
        Outcome::Failed { cause, .. } if finding.is_cut_off() => (Grade::Unknown, cause.clone()),
        Outcome::Failed { .. } if plan::is_optional(spec) && is_refusal(finding) => {
            (Grade::Fine, "nobody listens there; the host answers".to_owned())
        }
        Outcome::Failed { cause, .. } if plan::is_optional(spec) => (Grade::Unknown, cause.clone()),
        // It says something about this machine and nothing about the network, unless that is what was asked.
        Outcome::Failed { phase: Phase::Prepare, cause, .. }
            if plan::missing(spec).is_none() && !is_unreachable(finding) =>
        {
            (Grade::Unknown, cause.clone())
        }
        Outcome::Failed { cause, .. } => (Grade::Bad, cause.clone()),
    }
}

/// How many packets a round sent, as far as that is known.
pub fn sent_packets(finding: &Finding) -> Option<f64> {
    finding.value("probes_sent").or(match &finding.detail {
        Some(Detail::Round { rtts_us }) => Some(rtts_us.len() as f64),
        _ => None,
    })
}

fn lost(finding: &Finding) -> String {
    sent_packets(finding).map_or_else(|| "no answer".to_owned(), |sent| format!("no answer to {sent} packets"))
}

fn answered(spec: &ItemSpec, finding: &Finding) -> (Grade, String) {
    match &spec.check {
        Check::Icmp(_) | Check::Tcp(_) | Check::Udp(_) => round(spec, finding),
        Check::Dns(question) => dns(&question.name, finding),
        Check::Http(_) => http(spec, finding),
        Check::Path(_) => path(finding),
        Check::Mtu(_) => mtu(finding),
        Check::Throughput(_) | Check::Iperf3(_) | Check::Download(_) => load(finding),
        Check::Redis(_) => redis(finding),
        Check::Interfaces => local::interfaces(finding),
        Check::Connections => local::connections(finding),
    }
}

/// A time as people read it.
fn time(us: f64) -> String {
    Unit::Microseconds.figure(us).to_string()
}

/// A part as people read it.
pub fn part_of(ratio: f64) -> String {
    Unit::Ratio.figure(ratio).to_string()
}

/// The typical time of a round.
fn typical_us(finding: &Finding) -> Option<f64> {
    ["rtt_us", "tcp_connect_us", "udp_echo_us"].iter().find_map(|name| finding.value(name))
}

/// How many packets of a round were lost.
pub fn lost_packets(finding: &Finding) -> f64 {
    finding.value("loss_ratio").unwrap_or(0.0) * sent_packets(finding).unwrap_or(0.0)
}

/// Whether so much was lost that it is no chance.
pub fn is_lossy(finding: &Finding) -> bool {
    // Where nothing comes back, it is something else than loss.
    finding.outcome == Outcome::Reply
        && finding.value("loss_ratio").is_some_and(|loss| loss > LOSS_BAD_RATIO)
        && lost_packets(finding) > LOST_BAD_PACKETS
}

/// Whether round trips take long, or differ much.
pub fn is_slow(spec: &ItemSpec, finding: &Finding) -> bool {
    let is_near = matches!(spec.subject.as_str(), plan::GATEWAY | plan::PEERS);
    let slow_us = if is_near { NEAR_RTT_NOTABLE_US } else { FAR_RTT_NOTABLE_US };
    let is_round = matches!(spec.check, Check::Icmp(_) | Check::Tcp(_) | Check::Udp(_));
    let is_above = |value: Option<f64>, limit: f64| value.is_some_and(|value| value > limit);
    is_round && (is_above(typical_us(finding), slow_us) || is_above(finding.value("jitter_us"), JITTER_NOTABLE_US))
}

fn round(spec: &ItemSpec, finding: &Finding) -> (Grade, String) {
    let loss = finding.value("loss_ratio").unwrap_or(0.0);
    let rtt_us = typical_us(finding);
    let mut parts = rtt_us.map(time).into_iter().collect::<Vec<_>>();
    parts.push(format!("{} lost", part_of(loss)));
    let mut grade = if is_lossy(finding) {
        Grade::Bad
    } else if loss > 0.0 || is_slow(spec, finding) {
        Grade::Notable
    } else {
        Grade::Fine
    };
    if let Some(jitter_us) = finding.value("jitter_us").filter(|us| *us > JITTER_NOTABLE_US) {
        parts.push(format!("times differ by {}", time(jitter_us)));
    }
    if let Some(again) = finding.value("syn_retransmits").filter(|count| *count > 0.0) {
        parts.push(format!("{again} SYN sent again"));
        grade = grade.max(Grade::Notable);
    }
    if is_refusal(finding) {
        parts.push("port closed".to_owned());
        if !plan::is_optional(spec) {
            grade = Grade::Bad;
        }
    }
    (grade, parts.join(", "))
}

fn dns(name: &str, finding: &Finding) -> (Grade, String) {
    let took_us = finding.value("dns_lookup_us");
    let took = took_us.map(|us| format!(" in {}", time(us))).unwrap_or_default();
    let slow = if took_us.is_some_and(|us| us > LOOKUP_NOTABLE_US) { Grade::Notable } else { Grade::Fine };
    match &finding.detail {
        Some(Detail::Answers { status, records }) if status == "NOERROR" => match records.first() {
            Some((first, _)) => (slow, format!("{first}{took}")),
            None => (slow, format!("{name} is known, without such a record{took}")),
        },
        Some(Detail::Answers { status, .. }) => (Grade::Notable, format!("{status} for {name}{took}")),
        _ => (slow, format!("an answer{took}")),
    }
}

fn http(spec: &ItemSpec, finding: &Finding) -> (Grade, String) {
    let took_us = finding.value("http_total_us");
    let took = took_us.map(|us| format!(" in {}", time(us))).unwrap_or_default();
    let Some(Detail::Response { status, .. }) = &finding.detail else {
        return (Grade::Fine, format!("an answer{took}"));
    };
    let grade = match status {
        _ if plan::is_optional(spec) => Grade::Fine,
        500.. => Grade::Bad,
        // Asked for a password, it does what it should.
        401 | 403 | 0..=399 if took_us.is_some_and(|us| us > HTTP_NOTABLE_US) => Grade::Notable,
        401 | 403 | 0..=399 => Grade::Fine,
        _ => Grade::Notable,
    };
    (grade, format!("status {status}{took}"))
}

fn path(finding: &Finding) -> (Grade, String) {
    let Some(Detail::Path(trace)) = &finding.detail else { return (Grade::Fine, "done".to_owned()) };
    let hops = trace.flows.iter().map(|flow| flow.hops.len()).max().unwrap_or(0);
    let hops = if hops == 1 { "1 hop".to_owned() } else { format!("{hops} hops") };
    if let Some(address) = circle(trace) {
        return (Grade::Bad, format!("goes in circles at {address}"));
    }
    let refusal = trace.flows.iter().flat_map(|flow| &flow.hops).find(|hop| !hop.refusal.is_empty());
    match refusal.filter(|_| !trace.is_reached) {
        Some(hop) => {
            let who = hop.address.map_or_else(|| "somebody".to_owned(), |address| address.to_string());
            (Grade::Notable, format!("{who} says: {}", hop.refusal))
        }
        None if trace.is_reached => {
            let rtt_us = finding.value("path_rtt_us").map(|us| format!(", {}", time(us))).unwrap_or_default();
            (Grade::Fine, format!("{hops}{rtt_us}"))
        }
        // Routers and hosts need not answer such packets.
        None => (Grade::Unknown, format!("seen as far as {hops}, not to the host")),
    }
}

/// A router that is met again farther on, which packets on a sound path never do.
fn circle(trace: &PathTrace) -> Option<std::net::IpAddr> {
    let repeated = |hops: &[crate::check::path::Hop]| {
        let met_again = |(at, hop): (usize, &crate::check::path::Hop)| {
            let address = hop.address.filter(|address| *address != trace.address)?;
            // The last router may say twice that the host does not answer; a third time is another matter.
            let again = hops[at + 1..].iter().filter(|later| later.address == Some(address)).count();
            let is_apart = hops.get(at + 1).is_some_and(|next| next.address.is_some_and(|next| next != address));
            (again >= 2 && is_apart).then_some(address)
        };
        hops.iter().enumerate().find_map(met_again)
    };
    trace.flows.iter().find_map(|flow| repeated(&flow.hops))
}

/// Whether a check of the MTU found that packets vanish without a word.
pub fn is_black_hole(finding: &Finding) -> bool {
    let says_so = |text: &str| text.contains("vanish") || text.contains("black hole");
    match &finding.outcome {
        Outcome::Failed { cause, .. } => says_so(cause),
        _ => finding.notes.iter().any(|note| says_so(note)),
    }
}

fn mtu(finding: &Finding) -> (Grade, String) {
    let Some(bytes) = finding.value("path_mtu_bytes") else { return (Grade::Unknown, "not known".to_owned()) };
    let headline = format!("{bytes} bytes");
    if is_black_hole(finding) {
        return (Grade::Bad, format!("{headline}, larger packets vanish"));
    }
    let grade = if bytes < MTU_BAD_BYTES {
        Grade::Bad
    } else if bytes < MTU_USUAL_BYTES {
        Grade::Notable
    } else {
        Grade::Fine
    };
    (grade, headline)
}

fn load(finding: &Finding) -> (Grade, String) {
    let rate = |name: &str| finding.value(name).map(|bps| Unit::BitsPerSecond.figure(bps).to_string());
    let headline = match (rate("throughput_up_bps"), rate("throughput_down_bps")) {
        (Some(up), Some(down)) => format!("{up} there, {down} back"),
        _ => rate("throughput_bps").unwrap_or_else(|| "done".to_owned()),
    };
    let more_us = finding.value("loaded_rtt_us").zip(finding.value("idle_rtt_us")).map(|(loaded, idle)| loaded - idle);
    match more_us.filter(|us| *us > LOADED_NOTABLE_US) {
        Some(us) => (Grade::Notable, format!("{headline}, {} more latency under load", time(us))),
        None => (Grade::Fine, headline),
    }
}

fn redis(finding: &Finding) -> (Grade, String) {
    let ping_us = finding.value("redis_ping_us");
    let grade = if ping_us.is_some_and(|us| us > REDIS_NOTABLE_US) { Grade::Notable } else { Grade::Fine };
    let ping = ping_us.map(|us| format!("PING {}", time(us)));
    let lock = finding.value("redis_lock_us").map(|us| format!("lock {}", time(us)));
    (grade, ping.into_iter().chain(lock).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{
        Phase,
        path::{Flow, Hop},
        spec::HostSpec,
    };

    fn spec(subject: &str, title: &str, check: Check) -> ItemSpec {
        ItemSpec { subject: subject.into(), title: title.into(), check }
    }

    fn ping(subject: &str) -> ItemSpec {
        let items = plan::plan(
            &crate::errand::Plan { is_usual: true, ..Default::default() },
            &plan::Surroundings { gateways: Some(vec![[10, 0, 0, 1].into()]), ..Default::default() },
        );
        ItemSpec { subject: subject.into(), ..items[0].clone() }
    }

    fn reply(figures: &[(&str, f64)]) -> Finding {
        let mut finding = Finding::new(Outcome::Reply);
        figures.iter().for_each(|(name, value)| finding.figure(name, *value));
        finding
    }

    #[test]
    fn rounds_are_judged_by_loss_and_time() {
        for (subject, figures, expected, headline) in [
            ("x", &[("rtt_us", 310.0), ("loss_ratio", 0.0)][..], Grade::Fine, "310 µs, 0 % lost"),
            (
                "x",
                &[("rtt_us", 310.0), ("loss_ratio", 0.05), ("probes_sent", 20.0)],
                Grade::Notable,
                "310 µs, 5 % lost",
            ),
            ("x", &[("rtt_us", 310.0), ("loss_ratio", 0.1), ("probes_sent", 20.0)], Grade::Bad, "310 µs, 10 % lost"),
            ("x", &[("rtt_us", 90_000.0)], Grade::Fine, "90 ms, 0 % lost"),
            ("gateway", &[("rtt_us", 90_000.0)], Grade::Notable, "90 ms, 0 % lost"),
            ("x", &[("rtt_us", 9e3), ("syn_retransmits", 1.0)], Grade::Notable, "9 ms, 0 % lost, 1 SYN sent again"),
            ("x", &[("rtt_us", 9e3), ("jitter_us", 40e3)], Grade::Notable, "9 ms, 0 % lost, times differ by 40 ms"),
        ] {
            assert_eq!(grade(&ping(subject), &reply(figures)), (expected, headline.to_owned()), "{figures:?}");
        }
    }

    #[test]
    fn what_need_not_be_there_is_no_fault() {
        let mut optional = ping("x");
        optional.title += plan::IF_ANY;
        let refused = Finding::failed(Phase::Connect, "connection refused", "start it");
        assert_eq!(grade(&optional, &refused).0, Grade::Fine);
        assert_eq!(grade(&ping("x"), &refused).0, Grade::Bad);
        assert_eq!(grade(&optional, &Finding::new(Outcome::Lost)).0, Grade::Unknown);
        assert_eq!(grade(&ping("x"), &Finding::new(Outcome::Lost)).0, Grade::Bad);
        let forbidden = Finding::failed(Phase::Prepare, "ICMP not permitted", "");
        assert_eq!(grade(&ping("x"), &forbidden), (Grade::Unknown, "ICMP not permitted".to_owned()));
        assert_eq!((sign(&refused), sign(&forbidden)), (Sign::Answered, Sign::None));
    }

    #[test]
    fn what_was_cut_off_says_nothing_of_the_host_and_a_failure_of_names_is_an_answer() {
        let cut = Finding::cut_off(4.7);
        assert_eq!(sign(&cut), Sign::None);
        assert_eq!(grade(&ping("x"), &cut), (Grade::Unknown, "no end after 4.7 s".to_owned()));
        assert_eq!(sign(&Finding::failed(Phase::Transfer, "the connection broke", "")), Sign::Answered);
        let mut failing = Finding::failed(Phase::Wait, "the server failed (SERVFAIL)", "");
        assert_eq!(sign(&failing), Sign::Silent);
        failing.detail = Some(Detail::Answers { status: "SERVFAIL".into(), records: Vec::new() });
        assert_eq!(sign(&failing), Sign::Answered);
    }

    #[test]
    fn a_small_mtu_is_notable_and_a_black_hole_is_bad() {
        let item = spec(
            "x",
            "MTU",
            Check::Mtu(HostSpec { host: "x".into(), family: crate::check::spec::Family::Any, timeout_ms: 1 }),
        );
        for (bytes, expected) in
            [(9_000.0, Grade::Fine), (1_500.0, Grade::Fine), (1_420.0, Grade::Notable), (900.0, Grade::Bad)]
        {
            assert_eq!(grade(&item, &reply(&[("path_mtu_bytes", bytes)])).0, expected, "{bytes}");
        }
        let mut hole = reply(&[("path_mtu_bytes", 1_500.0)]);
        hole.note("a black hole: larger packets vanish");
        assert_eq!(grade(&item, &hole).0, Grade::Bad);
    }

    #[test]
    fn a_path_in_circles_is_bad_and_one_that_ends_early_says_nothing() {
        let hop = |ttl: u8, last: u8| Hop {
            ttl,
            address: Some([10, 0, 0, last].into()),
            sent: 1,
            answered: 1,
            rtt_us: Some(1.0),
            refusal: String::new(),
        };
        let trace = |lasts: &[u8], is_reached| PathTrace {
            mode: crate::probe::ProbeMode::Icmp,
            address: [10, 0, 0, 99].into(),
            is_reached,
            flows: vec![Flow { flow: 1, hops: lasts.iter().zip(1..).map(|(last, ttl)| hop(ttl, *last)).collect() }],
        };
        for (lasts, is_reached, expected) in [
            (&[1, 2, 99][..], true, Grade::Fine),
            (&[1, 2], false, Grade::Unknown),
            (&[1, 2, 3, 2, 3, 2, 3], false, Grade::Bad),
            (&[1, 2, 2, 2], false, Grade::Unknown),
        ] {
            let mut finding = reply(&[]);
            finding.detail = Some(Detail::Path(trace(lasts, is_reached)));
            assert_eq!(path(&finding).0, expected, "{lasts:?}");
        }
    }
}
