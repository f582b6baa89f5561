//! What the machine itself tells: its interfaces, and the connections that it has.

use super::part_of;
use crate::{
    check::{Detail, Finding, connection::RemoteQuality, interface::InterfaceDepth},
    diagnosis::Grade,
    unit::Unit,
};

/// Slower links hold training back, and are rarely meant: a gigabit link that fell back to 100 Mbit/s has a bad cable.
const SLOW_LINK_MBPS: u64 = 1_000;
/// Errors over packets. A sound link damages one packet of 1,500 bytes in 80 million (bit errors of 10^-12, IEEE 802.3);
/// hundreds of times as many are a worn cable, transceiver or port.
const ERRORS_NOTABLE_RATIO: f64 = 1e-5;
/// With as many, TCP carries about 40 Mbit/s per connection over a path of 10 ms (Mathis et al. 1997).
const ERRORS_BAD_RATIO: f64 = 1e-3;
/// Fewer errors are one event: a cable that was plugged in, a driver that started.
const ERRORS_ENOUGH: u64 = 10;
/// Packets that nothing wants (of protocols that the system does not know) are dropped, too, as many on an idle machine as
/// on a busy one: fewer are not worth a word.
const DROPS_TOLD: u64 = 10_000;
/// A switch that is started anew takes the carrier away a few times: fewer changes are not worth a word.
const CARRIER_CHANGES_TOLD: u64 = 20;
/// Bytes sent again over all bytes sent: more is felt.
const RETRANSMITS_NOTABLE_RATIO: f64 = 0.01;
/// Fewer bytes than this say nothing about a part of a hundred.
const SENT_ENOUGH_BYTES: u64 = 1_000_000;
/// Members of the sentence at most; the rest is in the table.
const FAULTS_MAX: usize = 4;

/// What is wrong with an interface, a phrase each, and how bad it is.
pub fn faults(interface: &InterfaceDepth) -> Vec<(Grade, String)> {
    let mut faults = Vec::new();
    if !interface.is_up {
        return faults;
    }
    if interface.duplex.as_deref() == Some("half") {
        faults.push((Grade::Notable, "is half duplex".to_owned()));
    }
    if let Some(speed) = interface.speed_mbps.filter(|speed| (1..SLOW_LINK_MBPS).contains(speed)) {
        faults.push((Grade::Notable, format!("has {speed} Mbit/s only")));
    }
    for (cause, count) in causes(interface) {
        if let Some((grade, packets)) = share(interface, cause, count) {
            faults.push((grade, format!("counts {count} {} in {packets} packets", words(cause))));
        }
    }
    for member in interface.bond.iter().flat_map(|bond| &bond.members).filter(|member| !member.is_up) {
        faults.push((Grade::Notable, format!("does without its member {}", member.name)));
    }
    faults
}

/// What was counted since the interface was made and need not be going on: it is told, and is no fault.
fn remarks(interface: &InterfaceDepth) -> Vec<String> {
    let told = |(cause, count): &(&String, u64)| {
        share(interface, cause, *count).is_none() && *count >= if is_drop(cause) { DROPS_TOLD } else { 1 }
    };
    let counts = causes(interface).filter(told).map(|(cause, count)| format!("{count} {}", words(cause)));
    let changes = interface.carrier_changes.filter(|changes| *changes >= CARRIER_CHANGES_TOLD);
    let changes = changes.map(|changes| format!("{changes} changes of the carrier"));
    counts.chain(changes).map(|remark| format!("{} {remark}", interface.name)).collect()
}

/// Errors by cause; a sum says nothing beside its causes.
fn causes(interface: &InterfaceDepth) -> impl Iterator<Item = (&String, u64)> {
    let is_told_by_others = |sum: &str| {
        let way = sum.strip_suffix("_errors");
        way.is_some_and(|way| interface.errors.keys().any(|other| other.starts_with(way) && !is_sum(other)))
    };
    let all = interface.errors.iter().map(|(cause, count)| (cause, *count));
    all.filter(move |(cause, _)| interface.is_up && !is_told_by_others(cause))
}

/// How bad so many errors are beside the packets that went the same way, and how many those were; `None` when they are few,
/// or nobody knows.
fn share(interface: &InterfaceDepth, cause: &str, count: u64) -> Option<(Grade, u64)> {
    let packets = if cause.starts_with("tx") { interface.tx_packets } else { interface.rx_packets }?;
    let ratio = count as f64 / packets.saturating_add(count) as f64;
    let is_enough = count >= ERRORS_ENOUGH && ratio > ERRORS_NOTABLE_RATIO && !is_unwanted(cause);
    is_enough.then_some((if ratio > ERRORS_BAD_RATIO { Grade::Bad } else { Grade::Notable }, packets))
}

fn words(cause: &str) -> String {
    cause.replace('_', " ")
}

fn is_sum(cause: &str) -> bool {
    cause.ends_with("_errors") || cause.ends_with("_dropped")
}

/// Packets that arrived whole and found nobody, or no room.
fn is_drop(cause: &str) -> bool {
    ["dropped", "nohandler", "missed"].iter().any(|word| cause.contains(word))
}

/// What arrived whole and may have been wanted by nobody, which no count of packets tells from what had no room.
fn is_unwanted(cause: &str) -> bool {
    matches!(cause, "rx_dropped" | "rx_nohandler")
}

pub(super) fn interfaces(finding: &Finding) -> (Grade, String) {
    let Some(Detail::Interfaces { interfaces }) = &finding.detail else {
        return (Grade::Unknown, "nothing known".into());
    };
    let of = |one: &InterfaceDepth| {
        let named = |(grade, fault): (Grade, String)| (grade, format!("{} {fault}", one.name));
        faults(one).into_iter().map(named).collect::<Vec<_>>()
    };
    let all: Vec<(Grade, String)> = interfaces.iter().flat_map(of).collect();
    if let Some(worst) = all.iter().map(|(grade, _)| *grade).max() {
        return (worst, shown(&all.into_iter().map(|(_, fault)| fault).collect::<Vec<_>>()));
    }
    let up = interfaces.iter().filter(|interface| interface.is_up).count();
    let remarks: Vec<String> = interfaces.iter().flat_map(remarks).collect();
    let since = if remarks.is_empty() { String::new() } else { format!("; since they were made: {}", shown(&remarks)) };
    (Grade::Fine, format!("{up} up, nothing wrong{since}"))
}

/// Remotes to which much is sent again.
pub fn is_lossy(remote: &RemoteQuality) -> bool {
    remote.sent_bytes >= SENT_ENOUGH_BYTES
        && remote.retransmit_ratio.is_some_and(|ratio| ratio > RETRANSMITS_NOTABLE_RATIO)
}

pub(super) fn connections(finding: &Finding) -> (Grade, String) {
    let Some(Detail::Connections { remotes }) = &finding.detail else {
        return (Grade::Unknown, "nothing known".into());
    };
    let lossy = |remote: &RemoteQuality| {
        let ratio = remote.retransmit_ratio.filter(|_| is_lossy(remote))?;
        Some(format!("{} sent again to {}", part_of(ratio), remote.remote))
    };
    let all: Vec<String> = remotes.iter().filter_map(lossy).collect();
    if !all.is_empty() {
        return (Grade::Notable, shown(&all));
    }
    let sockets: u32 = remotes.iter().map(|remote| remote.sockets).sum();
    let sockets = Unit::Count.figure(f64::from(sockets));
    (Grade::Fine, format!("{sockets} to {} places", remotes.len()))
}

fn shown(all: &[String]) -> String {
    let shown = all[..all.len().min(FAULTS_MAX)].join(", ");
    match all.len().saturating_sub(FAULTS_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{
        Outcome,
        interface::{Bond, BondMember},
    };

    #[test]
    fn an_interface_is_judged_by_what_it_tells() {
        let fine = InterfaceDepth {
            name: "eth0".into(),
            is_up: true,
            speed_mbps: Some(25_000),
            duplex: Some("full".into()),
            ..Default::default()
        };
        assert!(faults(&fine).is_empty());
        let mut worn = InterfaceDepth {
            speed_mbps: Some(100),
            duplex: Some("half".into()),
            rx_packets: Some(1_000_000),
            ..fine.clone()
        };
        worn.errors = [("rx_crc".to_owned(), 70), ("rx_errors".to_owned(), 70), ("rx_dropped".to_owned(), 50)].into();
        let member = BondMember { name: "eth1".into(), ..Default::default() };
        worn.bond = Some(Bond { mode: "802.3ad".into(), members: vec![member] });
        let notable = |fault: &str| (Grade::Notable, fault.to_owned());
        assert_eq!(
            faults(&worn),
            [
                notable("is half duplex"),
                notable("has 100 Mbit/s only"),
                notable("counts 70 rx crc in 1000000 packets"),
                notable("does without its member eth1"),
            ]
        );
        let down = InterfaceDepth { is_up: false, ..worn.clone() };
        assert!(faults(&down).is_empty());
        let mut finding = Finding::new(Outcome::Reply);
        finding.detail = Some(Detail::Interfaces { interfaces: vec![fine, worn] });
        let (grade, headline) = interfaces(&finding);
        assert_eq!(grade, Grade::Notable);
        assert!(headline.starts_with("eth0 is half duplex") && headline.ends_with("member eth1"), "{headline}");
    }

    #[test]
    fn counts_since_the_start_are_judged_by_the_packets_beside_them() {
        let of = |cause: &str, count, packets| InterfaceDepth {
            name: "eth0".into(),
            is_up: true,
            rx_packets: packets,
            tx_packets: packets,
            errors: [(cause.to_owned(), count)].into(),
            ..Default::default()
        };
        for (cause, count, packets, expected) in [
            ("rx_crc", 1, Some(1_000), Grade::Fine),
            ("rx_crc", 9_000, Some(1_000_000_000), Grade::Fine),
            ("rx_crc", 11_000, Some(1_000_000_000), Grade::Notable),
            ("tx_carrier", 2_000, Some(1_000_000), Grade::Bad),
            ("tx_dropped", 2_000, Some(1_000_000), Grade::Bad),
            ("rx_missed", 20, Some(1_000_000), Grade::Notable),
            ("rx_dropped", 900_000, Some(1_000_000), Grade::Fine),
            ("rx_crc", 9_000, None, Grade::Fine),
        ] {
            let mut finding = Finding::new(Outcome::Reply);
            finding.detail = Some(Detail::Interfaces { interfaces: vec![of(cause, count, packets)] });
            let (grade, headline) = interfaces(&finding);
            assert_eq!(grade, expected, "{cause} {count}: {headline}");
            assert!(headline.contains(&format!("{count} {}", words(cause))), "it is told all the same: {headline}");
        }
        let flaps = InterfaceDepth { carrier_changes: Some(40), ..of("rx_crc", 0, None) };
        assert_eq!((faults(&flaps), remarks(&flaps)), (Vec::new(), vec!["eth0 40 changes of the carrier".to_owned()]));
    }

    #[test]
    fn what_is_sent_again_counts_once_enough_was_sent() {
        let remote = |sent_bytes| RemoteQuality {
            remote: "node-7".into(),
            sockets: 2,
            retransmit_ratio: Some(0.05),
            sent_bytes,
            ..Default::default()
        };
        let mut finding = Finding::new(Outcome::Reply);
        finding.detail = Some(Detail::Connections { remotes: vec![remote(10)] });
        assert_eq!(connections(&finding), (Grade::Fine, "2 to 1 places".to_owned()));
        finding.detail = Some(Detail::Connections { remotes: vec![remote(9_000_000)] });
        assert_eq!(connections(&finding), (Grade::Notable, "5 % sent again to node-7".to_owned()));
    }
}
