//! What the interfaces of a node are made of, and what went wrong on them.

use leptos::prelude::*;
use netloom_core::check::interface::{BondMember, InterfaceDepth};

use super::Subject;
use crate::components::pieces::{card, table};

/// The headings of the table.
const HEADS: [&str; 8] = [
    "Interface",
    "Driver",
    "#Speed",
    "Duplex",
    "#MTU",
    "#Queues in/out",
    "#Carrier changes",
    "Errors and drops since the start",
];

/// The card; nothing where the node does not tell.
pub(super) fn depth(subject: Subject) -> AnyView {
    let body = move || {
        let rows: Vec<_> = subject.read(|node| node.info.depth.iter().map(row).collect()).unwrap_or_default();
        (!rows.is_empty()).then(|| {
            let table = table("interface-depth", &HEADS, rows);
            card("depth-title", "depth", "Interfaces in depth", ().into_any(), table)
        })
    };
    body.into_any()
}

/// A figure that the system may not tell.
fn told<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "–".to_owned(), ToString::to_string)
}

/// A speed as it stands on the port.
fn speed(mbps: Option<u64>) -> String {
    match mbps {
        Some(mbps) if mbps >= 1_000 && mbps.is_multiple_of(100) => format!("{} Gbit/s", mbps as f64 / 1_000.0),
        Some(mbps) => format!("{mbps} Mbit/s"),
        None => "–".to_owned(),
    }
}

/// Errors by cause, in words.
fn errors(depth: &InterfaceDepth) -> String {
    if depth.errors.is_empty() {
        return "none".to_owned();
    }
    depth
        .errors
        .iter()
        .map(|(cause, count)| format!("{} {count}", cause.replace('_', " ")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A member of a bond, in words.
fn member(member: &BondMember) -> String {
    let state = if member.is_up { "" } else { " (down)" };
    let failures = if member.failures > 0 { format!(", failed {} times", member.failures) } else { String::new() };
    format!("{}{state} {}{failures}", member.name, speed(member.speed_mbps))
}

/// Name, state, and what it is made of.
fn name(depth: &InterfaceDepth) -> String {
    let state = if depth.is_up { "" } else { " (down)" };
    let bond = depth.bond.as_ref().map(|bond| {
        format!(": bond, {}: {}", bond.mode, bond.members.iter().map(member).collect::<Vec<_>>().join("; "))
    });
    format!("{}{state}{}", depth.name, bond.unwrap_or_default())
}

fn row(depth: &InterfaceDepth) -> Vec<String> {
    vec![
        name(depth),
        told(depth.driver.as_ref()),
        speed(depth.speed_mbps),
        told(depth.duplex.as_ref()),
        told(depth.mtu_bytes.as_ref()),
        format!("{} / {}", depth.rx_queues, depth.tx_queues),
        told(depth.carrier_changes.as_ref()),
        errors(depth),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::check::interface::Bond;

    #[test]
    fn figures_read_as_people_say_them() {
        assert_eq!(
            [Some(100_000), Some(2_500), Some(100), None].map(speed),
            ["100 Gbit/s", "2.5 Gbit/s", "100 Mbit/s", "–"]
        );
        let mut depth = InterfaceDepth::default();
        assert_eq!(errors(&depth), "none");
        depth.errors = [("rx_crc".to_owned(), 3), ("tx_dropped".to_owned(), 1)].into();
        assert_eq!(errors(&depth), "rx crc 3, tx dropped 1");
        let lost =
            BondMember { name: "eth1".into(), is_up: false, speed_mbps: Some(1_000), failures: 2, is_active: false };
        depth.bond = Some(Bond { mode: "802.3ad".into(), members: vec![lost] });
        (depth.name, depth.is_up) = ("bond0".into(), true);
        assert_eq!(name(&depth), "bond0: bond, 802.3ad: eth1 (down) 1 Gbit/s, failed 2 times");
    }
}
