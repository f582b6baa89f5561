//! The node's row and column of the matrix, and how its agent fares.

use std::sync::Arc;

use leptos::prelude::*;
use netloom_core::{metric, sample::SeriesKey, unit::Unit};

use super::Subject;
use crate::{
    charts::matrix::{self, Scale},
    components::{empty_state::EmptyState, figure::Figure, heat_map::link_path},
    live::{Live, feed::Interest, matrix::Grid, use_matrix, use_newest},
    order,
    range::TimeRange,
};

/// Peers that are seen without asking for more.
const PEERS_FEW: usize = 10;

/// One peer: the time to it and back, and what is lost on the way.
#[derive(Debug, Clone, PartialEq)]
struct Peer {
    name: String,
    there: Option<f64>,
    back: Option<f64>,
    lost_there: Option<f64>,
    lost_back: Option<f64>,
}

/// The peers of a node, the worst first.
fn peers(rtt: &Grid, loss: Option<&Grid>, node: &str) -> Vec<Peer> {
    let Some(place) = rtt.place(node) else { return Vec::new() };
    let between = |src: &str, dst: &str| loss.and_then(|loss| loss.between(src, dst));
    let mut peers: Vec<Peer> = (0..rtt.size())
        .filter(|other| *other != place)
        .map(|other| {
            let name = rtt.nodes[other].clone();
            let (lost_there, lost_back) = (between(node, &name), between(&name, node));
            Peer { there: rtt.get(place, other), back: rtt.get(other, place), lost_there, lost_back, name }
        })
        .filter(|peer| peer.there.is_some() || peer.back.is_some())
        .collect();
    let worse = |peer: &Peer| {
        let share = peer.lost_there.unwrap_or(0.0).max(peer.lost_back.unwrap_or(0.0));
        (share, peer.there.unwrap_or(0.0).max(peer.back.unwrap_or(0.0)))
    };
    order::sort_by(&mut peers, |a, b| worse(b).partial_cmp(&worse(a)).unwrap_or(std::cmp::Ordering::Equal));
    peers
}

/// The table.
#[component]
pub(super) fn Peers(subject: Subject) -> impl IntoView {
    let (live, range): (Live, TimeRange) = (subject.live, subject.range);
    [metric::RTT_US, metric::LOSS_RATIO].into_iter().for_each(|name| use_matrix(Signal::stored(name.to_owned())));
    let is_long = RwSignal::new(false);
    // Copied once, because two grids are read at the same time.
    let all = Memo::new(move |_| {
        let loss = live.grid(metric::LOSS_RATIO, |loss| loss.cloned().map(Arc::new));
        live.grid(metric::RTT_US, |rtt| {
            subject.name.with_value(|node| rtt.map(|rtt| peers(rtt, loss.as_deref(), node)).unwrap_or_default())
        })
    });
    let scale = Memo::new(move |before: Option<&Scale>| {
        live.grid(metric::RTT_US, |grid| grid.map(|grid| matrix::scale(grid, Unit::Microseconds, before.copied())))
            .unwrap_or(Scale { low: 10.0, high: 1_000.0, is_log: true })
    });
    let time = move |value: Option<f64>| {
        let step = value.map(|value| 1 + (scale.get_untracked().share(value) * 4.0).round() as u8);
        let class = step.map_or_else(|| "swatch".to_owned(), |step| format!("swatch step-{step}"));
        view! {
            <td class="number">
                <span class=class aria-hidden="true"></span>
                <Figure unit=Unit::Microseconds value=Signal::stored(value) />
            </td>
        }
    };
    let row = move |peer: Peer| {
        let [there, back] = subject.name.with_value(|node| [link_path(node, &peer.name), link_path(&peer.name, node)]);
        let lost = |value| view! { <td class="number"><Figure unit=Unit::Ratio value=Signal::stored(value) /></td> };
        view! {
            <tr>
                <th scope="row"><a href=move || range.carry(&there)>{peer.name}</a></th>
                {time(peer.there)}
                {time(peer.back)}
                {lost(peer.lost_there)}
                {lost(peer.lost_back)}
                <td><a href=move || range.carry(&back)>"the other way"</a></td>
            </tr>
        }
    };
    let shown = move || all.get().into_iter().take(if is_long.get() { usize::MAX } else { PEERS_FEW });
    view! {
        <section class="card" aria-labelledby="peers-title" data-testid="node-peers">
            <header class="card-header">
                <h2 id="peers-title">"In the mesh"</h2>
                <a class="card-note" href=move || range.carry("/matrix")>"All pairs"</a>
            </header>
            <Show when=move || !all.with(Vec::is_empty) fallback=no_peers>
                <div class="table-scroll">
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">"Peer"</th>
                                <th scope="col" class="number">"There"</th>
                                <th scope="col" class="number">"Back"</th>
                                <th scope="col" class="number">"Lost there"</th>
                                <th scope="col" class="number">"Lost back"</th>
                                <th scope="col">"Link"</th>
                            </tr>
                        </thead>
                        <tbody>{move || shown().map(row).collect_view()}</tbody>
                    </table>
                </div>
            </Show>
            <Show when=move || { all.with(Vec::len) > PEERS_FEW }>
                <button type="button" class="link-button" on:click=move |_| is_long.update(|is| *is = !*is)>
                    {move || if is_long.get() { "Show fewer".to_owned() } else { format!("Show all {}", all.with(Vec::len)) }}
                </button>
            </Show>
        </section>
    }
    .into_any()
}

fn no_peers() -> impl IntoView {
    view! {
        <EmptyState title="No peers">"Nodes probe each other as soon as there are two of them."</EmptyState>
    }
}

/// What the agent says of itself: its clock, what waits for the hub, what was lost, and how late it probes.
#[component]
pub(super) fn AgentHealth(subject: Subject) -> impl IntoView {
    let facts = [
        ("Clock offset", metric::CLOCK_OFFSET_US),
        ("Waiting batches", metric::SPOOL_BATCHES),
        ("Dropped batches", metric::SPOOL_DROPPED_BATCHES),
        ("Probing late by", metric::ECHO_LAG_US),
    ];
    let fact = move |(title, name): (&'static str, &'static str)| {
        let series = subject.name.with_value(|node| {
            use_newest(&Interest::all(name).with("node", node));
            SeriesKey::new(name, [("node", node)])
        });
        let value = Signal::derive(move || subject.live.newest(&series, subject.clock.now().ms()));
        view! { <div class="fact"><dt>{title}</dt><dd><Figure unit=metric::unit_of(name) value /></dd></div> }
    };
    facts.map(fact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::matrix::tests::grid;

    #[test]
    fn peers_are_those_of_the_row_and_the_column_the_worst_first() {
        let nan = f64::NAN;
        let names = ["a", "b", "c", "d"];
        let rtt = grid(&names, &[&[nan, 9.0, 5.0, nan], &[8.0, nan, 1.0, 1.0], &[nan; 4], &[nan; 4]]);
        let loss = grid(&names, &[&[nan, 0.0, 0.5, nan], &[nan; 4], &[nan; 4], &[nan; 4]]);
        let peers = peers(&rtt, Some(&loss), "a");
        let told: Vec<_> = peers.iter().map(|peer| (peer.name.as_str(), peer.there, peer.back)).collect();
        assert_eq!(told, [("c", Some(5.0), None), ("b", Some(9.0), Some(8.0))], "loss weighs more than time");
        assert!(super::peers(&rtt, None, "z").is_empty());
    }
}
