//! The checks as the rules look at them: by the party that each is about.

use crate::{
    check::{Check, Detail, Outcome},
    diagnosis::{
        Grade, Item, Point,
        grade::{Sign, is_refusal, sign},
        plan::{GATEWAY, HUB, IF_ANY, NAME_SERVERS, PEERS, PUBLIC_RESOLVERS, THIS_MACHINE},
    },
};

/// One host, and what was checked of it.
pub(super) struct Party {
    /// The heading.
    pub(super) subject: String,
    /// What people call it.
    pub(super) name: String,
    /// What it answered or did not. Questions to name servers about it are not among them.
    pub(super) items: Vec<usize>,
}

pub(super) struct View<'a> {
    pub(super) items: &'a mut [Item],
    pub(super) points: Vec<Point>,
    told: Vec<bool>,
}

impl<'a> View<'a> {
    pub(super) fn new(items: &'a mut [Item]) -> Self {
        let told = vec![false; items.len()];
        Self { items, points: Vec::new(), told }
    }

    /// Says something; what it stands on is told then.
    pub(super) fn point(
        &mut self,
        grade: Grade,
        text: impl Into<String>,
        cure: impl Into<String>,
        evidence: Vec<usize>,
    ) {
        for at in &evidence {
            self.told[*at] = true;
        }
        self.points.push(Point { grade, text: text.into(), cure: cure.into(), evidence });
    }

    /// Judges a check in the light of the others.
    pub(super) fn regrade(&mut self, at: usize, grade: Grade, headline: impl Into<String>) {
        (self.items[at].grade, self.items[at].headline) = (grade, headline.into());
        self.told[at] = true;
    }

    /// Takes a check for no worse than that; something has to be said of it all the same.
    pub(super) fn soften(&mut self, at: usize, worst: Grade) {
        self.items[at].grade = self.items[at].grade.min(worst);
    }

    /// Checks that are over, that nothing was said of, and that are so.
    pub(super) fn untold(&self, is_so: impl Fn(&Item) -> bool) -> Vec<usize> {
        (0..self.items.len()).filter(|at| !self.told[*at] && is_so(&self.items[*at])).collect()
    }

    /// Whether nothing was said of a check yet.
    pub(super) fn is_untold(&self, at: usize) -> bool {
        !self.told[at]
    }

    /// Checks under a heading that are over.
    pub(super) fn under(&self, subject: &str) -> Vec<usize> {
        let is_there = |item: &Item| item.spec.subject == subject && item.finding.is_some();
        (0..self.items.len()).filter(|at| is_there(&self.items[*at])).collect()
    }

    pub(super) fn sign(&self, at: usize) -> Sign {
        let item = &self.items[at];
        match item.finding.as_ref().map_or(Sign::None, sign) {
            // Public resolvers listen: it was a firewall that refused.
            Sign::Answered if item.spec.subject == PUBLIC_RESOLVERS && (is_failed(item) || is_reset(item)) => {
                Sign::Silent
            }
            sign => sign,
        }
    }

    /// Whether any of these answered, or none of those that were asked.
    pub(super) fn sign_of(&self, items: &[usize]) -> Sign {
        let has = |wanted: Sign| items.iter().any(|at| self.sign(*at) == wanted);
        if has(Sign::Answered) {
            Sign::Answered
        } else if has(Sign::Silent) {
            Sign::Silent
        } else {
            Sign::None
        }
    }

    /// Whether a check was made and brought no answer, be it silence, a refusal, or rubbish.
    pub(super) fn is_without_answer(&self, at: usize) -> bool {
        let (item, sign) = (&self.items[at], self.sign(at));
        // That a name server cannot say is an answer.
        let is_told = item.finding.as_ref().is_some_and(|found| matches!(found.detail, Some(Detail::Answers { .. })));
        sign == Sign::Silent || is_failed(item) && !is_told && sign != Sign::None
    }

    /// Whether a host answers to anything at all, under whichever heading.
    pub(super) fn answers_at(&self, address: std::net::IpAddr) -> bool {
        let is_at =
            |at: &usize| self.items[*at].finding.as_ref().is_some_and(|finding| finding.address == Some(address));
        (0..self.items.len()).filter(is_at).any(|at| self.sign(at) == Sign::Answered)
    }

    pub(super) fn is_ping(&self, at: usize) -> bool {
        matches!(self.items[at].spec.check, Check::Icmp(_))
    }

    pub(super) fn is_dns(&self, at: usize) -> bool {
        matches!(self.items[at].spec.check, Check::Dns(_))
    }

    /// The parties under the headings that are so, in the order of the page.
    pub(super) fn parties(&self, is_so: impl Fn(&str) -> bool) -> Vec<Party> {
        let mut parties: Vec<Party> = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            let subject = item.spec.subject.as_str();
            if item.finding.is_none() || subject == THIS_MACHINE || !is_so(subject) || is_lookup(item) {
                continue;
            }
            let name = party_name(item);
            match parties.iter_mut().find(|party| party.subject == subject && party.name == name) {
                Some(party) => party.items.push(at),
                None => parties.push(Party { subject: subject.to_owned(), name, items: vec![at] }),
            }
        }
        parties
    }

    /// Whether anything answers across a network, apart from what is under these headings.
    pub(super) fn answers_apart_from(&self, subjects: &[&str]) -> bool {
        let answers = |at: usize| {
            let item = &self.items[at];
            let is_apart = !subjects.contains(&item.spec.subject.as_str()) && !is_lookup(item);
            is_apart && self.sign(at) == Sign::Answered && !is_on_this_machine(item)
        };
        (0..self.items.len()).any(answers)
    }

    /// What came of asking name servers about hosts that were named. What answers on this machine says nothing of others.
    pub(super) fn sign_of_lookups(&self) -> Sign {
        let is_of_others = |at: &usize| is_lookup(&self.items[*at]) && !is_on_this_machine(&self.items[*at]);
        self.sign_of(&(0..self.items.len()).filter(is_of_others).collect::<Vec<_>>())
    }

    /// Whether enough was asked to tell a machine that is cut off from a few hosts that are away.
    pub(super) fn is_wide(&self) -> bool {
        [PUBLIC_RESOLVERS, HUB, PEERS].iter().any(|subject| !self.under(subject).is_empty())
    }

    /// What a failed check says would help.
    pub(super) fn cure(&self, at: usize) -> String {
        match self.items[at].finding.as_ref().map(|finding| &finding.outcome) {
            Some(Outcome::Failed { cure, .. }) => cure.clone(),
            _ => String::new(),
        }
    }

    /// What people call what a check is about.
    pub(super) fn who_of(&self, at: usize) -> String {
        let item = &self.items[at];
        let subject = item.spec.subject.as_str();
        if subject == THIS_MACHINE { "This machine".to_owned() } else { who(subject, &party_name(item)) }
    }
}

fn is_failed(item: &Item) -> bool {
    matches!(item.finding.as_ref().map(|finding| &finding.outcome), Some(Outcome::Failed { .. }))
}

fn is_reset(item: &Item) -> bool {
    matches!(item.spec.check, Check::Tcp(_)) && item.finding.as_ref().is_some_and(is_refusal)
}

/// What people call a party.
pub(super) fn who(subject: &str, name: &str) -> String {
    match subject {
        GATEWAY => format!("the gateway {name}"),
        NAME_SERVERS => format!("the name server {name}"),
        HUB => "the hub".to_owned(),
        _ => name.to_owned(),
    }
}

/// A sentence begins with a large letter, unless it begins with a name.
pub(super) fn begun(who: &str) -> String {
    match who.strip_prefix("the ") {
        Some(rest) => format!("The {rest}"),
        None => who.to_owned(),
    }
}

/// Names as a list that people read; of many the first few.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names {
        [] => String::new(),
        [one] => one.clone(),
        _ if names.len() <= SHOWN => {
            format!("{} and {}", names[..names.len() - 1].join(", "), names[names.len() - 1])
        }
        _ => format!("{} and {} more", names[..SHOWN - 1].join(", "), names.len() + 1 - SHOWN),
    }
}

/// Under the headings of many, the name is in the title.
fn party_name(item: &Item) -> String {
    let spec = &item.spec;
    let is_one_of_many = [GATEWAY, NAME_SERVERS, PUBLIC_RESOLVERS, PEERS].contains(&spec.subject.as_str());
    let name = spec.title.split_once(' ').map(|(_, name)| name.trim_end_matches(IF_ANY)).filter(|_| is_one_of_many);
    name.unwrap_or(&spec.subject).to_owned()
}

/// Whether a name server was asked about a host: its answer is no sign of that host.
pub(super) fn is_lookup(item: &Item) -> bool {
    let is_of_server = [NAME_SERVERS, PUBLIC_RESOLVERS].contains(&item.spec.subject.as_str());
    !is_of_server && matches!(item.spec.check, Check::Dns(_)) && item.spec.title.starts_with("DNS ")
}

/// What this machine answers itself is no sign of the network.
fn is_on_this_machine(item: &Item) -> bool {
    let told = item.finding.as_ref().and_then(|finding| finding.address);
    let host = match &item.spec.check {
        Check::Icmp(round) | Check::Tcp(round) | Check::Udp(round) => round.host.as_str(),
        Check::Dns(dns) => dns.server.as_str(),
        Check::Interfaces | Check::Connections => return true,
        _ => "",
    };
    let is_local = |address: std::net::IpAddr| address.is_loopback();
    told.is_some_and(is_local) || host.parse().is_ok_and(is_local) || host == "localhost"
}
