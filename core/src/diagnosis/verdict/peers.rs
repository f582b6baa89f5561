//! The other nodes: those that do not answer, and those of which that says little.

use super::view::{Party, View, listed};
use crate::{
    check::Check,
    diagnosis::{
        Grade,
        grade::Sign,
        plan::{self, PEERS},
    },
    probe::ProbeMode,
};

/// What a node may be that answers nothing of what it need not answer.
pub(super) const DOUBT: &str = "away, or behind a firewall";

/// The other nodes.
pub(super) fn peers(view: &mut View) {
    let parties = view.parties(|subject| subject == PEERS);
    let is_silent = |party: &&Party| view.sign_of(&party.items) == Sign::Silent;
    let (silent, answering): (Vec<&Party>, Vec<&Party>) = parties.iter().partition(is_silent);
    let (doubtful, dead): (Vec<&Party>, Vec<&Party>) = silent.iter().partition(|party| is_doubtful(view, party));
    let while_others = match answering.len() {
        0 => String::new(),
        1 => " while another node does".to_owned(),
        count => format!(" while {count} other nodes do"),
    };
    let (evidence, names) = untold_of(view, &dead);
    if !evidence.is_empty() {
        let are_all = dead.len() == parties.len();
        let (text, cure) = match dead.len() {
            1 if are_all => {
                (format!("The only other node, {names}, does not answer."), "look whether it runs, and what is between")
            }
            many if are_all => (
                format!("None of the {many} other nodes answers."),
                "look at what they have in common: their switch, their subnet, a firewall",
            ),
            1 => (
                format!("{names} does not answer{while_others}: the fault is there, or on the way to it."),
                "look whether it runs, and at its link and its firewall",
            ),
            _ => (
                format!("{names} do not answer{while_others}."),
                "look at what they have in common: their switch, their rack",
            ),
        };
        view.point(Grade::Bad, text, cure, evidence);
    }
    let (evidence, names) = untold_of(view, &doubtful);
    if !evidence.is_empty() {
        let answer = asked_in_vain(view, &evidence, doubtful.len());
        doubt(view, format!("{names} {answer}{while_others}: {DOUBT}."), evidence);
    }
}

/// What was not told of some nodes yet, and their names.
fn untold_of(view: &View, parties: &[&Party]) -> (Vec<usize>, String) {
    let items = parties.iter().flat_map(|party| &party.items).copied();
    let names = parties.iter().map(|party| party.name.clone()).collect::<Vec<_>>();
    (items.filter(|at| view.is_untold(*at)).collect(), listed(&names))
}

/// Whether a silent node may be well all the same: nodes need neither answer ICMP nor listen at a TCP port.
pub(super) fn is_doubtful(view: &View, party: &Party) -> bool {
    let need_not_answer = |at: &usize| {
        let item = &view.items[*at];
        plan::is_optional(&item.spec) || matches!(item.spec.check, Check::Icmp(_) | Check::Path(_) | Check::Mtu(_))
    };
    party.items.iter().all(need_not_answer)
}

/// Whether it is a node: of other hosts the way of UDP is not looked at.
pub(super) fn is_node(view: &View, party: &Party) -> bool {
    let is_udp = |at: &usize| matches!(&view.items[*at].spec.check, Check::Path(path) if path.mode == ProbeMode::Udp);
    party.items.iter().any(is_udp)
}

/// That so many nodes did not answer what was asked.
pub(super) fn asked_in_vain(view: &View, items: &[usize], nodes: usize) -> String {
    let is_asked = |is_so: fn(&Check) -> bool| {
        items.iter().any(|at| is_so(&view.items[*at].spec.check) && view.sign(*at) == Sign::Silent)
    };
    let (pings, tcp) =
        (|check: &Check| matches!(check, Check::Icmp(_)), |check: &Check| matches!(check, Check::Tcp(_)));
    let what = match (is_asked(pings), is_asked(tcp)) {
        (true, true) => "neither pings nor TCP",
        (false, true) => "no TCP",
        _ => "no pings",
    };
    format!("{} {what}", if nodes == 1 { "answers" } else { "answer" })
}

/// Says so of nodes that may be well all the same.
pub(super) fn doubt(view: &mut View, text: String, evidence: Vec<usize>) {
    evidence.iter().for_each(|at| view.soften(*at, Grade::Notable));
    let cure = "look in the mesh whether other nodes hear it: its UDP port, all that it needs, was not asked";
    view.point(Grade::Notable, text, cure, evidence);
}
