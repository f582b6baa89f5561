//! One line of a schedule: `ADDRESS every 30s on node1,node2`.

use crate::{
    check::Check,
    sample::{LABEL_MAX_BYTES, check_node_name},
    settings::active::ActiveSettings,
    time::{duration_words, parse_duration_ms},
};

/// The shortest interval of a check that sends a few packets, ms: longer than it waits for their answers.
const SHORTEST_MS: i64 = 5_000;
/// The shortest interval of a look at the way, ms: routers answer few such packets, and answer others then.
const WAY_SHORTEST_MS: i64 = 60_000;
/// The shortest interval of a test of throughput, ms: it fills the network for up to a minute, and what it disturbs must
/// remain the exception.
pub const TEST_SHORTEST_MS: i64 = 600_000;
/// The longest interval, ms: a day.
const LONGEST_MS: i64 = 86_400_000;
/// Nodes that one line may name: more are a line without names.
const NODES_MAX: usize = 64;

/// A check by schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// The address as it was written.
    pub address: String,
    /// What it means.
    pub check: Check,
    /// The time from one run to the next, ms.
    pub every_ms: i64,
    /// The nodes that run it; all when there are none.
    pub nodes: Vec<String>,
}

impl Scheduled {
    /// Reads a line.
    ///
    /// # Errors
    /// One sentence that says what is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        if line.chars().count() > super::LINE_MAX_CHARS {
            return Err(format!("is longer than {} characters", super::LINE_MAX_CHARS));
        }
        let mut words = line.split_whitespace();
        let address = words.next().ok_or("is empty")?.to_owned();
        let check = Check::parse(&address)?;
        if address.len() > LABEL_MAX_BYTES {
            return Err(format!("the address is longer than {LABEL_MAX_BYTES} bytes"));
        }
        let (Some("every"), Some(every)) = (words.next(), words.next()) else {
            return Err(format!("must go on with an interval, as in {address} every 30s"));
        };
        let every_ms =
            parse_duration_ms(every).ok_or_else(|| format!("{every:?} is not a duration such as 30s, 5m or 1h"))?;
        let nodes = match words.next() {
            None => Vec::new(),
            Some("on") => nodes(&words.collect::<Vec<_>>().join(" "))?,
            Some(word) => return Err(format!("{word:?} is not understood: what may follow is on NODE,NODE")),
        };
        if matches!(check, Check::Throughput(_)) {
            return Err(format!(
                "{address} needs an agreement with the other node: such tests are asked for, not scheduled"
            ));
        }
        let shortest_ms =
            shortest_ms(&check).ok_or_else(|| format!("{address} is read all the time, not by schedule"))?;
        if !(shortest_ms..=LONGEST_MS).contains(&every_ms) {
            let (least, most) = (duration_words(shortest_ms), duration_words(LONGEST_MS));
            return Err(format!("every {every} is out of bounds: such a check may run every {least} to {most}"));
        }
        if sending_ms(&check) > every_ms.unsigned_abs() {
            return Err(format!("sends for longer than {every}: ask for fewer packets, or a longer interval"));
        }
        Ok(Self { address, check, every_ms, nodes })
    }

    /// Whether a node runs it.
    pub fn is_for(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.iter().any(|own| own == node)
    }

    /// Whether it may run, which is a question for tests of throughput only.
    ///
    /// # Errors
    /// The setting that is against it, and why, in one sentence.
    pub fn allowed(&self, active: &ActiveSettings) -> Result<(), String> {
        let (time_ms, bytes) = match &self.check {
            Check::Download(spec) => (spec.duration_ms, spec.bytes_max),
            Check::Throughput(spec) => (spec.budget().time_ms, spec.budget().bytes),
            // Without a rate of its own it is held to what is allowed.
            Check::Iperf3(spec) => (spec.budget().0, spec.budget().1.unwrap_or(0)),
            _ => return Ok(()),
        };
        active.allows(time_ms, bytes).map_err(|(setting, why)| format!("{why}: see {setting}"))
    }

    /// The label `dst` of its series.
    pub fn target(&self) -> &str {
        self.check.target_in(&self.address)
    }

    /// Whether the series of both would be the same.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn is_same_target(&self, other: &Self) -> bool {
        self.target() == other.target() && self.check.mode() == other.check.mode()
    }
}

/// How often a check may run; `None` for what is read all the time.
fn shortest_ms(check: &Check) -> Option<i64> {
    match check {
        Check::Interfaces | Check::Connections => None,
        Check::Path(_) | Check::Mtu(_) => Some(WAY_SHORTEST_MS),
        check if check.is_test() => Some(TEST_SHORTEST_MS),
        _ => Some(SHORTEST_MS),
    }
}

/// For how long a check sends, ms, where it says so.
fn sending_ms(check: &Check) -> u64 {
    match check {
        Check::Icmp(spec) | Check::Tcp(spec) | Check::Udp(spec) => {
            u64::from(spec.packets).saturating_mul(spec.interval_ms)
        }
        _ => 0,
    }
}

fn nodes(text: &str) -> Result<Vec<String>, String> {
    let nodes: Vec<String> = text.split(',').map(|node| node.trim().to_owned()).collect();
    if nodes.len() > NODES_MAX {
        return Err(format!("names more than {NODES_MAX} nodes"));
    }
    nodes.iter().try_for_each(|node| check_node_name(node))?;
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_an_address_an_interval_and_nodes() {
        let line = Scheduled::parse(" redis://10.0.0.5:6379  every 30s ").expect("is right");
        assert_eq!((line.address.as_str(), line.every_ms, line.nodes.len()), ("redis://10.0.0.5:6379", 30_000, 0));
        assert!(matches!(&line.check, Check::Redis(spec) if spec.port == 6379));
        assert_eq!((line.target(), line.check.mode()), ("10.0.0.5:6379", "redis"));
        assert!(line.is_for("any"));
        let line = Scheduled::parse("tcp://db:5432 every 1m on node1, rack 2").expect("is right");
        assert_eq!(line.nodes, ["node1", "rack 2"]);
        assert!(line.is_for("rack 2") && !line.is_for("node2"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("", "is empty"),
            ("tcp://a:1", "must go on with an interval"),
            ("tcp://a:1 each 30s", "must go on with an interval"),
            ("tcp://a:1 every soon", "\"soon\" is not a duration"),
            ("tcp://a:1 every 1s", "every 1s is out of bounds: such a check may run every 5 s"),
            ("tcp://a:1 every 2d", "out of bounds"),
            ("path://a every 30s", "every 60 s"),
            ("download+https://a/b every 1m", "every 10 min"),
            ("tcp://a:1 every 30s at noon", "\"at\" is not understood"),
            ("tcp://a:1 every 30s on a,,b", "not a usable name"),
            ("tcp://a:1 every 30s on", "not a usable name"),
            ("icmp://a?packets=100&interval_ms=1000 every 1m", "sends for longer than 1m"),
            ("interfaces: every 30s", "read all the time"),
            ("weather://a every 30s", "weather"),
        ];
        for (line, why) in cases {
            let told = Scheduled::parse(line).expect_err(line);
            assert!(told.contains(why), "{line}: {told}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(line in "(tcp://|dns://|path://|every |on |[a-c0-9:/,. é]){0,12}") {
            if let Ok(scheduled) = Scheduled::parse(&line) {
                prop_assert!((SHORTEST_MS..=LONGEST_MS).contains(&scheduled.every_ms));
                prop_assert!(scheduled.target().len() <= LABEL_MAX_BYTES);
            }
        }
    }
}
