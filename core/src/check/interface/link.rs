//! What the kernel tells of interfaces (rtnetlink(7)).

use super::{Bond, BondMember, counters::Counters};
use crate::netlink::{attributes, read_u32};

/// The kinds of the question for interfaces and of its answers.
pub const GET_LINK: u16 = 18;
/// The kind of the question for counters alone.
pub const GET_STATS: u16 = 94;

/// The fixed part of a message about an interface, and where in it the number is.
const LINK_BYTES: usize = 16;
const LINK_INDEX_AT: usize = 4;
/// The fixed part of a message about counters, and where in it the number is.
const STATS_BYTES: usize = 12;
const STATS_INDEX_AT: usize = 4;
/// The attribute of the counters in an answer to [`GET_STATS`], and the bit that asks for it.
const STATS_LINK_64: u16 = 1;
const STATS_WANTED: u32 = 1 << (STATS_LINK_64 - 1);

/// Attributes of an interface.
mod link_attribute {
    pub(super) const NAME: u16 = 3;
    pub(super) const MTU: u16 = 4;
    pub(super) const MASTER: u16 = 10;
    pub(super) const OPERSTATE: u16 = 16;
    pub(super) const LINKINFO: u16 = 18;
    pub(super) const STATS64: u16 = 23;
    pub(super) const TX_QUEUES: u16 = 31;
    pub(super) const RX_QUEUES: u16 = 32;
    pub(super) const CARRIER_CHANGES: u16 = 35;
}

/// Attributes in `LINKINFO`, and in its parts for bonds.
mod info_attribute {
    pub(super) const KIND: u16 = 1;
    pub(super) const DATA: u16 = 2;
    pub(super) const MEMBER_KIND: u16 = 4;
    pub(super) const MEMBER_DATA: u16 = 5;
    pub(super) const BOND_MODE: u16 = 1;
    pub(super) const MEMBER_STATE: u16 = 1;
    pub(super) const MEMBER_MII: u16 = 2;
    pub(super) const MEMBER_FAILURES: u16 = 3;
}

/// What bonds are called among the kinds of interfaces.
const BOND: &str = "bond";
/// How bonds share the load, by number (bonding.rst).
const BOND_MODES: [&str; 7] =
    ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"];

/// An interface as the kernel tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it can carry traffic now.
    pub is_up: bool,
    /// Largest packet, bytes.
    pub mtu_bytes: Option<u64>,
    /// What it is, when it is made in software: `veth`, `bridge`, `bond`, `vlan`.
    pub kind: Option<String>,
    /// The number of the bridge or bond that it belongs to.
    pub master: Option<u32>,
    /// Queues that receive, those that are not in use included.
    pub rx_queues: u32,
    /// Queues that send, those that are not in use included.
    pub tx_queues: u32,
    /// How often the carrier came or went.
    pub carrier_changes: Option<u64>,
    /// Its counters.
    pub counters: Counters,
    /// How it shares the load, when it is a bond.
    pub bond_mode: Option<String>,
    /// How a bond sees it, when it belongs to one.
    pub bond_member: Option<Member>,
}

/// How a bond sees an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Member {
    /// Whether it carries what the bond sends.
    pub is_active: bool,
    /// Whether its link is there.
    pub is_up: bool,
    /// How often its link failed.
    pub failures: u64,
}

/// Asks for all interfaces.
pub fn question_for_links() -> [u8; LINK_BYTES] {
    [0; LINK_BYTES]
}

/// Asks for the counters of all interfaces.
pub fn question_for_counters() -> [u8; STATS_BYTES] {
    let mut body = [0; STATS_BYTES];
    body[STATS_BYTES - 4..].copy_from_slice(&STATS_WANTED.to_ne_bytes());
    body
}

/// Reads what an answer says of counters: the number of the interface, and they.
pub fn counters(body: &[u8]) -> Option<(u32, Counters)> {
    let (_, content) = attributes(body.get(STATS_BYTES..)?).find(|(kind, _)| *kind == STATS_LINK_64)?;
    Some((read_u32(body, STATS_INDEX_AT)?, Counters::parse(content)?))
}

/// Reads what an answer says of an interface. `None` when it has no name.
pub fn link(body: &[u8]) -> Option<Link> {
    /// States of RFC 2863, as the kernel numbers them, in which nothing passes.
    const NOT_PRESENT: u8 = 1;
    const LOWER_LAYER_DOWN: u8 = 3;
    let mut link = Link { index: read_u32(body, LINK_INDEX_AT)?, is_up: true, ..Link::default() };
    for (kind, content) in attributes(body.get(LINK_BYTES..)?) {
        let number = || read_u32(content, 0);
        match kind {
            link_attribute::NAME => link.name = text(content),
            link_attribute::MTU => link.mtu_bytes = number().map(u64::from).filter(|mtu| *mtu > 0),
            link_attribute::MASTER => link.master = number().filter(|master| *master > 0),
            link_attribute::OPERSTATE => {
                link.is_up = !content.first().is_some_and(|state| (NOT_PRESENT..=LOWER_LAYER_DOWN).contains(state));
            }
            link_attribute::LINKINFO => info(content, &mut link),
            link_attribute::STATS64 => link.counters = Counters::parse(content).unwrap_or_default(),
            link_attribute::TX_QUEUES => link.tx_queues = number().unwrap_or(0),
            link_attribute::RX_QUEUES => link.rx_queues = number().unwrap_or(0),
            link_attribute::CARRIER_CHANGES => link.carrier_changes = number().map(u64::from),
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some(link)
}

fn info(content: &[u8], link: &mut Link) {
    let part = |wanted: u16| attributes(content).find(|(kind, _)| *kind == wanted).map(|(_, content)| content);
    link.kind = part(info_attribute::KIND).map(text);
    if link.kind.as_deref() == Some(BOND) {
        let data = part(info_attribute::DATA).unwrap_or_default();
        let mode = attributes(data).find(|(kind, _)| *kind == info_attribute::BOND_MODE);
        let name = mode.and_then(|(_, mode)| BOND_MODES.get(usize::from(*mode.first()?)));
        link.bond_mode = Some((*name.unwrap_or(&"unknown")).to_owned());
    }
    if part(info_attribute::MEMBER_KIND).is_some_and(|kind| text(kind) == BOND) {
        let mut member = Member::default();
        for (kind, content) in attributes(part(info_attribute::MEMBER_DATA).unwrap_or_default()) {
            // Zero is active, and up.
            match kind {
                info_attribute::MEMBER_STATE => member.is_active = content.first() == Some(&0),
                info_attribute::MEMBER_MII => member.is_up = content.first() == Some(&0),
                info_attribute::MEMBER_FAILURES => member.failures = read_u32(content, 0).map_or(0, u64::from),
                _ => {}
            }
        }
        link.bond_member = Some(member);
    }
}

/// The bond that an interface is, with its members; `speed` tells what an interface negotiated.
pub fn bond(link: &Link, links: &[Link], speed: impl Fn(&str) -> Option<u64>) -> Option<Bond> {
    let mode = link.bond_mode.clone()?;
    let of_this = links.iter().filter(|other| other.master == Some(link.index));
    let members = of_this.filter_map(|other| {
        let Member { is_active, is_up, failures } = other.bond_member?;
        Some(BondMember { name: other.name.clone(), is_up, is_active, speed_mbps: speed(&other.name), failures })
    });
    Some(Bond { mode, members: members.collect() })
}

/// A text that ends with a zero byte.
fn text(content: &[u8]) -> String {
    let end = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
    String::from_utf8_lossy(&content[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
        let mut bytes = ((content.len() + 4) as u16).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn body(index: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; LINK_BYTES];
        bytes[LINK_INDEX_AT..LINK_INDEX_AT + 4].copy_from_slice(&index.to_ne_bytes());
        bytes.extend(attributes.iter().flat_map(|(kind, content)| attribute(*kind, content)));
        bytes
    }

    #[test]
    fn a_bond_is_read_with_its_members() {
        let mode = attribute(info_attribute::BOND_MODE, &[4]);
        let of_bond = [attribute(info_attribute::KIND, b"bond\0"), attribute(info_attribute::DATA, &mode)].concat();
        let member = |state: u8, mii: u8, failures: u32| {
            let data = [
                attribute(info_attribute::MEMBER_STATE, &[state]),
                attribute(info_attribute::MEMBER_MII, &[mii]),
                attribute(info_attribute::MEMBER_FAILURES, &failures.to_ne_bytes()),
            ];
            let data = data.concat();
            [attribute(info_attribute::MEMBER_KIND, b"bond\0"), attribute(info_attribute::MEMBER_DATA, &data)].concat()
        };
        let master = 7_u32.to_ne_bytes();
        let links: Vec<Link> = [
            body(7, &[(link_attribute::NAME, b"bond0\0"), (link_attribute::LINKINFO, &of_bond)]),
            body(2, &[(3, b"eth0\0"), (link_attribute::MASTER, &master), (link_attribute::LINKINFO, &member(0, 0, 1))]),
            body(3, &[(3, b"eth1\0"), (link_attribute::MASTER, &master), (link_attribute::LINKINFO, &member(1, 2, 5))]),
            // Of a bridge with the same number of ports.
            body(4, &[(3, b"eth2\0"), (link_attribute::MASTER, &8_u32.to_ne_bytes())]),
        ]
        .iter()
        .map(|body| link(body).expect("an interface"))
        .collect();
        let speed = |name: &str| (name == "eth0").then_some(25_000);
        let bond = bond(&links[0], &links, speed).expect("a bond");
        let named = |name: &str, is_up, speed_mbps, failures| BondMember {
            name: name.to_owned(),
            is_up,
            is_active: is_up,
            speed_mbps,
            failures,
        };
        assert_eq!(bond.mode, "802.3ad");
        assert_eq!(bond.members, [named("eth0", true, Some(25_000), 1), named("eth1", false, None, 5)]);
        assert_eq!(super::bond(&links[1], &links, speed), None);
    }

    #[test]
    fn an_interface_without_carrier_is_down() {
        let state = |state: u8| {
            link(&body(2, &[(link_attribute::NAME, b"eth0\0"), (link_attribute::OPERSTATE, &[state])])).expect("whole")
        };
        assert_eq!([0, 1, 2, 3, 6].map(|number| state(number).is_up), [true, false, false, false, true]);
        assert_eq!(link(&body(2, &[(link_attribute::MTU, &[0; 4])])), None, "it has no name");
    }

    proptest! {
        #[test]
        fn rubbish_does_no_harm(
            mut bytes in prop::collection::vec(any::<u8>(), 0..300),
            (kind, len) in (0_u8..40, 0_u8..64),
        ) {
            link(&bytes);
            counters(&bytes);
            if bytes.len() >= LINK_BYTES + 4 {
                bytes[LINK_BYTES..LINK_BYTES + 4].copy_from_slice(&[len, 0, kind, 0]);
                link(&bytes);
            }
        }
    }
}
