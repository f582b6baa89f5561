//! Settings of active tests: those that load the network.

use serde::{Deserialize, Serialize};

use super::{Field, FieldError, FieldKind, Section};
use crate::check::throughput::STREAMS_MAX;

/// The longest path of a program, characters.
const PROGRAM_MAX_CHARS: usize = 256;
/// What the program of iperf3 is called, whatever is behind it: nobody makes agents run anything else by a setting.
const PROGRAM: &str = "iperf3";

/// Settings of active tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ActiveSettings {
    /// Whether throughput may be tested at all.
    pub throughput: bool,
    /// The longest test, s, the warm-up included.
    pub longest_s: u64,
    /// The most that one test sends, MB, both directions together.
    pub most_mb: u64,
    /// Connections at once, when nobody asks for another number.
    pub streams: u16,
    /// The program of iperf3: its name, or its path.
    pub iperf3: String,
}

impl Default for ActiveSettings {
    fn default() -> Self {
        Self { throughput: false, longest_s: 10, most_mb: 10_000, streams: 4, iperf3: PROGRAM.to_owned() }
    }
}

pub(super) const SECTION: Section = Section {
    title: "Active tests",
    help: "Tests that load the network, and what they may take. They run when somebody asks for one, never two on a node.",
    fields: &[
        Field {
            path: "active.throughput",
            label: "Allow tests of throughput",
            help: "They fill the links that they test; while a training run is active, whoever asks has to say yes to that.",
            kind: FieldKind::Toggle,
        },
        Field {
            path: "active.longest_s",
            label: "Longest test",
            help: "Longer ones are refused; the warm-up is included.",
            kind: FieldKind::Number { min: 1.0, max: 3_600.0, unit: "s" },
        },
        Field {
            path: "active.most_mb",
            label: "Most data of a test",
            help: "A test ends when it has sent this much, both directions together.",
            kind: FieldKind::Number { min: 1.0, max: 100_000_000.0, unit: "MB" },
        },
        Field {
            path: "active.streams",
            label: "Streams of a test",
            help: "Connections at once, when nobody asks for another number.",
            kind: FieldKind::Number { min: 1.0, max: STREAMS_MAX as f64, unit: "" },
        },
        Field {
            path: "active.iperf3",
            label: "Program of iperf3",
            help: "Its name, or its path, on the nodes that test against a server of iperf3.",
            kind: FieldKind::Text { max_chars: PROGRAM_MAX_CHARS, empty: "" },
        },
    ],
};

impl ActiveSettings {
    /// What somebody at a terminal may do: everything.
    pub fn unbounded() -> Self {
        Self { throughput: true, longest_s: 3_700, most_mb: u64::MAX / 1_000_000, ..Self::default() }
    }

    /// The most that one test sends, bytes, both directions together.
    pub fn most_bytes(&self) -> u64 {
        self.most_mb.saturating_mul(1_000_000)
    }

    /// Checks what a test would take.
    ///
    /// # Errors
    /// The setting that is against it, and why.
    pub fn allows(&self, time_ms: u64, bytes: u64) -> Result<(), (&'static str, String)> {
        if !self.throughput {
            return Err(("active.throughput", "tests of throughput are switched off".to_owned()));
        }
        if time_ms > self.longest_s.saturating_mul(1_000) {
            let why = format!("{} s are too long, at most {} s are allowed", time_ms.div_ceil(1_000), self.longest_s);
            return Err(("active.longest_s", why));
        }
        if bytes > self.most_bytes() {
            let why = format!("{} MB are too much, at most {} MB are allowed", bytes.div_ceil(1_000_000), self.most_mb);
            return Err(("active.most_mb", why));
        }
        Ok(())
    }

    pub(super) fn validate(&self) -> Vec<FieldError> {
        let wrong = FieldError::new("active.iperf3", "must be iperf3, or the path of a program whose name begins so");
        if is_program(&self.iperf3) { Vec::new() } else { vec![wrong] }
    }
}

/// Whether a text names the program: without folders, or from the root on.
pub fn is_program(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or_default();
    let is_place = !text.contains('/') || text.starts_with('/');
    is_place
        && name.starts_with(PROGRAM)
        && !text.split('/').any(|part| part == "..")
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_runs_iperf3_and_nothing_else() {
        for good in ["iperf3", "iperf3-3.17", "/opt/iperf/bin/iperf3"] {
            assert!(is_program(good), "{good}");
        }
        for bad in
            ["", "sh", "/bin/sh", "./iperf3", "../iperf3", "/opt/../bin/iperf3", "iperf3/sh", "/iperf3\n", "xiperf3"]
        {
            assert!(!is_program(bad), "{bad}");
        }
    }

    #[test]
    fn nothing_is_allowed_until_somebody_switched_it_on() {
        let off = ActiveSettings::default();
        assert_eq!(off.allows(1, 1).expect_err("is off").0, "active.throughput");
        let on = ActiveSettings { throughput: true, ..off };
        assert_eq!(on.allows(10_000, 10_000_000_000), Ok(()));
        assert_eq!(on.allows(10_001, 1).expect_err("too long").0, "active.longest_s");
        assert_eq!(on.allows(1, 10_000_000_001).expect_err("too much").0, "active.most_mb");
        assert_eq!(ActiveSettings::unbounded().allows(3_660_000, 1 << 62), Ok(()));
    }
}
