//! `netloom around`: what was measured before and after a command, as a line, as CSV, and as a mark.

use std::collections::BTreeMap;

use crate::{
    export::quoted,
    mark::{MarkKind, NewMark, TEXT_MAX_CHARS},
    test_result::{Tally, percent},
    time::Timestamp,
    unit::{Unit, mbps_from_bps, ms_from_us, percent_from_ratio},
};

/// The first line of the CSV.
pub const CSV_HEAD: &str = "timestamp,host,latency_ms,packet_loss_pct,throughput_mbps\n";

/// What was measured at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// When it began.
    pub at: Timestamp,
    /// The mean round-trip time, µs.
    pub rtt_us: Option<f64>,
    /// Probes without an answer over probes sent.
    pub loss_ratio: Option<f64>,
    /// What arrived per second, bit/s.
    pub throughput_bps: Option<f64>,
}

impl Measured {
    /// From what probes said.
    pub fn of(at: Timestamp, tally: &Tally, throughput_bps: Option<f64>) -> Self {
        Self { at, rtt_us: tally.rtt_avg_us, loss_ratio: tally.loss_ratio, throughput_bps }
    }

    /// A row of the CSV; what was not measured is empty.
    pub fn csv_row(&self, host: &str) -> String {
        let field =
            |value: Option<f64>| value.map_or(String::new(), |value| trimmed(&format!("{value:.3}")).to_owned());
        format!(
            "{},{},{},{},{}\n",
            self.at,
            quoted(host),
            field(self.rtt_us.map(ms_from_us)),
            field(self.loss_ratio.map(percent_from_ratio)),
            field(self.throughput_bps.map(mbps_from_bps)),
        )
    }
}

/// A number without zeros that say nothing.
fn trimmed(number: &str) -> &str {
    number.trim_end_matches('0').trim_end_matches('.')
}

/// A command with what was measured around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Around {
    /// What people call it.
    pub name: String,
    /// The host that was measured.
    pub host: String,
    /// When the command was started.
    pub started_at: Timestamp,
    /// How long it ran, ms.
    pub took_ms: u64,
    /// Its exit code, as a shell has it.
    pub exit_code: i32,
    /// Before it.
    pub before: Measured,
    /// After it.
    pub after: Measured,
}

impl Around {
    /// One line for people.
    pub fn line(&self) -> String {
        let mut words = vec![
            format!("latency to {} {}", self.host, change(Unit::Microseconds, self.before.rtt_us, self.after.rtt_us)),
            format!("loss {}", pair(self.before.loss_ratio.map(percent), self.after.loss_ratio.map(percent))),
        ];
        if self.before.throughput_bps.or(self.after.throughput_bps).is_some() {
            let figures = change(Unit::BitsPerSecond, self.before.throughput_bps, self.after.throughput_bps);
            words.push(format!("throughput {figures}"));
        }
        let took_s = self.took_ms as f64 / 1e3;
        format!("{}: exit code {} after {took_s:.1} s; {}", self.name, self.exit_code, words.join(", "))
    }

    /// Both rows of the CSV.
    pub fn csv_rows(&self) -> String {
        self.before.csv_row(&self.host) + &self.after.csv_row(&self.host)
    }

    /// As the hub keeps it, on the time axis of the node that ran it.
    pub fn mark(&self, node: &str) -> NewMark {
        let took_us = self.took_ms as f64 * 1e3;
        let mut figures = BTreeMap::from([("took_us", took_us), ("exit_code", f64::from(self.exit_code))]);
        let mut add = |name, value: Option<f64>| value.map(|value| figures.insert(name, value));
        add("before_rtt_us", self.before.rtt_us);
        add("before_loss_ratio", self.before.loss_ratio);
        add("before_throughput_bps", self.before.throughput_bps);
        add("after_rtt_us", self.after.rtt_us);
        add("after_loss_ratio", self.after.loss_ratio);
        add("after_throughput_bps", self.after.throughput_bps);
        NewMark {
            at: self.started_at,
            until: Some(Timestamp(self.started_at.ms() + self.took_ms as i64)),
            kind: MarkKind::Around,
            src: node.to_owned(),
            dst: self.host.clone(),
            text: self.line().chars().take(TEXT_MAX_CHARS).collect(),
            figures: figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

fn change(unit: Unit, before: Option<f64>, after: Option<f64>) -> String {
    let figure = |value: f64| unit.figure(value).to_string();
    pair(before.map(figure), after.map(figure))
}

/// `this -> that`.
fn pair(before: Option<String>, after: Option<String>) -> String {
    let known = |value: Option<String>| value.unwrap_or_else(|| "unknown".into());
    format!("{} -> {}", known(before), known(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Around {
        let before =
            Measured { at: Timestamp(0), rtt_us: Some(412.0), loss_ratio: Some(0.0), throughput_bps: Some(941e6) };
        Around {
            name: "sshfs host:/data /mnt".into(),
            host: "host".into(),
            started_at: Timestamp(2_000),
            took_ms: 12_400,
            exit_code: 0,
            before,
            after: Measured { at: Timestamp(15_000), rtt_us: None, loss_ratio: Some(1.0), throughput_bps: None },
        }
    }

    #[test]
    fn a_line_says_what_changed() {
        let line = "sshfs host:/data /mnt: exit code 0 after 12.4 s; latency to host 412 µs -> unknown, loss 0 % -> 100 %, \
                    throughput 941 Mbit/s -> unknown";
        assert_eq!(around().line(), line);
        let mut plain = around();
        plain.before.throughput_bps = None;
        assert!(plain.line().ends_with("loss 0 % -> 100 %"), "what nobody asked for is not told");
    }

    #[test]
    fn what_was_not_measured_is_empty_in_the_csv() {
        let rows = around().csv_rows();
        assert_eq!(rows, "1970-01-01T00:00:00.000Z,host,0.412,0,941\n1970-01-01T00:00:15.000Z,host,,100,\n");
        let odd = around().before.csv_row("a,\"b\"");
        assert!(odd.starts_with("1970-01-01T00:00:00.000Z,\"a,\"\"b\"\"\",0.412"), "{odd}");
    }

    #[test]
    fn a_mark_holds_the_figures_and_a_line_that_fits() {
        let mut long = around();
        long.name = "x".repeat(500);
        let mark = long.mark("gpu-1");
        assert_eq!((mark.kind, mark.src.as_str(), mark.dst.as_str()), (MarkKind::Around, "gpu-1", "host"));
        assert_eq!(mark.text.chars().count(), TEXT_MAX_CHARS);
        assert_eq!(mark.until, Some(Timestamp(14_400)));
        assert_eq!((mark.figures.get("before_rtt_us"), mark.figures.get("after_rtt_us")), (Some(&412.0), None));
    }
}
