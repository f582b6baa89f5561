//! Connections by where they go, and what became of them between two looks.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use super::{RemoteQuality, diag::Connection};
use crate::{stats::aggregate::Aggregation, unit::BITS_PER_BYTE};

/// Remotes that are told of by name: what fits on a page. The busiest are, the rest is one line.
pub const REMOTES_MAX: usize = 32;
/// What the rest is called.
pub const OTHERS: &str = "others";
/// What a connection delivered is told for as long after it last sent, ms: the kernel keeps the estimate of one that has
/// been silent for hours.
const SENT_WITHIN_MS: u32 = 10_000;
/// Connections whose counts are remembered from one look to the next: more than a node has ports for towards one
/// address. Of those beyond, the ratio says nothing.
const REMEMBERED_MAX: usize = 65_536;

/// Names of nodes by their addresses.
pub type Names = BTreeMap<IpAddr, String>;

/// Whether a connection leaves this machine.
pub fn leaves(connection: &Connection) -> bool {
    let remote = connection.remote.ip();
    !remote.is_loopback() && remote != connection.local.ip()
}

/// The connections that leave this machine by where they go, over their lives: the busiest first, then the others.
pub fn group(connections: &[Connection], names: &Names) -> Vec<RemoteQuality> {
    let mut groups: HashMap<IpAddr, Vec<&Connection>> = HashMap::new();
    for connection in connections.iter().filter(|connection| leaves(connection)) {
        groups.entry(connection.remote.ip()).or_default().push(connection);
    }
    // A node may have several addresses.
    let mut by_node: BTreeMap<String, Vec<&Connection>> = BTreeMap::new();
    for (address, group) in groups {
        let name = names.get(&address).cloned().unwrap_or_else(|| address.to_string());
        by_node.entry(name).or_default().extend(group);
    }
    let mut remotes: Vec<(RemoteQuality, Vec<&Connection>)> =
        by_node.into_iter().map(|(name, group)| (quality(name, &group), group)).collect();
    remotes.sort_by_key(|(quality, _)| std::cmp::Reverse(quality.sent_bytes.saturating_add(quality.received_bytes)));
    let rest = remotes.split_off(remotes.len().min(REMOTES_MAX));
    let rest: Vec<&Connection> = rest.into_iter().flat_map(|(_, group)| group).collect();
    let others = (!rest.is_empty()).then(|| quality(OTHERS.to_owned(), &rest));
    remotes.into_iter().map(|(quality, _)| quality).chain(others).collect()
}

fn quality(remote: String, group: &[&Connection]) -> RemoteQuality {
    let sum = |count: fn(&Connection) -> Option<u64>| {
        let counts = group.iter().filter_map(|connection| count(connection));
        counts.fold(0_u64, u64::saturating_add)
    };
    let sent = sum(|c| c.info.bytes_sent);
    let mut rtts_us: Vec<f64> = group.iter().filter_map(|c| c.info.rtt_us).collect();
    let lately = group.iter().filter(|c| c.info.last_sent_ms <= SENT_WITHIN_MS);
    let delivered: Vec<u64> = lately.filter_map(|c| c.info.delivery_rate).collect();
    RemoteQuality {
        remote,
        sockets: group.len() as u32,
        rtt_us: Aggregation::P50.apply(&mut rtts_us),
        rtt_min_us: group.iter().filter_map(|c| c.info.rtt_min_us).min_by(f64::total_cmp),
        retransmit_ratio: (sent > 0).then(|| sum(|c| c.info.bytes_retrans) as f64 / sent as f64),
        delivery_bps: (!delivered.is_empty())
            .then(|| delivered.iter().map(|rate| *rate as f64).sum::<f64>() * BITS_PER_BYTE),
        // Older kernels do not tell what was sent, but what arrived.
        sent_bytes: if sent > 0 { sent } else { sum(|c| c.info.bytes_acked) },
        received_bytes: sum(|c| c.info.bytes_received),
    }
}

/// Looks at the connections to known nodes again and again.
#[derive(Debug, Default)]
pub struct Watched {
    /// Bytes sent, and sent again, of every connection at the last look.
    counts: HashMap<u64, (u64, u64)>,
    has_looked: bool,
}

impl Watched {
    /// The connections to nodes that have a name, by node. The ratio is over what was sent since the last look; there is
    /// none when nothing was.
    pub fn look(&mut self, connections: &[Connection], names: &Names) -> Vec<RemoteQuality> {
        let mut groups: BTreeMap<&str, (Vec<&Connection>, u64, u64)> = BTreeMap::new();
        let mut counts = HashMap::with_capacity(self.counts.len());
        for connection in connections.iter().filter(|connection| leaves(connection)) {
            let known = connection.info.bytes_sent.zip(connection.info.bytes_retrans);
            // Those without a name, too: it may become known while they last.
            if let Some(known) = known.filter(|_| counts.len() < REMEMBERED_MAX) {
                counts.insert(connection.cookie, known);
            }
            let Some(name) = names.get(&connection.remote.ip()) else { continue };
            let (group, sent, again) = groups.entry(name).or_default();
            group.push(connection);
            // What was not there at the last look has sent everything since; at the first look nobody knows.
            let new = self.has_looked.then_some((0, 0));
            let then = self.counts.get(&connection.cookie).copied().or(new);
            if let Some(((now_sent, now_again), (then_sent, then_again))) = known.zip(then) {
                *sent += now_sent.saturating_sub(then_sent);
                *again += now_again.saturating_sub(then_again);
            }
        }
        // With some forgotten, a connection that is not remembered need not be new.
        self.has_looked = counts.len() < REMEMBERED_MAX;
        self.counts = counts;
        let quality = |(name, (group, sent, again)): (&str, (Vec<&Connection>, u64, u64))| RemoteQuality {
            retransmit_ratio: (sent > 0).then(|| again as f64 / sent as f64),
            ..quality(name.to_owned(), &group)
        };
        groups.into_iter().map(quality).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::connection::tcp_info::TcpInfo;

    fn connection(remote: &str, cookie: u64, sent: u64, again: u64) -> Connection {
        let mut bytes = [0; 216];
        bytes[68..72].copy_from_slice(&(cookie as u32 * 100).to_ne_bytes());
        let info = TcpInfo::parse(&bytes).expect("whole");
        Connection {
            local: "10.0.0.1:5000".parse().expect("an address"),
            remote: format!("{remote}:22").parse().expect("an address"),
            cookie,
            info: TcpInfo { bytes_sent: Some(sent), bytes_retrans: Some(again), delivery_rate: Some(1_000), ..info },
        }
    }

    fn names() -> Names {
        Names::from(
            [("10.0.0.2", "n2"), ("10.0.1.2", "n2")].map(|(a, n)| (a.parse().expect("an address"), n.to_owned())),
        )
    }

    #[test]
    fn connections_of_a_node_are_one_line_and_what_stays_here_is_none() {
        let all = [
            connection("10.0.0.2", 1, 100, 10),
            connection("10.0.1.2", 3, 100, 0),
            connection("10.0.0.9", 4, 900, 0),
            connection("127.0.0.1", 5, 1_000_000, 0),
            connection("10.0.0.1", 6, 1_000_000, 0),
        ];
        let remotes = group(&all, &names());
        let lines: Vec<_> = remotes.iter().map(|r| (r.remote.as_str(), r.sockets, r.retransmit_ratio)).collect();
        assert_eq!(lines, [("10.0.0.9", 1, Some(0.0)), ("n2", 2, Some(0.05))]);
        assert_eq!((remotes[1].rtt_us, remotes[1].delivery_bps), (Some(200.0), Some(16_000.0)));
    }

    #[test]
    fn the_rest_is_one_line() {
        let all: Vec<Connection> = (0..100).map(|n| connection(&format!("10.0.2.{n}"), n, 1_000 - n, 0)).collect();
        let remotes = group(&all, &Names::new());
        assert_eq!(remotes.len(), REMOTES_MAX + 1);
        let last = remotes.last().expect("there are some");
        assert_eq!((last.remote.as_str(), last.sockets), (OTHERS, 100 - REMOTES_MAX as u32));
        assert_eq!(remotes[0].remote, "10.0.2.0");
        assert_eq!(remotes.iter().map(|r| r.sent_bytes).sum::<u64>(), (901..=1_000).sum::<u64>());
    }

    #[test]
    fn what_has_long_been_silent_delivers_nothing() {
        let mut silent = connection("10.0.0.2", 1, 100, 0);
        silent.info.last_sent_ms = SENT_WITHIN_MS + 1;
        assert_eq!(group(&[silent], &names())[0].delivery_bps, None);
    }

    #[test]
    fn the_ratio_is_over_the_time_between_two_looks() {
        let mut watched = Watched::default();
        let ratio = |remotes: Vec<RemoteQuality>| remotes.first().and_then(|remote| remote.retransmit_ratio);
        let first = watched.look(&[connection("10.0.0.2", 1, 1_000, 500)], &names());
        assert_eq!((first.len(), ratio(first)), (1, None), "nobody knows when that was");
        let second = [connection("10.0.0.2", 1, 1_900, 500), connection("10.0.0.2", 2, 100, 100)];
        assert_eq!(ratio(watched.look(&second, &names())), Some(0.1), "a new one counts from its start");
        assert_eq!(ratio(watched.look(&second, &names())), None, "nothing was sent");
        assert!(watched.look(&[connection("10.0.0.9", 3, 5, 0)], &names()).is_empty(), "only nodes that are known");
    }
}
