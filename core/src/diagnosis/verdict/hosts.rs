//! Single hosts: those that do not answer, lose packets, are slow, or take small packets only.

use super::view::{Party, View, begun, listed, who};
use crate::{
    check::{Check, Finding, Outcome, Phase},
    diagnosis::{
        Grade, Item,
        grade::{self, Sign},
        plan::{self, GATEWAY, HUB, NAME_SERVERS, PEERS, PUBLIC_RESOLVERS, THIS_MACHINE},
    },
};

/// Hosts that answer everything but pings: that is a filter, and no loss.
pub(super) fn filtered(view: &mut View) {
    let (mut names, mut evidence) = (Vec::new(), Vec::new());
    for party in view.parties(|subject| ![PUBLIC_RESOLVERS, GATEWAY].contains(&subject)) {
        let (pings, others): (Vec<usize>, Vec<usize>) = party.items.iter().partition(|at| view.is_ping(**at));
        if view.sign_of(&pings) != Sign::Silent || view.sign_of(&others) != Sign::Answered {
            continue;
        }
        let is_by_icmp = |at: usize| matches!(view.items[at].spec.check, Check::Mtu(_) | Check::Path(_));
        let by_icmp: Vec<usize> = others.into_iter().filter(|at| is_by_icmp(*at)).chain(pings.clone()).collect();
        for at in by_icmp {
            if view.sign(at) == Sign::Silent {
                view.regrade(at, Grade::Unknown, "filtered: the host answers otherwise");
            }
        }
        names.push(who(&party.subject, &party.name));
        evidence.extend(pings);
    }
    if names.is_empty() {
        return;
    }
    let (does, is) = if names.len() == 1 { ("does", "it answers") } else { ("do", "they answer") };
    let text = format!(
        "{} {does} not answer pings, but {is} otherwise: ICMP is filtered, and nothing is lost.",
        begun(&listed(&names))
    );
    view.point(Grade::Fine, text, "", evidence);
}

/// The hub.
pub(super) fn hub(view: &mut View) {
    let Some(party) = view.parties(|subject| subject == HUB).pop() else { return };
    if view.sign_of(&party.items) == Sign::Silent {
        if party.items.iter().any(|at| view.is_untold(*at)) {
            let while_others = if view.answers_apart_from(&[HUB]) { " while others do" } else { "" };
            let cure = "look whether its machine runs and whether a firewall is between";
            view.point(Grade::Bad, format!("The hub does not answer{while_others}."), cure, party.items);
        }
        return;
    }
    port(view, &party, "The machine of the hub", "look whether netloom serve runs there and listens at this address");
}

/// A port that was asked for, of a host that answers.
fn port(view: &mut View, party: &Party, host: &str, cure: &str) {
    let is_asked = |item: &Item| matches!(item.spec.check, Check::Tcp(_)) && !plan::is_optional(&item.spec);
    for at in party.items.iter().copied().filter(|at| is_asked(&view.items[*at])).collect::<Vec<_>>() {
        let Some(finding) = view.items[at].finding.as_ref().filter(|_| view.is_untold(at)) else { continue };
        let title = view.items[at].spec.title.clone();
        if view.items[at].grade == Grade::Bad && grade::is_refusal(finding) {
            let evidence = std::iter::once(at).chain(refused_too(view, party)).collect();
            view.point(Grade::Bad, format!("{host} answers, but nobody listens at {title}."), cure, evidence);
        } else if view.sign(at) == Sign::Silent && view.sign_of(&party.items) == Sign::Answered {
            let cure = "look whether a firewall there or on the way lets this port pass";
            view.point(
                Grade::Bad,
                format!("{host} answers, but {title} gets no answer: it is filtered."),
                cure,
                vec![at],
            );
        }
    }
}

/// Requests that were refused for the same reason.
fn refused_too(view: &View, party: &Party) -> Vec<usize> {
    let is_refused = |at: &usize| {
        let item = &view.items[*at];
        let is_request = matches!(item.spec.check, Check::Http(_)) && view.is_untold(*at);
        is_request && item.finding.as_ref().is_some_and(grade::is_refusal)
    };
    party.items.iter().copied().filter(is_refused).collect()
}

/// The other nodes.
pub(super) fn peers(view: &mut View) {
    let parties = view.parties(|subject| subject == PEERS);
    let silent: Vec<&Party> = parties.iter().filter(|party| view.sign_of(&party.items) == Sign::Silent).collect();
    let evidence: Vec<usize> =
        silent.iter().flat_map(|party| &party.items).copied().filter(|at| view.is_untold(*at)).collect();
    if evidence.is_empty() {
        return;
    }
    let names = listed(&silent.iter().map(|party| party.name.clone()).collect::<Vec<_>>());
    let others = parties.len() - silent.len();
    let (text, cure) = match (silent.len(), others) {
        (1, 0) => {
            (format!("The only other node, {names}, does not answer."), "look whether it runs, and what is between")
        }
        (many, 0) => (
            format!("None of the {many} other nodes answers."),
            "look at what they have in common: their switch, their subnet, a firewall",
        ),
        (1, _) => (
            format!("{names} does not answer while {}: the fault is there, or on the way to it.", nodes(others)),
            "look whether it runs, and at its link and its firewall",
        ),
        (_, _) => (
            format!("{names} do not answer while {}.", nodes(others)),
            "look at what they have in common: their switch, their rack",
        ),
    };
    view.point(Grade::Bad, text, cure, evidence);
}

/// That others answer.
fn nodes(count: usize) -> String {
    if count == 1 { "another node does".to_owned() } else { format!("{count} other nodes do") }
}

/// Hosts that somebody named.
pub(super) fn named(view: &mut View) {
    let known = [GATEWAY, NAME_SERVERS, PUBLIC_RESOLVERS, HUB, PEERS, THIS_MACHINE];
    for party in view.parties(|subject| !known.contains(&subject)) {
        let open: Vec<usize> = party.items.iter().copied().filter(|at| view.is_untold(*at)).collect();
        let unresolved = open.iter().copied().filter(|at| is_unresolved(&view.items[*at])).collect::<Vec<_>>();
        if let Some(first) = unresolved.first() {
            let cause = view.items[*first].headline.clone();
            let cure = view.cure(*first);
            view.point(Grade::Bad, format!("The name does not lead anywhere: {cause}."), cure, unresolved);
            continue;
        }
        if view.sign_of(&party.items) == Sign::Silent && !open.is_empty() {
            // A single check says in its own words what is wrong.
            if party.items.len() == 1
                && matches!(view.items[open[0]].finding.as_ref().map(|f| &f.outcome), Some(Outcome::Failed { .. }))
            {
                continue;
            }
            let works = if view.answers_apart_from(&[&party.subject]) {
                ", while others do: the fault is there, or on the way to it"
            } else {
                ""
            };
            let cure = "look whether it runs, and whether a firewall is between; the path shows how far packets get";
            view.point(Grade::Bad, format!("{} does not answer{works}.", party.name), cure, open);
            continue;
        }
        port(view, &party, &party.name, "look whether the service runs there, and listens at this address");
    }
}

fn is_unresolved(item: &Item) -> bool {
    let outcome = item.finding.as_ref().map(|finding| &finding.outcome);
    matches!(outcome, Some(Outcome::Failed { phase: Phase::Resolve, .. })) && !plan::is_optional(&item.spec)
}

/// Packets that are lost.
pub(super) fn loss(view: &mut View) {
    let is_lossy = |item: &Item| item.grade == Grade::Bad && item.finding.as_ref().is_some_and(grade::is_lossy);
    let lossy = view.untold(is_lossy);
    let Some(first) = lossy.first().copied() else { return };
    // A lost SYN is sent again after a second: what that looks like is no slowness, but the same loss.
    let again = |finding: &Finding| finding.value("syn_retransmits").is_some_and(|count| count > 0.0);
    let hidden = view.untold(|item| item.grade == Grade::Notable && item.finding.as_ref().is_some_and(again));
    let evidence: Vec<usize> = lossy.iter().copied().chain(hidden).collect();
    let loss_of = |view: &View, at: usize| {
        let finding = view.items[at].finding.as_ref();
        grade::part_of(finding.and_then(|finding| finding.value("loss_ratio")).unwrap_or(0.0))
    };
    if view.items[first].spec.subject == GATEWAY {
        let text = format!(
            "{} of the packets to {} are lost: this machine's own link loses them.",
            loss_of(view, first),
            view.who_of(first)
        );
        let cure = "look at the cable or the radio, at the port of the switch, and at the errors of the interface";
        return view.point(Grade::Bad, text, cure, evidence);
    }
    let mut names: Vec<String> = lossy.iter().map(|at| view.who_of(*at)).collect();
    names.dedup();
    let gateway = view.under(GATEWAY);
    let from_gateway =
        if view.sign_of(&gateway) == Sign::Answered { " beyond the gateway, to which none is lost" } else { "" };
    if names.len() == 1 {
        let text = format!("{} of the packets to {} are lost.", loss_of(view, first), names[0]);
        let cure = format!("look at {} and the way to it{from_gateway}", names[0]);
        return view.point(Grade::Bad, text, cure, evidence);
    }
    let checked = view.parties(|_| true).iter().filter(|party| view.sign_of(&party.items) == Sign::Answered).count();
    let text = if names.len() == checked {
        "Packets to all hosts that answer are lost: what they have in common is this machine and its link.".to_owned()
    } else {
        format!(
            "Packets to {} are lost, to the {} others that answer they are not.",
            listed(&names),
            checked.saturating_sub(names.len())
        )
    };
    view.point(Grade::Bad, text, "look at what the ways to them have in common", evidence);
}

/// Packets that take long.
pub(super) fn slow(view: &mut View) {
    let is_slow = |item: &Item| {
        item.grade == Grade::Notable && item.finding.as_ref().is_some_and(|finding| grade::is_slow(&item.spec, finding))
    };
    let slow = view.untold(is_slow);
    let Some(first) = slow.first().copied() else { return };
    let mut names: Vec<String> = slow.iter().map(|at| view.who_of(*at)).collect();
    names.dedup();
    let how = view.items[first].headline.clone();
    let text = if names.len() == 1 {
        format!("Packets to {} take long: {how}.", names[0])
    } else {
        format!("Packets to {} take long; the first: {how}.", listed(&names))
    };
    let cure = "something is busy on the way: look at the load of the links, and whether buffers are full";
    view.point(Grade::Notable, text, cure, slow);
}

/// The largest packets that pass.
pub(super) fn mtu(view: &mut View) {
    for at in view.untold(|item| matches!(item.spec.check, Check::Mtu(_)) && item.grade >= Grade::Notable) {
        let Some(finding) = view.items[at].finding.clone() else { continue };
        let Some(bytes) = finding.value("path_mtu_bytes") else { continue };
        let (grade, who) = (view.items[at].grade, view.who_of(at));
        let (text, cure) = if grade::is_black_hole(&finding) {
            (
                format!(
                    "Packets larger than {bytes} bytes vanish on the way to {who}, and nobody says so: an MTU black hole."
                ),
                "let ICMP \"fragmentation needed\" pass on the way, or set the MTU of this machine to that size",
            )
        } else {
            (
                format!(
                    "The way to {who} takes packets of at most {bytes} bytes: there is a tunnel on it, or a wrong MTU."
                ),
                "look whether a tunnel is meant to be there; if so, an MTU of that size on both ends saves fragments",
            )
        };
        view.point(grade, text, cure, vec![at]);
    }
}
