//! How many sockets the node has open.
//!
//! The kernel keeps the sums (`/proc/net/sockstat`, `/proc/net/snmp`): reading them costs the same with ten sockets and
//! with a hundred thousand.

use netloom_core::{
    metric,
    sample::{Readings, SeriesKey},
    topology::Interface,
};

use super::{Collector, Moment};

/// Reads the kernel's sums.
pub struct SocketCollector {
    node: String,
}

impl SocketCollector {
    /// A collector for the node of that name.
    pub fn new(node: &str) -> Self {
        Self { node: node.to_owned() }
    }
}

impl Collector for SocketCollector {
    fn name(&self) -> &'static str {
        "sockets"
    }

    fn collect(&mut self, now: Moment, _: &[Interface], readings: &mut Readings) -> Result<(), String> {
        let read = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("cannot read {path} ({error})"));
        let v4 = read("/proc/net/sockstat")?;
        // Absent where IPv6 is switched off.
        let v6 = std::fs::read_to_string("/proc/net/sockstat6").unwrap_or_default();
        let snmp = read("/proc/net/snmp")?;
        let in_use = |protocol: &str| in_use(&v4, protocol) + in_use(&v6, &format!("{protocol}6"));
        let mut push = |name, value: u64| {
            readings.push(SeriesKey::new(name, [("node", &self.node)]), now.ts_ms, value as f64);
        };
        push(metric::SOCK_TCP_TOTAL, in_use("TCP"));
        push(metric::SOCK_UDP_TOTAL, in_use("UDP"));
        if let Some(established) = snmp_value(&snmp, "Tcp", "CurrEstab") {
            push(metric::SOCK_TCP_ESTABLISHED, established);
        }
        Ok(())
    }
}

/// `TCP: inuse 5 orphan 0 …`: the number after `inuse`.
fn in_use(text: &str, protocol: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(protocol)?.strip_prefix(": inuse "));
    line.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(0)
}

/// A value of `/proc/net/snmp`, where a line of names is followed by a line of values.
fn snmp_value(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)?.strip_prefix(": "));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split(' ').position(|known| known == name)?;
    values.split(' ').nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_sums_are_read() {
        let sockstat =
            "sockets: used 200\nTCP: inuse 5 orphan 0 tw 0 alloc 9 mem 1\nUDP: inuse 3 mem 0\nUDPLITE: inuse 7\n";
        assert_eq!((in_use(sockstat, "TCP"), in_use(sockstat, "UDP"), in_use(sockstat, "RAW")), (5, 3, 0));
        let snmp = "Ip: A B\nIp: 1 2\nTcp: RtoMin CurrEstab\nTcp: 200 12\n";
        assert_eq!(snmp_value(snmp, "Tcp", "CurrEstab"), Some(12));
        assert_eq!(snmp_value(snmp, "Tcp", "Nothing"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_open_socket_is_counted() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let client = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let mut readings = Readings::default();
        SocketCollector::new("n1").collect(Moment { mono_ns: 0, ts_ms: 0 }, &[], &mut readings).expect("readable");
        let established = readings.iter().find(|(series, _)| series.metric == metric::SOCK_TCP_ESTABLISHED);
        assert!(established.is_some_and(|(_, reading)| reading.value >= 2.0), "{readings:?}");
        drop(client);
    }
}
