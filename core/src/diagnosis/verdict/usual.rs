//! What every machine depends on: its gateway, the way out, and the name servers.

use std::net::IpAddr;

use super::view::{View, begun, listed};
use crate::{
    check::{Check, Detail, Outcome},
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
    // Whoever answers questions about names is reached, too.
    let is_looked_up = view.sign_of_lookups() == Sign::Answered;
    let answers_inside = is_looked_up || view.answers_apart_from(&[GATEWAY, PUBLIC_RESOLVERS]);
    if is_missing {
        return no_gateway(view, &gateways, answers_inside);
    }
    let answers_beyond = [PUBLIC_RESOLVERS, NAME_SERVERS].iter().any(|subject| {
        let items = view.under(subject);
        items.iter().any(|at| view.sign(*at) == Sign::Answered) && view.answers_apart_from(&[GATEWAY])
    });
    let answers_otherwise = gateways.iter().any(|at| {
        let address = view.items[*at].finding.as_ref().and_then(|finding| finding.address);
        address.is_some_and(|address| view.answers_at(address))
    });
    silent_gateway(view, &gateways, is_looked_up || answers_beyond || answers_otherwise, answers_inside);
}

fn no_gateway(view: &mut View, gateways: &[usize], answers_inside: bool) {
    let first = gateways[0];
    // A tunnel, or a link with one other end, needs no address to send to.
    if view.sign_of(&view.under(PUBLIC_RESOLVERS)) == Sign::Answered {
        return view.regrade(first, Grade::Fine, "none, and none is needed: packets get out");
    }
    let evidence = with_silent(view, gateways);
    let (grade, text) = if answers_inside {
        (Grade::Fine, "This machine has no default gateway: it reaches its own subnet only.")
    } else if evidence.len() == gateways.len() || !view.is_wide() {
        (Grade::Notable, "This machine has no default gateway: it reaches its own subnet only.")
    } else {
        let text = "This machine has no default gateway, and nothing answers it: it is cut off.";
        return view.point(Grade::Bad, text, view.cure(first), evidence);
    };
    view.regrade(first, grade, "there is no default route");
    view.point(grade, text, view.cure(first), gateways.to_vec());
}

fn silent_gateway(view: &mut View, gateways: &[usize], does_work: bool, answers_inside: bool) {
    let name = view.who_of(gateways[0]);
    let (gateway, is_wide) = (begun(&name), view.is_wide());
    let regrade = |view: &mut View, grade: Grade, headline: &str| {
        gateways.iter().for_each(|at| view.regrade(*at, grade, headline));
    };
    let (grade, text, cure) = if does_work {
        regrade(view, Grade::Unknown, "answers no pings, does its work");
        (Grade::Fine, format!("{gateway} does not answer pings, and does its work: that is no fault."), "")
    } else if answers_inside && !is_wide {
        regrade(view, Grade::Unknown, "answers no pings, which it need not");
        (Grade::Fine, format!("{gateway} does not answer pings, which it need not; others answer."), "")
    } else if answers_inside {
        regrade(view, Grade::Notable, "no answer");
        let cure =
            "if this machine should reach other networks, look at the gateway and at the address that it is known by";
        let text = format!("{gateway} does not answer, nor does anything beyond it; hosts of this network do.");
        (Grade::Notable, text, cure)
    } else if !is_wide {
        // It may drop pings and do its work, and those that were named may be away.
        regrade(view, Grade::Notable, "no answer");
        let cure = "diagnose without naming hosts: that tells whether this machine is cut off";
        (Grade::Notable, neither(view, &name), cure)
    } else {
        let text = format!("{gateway} does not answer, nor does anything else: this machine is cut off.");
        let cure = "check the cable or the radio, the port of the switch, its VLAN, and the address of this machine";
        let evidence = with_silent(view, gateways);
        return view.point(Grade::Bad, text, cure, evidence);
    };
    view.point(grade, text, cure, gateways.to_vec());
}

/// That neither a gateway nor hosts that were named answer.
fn neither(view: &View, gateway: &str) -> String {
    let silent = view.parties(|subject| ![GATEWAY, NAME_SERVERS].contains(&subject)).into_iter();
    let silent = silent.filter(|party| view.sign_of(&party.items) == Sign::Silent);
    let names: Vec<String> = silent.map(|party| party.name).collect();
    let answer = if names.len() == 1 { "answers" } else { "answer" };
    match names.as_slice() {
        [] => format!("{} does not answer pings, and nothing tells whether it does its work.", begun(gateway)),
        names => format!("Neither {gateway} nor {} {answer}.", listed(names)),
    }
}

/// These, and everything that did not answer.
fn with_silent(view: &View, gateways: &[usize]) -> Vec<usize> {
    let others = (0..view.items.len()).filter(|at| !gateways.contains(at) && view.sign(*at) == Sign::Silent);
    gateways.iter().copied().chain(others).collect()
}

/// The way out. Returns whether this is a network that lets nothing out while what is inside works.
pub(super) fn outside(view: &mut View) -> bool {
    let all = view.under(PUBLIC_RESOLVERS);
    match view.sign_of(&all) {
        Sign::None => return false,
        Sign::Silent if view.answers_apart_from(&[PUBLIC_RESOLVERS]) => {
            all.iter().for_each(|at| view.regrade(*at, Grade::Unknown, "not reachable: closed, or the uplink is down"));
            let text =
                "This network is closed, or its uplink is down: what is inside answers, and no public resolver does.";
            let cure = "if it should reach the internet, look at its uplink, and ask whoever runs the firewall";
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
    filters(view, &all);
    for party in view.parties(|subject| subject == PUBLIC_RESOLVERS) {
        let untold: Vec<usize> = party.items.iter().copied().filter(|at| view.is_untold(*at)).collect();
        if view.sign_of(&party.items) == Sign::Answered {
            // What it does not answer others do: no work depends on it.
            let silent: Vec<usize> = untold.into_iter().filter(|at| view.sign(*at) == Sign::Silent).collect();
            silent.into_iter().for_each(|at| view.soften(at, Grade::Notable));
        } else if !untold.is_empty() && view.sign_of(&party.items) == Sign::Silent {
            party.items.iter().for_each(|at| view.regrade(*at, Grade::Notable, "no answer, others do"));
            let text =
                format!("{} does not answer while other public resolvers do: the fault is not here.", party.name);
            view.point(Grade::Notable, text, "", party.items);
        }
    }
    false
}

/// What a network does not let out while it lets out other packets.
fn filters(view: &mut View, all: &[usize]) {
    let is_tcp = |at: usize| matches!(view.items[at].spec.check, Check::Tcp(_));
    let (tcp, others): (Vec<usize>, Vec<usize>) = all.iter().partition(|at| is_tcp(**at));
    let (questions, pings): (Vec<usize>, Vec<usize>) = others.iter().partition(|at| view.is_dns(**at));
    let kinds =
        [(questions, "DNS to public resolvers"), (pings, "pings to the outside"), (tcp, "HTTPS to public resolvers")];
    let silent: Vec<_> = kinds.into_iter().filter(|(items, _)| view.sign_of(items) == Sign::Silent).collect();
    let names: Vec<String> = silent.iter().map(|(_, what)| (*what).to_owned()).collect();
    let evidence: Vec<usize> = silent.into_iter().flat_map(|(items, _)| items).collect();
    if !evidence.is_empty() {
        evidence.iter().for_each(|at| view.regrade(*at, Grade::Unknown, "filtered, which seems to be meant so"));
        let text = format!("This network filters {}; other packets get out.", listed(&names));
        view.point(Grade::Fine, text, "", evidence);
    }
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
    // A refusal and a missing route are no matter of names.
    let is_unheard = |view: &View, at: usize| {
        view.items[at].finding.as_ref().is_some_and(|finding| finding.outcome == Outcome::Lost)
            && asks_outside(view, at)
    };
    let are_all_unheard = silent.len() == questions.len() && silent.iter().all(|(at, ..)| is_unheard(view, *at));
    let say = if silent.len() == 1 { "says" } else { "say" };
    if silent.is_empty() {
        // Nothing to say.
    } else if !view.is_wide() && are_all_unheard && view.sign_of_lookups() != Sign::Silent {
        // Nobody knows whether anything gets out of this network.
        evidence.iter().for_each(|at| view.regrade(*at, Grade::Notable, "no answer about a name outside"));
        let text = format!("Asked for a name outside, {named} {say} nothing.");
        let cure = "look whether it runs, and where it forwards questions to; in a closed network that may be meant so";
        view.point(Grade::Notable, text, cure, evidence);
    } else if is_closed_network && silent.iter().all(|(at, _, answers)| *answers && asks_outside(view, *at)) {
        evidence.iter().for_each(|at| view.regrade(*at, Grade::Notable, "no answer about a name outside"));
        let text =
            format!("Asked for a name outside, {named} {say} nothing; whether names inside resolve was not asked.");
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
    if !view.is_wide() && asks_outside(view, *first) {
        let headline = format!("answers {status} about a name outside, which may be meant so");
        evidence.iter().for_each(|at| view.regrade(*at, Grade::Unknown, headline.as_str()));
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
