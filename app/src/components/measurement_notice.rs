//! What does not measure as it should, said calmly: it is no fault of the network.

use leptos::prelude::*;
use netloom_core::api::{Measurement, MeasurementState, NodeStatus};

use super::status_badge::{Shape, Tone};
use crate::{
    live::Live,
    range::{TimeRange, segment},
};

/// Measurements of all nodes that have something to say, grouped by what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Complaint {
    node: String,
    detail: String,
    names: Vec<String>,
    is_failing: bool,
}

fn complaints(nodes: &[NodeStatus]) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> = Vec::new();
    for node in nodes {
        let has_trouble = |m: &&Measurement| matches!(m.state, MeasurementState::Degraded | MeasurementState::Failing);
        for measurement in node.info.measurements.iter().filter(has_trouble) {
            let is_failing = measurement.state == MeasurementState::Failing;
            let same = complaints.iter_mut().find(|known| {
                known.node == node.info.node && known.detail == measurement.detail && known.is_failing == is_failing
            });
            match same {
                Some(known) => known.names.push(measurement.name.clone()),
                None => complaints.push(Complaint {
                    node: node.info.node.clone(),
                    detail: measurement.detail.clone(),
                    names: vec![measurement.name.clone()],
                    is_failing,
                }),
            }
        }
    }
    complaints
}

impl Complaint {
    /// What is affected: its name, or how many there are.
    fn what(&self) -> String {
        match self.names.as_slice() {
            [only] => only.clone(),
            names => format!("{} measurements", names.len()),
        }
    }
}

/// A line for each complaint.
#[component]
pub(crate) fn MeasurementNotice() -> impl IntoView {
    let (live, range) = (Live::expect(), TimeRange::expect());
    let complaints = Memo::new(move |_| live.nodes.with(|nodes| complaints(nodes)));
    let row = move |complaint: Complaint| {
        let tone = if complaint.is_failing { Tone::Critical } else { Tone::Warning };
        let path = format!("/nodes/{}", segment(&complaint.node));
        view! {
            <li class="notice">
                <Shape tone />
                <span>
                    <a href=move || range.carry(&path)>{complaint.node.clone()}</a>
                    {format!(", {}: {}", complaint.what(), complaint.detail)}
                </span>
            </li>
        }
    };
    view! {
        <Show when=move || complaints.with(|all| !all.is_empty())>
            <ul class="notices" data-testid="measurement-notice" aria-label="Measurements that need attention">
                {move || complaints.get().into_iter().map(row).collect_view()}
            </ul>
        </Show>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::node;
    use netloom_core::time::Timestamp;

    fn measurement(name: &str, state: MeasurementState, detail: &str) -> Measurement {
        Measurement { name: name.into(), state, detail: detail.into(), since: Timestamp(0) }
    }

    #[test]
    fn the_same_complaint_is_made_once() {
        let mut node = node("n1", &[]);
        node.info.measurements = vec![
            measurement("probe a", MeasurementState::Degraded, "ICMP is not permitted: using TCP"),
            measurement("probe b", MeasurementState::Degraded, "ICMP is not permitted: using TCP"),
            measurement("sockets", MeasurementState::Failing, "no /proc"),
            measurement("interfaces", MeasurementState::Working, ""),
        ];
        let said: Vec<_> = complaints(&[node]).iter().map(|c| format!("{}: {}", c.what(), c.detail)).collect();
        assert_eq!(said, ["2 measurements: ICMP is not permitted: using TCP", "sockets: no /proc"]);
    }
}
