//! What people read of a verdict, and how long one takes. What is named when is held by the scenarios of the tests beside.

use super::*;
use crate::layout::Group;

/// A full mesh of `nodes`, sixteen in a group, of which `loss` says what each cell loses; after `seconds`.
fn mesh(nodes: usize, seconds: i64, loss: impl Fn(usize, usize, i64) -> f64) -> Mesh {
    let name = |node: usize| format!("n{node:03}");
    let mut mesh = Mesh::default();
    let groups = (0..nodes.div_ceil(16)).map(|at| {
        let nodes = (at * 16..nodes.min(at * 16 + 16)).map(name).collect();
        Group { name: format!("rack{at}"), nodes }
    });
    mesh.set_layout(&Layout { groups: groups.collect() });
    for src in 0..nodes {
        for dst in (0..nodes).filter(|dst| *dst != src) {
            let id = mesh.cell(&name(src), &name(dst), 0).expect("has room");
            for second in 0..seconds {
                mesh.take_loss(id, second * 1_000, loss(src, dst, second), 5);
                mesh.take_rtt(id, second * 1_000, 200.0);
            }
        }
    }
    mesh
}

fn node_loses(node: usize) -> impl Fn(usize, usize, i64) -> f64 {
    move |src, dst, second| {
        if (src == node || dst == node) && second % 10 == (src + dst) as i64 % 10 { 0.2 } else { 0.0 }
    }
}

#[test]
fn a_verdict_reads_like_a_colleague_and_stays_the_same() {
    let mut mesh = mesh(8, 60, node_loses(7));
    assert!(mesh.verdict(59_000, 10_000).culprits.is_empty(), "loss is named when it is seen twice");
    let verdict = mesh.verdict(59_000, 10_000);
    let culprit = &verdict.culprits[0];
    let message = "n007 loses 2 % with 7 of 7 peers; likely its network card or its cable.";
    assert_eq!((culprit.message.as_str(), culprit.names.as_slice()), (message, ["n007".to_owned()].as_slice()));
    assert_eq!((culprit.kind, culprit.fault, culprit.cells), (CulpritKind::Node, Fault::Loss, 14));
    assert_eq!((culprit.evidence.len(), verdict.judged, verdict.bad), (8, 56, 14));
    assert!(culprit.confidence > 0.9, "{}", culprit.confidence);
    assert_eq!(mesh.verdict(59_000, 10_000), verdict);
    assert_eq!(mesh.verdict(90_000, 10_000), MeshVerdict::default(), "without fresh samples nothing is said");
}

#[test]
fn who_the_hub_does_not_hear_says_nothing() {
    let mut mesh = mesh(4, 20, |src, _, second| if src == 2 && second > 15 { 1.0 } else { 0.0 });
    mesh.verdict(19_000, 10_000);
    assert_eq!(mesh.verdict(19_000, 10_000).culprits[0].names, ["n002"]);
    mesh.set_state("n002", NodeState { reports: Some(false), heard_ms: 19_000, starved: false });
    assert!(mesh.verdict(19_000, 10_000).culprits.is_empty());
}

/// Prints how long a verdict on 65,280 cells takes; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "measures, asserts nothing"]
fn how_long_a_verdict_takes() {
    for (what, lossy) in [("nothing wrong", usize::MAX), ("a node loses 2 %", 100)] {
        let mut mesh = mesh(256, 20, node_loses(lossy));
        let begun = std::time::Instant::now();
        let rounds = 20;
        for _ in 0..rounds {
            std::hint::black_box(mesh.verdict(19_000, 10_000));
        }
        println!("{what}: {:?}", begun.elapsed() / rounds);
    }
}

#[test]
fn pairs_that_are_gone_make_room_and_the_others_stay_as_they_were() {
    let mut mesh = mesh(4, 30, node_loses(3));
    let id = mesh.cell("n000", "n001", 0).expect("known");
    mesh.take_loss(id, 40_000, 1.0, 5);
    mesh.set_state("n001", NodeState { reports: Some(true), heard_ms: 39_000, starved: false });
    mesh.forget_before(35_000);
    assert_eq!((mesh.cells.len(), mesh.nodes.len()), (1, 2));
    assert_eq!((mesh.cells[0].cell.lost_in_row(), mesh.nodes[1].state.heard_ms), (5, 39_000));
    assert!(mesh.nodes[0].group.is_some() && !mesh.is_full());
    mesh.forget_states();
    assert_eq!(mesh.nodes[1].state, NodeState::default());
}
