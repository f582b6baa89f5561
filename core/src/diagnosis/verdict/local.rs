//! This machine: its interfaces, and the connections that it has.

use super::view::View;
use crate::{
    check::{Detail, Finding},
    diagnosis::{
        Grade, Item,
        grade::{faults, is_lossy_remote, part_of},
    },
};

fn of_machine<'a, T>(view: &'a View, pick: impl Fn(&'a Detail) -> Option<&'a [T]>) -> Vec<(usize, &'a [T])> {
    let detail = |item: &'a Item| item.finding.as_ref().and_then(|finding: &Finding| finding.detail.as_ref());
    let all = view.items.iter().enumerate();
    all.filter_map(|(at, item)| Some((at, pick(detail(item)?)?))).collect()
}

/// Interfaces with something wrong, a sentence each.
pub(super) fn interfaces(view: &mut View) {
    let found = of_machine(view, |detail| match detail {
        Detail::Interfaces { interfaces } => Some(interfaces.as_slice()),
        _ => None,
    });
    let worn = found.iter().flat_map(|(at, interfaces)| interfaces.iter().map(|interface| (*at, interface)));
    let said: Vec<(usize, Grade, String, &str)> = worn
        .filter_map(|(at, interface)| {
            let faults = faults(interface);
            let (worst, first) = faults.iter().rev().max_by_key(|(grade, _)| *grade)?;
            let all: Vec<&str> = faults.iter().map(|(_, fault)| fault.as_str()).collect();
            Some((at, *worst, format!("The interface {} {}.", interface.name, all.join(", ")), cure(first)))
        })
        .collect();
    for (at, grade, text, cure) in said {
        view.point(grade, text, cure, vec![at]);
    }
}

fn cure(fault: &str) -> &'static str {
    if fault.contains("duplex") || fault.contains("Mbit/s") {
        "let both ends negotiate by themselves, and try another cable"
    } else if fault.contains("carrier") {
        "try another cable, and another port of the switch"
    } else if fault.contains("member") {
        "look at the cable of that member, and at its port of the switch"
    } else if fault.contains("drop") || fault.contains("missed") || fault.contains("fifo") {
        "more or larger queues (ethtool -G, -L) let the system keep up"
    } else {
        "try another cable or transceiver, and look whether the count grows"
    }
}

/// Places to which much is sent again.
pub(super) fn connections(view: &mut View) {
    let found = of_machine(view, |detail| match detail {
        Detail::Connections { remotes } => Some(remotes.as_slice()),
        _ => None,
    });
    let said: Vec<(usize, String)> = found
        .iter()
        .filter_map(|(at, remotes)| {
            let lossy: Vec<_> = remotes.iter().filter(|remote| is_lossy_remote(remote)).collect();
            let first = lossy.first()?;
            let ratio = part_of(first.retransmit_ratio?);
            let more = if lossy.len() > 1 {
                format!(", and {} more places get much twice", lossy.len() - 1)
            } else {
                String::new()
            };
            Some((*at, format!("Of what TCP sends to {}, {ratio} is sent again{more}.", first.remote)))
        })
        .collect();
    for (at, text) in said {
        view.point(
            Grade::Notable,
            text,
            "packets to there are lost now and then: name the host for a closer look",
            vec![at],
        );
    }
}
