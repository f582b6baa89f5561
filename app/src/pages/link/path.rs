//! The way of the packets between two nodes, and the ways before.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{mark::MarkKind, probe::ProbeMode, time::Timestamp, unit::Unit};
use serde::Deserialize;

use crate::{
    api,
    components::{empty_state::EmptyState, pieces::card, when::When},
    live::Live,
};

/// Earlier ways that are listed.
const EARLIER_MAX: usize = 8;

/// A way and when it was taken; what the page reads of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct PathRecord {
    mode: ProbeMode,
    first_at: Timestamp,
    last_at: Timestamp,
    trace: Trace,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Trace {
    is_reached: bool,
    flows: Vec<Flow>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Flow {
    hops: Vec<Hop>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Hop {
    ttl: u8,
    address: Option<String>,
    sent: u16,
    answered: u16,
    rtt_us: Option<f64>,
    #[serde(default)]
    refusal: String,
}

/// One answerer at one distance.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    ttl: u8,
    /// Who answered; a star when nobody did.
    address: String,
    /// The fastest median of the flows, µs.
    rtt_us: Option<f64>,
    sent: u32,
    answered: u32,
    /// Flows that came by here.
    flows: usize,
    refusal: String,
}

impl PathRecord {
    /// Hop by hop, those of different flows beside each other.
    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for hop in self.trace.flows.iter().flat_map(|flow| &flow.hops) {
            let address = hop.address.clone().unwrap_or_else(|| "*".to_owned());
            let found = steps.iter_mut().find(|step| step.ttl == hop.ttl && step.address == address);
            if let Some(step) = found {
                step.flows += 1;
                step.sent += u32::from(hop.sent);
                step.answered += u32::from(hop.answered);
                step.rtt_us = step.rtt_us.into_iter().chain(hop.rtt_us).reduce(f64::min);
                continue;
            }
            let at = steps.partition_point(|step| step.ttl <= hop.ttl);
            let (ttl, rtt_us, refusal) = (hop.ttl, hop.rtt_us, hop.refusal.clone());
            let (sent, answered) = (u32::from(hop.sent), u32::from(hop.answered));
            steps.insert(at, Step { ttl, address, rtt_us, sent, answered, flows: 1, refusal });
        }
        steps
    }

    /// How far it is, in words.
    fn words(&self) -> String {
        let hops = self.trace.flows.iter().map(|flow| flow.hops.len()).max().unwrap_or_default();
        let hops = if hops == 1 { "1 hop".to_owned() } else { format!("{hops} hops") };
        let end = if self.trace.is_reached { "" } else { ", the end does not answer" };
        format!("{hops} over {}{end}", self.mode.label().to_ascii_uppercase())
    }

    /// The routers on the way of the first flow, in a line.
    fn line(&self) -> String {
        let hops = self.trace.flows.first().map(|flow| flow.hops.as_slice()).unwrap_or_default();
        hops.iter().map(|hop| hop.address.as_deref().unwrap_or("*")).collect::<Vec<_>>().join(" → ")
    }
}

/// The card of one direction.
pub(super) fn ways(live: Live, (id, title): (&'static str, &'static str), src: String, dst: String) -> AnyView {
    let records = RwSignal::new(None::<Vec<PathRecord>>);
    let ends = (src.clone(), dst.clone());
    // A change of the way is marked on the time axis.
    let changes = Memo::new(move |_| {
        live.marks.with(|marks| {
            let own = marks.iter().filter(|mark| mark.mark.kind == MarkKind::PathChange);
            own.filter(|mark| (&mark.mark.src, &mark.mark.dst) == (&ends.0, &ends.1)).map(|mark| mark.id).max()
        })
    });
    // An effect runs in the browser only.
    Effect::new(move |_| {
        changes.track();
        let (src, dst) = (src.clone(), dst.clone());
        spawn_local(async move {
            // Without an answer the card stays as it is; the connection bar says why.
            if let Ok(all) = api::paths(&src, &dst).await {
                records.try_set(Some(all));
            }
        });
    });
    let now = move || records.with(|all| all.as_ref().and_then(|all| all.first().map(current)));
    let earlier = move || {
        let all =
            records.with(|all| all.as_ref().map(|all| all.iter().skip(1).take(EARLIER_MAX).map(before).collect_view()));
        let is_some = records.with(|all| all.as_ref().is_some_and(|all| all.len() > 1));
        view! { <ul class="ways" hidden=!is_some aria-label="Earlier ways" data-testid="earlier-ways">{all}</ul> }
    };
    let is_empty = move || records.with(|all| all.as_ref().is_some_and(Vec::is_empty));
    let body = view! {
        <div class="way" data-testid=id>
            {now} {earlier}
            <Show when=is_empty>
                <EmptyState title="The way is not known">
                    "It is looked at by schedule, where the settings say so, and by every diagnosis."
                </EmptyState>
            </Show>
        </div>
    };
    card(id, "", title, ().into_any(), body.into_any())
}

/// The way as it is.
fn current(record: &PathRecord) -> AnyView {
    let all = record.trace.flows.len();
    let row = move |step: Step| {
        let flows = if step.flows < all { format!("{} of {all}", step.flows) } else { "all".to_owned() };
        let rtt = step.rtt_us.map_or_else(|| "–".to_owned(), |rtt| Unit::Microseconds.figure(rtt).to_string());
        view! {
            <tr class:is-split=step.flows < all data-testid="hop">
                <td class="number">{step.ttl}</td>
                <td>
                    <code>{step.address}</code>
                    " "
                    <span class="muted">{step.refusal}</span>
                </td>
                <td class="number">{rtt}</td>
                <td class="number">{format!("{}/{}", step.answered, step.sent)}</td>
                <td>{flows}</td>
            </tr>
        }
    };
    view! {
        <p class="muted" data-testid="way-since">
            "Since " <When at=record.first_at /> ", last seen " <When at=record.last_at /> ": " {record.words()}
        </p>
        <div class="table-scroll">
            <table>
                <thead>
                    <tr>
                        <th scope="col" class="number">"Hop"</th>
                        <th scope="col">"Address"</th>
                        <th scope="col" class="number">"Time"</th>
                        <th scope="col" class="number">"Answered"</th>
                        <th scope="col">"Flows"</th>
                    </tr>
                </thead>
                <tbody>{record.steps().into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// A way that was, in a line.
fn before(record: &PathRecord) -> AnyView {
    view! {
        <li>
            <span class="muted"><When at=record.first_at /> " to " <When at=record.last_at /> ", " {record.words()}</span>
            <code>{record.line()}</code>
        </li>
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
        serde_json::from_str(text).expect("is understood")
    }

    #[test]
    fn flows_that_differ_stand_beside_each_other() {
        let steps = record().steps();
        let seen: Vec<_> = steps.iter().map(|step| (step.ttl, step.address.as_str(), step.flows)).collect();
        assert_eq!(seen, [(1, "10.0.0.1", 1), (1, "*", 1), (2, "10.0.0.9", 2)]);
        assert_eq!((steps[2].rtt_us, steps[2].answered, steps[2].sent), (Some(180.0), 5, 6));
    }

    #[test]
    fn a_way_reads_in_a_line() {
        assert_eq!(record().words(), "2 hops over ICMP");
        assert_eq!(record().line(), "10.0.0.1 → 10.0.0.9");
    }
}
