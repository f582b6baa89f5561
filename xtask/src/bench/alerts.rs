//! `cargo xtask bench alerts`: how long it takes to judge many series by many rules, what each rule costs of memory, and how
//! long it takes from a sample that fires to the incident on the stream.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::mesh::load;
use super::mesh::table::{Row, table};
use crate::interrupt;
use crate::process::{self, Owned};
use crate::workspace::Workspace;

/// The longest that judging everything may take, the worst of all ticks, ms.
const TICK_MS: f64 = 100.0;
/// The longest from a sample to its incident on the stream, of 95 in 100, ms.
const STREAM_P95_MS: f64 = 500.0;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Both.
    All,
    /// The engine alone.
    Evaluate,
    /// From the sample to the stream.
    Latency,
}

/// What to measure, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// The part.
    pub(crate) part: Part,
    /// Ticks of the engine.
    pub(crate) ticks: u64,
    /// Incidents on the stream.
    pub(crate) incidents: u64,
}

impl Options {
    /// Reads the arguments that follow `bench alerts`.
    pub(crate) fn parse(args: &[OsString]) -> Result<Self> {
        let mut options = Self { part: Part::All, ticks: 120, incidents: 120 };
        let mut words = args.iter().map(|arg| arg.to_string_lossy());
        while let Some(flag) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{flag}` needs a value"));
            match &*flag {
                "--part" => options.part = part(&value()?)?,
                "--ticks" => options.ticks = number(&value()?)?,
                "--incidents" => options.incidents = number(&value()?)?,
                _ => bail!("unexpected argument `{flag}` of bench alerts"),
            }
        }
        Ok(options)
    }
}

fn part(word: &str) -> Result<Part> {
    match word {
        "all" => Ok(Part::All),
        "evaluate" => Ok(Part::Evaluate),
        "latency" => Ok(Part::Latency),
        _ => bail!("unknown part of the alerts `{word}`: use evaluate or latency"),
    }
}

fn number(word: &str) -> Result<u64> {
    let number = word.parse().ok().filter(|number| (10..=10_000).contains(number));
    number.with_context(|| format!("`{word}` must be a whole number from 10 to 10000"))
}

/// Measures and prints. Fails when a target is missed.
pub(crate) fn run(options: &Options) -> Result<()> {
    interrupt::watch()?;
    let workspace = Workspace::open();
    let program = load::build(&workspace, "alert_load")?;
    let mut rows = Vec::new();
    if options.part != Part::Latency {
        rows.extend(evaluate(&program, options)?);
    }
    if options.part != Part::Evaluate {
        rows.extend(latency(&workspace, &program, options)?);
    }
    println!("alerts\n\n{}", table(&rows));
    ensure!(rows.iter().all(Row::is_fine), "not every target is met");
    Ok(())
}

fn evaluate(program: &Path, options: &Options) -> Result<Vec<Row>> {
    eprintln!("bench: judging, {} ticks", options.ticks);
    let report = report(program, &["evaluate", "--ticks", &options.ticks.to_string()])?;
    let (median_ms, max_ms) = (figure(&report, "median_ms"), figure(&report, "max_ms"));
    // What others on this machine take is not the engine's; where the kernel does not tell, the clock must do.
    let busy_ms = Some(figure(&report, "busy_max_ms")).filter(|ms| *ms > 0.0).unwrap_or(max_ms);
    let judged = format!("{} series, {} rules each", figure(&report, "series"), figure(&report, "rules"));
    let bytes = |name| format!("{:.0} B", figure(&report, name));
    Ok(vec![
        Row::new("judged in each tick, all of them touched", judged),
        Row::new("taking in and judging, median", format!("{median_ms:.1} ms")),
        Row::new("taking in and judging, the worst tick", format!("{max_ms:.1} ms")),
        Row::new("of one core, median", format!("{:.1} ms", figure(&report, "busy_median_ms"))),
        Row::new("of one core, the worst tick", format!("{busy_ms:.1} ms"))
            .target(format!("at most {TICK_MS} ms"), busy_ms <= TICK_MS),
        Row::new("of it judging, median", format!("{:.1} ms", figure(&report, "judging_median_ms"))),
        Row::new("incidents told meanwhile", figure(&report, "told").to_string()),
        Row::new("memory of a rule with a series", bytes("instance_bytes")),
        Row::new("what it keeps besides, mean", bytes("memory_bytes")),
        Row::new("memory of a series, for all its rules", bytes("series_bytes")),
        Row::new("its window, ten minutes of seconds", bytes("window_bytes")),
        Row::new("memory of the process", format!("{:.0} MB", figure(&report, "rss_bytes") / 1e6)),
    ])
}

fn latency(workspace: &Workspace, program: &Path, options: &Options) -> Result<Vec<Row>> {
    let hub: PathBuf = if let Some(binary) = std::env::var_os("NETLOOM_BIN") {
        binary.into()
    } else {
        crate::server::build(workspace)?;
        workspace.binary()
    };
    let home = tempfile::tempdir().context("could not make a folder")?;
    let (_hub, address) = start(&hub, home.path())?;
    eprintln!("bench: from the sample to the stream, {} incidents", options.incidents);
    let report = report(program, &["latency", &address.to_string(), "--incidents", &options.incidents.to_string()])?;
    let (p95_ms, lost) = (figure(&report, "p95_ms"), figure(&report, "lost"));
    Ok(vec![
        Row::new("from the sample to the stream, median", format!("{:.0} ms", figure(&report, "p50_ms"))),
        Row::new("from the sample to the stream, p95", format!("{p95_ms:.0} ms"))
            .target(format!("at most {STREAM_P95_MS} ms"), p95_ms <= STREAM_P95_MS),
        Row::new("from the sample to the stream, the worst", format!("{:.0} ms", figure(&report, "max_ms"))),
        Row::new("incidents that were not told", lost.to_string()).target("none", lost == 0.0),
    ])
}

/// Starts a hub on loopback.
fn start(program: &Path, home: &Path) -> Result<(Owned, SocketAddr)> {
    let mut command = Command::new(program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(home);
    command.env("NETLOOM_SETTINGS__PROBE__DEFAULT_TARGETS", "false").env_remove("NETLOOM_CONFIG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut hub = Owned::start(&mut command)?;
    let mut line = String::new();
    BufReader::new(hub.stdout.take().context("the hub says nothing")?).read_line(&mut line)?;
    let address = line.trim().rsplit('/').next().and_then(|place| place.parse().ok());
    Ok((hub, address.with_context(|| format!("the hub said {line:?}"))?))
}

fn report(program: &Path, args: &[&str]) -> Result<Value> {
    let report = process::output(Command::new(program).args(args))?;
    serde_json::from_str(&report).with_context(|| format!("the load reported {report:?}"))
}

fn figure(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        Options::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn both_parts_are_measured_unless_asked_otherwise() {
        assert_eq!(parsed("").unwrap(), Options { part: Part::All, ticks: 120, incidents: 120 });
        assert_eq!(parsed("--part latency --incidents 200").unwrap().incidents, 200);
        assert!(parsed("--part feed").unwrap_err().to_string().contains("`feed`"));
        assert!(parsed("--ticks 1").is_err());
        assert!(parsed("--ticks").is_err());
        assert!(parsed("fast").unwrap_err().to_string().contains("`fast`"));
    }
}
