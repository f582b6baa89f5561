//! Single hosts: those that do not answer, or take small packets only.

use super::{
    peers,
    view::{Party, View, begun, listed, who},
};
use crate::{
    check::{Check, Outcome, Phase},
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
            let does_work = view.answers_apart_from(&[&party.subject]);
            if peers::is_node(view, &party) && peers::is_doubtful(view, &party) {
                let others = if does_work { ", while others answer" } else { "" };
                let text =
                    format!("{} {}{others}: {}.", party.name, peers::asked_in_vain(view, &open, 1), peers::DOUBT);
                peers::doubt(view, text, open);
                continue;
            }
            let works = if does_work { ", while others do: the fault is there, or on the way to it" } else { "" };
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
