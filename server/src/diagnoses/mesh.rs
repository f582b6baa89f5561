//! What the mesh saw of UDP between the nodes in the last seconds. Its echo answers nobody but the mesh, so this is what
//! there is to know of UDP, and it costs no packet.

use netloom_core::{
    check::{
        Check, Finding, Outcome,
        spec::{Family, RoundSpec},
    },
    diagnosis::{
        Item, ItemSpec,
        plan::{PEERS, heading},
    },
    errand::{Host, HostKind},
    metric,
    probe::ProbeMode,
    sample::SeriesKey,
    series::SeriesId,
    time::Timestamp,
};

use crate::board::Board;

/// Older figures are left out, ms.
const FRESH_MS: i64 = 10_000;

/// A check for each of the hosts that the node probes in the mesh.
pub(super) fn items(board: &Board, node: &str, hosts: &[Host], is_usual: bool, now: Timestamp) -> Vec<Item> {
    let nodes = hosts.iter().filter(|host| host.kind == HostKind::Peer);
    nodes.filter_map(|host| item(board, node, host, is_usual, now)).collect()
}

fn item(board: &Board, node: &str, host: &Host, is_usual: bool, now: Timestamp) -> Option<Item> {
    let newest = |metric: &str| {
        let labels = [("src", node), ("dst", host.name.as_str()), ("mode", ProbeMode::Udp.label())];
        let key = SeriesKey::new(metric, labels);
        let rows = board.newest_rows(|catalog| catalog.id(&key).into_iter().collect::<Vec<SeriesId>>());
        rows.first().filter(|row| now.ms() - row.ts_ms <= FRESH_MS).map(|row| row.value)
    };
    let loss = newest(metric::LOSS_RATIO)?;
    let mut finding = Finding::new(if loss >= 1.0 { Outcome::Lost } else { Outcome::Reply });
    // How much was sent tells loss from chance.
    let sent = newest(metric::PROBES_SENT);
    for (name, value) in [("rtt_us", newest(metric::RTT_US)), ("loss_ratio", Some(loss)), ("probes_sent", sent)] {
        value.into_iter().for_each(|value| finding.figure(name, value));
    }
    finding.address = host.host.parse().ok();
    finding.note("as the mesh saw it in the last seconds");
    let title = if is_usual { format!("UDP {}", host.name) } else { "UDP echo".to_owned() };
    let check = Check::Udp(RoundSpec {
        host: host.host.clone(),
        family: Family::Any,
        port: host.port.unwrap_or_default(),
        packets: 0,
        interval_ms: 0,
        timeout_ms: 0,
        payload_bytes: 0,
    });
    let subject = if is_usual { PEERS.to_owned() } else { heading(&host.name) };
    let mut item = Item::waiting(ItemSpec { subject, title, check });
    item.take(finding);
    Some(item)
}
