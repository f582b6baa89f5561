//! The way of the packets between two nodes, and the ways before.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    mark::{Mark, MarkKind},
    time::Timestamp,
    unit::Unit,
};
use serde_json::Value;

use crate::{
    api::{self, told},
    clock::Clock,
    components::pieces::{card, table},
    live::Live,
};

/// Earlier ways that are listed.
const EARLIER_MAX: usize = 8;

/// A way and when it was taken; what the page reads of it.
#[derive(Clone)]
pub(crate) struct PathRecord {
    mode: String,
    first_at: Timestamp,
    last_at: Timestamp,
    is_reached: bool,
    /// The hops of each flow.
    flows: Vec<Vec<Hop>>,
}

#[derive(Clone)]
struct Hop {
    ttl: usize,
    /// Who answered; a star when nobody did.
    address: String,
    sent: usize,
    answered: usize,
    rtt_us: Option<f64>,
    refusal: String,
}

/// One answerer at one distance.
struct Step {
    hop: Hop,
    /// Flows that came by here.
    flows: usize,
}

impl PathRecord {
    /// Reads what the hub tells.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let hop = |value: &Value| Hop {
            ttl: told::count(value, "ttl"),
            address: value["address"].as_str().unwrap_or("*").to_owned(),
            sent: told::count(value, "sent"),
            answered: told::count(value, "answered"),
            rtt_us: told::number(value, "rtt_us"),
            refusal: told::text(value, "refusal"),
        };
        let trace = &value["trace"];
        Some(Self {
            mode: told::text(value, "mode"),
            first_at: told::moment(value, "first_at")?,
            last_at: told::moment(value, "last_at")?,
            is_reached: trace["is_reached"] == true,
            flows: told::list(trace, "flows")
                .iter()
                .map(|flow| told::list(flow, "hops").iter().map(hop).collect())
                .collect(),
        })
    }

    /// Hop by hop, those of different flows beside each other; the time is that of the fastest.
    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for hop in self.flows.iter().flatten() {
            let known = steps.iter_mut().find(|step| step.hop.ttl == hop.ttl && step.hop.address == hop.address);
            if let Some(step) = known {
                step.flows += 1;
                step.hop.sent += hop.sent;
                step.hop.answered += hop.answered;
                step.hop.rtt_us = step.hop.rtt_us.into_iter().chain(hop.rtt_us).reduce(f64::min);
                continue;
            }
            let at = steps.partition_point(|step| step.hop.ttl <= hop.ttl);
            steps.insert(at, Step { hop: hop.clone(), flows: 1 });
        }
        steps
    }

    /// How far it is, in words.
    fn words(&self) -> String {
        let hops = self.flows.iter().map(Vec::len).max().unwrap_or_default();
        let hops = if hops == 1 { "1 hop".to_owned() } else { format!("{hops} hops") };
        let end = if self.is_reached { "" } else { ", the end does not answer" };
        format!("{hops} over {}{end}", self.mode.to_ascii_uppercase())
    }

    /// The routers on the way of the first flow, in a line.
    fn line(&self) -> String {
        let hops = self.flows.first().map(Vec::as_slice).unwrap_or_default();
        hops.iter().map(|hop| hop.address.as_str()).collect::<Vec<_>>().join(" → ")
    }

    /// When it was taken, and how far it is.
    fn stretch(&self, clock: Clock) -> String {
        format!("{} to {}: {}", clock.write(self.first_at), clock.write(self.last_at), self.words())
    }
}

/// The card of one direction.
pub(super) fn ways(live: Live, (id, title): (&'static str, &'static str), src: String, dst: String) -> AnyView {
    let clock = Clock::expect();
    let records = RwSignal::new(None::<Vec<PathRecord>>);
    // At first, and whenever a change of the way is marked on the time axis. An effect runs in the browser only.
    Effect::new(move |before: Option<Option<u64>>| {
        let is_own =
            |mark: &&Mark| mark.mark.kind == MarkKind::PathChange && (&mark.mark.src, &mark.mark.dst) == (&src, &dst);
        let newest = live.marks.with(|marks| marks.iter().filter(is_own).map(|mark| mark.id).max());
        if before == Some(newest) {
            return newest;
        }
        let (src, dst) = (src.clone(), dst.clone());
        spawn_local(async move {
            // Without an answer the card stays as it is; the connection bar says why.
            if let Ok(all) = api::paths(&src, &dst).await {
                records.try_set(Some(all));
            }
        });
        newest
    });
    let body = move || records.with(|all| all.as_ref().map(|all| drawn(all, clock)));
    card(id, "way", title, ().into_any(), view! { <div data-testid=id>{body}</div> }.into_any())
}

/// The way as it is, and those before.
fn drawn(all: &[PathRecord], clock: Clock) -> AnyView {
    let Some((now, earlier)) = all.split_first() else {
        let words = "The way is not known. It is looked at by schedule, where the settings say so.";
        return view! { <p class="muted">{words}</p> }.into_any();
    };
    let count = now.flows.len();
    let row = |step: Step| {
        let Step { hop, flows } = step;
        let flows = if flows < count { format!("{flows} of {count}") } else { "all".to_owned() };
        let rtt = hop.rtt_us.map_or_else(|| "–".to_owned(), |rtt| Unit::Microseconds.figure(rtt).to_string());
        let answered = format!("{}/{}", hop.answered, hop.sent);
        vec![hop.ttl.to_string(), format!("{} {}", hop.address, hop.refusal), rtt, answered, flows]
    };
    let line = |record: &PathRecord| {
        view! {
            <li>
                {record.stretch(clock)} <code>{record.line()}</code>
            </li>
        }
    };
    let hops =
        table("hops", &["#Hop", "Address", "#Time", "#Answered", "Flows"], now.steps().into_iter().map(row).collect());
    view! {
        <p class="muted" data-testid="way-since">{format!("Since {}", now.stretch(clock))}</p>
        {hops}
        <ul class="ways" aria-label="Earlier ways" data-testid="earlier-ways">
            {earlier.iter().take(EARLIER_MAX).map(line).collect_view()}
        </ul>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> PathRecord {
        let text = r#"{"src":"a","dst":"b","mode":"icmp","first_at":"1970-01-01T00:00:01Z","last_at":"1970-01-01T00:00:09Z",
            "seen":3,"trace":{"mode":"icmp","address":"10.0.0.9","is_reached":true,"flows":[
            {"flow":1,"hops":[{"ttl":1,"address":"10.0.0.1","sent":3,"answered":3,"rtt_us":90.0},
                              {"ttl":2,"address":"10.0.0.9","sent":3,"answered":2,"rtt_us":200.0}]},
            {"flow":2,"hops":[{"ttl":1,"address":null,"sent":3,"answered":0,"rtt_us":null},
                              {"ttl":2,"address":"10.0.0.9","sent":3,"answered":3,"rtt_us":180.0}]}]}}"#;
        PathRecord::read(&serde_json::from_str(text).expect("is JSON")).expect("is understood")
    }

    #[test]
    fn flows_that_differ_stand_beside_each_other() {
        let steps = record().steps();
        let seen: Vec<_> = steps.iter().map(|step| (step.hop.ttl, step.hop.address.as_str(), step.flows)).collect();
        assert_eq!(seen, [(1, "10.0.0.1", 1), (1, "*", 1), (2, "10.0.0.9", 2)]);
        assert_eq!((steps[2].hop.rtt_us, steps[2].hop.answered, steps[2].hop.sent), (Some(180.0), 5, 6));
    }

    #[test]
    fn a_way_reads_in_a_line() {
        assert_eq!(record().words(), "2 hops over ICMP");
        assert_eq!(record().line(), "10.0.0.1 → 10.0.0.9");
    }
}
