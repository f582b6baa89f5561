//! What is wrong in the mesh, in words, with the cells that led to it.

use leptos::prelude::*;
use netloom_core::{
    unit::Unit,
    verdict::{Culprit, CulpritKind, Evidence, Fault},
};

use super::{
    heat_map::link_path,
    status_badge::{Shape, Tone},
    when::When,
};
use crate::{
    live::Live,
    pages::diagnose,
    range::{TimeRange, segment},
};

/// Culprits that are told one by one.
const CULPRITS_MAX: usize = 4;
/// Cells that are named beside a culprit.
const EVIDENCE_MAX: usize = 4;

/// How bad a fault is for training.
pub(crate) const fn tone(fault: Fault) -> Tone {
    match fault {
        Fault::Dead | Fault::Loss => Tone::Critical,
        Fault::Latency | Fault::Starved => Tone::Warning,
    }
}

/// What the culprit is, in a word.
const fn kind_word(kind: CulpritKind) -> &'static str {
    match kind {
        CulpritKind::Node => "node",
        CulpritKind::Link => "link",
        CulpritKind::Way => "one way of a link",
        CulpritKind::Group => "group of nodes",
        CulpritKind::Host => "host, not the network",
        CulpritKind::Uplink => "way to the hub",
    }
}

/// Where a culprit is looked at.
pub(crate) fn path(culprit: &Culprit) -> Option<String> {
    match (culprit.kind, culprit.names.as_slice()) {
        (CulpritKind::Link | CulpritKind::Way, [src, dst]) => Some(link_path(src, dst)),
        (CulpritKind::Group, _) => Some("/matrix?sort=rack".to_owned()),
        (_, [node]) => Some(format!("/nodes/{}", segment(node))),
        _ => None,
    }
}

/// Where a culprit is checked now.
fn check(culprit: &Culprit) -> Option<String> {
    match (culprit.kind, culprit.names.as_slice()) {
        (CulpritKind::Link | CulpritKind::Way, [src, dst]) => Some(diagnose::path(src, Some(dst))),
        (CulpritKind::Group, _) => None,
        (_, [node]) => Some(diagnose::path(node, None)),
        _ => None,
    }
}

/// The figure of a cell that tells most: what is lost, else how much longer it takes than usual.
pub(crate) fn figure(cell: &Evidence) -> String {
    let us = |value: f64| Unit::Microseconds.figure(value);
    match (cell.loss_ratio, cell.rtt_us, cell.usual_rtt_us) {
        (Some(loss), ..) if loss > 0.0 => format!("{} lost", Unit::Ratio.figure(loss)),
        (_, Some(rtt), Some(usual)) => format!("{}, usually {}", us(rtt), us(usual)),
        (_, Some(rtt), None) => us(rtt).to_string(),
        _ => "no answer".to_owned(),
    }
}

/// The card: one line while nothing is wrong.
#[component]
pub(crate) fn MeshVerdictCard() -> impl IntoView {
    let live = Live::expect();
    let culprits = Memo::new(move |_| live.verdict.with(|verdict| verdict.culprits.clone()));
    let quiet = move || match live.verdict.with(|verdict| (verdict.judged, verdict.bad)) {
        (0, _) => "No pair has been judged yet.".to_owned(),
        (_, 0) => "No node and no link stands out.".to_owned(),
        (_, bad) => format!("{bad} pairs are worse than usual, but nothing explains several of them at once."),
    };
    let more = move || {
        let more = culprits.with(Vec::len).saturating_sub(CULPRITS_MAX);
        (more > 0).then(|| view! { <p class="muted">{format!("and {more} more")}</p> })
    };
    view! {
        <section class="card mesh-verdict" aria-label="Verdict on the mesh" data-testid="mesh-verdict">
            <Show when=move || culprits.with(Vec::is_empty)>
                <p class="muted">{quiet}</p>
            </Show>
            <ul>
                {move || culprits.get().into_iter().take(CULPRITS_MAX).map(|culprit| view! { <Line culprit /> }).collect_view()}
            </ul>
            {more}
        </section>
    }
    .into_any()
}

#[component]
fn Line(culprit: Culprit) -> impl IntoView {
    let range = TimeRange::expect();
    let name = culprit.names.join(" and ");
    let name = match path(&culprit) {
        Some(path) => view! { <a href=move || range.carry(&path)>{name}</a> }.into_any(),
        None => name.into_any(),
    };
    let check = check(&culprit).map(|path| {
        view! { ", " <a href=move || range.carry(&path) data-testid="diagnose-culprit">"check it now"</a> }
    });
    let cell = move |cell: &Evidence| {
        let path = link_path(&cell.src, &cell.dst);
        view! {
            <li>
                <a href=move || range.carry(&path)>{format!("{} → {}", cell.src, cell.dst)}</a>
                " "
                <span class="muted">{figure(cell)}</span>
            </li>
        }
    };
    let more = (culprit.cells as usize).saturating_sub(culprit.evidence.len().min(EVIDENCE_MAX));
    view! {
        <li class=format!("culprit tone-{}", tone(culprit.fault).name()) data-testid="culprit">
            <Shape tone=tone(culprit.fault) />
            <div>
                <p class="culprit-text">{culprit.message.clone()}</p>
                <p class="muted">
                    {name} ", " {kind_word(culprit.kind)} ", " {format!("{:.0} % sure", culprit.confidence * 100.0)}
                    ", since " <When at=culprit.since /> {check}
                </p>
                <ul class="culprit-cells">
                    {culprit.evidence.iter().take(EVIDENCE_MAX).map(cell).collect_view()}
                    {(more > 0).then(|| view! { <li class="muted">{format!("and {more} more pairs")}</li> })}
                </ul>
            </div>
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::time::Timestamp;

    fn culprit(kind: CulpritKind, names: &[&str]) -> Culprit {
        Culprit {
            kind,
            fault: Fault::Loss,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            confidence: 0.9,
            since: Timestamp(0),
            message: String::new(),
            evidence: Vec::new(),
            cells: 0,
        }
    }

    #[test]
    fn a_culprit_leads_to_where_it_is_looked_at() {
        let at = |kind, names: &[&str]| path(&culprit(kind, names));
        assert_eq!(at(CulpritKind::Way, &["a", "b"]).as_deref(), Some("/links/a/b"));
        assert_eq!(at(CulpritKind::Host, &["a"]).as_deref(), Some("/nodes/a"));
        assert_eq!(at(CulpritKind::Group, &["rack-1"]).as_deref(), Some("/matrix?sort=rack"));
        assert_eq!(at(CulpritKind::Node, &[]), None);
    }

    #[test]
    fn a_cell_tells_loss_before_latency() {
        let cell = |loss_ratio, rtt_us, usual_rtt_us| Evidence {
            src: "a".into(),
            dst: "b".into(),
            loss_ratio,
            rtt_us,
            usual_rtt_us,
        };
        assert_eq!(figure(&cell(Some(0.2), Some(100.0), None)), "20 % lost");
        assert_eq!(figure(&cell(Some(0.0), Some(900.0), Some(100.0))), "900 µs, usually 100 µs");
        assert_eq!(figure(&cell(None, None, None)), "no answer");
    }
}
