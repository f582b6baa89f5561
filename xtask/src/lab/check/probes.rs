//! Each probe beside the programs that people know for it, on the same path, and beside what the path is known to be.

mod chain;
mod names;
mod rates;
mod rounds;
mod servers;
mod ways;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Lab;
use crate::lab::net::Place;
use crate::lab::report::Row;

/// The programs beside which probes are held.
pub(crate) const PROGRAMS: &[&str] = &["mtr", "dig", "iperf3", "redis-server", "redis-cli"];
/// From where everything is probed, and what.
const FROM: Place = Place::Node(1);
const TO: Place = Place::Node(2);

/// Compares every kind of probe.
pub(crate) fn run(lab: &Lab, binary: &Path, is_quick: bool) -> Result<Vec<Row>> {
    let _servers = servers::start(TO)?;
    let mut rows = rounds::run(lab, binary, is_quick)?;
    rows.extend(names::run(lab, binary, is_quick)?);
    rows.extend(ways::run(binary)?);
    rows.extend(rates::run(binary, is_quick)?);
    Ok(rows)
}

/// What a probe found, as `netloom probe --json` tells it.
struct Found(Value);

impl Found {
    /// The first of these figures that it has.
    fn figure(&self, names: &[&str]) -> Option<f64> {
        let figures = self.0["figures"].as_array()?;
        let value = |name: &&str| figures.iter().find(|figure| figure["name"] == **name)?["value"].as_f64();
        names.iter().find_map(value)
    }

    /// A figure in µs as ms; not a number when there is none.
    fn ms(&self, names: &[&str]) -> f64 {
        self.figure(names).map_or(f64::NAN, |us| us / 1_000.0)
    }

    /// How it ended, for people.
    fn outcome(&self) -> String {
        let words = ["outcome", "phase", "cause", "why"].map(|key| self.0[key].as_str().unwrap_or_default());
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// Probes an address from a place.
fn probe(binary: &Path, from: Place, address: &str, options: &[&str]) -> Result<Found> {
    let mut command = from.command(&binary.display().to_string());
    found(command.args(["probe", address, "--json"]).args(options))
}

/// Runs a command of Netloom and takes the finding out of what it prints.
fn found(command: &mut Command) -> Result<Found> {
    let output = command.output().context("could not start netloom")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let documents = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let finding = documents.flatten().find_map(|document| finding_in(&document));
    let context = || format!("no finding in: {text}{}", String::from_utf8_lossy(&output.stderr));
    finding.map(Found).with_context(context)
}

/// The object with an outcome, wherever it stands.
fn finding_in(document: &Value) -> Option<Value> {
    if document.get("outcome").is_some() {
        return Some(document.clone());
    }
    match document {
        Value::Object(fields) => fields.values().find_map(finding_in),
        Value::Array(items) => items.iter().find_map(finding_in),
        _ => None,
    }
}

/// What another program prints, on both outputs.
fn printed(from: Place, program: &str, args: &[&str]) -> Result<String> {
    let output = from.command(program).args(args).output().with_context(|| format!("could not start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// A time of Netloom beside one of another program: near enough when it is within the limit.
fn times(check: &str, (program, theirs_ms): (&str, f64), netloom_ms: f64, limit_ms: f64) -> Row {
    Row {
        check: check.to_owned(),
        truth: format!("{theirs_ms:.3} ms ({program})"),
        netloom: format!("{netloom_ms:.3} ms ({:+.3})", netloom_ms - theirs_ms),
        limit: format!("{limit_ms:.2} ms"),
        is_fine: (netloom_ms - theirs_ms).abs() <= limit_ms,
    }
}
