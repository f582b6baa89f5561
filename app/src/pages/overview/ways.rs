//! The ways from nodes to their targets, with their newest figures.

use netloom_core::{
    api::NodeStatus, health::HealthStatus, incident::Incident, metric, network::CURRENT_FOR_MS, sample::SeriesKey,
};

use crate::{
    charts::topology::{Way, status},
    live::{matrix::Grid, store::Store},
};

/// One way per node and target, in the order of the nodes' lists. Figures that are not current any more are left out.
pub(super) fn ways(nodes: &[NodeStatus], incidents: &[Incident], store: &Store, now_ms: i64) -> Vec<Way> {
    let pairs = nodes.iter().flat_map(|node| node.info.targets.iter().map(move |target| (node, target)));
    pairs
        .map(|(node, target)| {
            let (src, dst) = (node.info.node.as_str(), target.name.as_str());
            let newest = |metric: &str| {
                let series = SeriesKey::new(metric, [("src", src), ("dst", dst), ("mode", target.mode.label())]);
                let newest = store.newest_of(&series)?;
                (now_ms - newest.ts_ms <= CURRENT_FOR_MS).then_some(newest.value)
            };
            let (rtt_us, loss_ratio) = (newest(metric::RTT_US), newest(metric::LOSS_RATIO));
            let is_known = rtt_us.is_some() || loss_ratio.is_some();
            let status = status(incidents, src, dst, is_known);
            Way { src: src.to_owned(), dst: dst.to_owned(), rtt_us, loss_ratio, status }
        })
        .collect()
}

/// The links of the mesh for the small picture, both ways as one, the worse one decides: all of them between up to
/// `all_up_to` nodes, beyond that those that are bad. Without figures, which would redraw it all the time.
pub(super) fn links(grid: &Grid, incidents: &[Incident], all_up_to: usize) -> Vec<Way> {
    let name = |at: usize| grid.nodes[at].as_str();
    let is_first = |a: usize, b: usize| a < b || grid.get(b, a).is_none();
    let pairs = grid.known().filter(|(a, b, _)| is_first(*a, *b));
    let link = |(a, b, _): (usize, usize, f64)| {
        let (a, b) = (name(a), name(b));
        let status = status(incidents, a, b, true).max(status(incidents, b, a, true));
        Way { src: a.to_owned(), dst: b.to_owned(), rtt_us: None, loss_ratio: None, status }
    };
    pairs.map(link).filter(|way| grid.size() <= all_up_to || way.status != HealthStatus::Ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        example::{incident, node},
        live::matrix::tests::grid,
    };
    use netloom_core::{incident::IncidentState, sample::Readings};

    fn store(ts_ms: i64) -> Store {
        let mut readings = Readings::default();
        readings.push(SeriesKey::new(metric::RTT_US, [("src", "n1"), ("dst", "a"), ("mode", "icmp")]), ts_ms, 90.0);
        let mut store = Store::default();
        store.take(&readings);
        store
    }

    #[test]
    fn a_way_is_as_good_as_what_is_known_of_it() {
        let nodes = [node("n1", &["a", "b"])];
        let firing = [incident("loss_high", IncidentState::Firing, "b")];
        let ways = ways(&nodes, &firing, &store(1_000), 2_000);
        assert_eq!((ways[0].rtt_us, ways[0].status), (Some(90.0), HealthStatus::Ok));
        assert_eq!((ways[1].rtt_us, ways[1].status), (None, HealthStatus::Critical));
    }

    #[test]
    fn old_figures_are_no_figures() {
        let ways = ways(&[node("n1", &["a"])], &[], &store(0), CURRENT_FOR_MS + 1);
        assert_eq!((ways[0].rtt_us, ways[0].status), (None, HealthStatus::Unknown));
    }

    #[test]
    fn a_small_mesh_has_all_its_links_and_a_large_one_those_that_are_bad() {
        let grid = grid(&["n1", "a", "b"], &[&[0.0, 1.0, 2.0], &[1.0, 0.0, 3.0], &[2.0, 3.0, 0.0]]);
        let firing = [incident("loss_high", IncidentState::Firing, "b")];
        let told = |all_up_to| -> Vec<_> {
            links(&grid, &firing, all_up_to).into_iter().map(|way| (way.src, way.dst, way.status)).collect()
        };
        let bad = ("n1".to_owned(), "b".to_owned(), HealthStatus::Critical);
        assert_eq!(told(3).len(), 3);
        assert!(told(3).contains(&bad));
        assert_eq!(told(2), [bad]);
    }
}
