//! Networks as they are met in practice: for every ordered pair of nodes the way between them.
//!
//! The figures are round ones of the size that the named sources give. The nodes lie in racks, cells, regions or offices,
//! so that the matrix has a pattern to be seen.

use super::{
    Impairment, Spread,
    script::{FaultScript, ScriptedFault},
};
use crate::verdict::CulpritKind;

/// Nodes of one rack of the data centre.
const RACK: usize = 4;
/// Time that light takes for a kilometre of fibre, µs: a refractive index of 1.468 (ITU-T G.652).
const FIBRE_US_PER_KM: f64 = 4.9;
/// How much longer cables are than the way a bird would take.
const DETOUR: f64 = 1.4;

/// A kind of network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Racks of four with 25 Gbit/s. Delays and losses of the size that Guo et al., "Pingmesh" (SIGCOMM 2015), found:
    /// medians of 0.2 to 0.3 ms there and back, the hosts' own share included, and losses of 1 in 100,000.
    Datacenter,
    /// Nodes behind LTE: 20 Mbit/s, 40 ms ± 10 ms and 0.5 % loss in a fair cell, half of that in a good one. Air interface
    /// and core network count once for each end.
    Mobile,
    /// Regions on three continents, 1 Gbit/s, 0.05 % loss. The delay is that of fibre over the distance, and cables are
    /// 1.4 times as long: 50 to 150 ms there and back.
    CrossContinental,
    /// Two offices and 2 Mbit/s between them, 30 ms, with a quarter of a second of queue in front: what RFC 8290
    /// calls bufferbloat.
    Slow,
}

/// Regions with the distances between their cities, km (great circles).
const REGIONS: [&str; 4] = ["ap-east", "eu-west", "us-east", "us-west"];
const DISTANCES_KM: [[f64; 4]; 4] = [
    [0.0, 9_600.0, 11_000.0, 7_800.0],
    [9_600.0, 0.0, 5_450.0, 7_600.0],
    [11_000.0, 5_450.0, 0.0, 3_700.0],
    [7_800.0, 7_600.0, 3_700.0, 0.0],
];

impl Preset {
    /// All of them, the default first.
    pub const ALL: [Preset; 4] = [Preset::Datacenter, Preset::Mobile, Preset::CrossContinental, Preset::Slow];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Preset::Datacenter => "datacenter",
            Preset::Mobile => "mobile",
            Preset::CrossContinental => "cross-continental",
            Preset::Slow => "slow",
        }
    }

    /// The preset of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// What it is, for people.
    pub const fn summary(self) -> &'static str {
        match self {
            Preset::Datacenter => "racks of four, 25 Gbit/s, 0.1 ms there and back in a rack and 0.2 ms between racks",
            Preset::Mobile => "LTE cells, 20 Mbit/s, up to 80 ms there and back, 0.25 to 0.5 % loss each way",
            Preset::CrossContinental => "four regions, 1 Gbit/s, 50 to 150 ms there and back between them",
            Preset::Slow => "two offices, 2 Mbit/s and 60 ms there and back between them",
        }
    }

    /// The median round-trip time that is too long there, ms: above everything that is usual, below what faults add.
    pub const fn latency_limit_ms(self) -> f64 {
        match self {
            Preset::Datacenter | Preset::Slow => 100.0,
            Preset::Mobile => 150.0,
            Preset::CrossContinental => 200.0,
        }
    }

    /// The names of so many nodes, in the order of the alphabet, in which neighbours lie together.
    pub fn node_names(self, count: usize) -> Vec<String> {
        let digits = count.to_string().len();
        let name = |index: usize| match self {
            Preset::CrossContinental => {
                let region = group(index, count, REGIONS.len());
                let first = (0..count).find(|other| group(*other, count, REGIONS.len()) == region).unwrap_or(index);
                format!("{}-{:0digits$}", REGIONS[region], index - first + 1)
            }
            _ => format!("node-{:0digits$}", index + 1),
        };
        (0..count).map(name).collect()
    }

    /// The way from one node to another, by their places among `count` nodes.
    pub fn way(self, src: usize, dst: usize, count: usize) -> Impairment {
        match self {
            Preset::Datacenter => datacenter(src, dst),
            Preset::Mobile => mobile(src, dst),
            Preset::CrossContinental => {
                cross_continental(group(src, count, REGIONS.len()), group(dst, count, REGIONS.len()))
            }
            Preset::Slow => slow(group(src, count, 2) == group(dst, count, 2)),
        }
    }

    /// What the demo has go wrong: first nothing, then a link degrades, then a node dies and comes back.
    pub fn script(self, count: usize) -> FaultScript {
        let names = self.node_names(count);
        let name = |index: usize| names[index.min(count - 1)].clone();
        // The second and the fifth node: in different racks.
        let link = ScriptedFault {
            at_s: 30.0,
            for_s: 90.0,
            kind: CulpritKind::Link,
            nodes: vec![name(1.min(count.saturating_sub(2))), name(4)],
            loss_ratio: 0.2,
            delay_us: 60_000.0,
        };
        let node = ScriptedFault {
            at_s: 165.0,
            for_s: 45.0,
            kind: CulpritKind::Node,
            nodes: vec![name(6)],
            loss_ratio: 1.0,
            delay_us: 0.0,
        };
        FaultScript { repeat_s: Some(270.0), fault: vec![link, node] }
    }
}

/// In which of `groups` groups of about the same size, neighbours together, a node is.
fn group(index: usize, count: usize, groups: usize) -> usize {
    index * groups / count.max(1)
}

fn datacenter(src: usize, dst: usize) -> Impairment {
    let is_one_rack = src / RACK == dst / RACK;
    Impairment {
        rate_bps: Some(25_000_000_000),
        delay_us: if is_one_rack { 50.0 } else { 100.0 },
        jitter_us: if is_one_rack { 2.0 } else { 5.0 },
        spread: Spread::Exponential,
        loss_ratio: 1e-5,
        // A shallow switch: 16 MB shared by all ports.
        queue_bytes: Some(16_000_000),
        ..Impairment::default()
    }
}

/// Every other node is in a good cell.
fn mobile(src: usize, dst: usize) -> Impairment {
    let share = |index: usize| if index.is_multiple_of(2) { 0.25 } else { 0.5 };
    let both = share(src) + share(dst);
    Impairment {
        rate_bps: Some(20_000_000),
        delay_us: 40_000.0 * both,
        jitter_us: 10_000.0 * both,
        loss_ratio: 0.005 * both,
        burst_packets: 2.0,
        queue_bytes: Some(500_000),
        ..Impairment::default()
    }
}

fn cross_continental(from: usize, to: usize) -> Impairment {
    let is_one_region = from == to;
    Impairment {
        rate_bps: Some(if is_one_region { 10_000_000_000 } else { 1_000_000_000 }),
        delay_us: if is_one_region { 250.0 } else { DISTANCES_KM[from][to] * FIBRE_US_PER_KM * DETOUR },
        jitter_us: if is_one_region { 10.0 } else { 200.0 },
        spread: Spread::Exponential,
        loss_ratio: if is_one_region { 1e-5 } else { 5e-4 },
        queue_bytes: Some(12_500_000),
        ..Impairment::default()
    }
}

fn slow(is_one_office: bool) -> Impairment {
    if is_one_office {
        return Impairment { rate_bps: Some(1_000_000_000), delay_us: 150.0, ..Impairment::default() };
    }
    Impairment {
        rate_bps: Some(2_000_000),
        delay_us: 30_000.0,
        jitter_us: 2_000.0,
        spread: Spread::Exponential,
        loss_ratio: 0.001,
        queue_bytes: Some(62_500),
        ..Impairment::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_in_the_order_of_the_alphabet() {
        for preset in Preset::ALL {
            assert_eq!(Preset::parse(preset.name()), Some(preset));
            for count in [2, 8, 11, 64] {
                let names = preset.node_names(count);
                assert_eq!(names.len(), count);
                assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
            }
        }
        assert_eq!(Preset::Datacenter.node_names(8)[7], "node-8");
        let regions = Preset::CrossContinental.node_names(8);
        assert_eq!(regions[..3], ["ap-east-1", "ap-east-2", "eu-west-1"]);
    }

    #[test]
    fn both_ways_of_a_link_are_the_same_and_groups_can_be_told_apart() {
        for preset in Preset::ALL {
            let mut delays = Vec::new();
            for (src, dst) in (0..8).flat_map(|src| (0..8).map(move |dst| (src, dst))).filter(|(src, dst)| src != dst) {
                let way = preset.way(src, dst, 8);
                assert_eq!(way, preset.way(dst, src, 8));
                delays.push(way.delay_us);
            }
            delays.sort_by(f64::total_cmp);
            assert!(delays[delays.len() - 1] >= 2.0 * delays[0], "{preset:?}: {delays:?}");
        }
    }

    #[test]
    fn what_is_usual_raises_no_alert_and_what_the_script_does_is_seen() {
        for preset in Preset::ALL {
            for (src, dst) in (0..8).flat_map(|src| (0..src).map(move |dst| (src, dst))) {
                let way = preset.way(src, dst, 8);
                let worst_ms = 2.0 * (way.delay_us + 3.0 * way.jitter_us) / 1_000.0;
                assert!(worst_ms < preset.latency_limit_ms(), "{preset:?} {src} {dst}: {worst_ms} ms");
                // The share of round trips that lose one of their two packets; the default rule fires above 5 %.
                assert!(2.0 * way.loss_ratio < 0.02);
            }
            let script = preset.script(8);
            assert_eq!(script.validate(&preset.node_names(8)), Ok(()));
            assert!(script.fault.iter().all(|fault| fault.loss_ratio > 0.1 && fault.for_s > 30.0));
        }
    }

    #[test]
    fn few_nodes_have_a_script_too() {
        for count in 2..8 {
            let names = Preset::Datacenter.node_names(count);
            assert_eq!(Preset::Datacenter.script(count).validate(&names), Ok(()), "{count}");
        }
    }
}
