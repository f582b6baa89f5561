//! Settings of the checks that run by schedule: name servers, ways, and whatever people add line by line.

mod line;

use serde::{Deserialize, Serialize};

use super::{Field, FieldError, FieldKind, Section, active::ActiveSettings, probe::is_host};

pub use line::{Scheduled, TEST_SHORTEST_MS};

/// Lines at most: what one node checks besides its targets and the mesh stays a small load.
pub const LINES_MAX: usize = 64;
/// The longest line: an address of 255 bytes, and a few nodes.
pub const LINE_MAX_CHARS: usize = 512;
/// Peers whose way is looked at in one interval: a look sends about a hundred small packets, and a mesh of 256 nodes is
/// through in three hours.
pub const PATH_PEERS_MAX: usize = 8;
/// The shortest interval of name servers that is not off, s: a name server that others run is no target for a flood.
const DNS_SHORTEST_S: u64 = 5;
/// The shortest interval of ways that is not off, s: routers answer few such packets, and answer others then.
const PATH_SHORTEST_S: u64 = 60;
/// The longest interval, s: a day.
const LONGEST_S: f64 = 86_400.0;

/// Settings of the checks that run by schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChecksSettings {
    /// Time from one question to each name server to the next, s; 0 for none.
    pub dns_interval_s: u64,
    /// The name that is asked for.
    pub dns_name: String,
    /// Time in which the way to the hub, and to some of the peers, is looked at once, s; 0 for never.
    pub path_interval_s: u64,
    /// More checks, one a line: `redis://10.0.0.5:6379 every 30s on node1,node2`.
    pub scheduled: Vec<String>,
}

impl Default for ChecksSettings {
    fn default() -> Self {
        Self {
            dns_interval_s: 30,
            // Reserved for such purposes, and the zone is there (RFC 2606 section 3).
            dns_name: "example.org".to_owned(),
            path_interval_s: 300,
            scheduled: Vec::new(),
        }
    }
}

pub(super) const SECTION: Section = Section {
    title: "Checks by schedule",
    help: "What nodes look at now and then, besides targets and mesh.",
    fields: &[
        Field {
            path: "checks.dns_interval_s",
            label: "Ask name servers every",
            help: "Each name server of a machine is asked by itself, without a cache; 0 for never. Only where the usual \
                   targets are probed.",
            kind: FieldKind::Number { min: 0.0, max: LONGEST_S, unit: "s" },
        },
        Field {
            path: "checks.dns_name",
            label: "Ask them for",
            help: "A name with an address; in a closed network, one of your own.",
            kind: FieldKind::Text { max_chars: 253, empty: "" },
        },
        Field {
            path: "checks.path_interval_s",
            label: "Look at ways every",
            help: "The way to the hub, and to eight peers of the mesh in turn; 0 for never.",
            kind: FieldKind::Number { min: 0.0, max: LONGEST_S, unit: "s" },
        },
        Field {
            path: "checks.scheduled",
            label: "More checks",
            help: "One a line, such as redis://10.0.0.5:6379 every 30s, or https://10.0.0.9/health every 1m on node1,node2.",
            kind: FieldKind::Lines {
                max_lines: LINES_MAX,
                max_chars: LINE_MAX_CHARS,
                example: "redis://10.0.0.5:6379 every 30s",
            },
        },
    ],
};

impl ChecksSettings {
    /// The lines that are checks. Empty ones and those of a newer version, which this one does not understand, are none.
    pub fn lines(&self) -> impl Iterator<Item = Scheduled> {
        self.scheduled.iter().filter_map(|line| Scheduled::parse(line).ok())
    }

    /// What tests of throughput may take stands elsewhere in the settings.
    pub(super) fn validate(&self, active: &ActiveSettings) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if !is_host(self.dns_name.trim_end_matches('.')) {
            errors.push(FieldError::new("checks.dns_name", format!("{:?} is not a host name", self.dns_name)));
        }
        for (path, seconds, shortest) in [
            ("checks.dns_interval_s", self.dns_interval_s, DNS_SHORTEST_S),
            ("checks.path_interval_s", self.path_interval_s, PATH_SHORTEST_S),
        ] {
            if (1..shortest).contains(&seconds) {
                errors.push(FieldError::new(path, format!("must be 0 for never, or at least {shortest} s")));
            }
        }
        // In the browser the hub says what is wrong with a line, when it is saved: what reads addresses of checks would be a
        // twentieth of the client.
        #[cfg(not(target_arch = "wasm32"))]
        errors.extend(self.validate_lines(active));
        #[cfg(target_arch = "wasm32")]
        let _ = active;
        errors
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn validate_lines(&self, active: &ActiveSettings) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut known: Vec<Scheduled> = Vec::new();
        for (at, line) in self.scheduled.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |why: String| FieldError::new("checks.scheduled", format!("line {}: {why}", at + 1));
            match Scheduled::parse(line) {
                Err(why) => errors.push(wrong(why)),
                Ok(new) if known.iter().any(|other| other.is_same_target(&new)) => {
                    errors.push(wrong(format!("{} is checked twice", new.address)));
                }
                Ok(new) => {
                    errors.extend(new.allowed(active).err().map(wrong));
                    known.push(new);
                }
            }
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed(settings: &ChecksSettings, tests_allowed: bool) -> Vec<(String, String)> {
        let active = ActiveSettings { throughput: tests_allowed, ..ActiveSettings::default() };
        settings.validate(&active).into_iter().map(|error| (error.field, error.message)).collect()
    }

    #[test]
    fn intervals_are_zero_or_long_enough_and_the_name_is_one() {
        let off = ChecksSettings { dns_interval_s: 0, path_interval_s: 0, ..Default::default() };
        assert_eq!(blamed(&off, false), []);
        let wrong = ChecksSettings {
            dns_interval_s: 1,
            path_interval_s: 59,
            dns_name: "not a name".into(),
            ..Default::default()
        };
        let fields: Vec<String> = blamed(&wrong, false).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["checks.dns_name", "checks.dns_interval_s", "checks.path_interval_s"]);
        let rooted = ChecksSettings { dns_name: "example.org.".into(), ..Default::default() };
        assert_eq!(blamed(&rooted, false), []);
    }

    #[test]
    fn the_line_to_blame_is_named() {
        let lines = |lines: &[&str]| ChecksSettings {
            scheduled: lines.iter().map(|&line| line.to_owned()).collect(),
            ..Default::default()
        };
        let twice = lines(&["tcp://a:1 every 30s", "", "tcp://a:1 every 60s", "weather://a every 30s"]);
        let told = blamed(&twice, false);
        assert!(told.iter().all(|(field, _)| field == "checks.scheduled"), "{told:?}");
        assert!(told[0].1.starts_with("line 3: tcp://a:1 is checked twice"), "{told:?}");
        assert!(told[1].1.starts_with("line 4: "), "{told:?}");
        assert_eq!(twice.lines().count(), 2);
        let test = lines(&["download+https://a/b every 10m"]);
        assert!(blamed(&test, false)[0].1.contains("active.throughput"));
        assert_eq!(blamed(&test, true), []);
    }
}
