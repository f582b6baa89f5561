//! The ways from nodes to their targets, with their newest figures.

use netloom_core::{api::NodeStatus, incident::Incident, metric, network::CURRENT_FOR_MS, sample::SeriesKey};

use crate::{
    charts::topology::{Way, status},
    live::store::Store,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{incident, node};
    use netloom_core::{health::HealthStatus, incident::IncidentState, sample::Readings};

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
}
