//! Rounds of packets: some are lost, some take long.

use std::{collections::HashSet, net::IpAddr};

use super::view::{View, begun, listed};
use crate::{
    check::{Check, Detail, Finding, Outcome},
    diagnosis::{
        Grade, Item,
        grade::{self, Sign},
        plan::GATEWAY,
    },
};

/// Packets to others of which none is lost, at least, before a link is trusted: of so many, one that loses a tenth loses some
/// in nearly ninety-nine of a hundred cases.
const WHOLE_SENT_LEAST: f64 = 40.0;

/// Packets that are lost.
pub(super) fn loss(view: &mut View) {
    let is_lossy = |item: &Item| item.grade == Grade::Bad && item.finding.as_ref().is_some_and(grade::is_lossy);
    let lossy = view.untold(is_lossy);
    let Some(first) = lossy.first().copied() else { return };
    // A lost SYN is sent again after a second: what that looks like is no slowness, but the same loss.
    let hidden = view.untold(|item| item.grade == Grade::Notable && item.finding.as_ref().is_some_and(is_sent_again));
    let evidence: Vec<usize> = lossy.iter().copied().chain(hidden).collect();
    let loss = view.items[first].finding.as_ref().and_then(|finding| finding.value("loss_ratio"));
    let loss = grade::part_of(loss.unwrap_or(0.0));
    if view.items[first].spec.subject == GATEWAY {
        let who = view.who_of(first);
        if are_others_whole(view) {
            evidence.iter().for_each(|at| view.regrade(*at, Grade::Unknown, "answers some pings only"));
            let text =
                format!("{who} answers some pings only, and loses nothing that is for others: that is no fault.");
            return view.point(Grade::Fine, begun(&text), "", evidence);
        }
        let text = format!("{loss} of the packets to {who} are lost: this machine's own link loses them.");
        let cure = "look at the cable or the radio, at the port of the switch, and at the errors of the interface";
        return view.point(Grade::Bad, text, cure, evidence);
    }
    let names = names_of(view, &lossy);
    if names.len() == 1 {
        let text = format!("{loss} of the packets to {} are lost.", names[0]);
        let beyond =
            if is_beyond_sound_gateway(view, first) { " beyond the gateway, to which none is lost" } else { "" };
        let cure = format!("look at {} and the way to it{beyond}", names[0]);
        return view.point(Grade::Bad, text, cure, evidence);
    }
    let is_round = |at: &usize| {
        let is_of_many = matches!(view.items[*at].spec.check, Check::Icmp(_) | Check::Tcp(_) | Check::Udp(_));
        is_of_many && view.sign(*at) == Sign::Answered
    };
    let checked = view.parties(|_| true).iter().filter(|party| party.items.iter().any(is_round)).count();
    let others = match checked.saturating_sub(names.len()) {
        0 => {
            let text =
                "Packets to all hosts that answer are lost: what they have in common is this machine and its link.";
            return view.point(Grade::Bad, text, "look at what the ways to them have in common", evidence);
        }
        1 => "to the other one that answers".to_owned(),
        others => format!("to the {others} others that answer"),
    };
    let text = format!("Packets to {} are lost, {others} they are not.", listed(&names));
    view.point(Grade::Bad, text, "look at what the ways to them have in common", evidence);
}

/// Whether so many packets to others than the gateway came back, every one of them, that the link which all share loses none.
fn are_others_whole(view: &View) -> bool {
    let others = view.items.iter().filter(|item| item.spec.subject != GATEWAY).filter_map(|item| item.finding.as_ref());
    let rounds = others.filter(|finding| finding.outcome == Outcome::Reply && finding.value("loss_ratio").is_some());
    let (mut sent, mut is_whole) = (0.0, true);
    for finding in rounds {
        sent += grade::sent_packets(finding).unwrap_or(0.0);
        is_whole &= finding.value("loss_ratio") == Some(0.0) && !is_sent_again(finding);
    }
    is_whole && sent >= WHOLE_SENT_LEAST
}

/// Whether the traced way to a host leads through a gateway to which no packet is lost.
fn is_beyond_sound_gateway(view: &View, at: usize) -> bool {
    let is_sound = |at: &usize| {
        view.sign(*at) == Sign::Answered
            && view.items[*at].finding.as_ref().is_some_and(|finding| finding.value("loss_ratio") == Some(0.0))
    };
    let address = |at: usize| match (&view.items[at].finding, &view.items[at].spec.check) {
        (Some(Finding { address: Some(address), .. }), _) => Some(*address),
        (_, Check::Icmp(round)) => round.host.parse().ok(),
        _ => None,
    };
    let gateways: Vec<IpAddr> = view.under(GATEWAY).into_iter().filter(is_sound).filter_map(address).collect();
    let who = view.who_of(at);
    let parties = view.parties(|subject| subject == view.items[at].spec.subject);
    let items = parties.iter().flat_map(|party| &party.items).filter(|item| view.who_of(**item) == who);
    let mut traces = items.filter_map(|item| match view.items[*item].finding.as_ref()?.detail.as_ref()? {
        Detail::Path(trace) => Some(trace),
        _ => None,
    });
    traces.any(|trace| {
        let is_gateway = |address: IpAddr| address != trace.address && gateways.contains(&address);
        let mut flows = trace.flows.iter();
        !trace.flows.is_empty() && flows.all(|flow| flow.hops.iter().any(|hop| hop.address.is_some_and(is_gateway)))
    })
}

/// Packets that take long.
pub(super) fn slow(view: &mut View) {
    let is_slow = |item: &Item| {
        item.grade == Grade::Notable && item.finding.as_ref().is_some_and(|finding| grade::is_slow(&item.spec, finding))
    };
    let slow = view.untold(is_slow);
    let Some(first) = slow.first().copied() else { return };
    let names = names_of(view, &slow);
    let how = view.items[first].headline.clone();
    let text = if names.len() == 1 {
        format!("Packets to {} take long: {how}.", names[0])
    } else {
        format!("Packets to {} take long; the first: {how}.", listed(&names))
    };
    let cure = "something is busy on the way: look at the load of the links, and whether buffers are full";
    view.point(Grade::Notable, text, cure, slow);
}

/// So few packets that it may be chance.
pub(super) fn chance(view: &mut View) {
    let is_rare =
        |finding: &Finding| finding.value("loss_ratio").is_some_and(|loss| loss > 0.0) || is_sent_again(finding);
    let rare = view.untold(|item| {
        let is_round = matches!(item.spec.check, Check::Icmp(_) | Check::Tcp(_) | Check::Udp(_));
        item.grade == Grade::Notable && is_round && item.finding.as_ref().is_some_and(is_rare)
    });
    let Some(first) = rare.first().copied() else { return };
    let names = names_of(view, &rare);
    let text = if names.len() > 1 {
        format!("Few of the packets to {} got no answer, which may be chance.", listed(&names))
    } else {
        format!("{}, which may be chance.", missed(view, first))
    };
    view.point(Grade::Notable, text, "check again: what comes back is no chance", rare);
}

/// What a round missed.
fn missed(view: &View, at: usize) -> String {
    let who = view.who_of(at);
    let Some(finding) = &view.items[at].finding else { return who };
    let kind = match view.items[at].spec.check {
        Check::Tcp(_) => "handshakes with",
        Check::Udp(_) => "UDP packets to",
        _ => "pings to",
    };
    let ratio = finding.value("loss_ratio").unwrap_or(0.0);
    match (grade::lost_packets(finding).round(), grade::sent_packets(finding)) {
        _ if ratio == 0.0 => format!("A handshake with {who} needed its SYN sent again"),
        (lost, Some(sent)) if lost > 0.0 => format!("{lost} of {sent} {kind} {who} got no answer"),
        _ => format!("{} of the {kind} {who} got no answer", grade::part_of(ratio)),
    }
}

/// Whether a handshake needed its first packet sent again.
fn is_sent_again(finding: &Finding) -> bool {
    finding.value("syn_retransmits").is_some_and(|count| count > 0.0)
}

/// What people call what these checks are about, each once, in the order of the page.
fn names_of(view: &View, items: &[usize]) -> Vec<String> {
    let mut met = HashSet::new();
    items.iter().map(|at| view.who_of(*at)).filter(|name| met.insert(name.clone())).collect()
}
