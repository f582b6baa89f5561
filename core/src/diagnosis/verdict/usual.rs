//! What every machine depends on: its gateway, the way out, and the name servers.

use std::net::IpAddr;

use super::view::{View, listed};
use crate::{
    check::{Check, Detail},
    diagnosis::{
        Grade,
        grade::Sign,
        plan::{self, GATEWAY, NAME_SERVERS, PUBLIC_RESOLVERS},
    },
};

/// The gateway: there is none, it does not answer, or it just does not answer pings.
pub(super) fn gateway(view: &mut View) {
    let gateways = view.under(GATEWAY);
    let Some(first) = gateways.first().copied() else { return };
    let is_missing = plan::missing(&view.items[first].spec).is_some();
    if !is_missing && view.sign_of(&gateways) != Sign::Silent {
        return;
    }
    let name = view.who_of(first);
    let answers_beyond = [PUBLIC_RESOLVERS, NAME_SERVERS].iter().any(|subject| {
        let items = view.under(subject);
        items.iter().any(|at| view.sign(*at) == Sign::Answered) && view.answers_apart_from(&[GATEWAY])
    });
    let answers_otherwise = gateways.iter().any(|at| {
        let address = view.items[*at].finding.as_ref().and_then(|finding| finding.address);
        address.is_some_and(|address| view.answers_at(address))
    });
    let answers_inside = view.answers_apart_from(&[GATEWAY, PUBLIC_RESOLVERS]);
    let silent = |view: &View| -> Vec<usize> {
        let others = (0..view.items.len()).filter(|at| !gateways.contains(at) && view.sign(*at) == Sign::Silent);
        gateways.iter().copied().chain(others).collect()
    };
    // A tunnel, or a link with one other end, needs no address to send to.
    if is_missing && view.sign_of(&view.under(PUBLIC_RESOLVERS)) == Sign::Answered {
        return view.regrade(first, Grade::Fine, "none, and none is needed: packets get out");
    }
    match (is_missing, answers_beyond || answers_otherwise, answers_inside) {
        (true, _, true) => {
            let text = "This machine has no default gateway: it reaches its own subnet only.";
            view.regrade(first, Grade::Fine, "there is no default route");
            view.point(Grade::Fine, text, view.cure(first), gateways.clone());
        }
        (true, ..) if silent(view).len() == gateways.len() => {
            let text = "This machine has no default gateway: it reaches its own subnet only.";
            view.regrade(first, Grade::Notable, "there is no default route");
            view.point(Grade::Notable, text, view.cure(first), gateways.clone());
        }
        (true, ..) => {
            let text = "This machine has no default gateway, and nothing answers it: it is cut off.";
            let evidence = silent(view);
            view.point(Grade::Bad, text, view.cure(first), evidence);
        }
        (false, true, _) => {
            let text =
                format!("{} does not answer pings, and does its work: that is no fault.", super::view::begun(&name));
            gateways.iter().for_each(|at| view.regrade(*at, Grade::Unknown, "answers no pings, does its work"));
            view.point(Grade::Fine, text, "", gateways.clone());
        }
        (false, false, true) => {
            let text = format!(
                "{} does not answer, nor does anything beyond it; hosts of this network do.",
                super::view::begun(&name)
            );
            let cure = "if this machine should reach other networks, look at the gateway and at the address that it is known by";
            gateways.iter().for_each(|at| view.regrade(*at, Grade::Notable, "no answer"));
            view.point(Grade::Notable, text, cure, gateways.clone());
        }
        (false, false, false) => {
            let text = format!(
                "{} does not answer, nor does anything else: this machine is cut off.",
                super::view::begun(&name)
            );
            let cure =
                "check the cable or the radio, the port of the switch, its VLAN, and the address of this machine";
            let evidence = silent(view);
            view.point(Grade::Bad, text, cure, evidence);
        }
    }
}

/// The way out. Returns whether this is a network that lets nothing out while what is inside works.
pub(super) fn outside(view: &mut View) -> bool {
    let all = view.under(PUBLIC_RESOLVERS);
    match view.sign_of(&all) {
        Sign::None => return false,
        Sign::Silent if view.answers_apart_from(&[PUBLIC_RESOLVERS]) => {
            all.iter().for_each(|at| view.regrade(*at, Grade::Unknown, "not reachable, which seems to be meant so"));
            let text = "This is a closed network: what is inside answers, and no public resolver does.";
            let cure = "if it should reach the internet, ask whoever runs the gateway or the firewall";
            view.point(Grade::Fine, text, cure, all);
            return true;
        }
        Sign::Silent => {
            if all.iter().any(|at| view.is_untold(*at)) {
                let text = "Nothing outside of this machine answers.";
                let cure = "check the cable or the radio, and whether this machine has an address and a route";
                view.point(Grade::Bad, text, cure, all);
            }
            return false;
        }
        Sign::Answered => {}
    }
    let (questions, pings): (Vec<usize>, Vec<usize>) = all.iter().partition(|at| view.is_dns(**at));
    for (silent, what) in [(&questions, "DNS to public resolvers"), (&pings, "pings to the outside")] {
        if view.sign_of(silent) == Sign::Silent {
            silent.iter().for_each(|at| view.regrade(*at, Grade::Unknown, "filtered, which seems to be meant so"));
            let text = format!("This network filters {what}; other packets get out.");
            view.point(Grade::Fine, text, "", silent.clone());
        }
    }
    for party in view.parties(|subject| subject == PUBLIC_RESOLVERS) {
        let is_untold = party.items.iter().any(|at| view.is_untold(*at));
        if is_untold && view.sign_of(&party.items) == Sign::Silent {
            party.items.iter().for_each(|at| view.regrade(*at, Grade::Notable, "no answer, others do"));
            let text =
                format!("{} does not answer while other public resolvers do: the fault is not here.", party.name);
            view.point(Grade::Notable, text, "", party.items);
        }
    }
    false
}

/// The name servers.
pub(super) fn names(view: &mut View, is_closed_network: bool) {
    let servers = view.parties(|subject| subject == NAME_SERVERS);
    if let Some(at) =
        servers.iter().flat_map(|party| &party.items).find(|at| plan::missing(&view.items[**at].spec).is_some())
    {
        let grade = if is_closed_network { Grade::Notable } else { Grade::Bad };
        view.regrade(*at, grade, "no name server is configured");
        return view.point(grade, "No name server is configured: names do not resolve.", view.cure(*at), vec![*at]);
    }
    let questions: Vec<(usize, String, bool)> = servers
        .iter()
        .filter_map(|party| {
            let at = *party.items.iter().find(|at| view.is_dns(**at))?;
            // One on this machine is there, and is not pinged.
            let is_here = party.name.parse::<IpAddr>().is_ok_and(|server| server.is_loopback());
            let answers_ping = |at: &usize| view.is_ping(*at) && view.sign(*at) == Sign::Answered;
            Some((at, party.name.clone(), is_here || party.items.iter().any(answers_ping)))
        })
        .collect();
    let silent: Vec<&(usize, String, bool)> =
        questions.iter().filter(|(at, ..)| view.is_untold(*at) && view.is_without_answer(*at)).collect();
    let evidence: Vec<usize> = silent.iter().map(|(at, ..)| *at).collect();
    let named = listed(&silent.iter().map(|(_, name, _)| name.clone()).collect::<Vec<_>>());
    let asks_outside = |view: &View, at: usize| matches!(&view.items[at].spec.check, Check::Dns(dns) if plan::is_well_known(&dns.name));
    if silent.is_empty() {
        // Nothing to say.
    } else if is_closed_network && silent.iter().all(|(at, _, answers)| *answers && asks_outside(view, *at)) {
        evidence.iter().for_each(|at| view.regrade(*at, Grade::Notable, "no answer about a name outside"));
        let text =
            format!("Asked for a name outside, {named} says nothing; whether names inside resolve was not asked.");
        view.point(Grade::Notable, text, "name a host of this network to see whether it resolves", evidence);
    } else if silent.len() == questions.len() {
        let are = if silent.len() == 1 {
            format!("The name server {named} does not answer questions")
        } else {
            format!("None of the name servers {named} answers questions")
        };
        let works = if view.answers_apart_from(&[NAME_SERVERS]) { " while addresses work" } else { "" };
        let text = format!("Name service is broken{works}: {}.", lower(&are));
        view.point(Grade::Bad, text, "look at the name servers, or name others in /etc/resolv.conf", evidence);
    } else if silent[0].0 == questions[0].0 {
        let text = format!(
            "The first name server, {}, does not answer: every look-up waits before it asks the next one.",
            silent[0].1
        );
        view.point(Grade::Bad, text, "take it out of /etc/resolv.conf, or bring it back", evidence);
    } else {
        let text = format!("Of the name servers, {named} does not answer; the first one does.");
        evidence.iter().for_each(|at| view.regrade(*at, Grade::Notable, "no answer"));
        view.point(Grade::Notable, text, "take it out of /etc/resolv.conf, or bring it back", evidence);
    }
    errors(view, &questions, is_closed_network, asks_outside);
}

fn lower(sentence: &str) -> String {
    sentence.replacen("The ", "the ", 1).replacen("None ", "none ", 1)
}

/// Name servers that answer, and not with what was asked for.
fn errors(
    view: &mut View,
    questions: &[(usize, String, bool)],
    is_closed_network: bool,
    asks_outside: impl Fn(&View, usize) -> bool,
) {
    let status =
        |view: &View, at: usize| match view.items[at].finding.as_ref().and_then(|finding| finding.detail.as_ref()) {
            Some(Detail::Answers { status, .. }) if status != "NOERROR" => Some(status.clone()),
            _ => None,
        };
    let wrong: Vec<(usize, String, String)> = questions
        .iter()
        .filter(|(at, ..)| view.is_untold(*at))
        .filter_map(|(at, name, _)| Some((*at, name.clone(), status(view, *at)?)))
        .collect();
    let Some((first, _, status)) = wrong.first() else { return };
    let evidence: Vec<usize> = wrong.iter().map(|(at, ..)| *at).collect();
    let named = listed(&wrong.iter().map(|(_, name, _)| name.clone()).collect::<Vec<_>>());
    if is_closed_network && asks_outside(view, *first) {
        evidence.iter().for_each(|at| view.regrade(*at, Grade::Fine, "answers, and knows no names outside"));
        return;
    }
    let asked = match &view.items[*first].spec.check {
        Check::Dns(dns) => dns.name.clone(),
        _ => String::new(),
    };
    let whose = if asks_outside(view, *first) { "the well-known name" } else { "the name of the hub," };
    let text = format!("The name server {named} does not resolve {whose} {asked}: it answers {status}.");
    let grade = if wrong.len() == questions.len() { Grade::Bad } else { Grade::Notable };
    evidence.iter().for_each(|at| view.items[*at].grade = grade);
    let cure = if whose.contains("hub") {
        "add the name, or look whether it is spelled right"
    } else {
        "look at where it forwards questions to"
    };
    view.point(grade, text, cure, evidence);
}
