//! What the machine itself tells: its interfaces, and the connections that it has.

use super::part_of;
use crate::{
    check::{Detail, Finding, connection::RemoteQuality, interface::InterfaceDepth},
    diagnosis::Grade,
    unit::Unit,
};

/// Slower links hold training back, and are rarely meant: a gigabit link that fell back to 100 Mbit/s has a bad cable.
const SLOW_LINK_MBPS: u64 = 1_000;
/// Packets that the system drops because nothing wants them (protocols that it does not know) are counted, too; few of them
/// are no fault.
const DROPS_NOTABLE: u64 = 10_000;
/// A carrier that came and went as often since the system started has a loose contact; a few times is a reboot of the switch.
const CARRIER_CHANGES_NOTABLE: u64 = 20;
/// Bytes sent again over all bytes sent: more is felt.
const RETRANSMITS_NOTABLE_RATIO: f64 = 0.01;
/// Fewer bytes than this say nothing about a part of a hundred.
const SENT_ENOUGH_BYTES: u64 = 1_000_000;
/// Members of the sentence at most; the rest is in the table.
const FAULTS_MAX: usize = 4;

/// What is wrong with an interface, a phrase each.
pub fn faults(interface: &InterfaceDepth) -> Vec<String> {
    let mut faults = Vec::new();
    if !interface.is_up {
        return faults;
    }
    if interface.duplex.as_deref() == Some("half") {
        faults.push("is half duplex".to_owned());
    }
    if let Some(speed) = interface.speed_mbps.filter(|speed| (1..SLOW_LINK_MBPS).contains(speed)) {
        faults.push(format!("has {speed} Mbit/s only"));
    }
    for (cause, count) in &interface.errors {
        // A sum says nothing beside its causes.
        let way = cause.strip_suffix("_errors").or_else(|| cause.strip_suffix("_dropped"));
        let is_of_it = |other: &&String| way.is_some_and(|way| other.starts_with(way) && !is_sum(other));
        if cause.ends_with("_errors") && interface.errors.keys().any(|other| is_of_it(&other)) {
            continue;
        }
        let enough = if is_drop(cause) { DROPS_NOTABLE } else { 1 };
        if *count >= enough {
            faults.push(format!("counts {count} {}", cause.replace('_', " ")));
        }
    }
    if let Some(changes) = interface.carrier_changes.filter(|changes| *changes >= CARRIER_CHANGES_NOTABLE) {
        faults.push(format!("lost or found its carrier {changes} times"));
    }
    for member in interface.bond.iter().flat_map(|bond| &bond.members).filter(|member| !member.is_up) {
        faults.push(format!("does without its member {}", member.name));
    }
    faults
}

fn is_sum(cause: &str) -> bool {
    cause.ends_with("_errors") || cause.ends_with("_dropped")
}

/// Packets that arrived whole and found nobody, or no room.
fn is_drop(cause: &str) -> bool {
    ["dropped", "nohandler", "missed"].iter().any(|word| cause.contains(word))
}

pub(super) fn interfaces(finding: &Finding) -> (Grade, String) {
    let Some(Detail::Interfaces { interfaces }) = &finding.detail else {
        return (Grade::Unknown, "nothing known".into());
    };
    let all: Vec<String> = interfaces
        .iter()
        .flat_map(|interface| faults(interface).into_iter().map(|fault| format!("{} {fault}", interface.name)))
        .collect();
    if all.is_empty() {
        let up = interfaces.iter().filter(|interface| interface.is_up).count();
        return (Grade::Fine, format!("{up} up, nothing wrong"));
    }
    (Grade::Notable, shown(&all))
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
        assert_eq!(faults(&fine), Vec::<String>::new());
        let mut worn = InterfaceDepth {
            speed_mbps: Some(100),
            duplex: Some("half".into()),
            carrier_changes: Some(40),
            ..fine.clone()
        };
        worn.errors = [("rx_crc".to_owned(), 7), ("rx_errors".to_owned(), 7), ("rx_dropped".to_owned(), 50)].into();
        let member = BondMember { name: "eth1".into(), ..Default::default() };
        worn.bond = Some(Bond { mode: "802.3ad".into(), members: vec![member] });
        let found = faults(&worn);
        assert_eq!(
            found,
            [
                "is half duplex",
                "has 100 Mbit/s only",
                "counts 7 rx crc",
                "lost or found its carrier 40 times",
                "does without its member eth1"
            ]
        );
        let down = InterfaceDepth { is_up: false, ..worn.clone() };
        assert_eq!(faults(&down), Vec::<String>::new());
        let mut finding = Finding::new(Outcome::Reply);
        finding.detail = Some(Detail::Interfaces { interfaces: vec![fine, worn] });
        let (grade, headline) = interfaces(&finding);
        assert_eq!(grade, Grade::Notable);
        assert!(headline.starts_with("eth0 is half duplex") && headline.ends_with("and 1 more"), "{headline}");
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
