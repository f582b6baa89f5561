//! A full diagnosis without any arguments, where that takes longest: behind a gateway that passes nothing on, with a name server
//! that says nothing. No packet leaves this machine.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::link::{Link, NAMESPACES, inside};
use crate::bench::mesh::table::{Row, table};
use crate::interrupt;

/// The longest that a diagnosis may take, every one of them, s.
const DIAGNOSIS_S: f64 = 5.0;
/// Diagnoses.
const TIMES: usize = 5;

/// Measures and prints. Returns whether every target is met.
pub(super) fn run(binary: &Path) -> Result<bool> {
    let _link = Link::build()?.into_nowhere()?;
    let mut took_s = Vec::new();
    let mut items = 0;
    for time in 1..=TIMES {
        eprintln!("bench: diagnosis {time} of {TIMES}");
        let started = Instant::now();
        let mut command = inside(NAMESPACES[0], binary);
        command.args(["diagnose", "--json"]).stdin(Stdio::null()).stderr(Stdio::piped());
        let output = command.output().with_context(|| format!("could not start {}", binary.display()))?;
        took_s.push(started.elapsed().as_secs_f64());
        // What it found is in its exit status, too; what counts is that it said something.
        let found: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("no diagnosis: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
        items = found["items"].as_array().map_or(0, Vec::len);
        ensure!(items > 0, "the diagnosis looked at nothing");
        interrupt::check()?;
    }
    took_s.sort_by(f64::total_cmp);
    let longest_s = took_s[TIMES - 1];
    let rows = [
        Row::new("checks of the last one", items.to_string()),
        Row::new("a diagnosis, median", format!("{:.2} s", took_s[TIMES / 2])),
        Row::new("a diagnosis, the longest", format!("{longest_s:.2} s"))
            .target(format!("at most {DIAGNOSIS_S} s"), longest_s <= DIAGNOSIS_S),
    ];
    println!("diagnosis without arguments, where hardly anything answers\n\n{}", table(&rows));
    Ok(rows.iter().all(Row::is_fine))
}
