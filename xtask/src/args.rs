//! The command line of the build tool.

use std::ffi::OsString;

use anyhow::{Result, bail};

use crate::bench::{alerts, mesh, probes, store};
use crate::lab;

/// What `cargo xtask` without a command prints.
pub(crate) const USAGE: &str = "\
usage: cargo xtask <command>

  run [-- ARGS]        build everything and start `netloom serve` (or `netloom ARGS`)
  test [rust|browser]  run all tests, or one part of them
  check                formatting, lints, documentation, licences and the lock file
  dist                 the binary to hand out, with the sizes of what a browser downloads
  bench                measure memory, latency and start-up in a real browser
  bench store [--minutes N] [--engines netloom,victoria,prometheus] [--connections 1|2]
                       measure ingest, disk, memory and queries beside other time series databases
  bench mesh [--part agent|hub|browser] [--seconds N]
                       measure what probing 63 peers costs an agent, beside fping
  bench alerts [--part evaluate|latency] [--ticks N] [--incidents N]
                       measure how long rules take to be judged, and from a sample to its alert on the stream
  bench probes [--part counters|targets|diagnosis|throughput] [--seconds N]
                       measure reading counters, probing a thousand targets, and a full diagnosis
  lab [run|up|down] [--nodes N] [--rate RATE] [--quick] [--only rtt,loss,verdict,probes,cut] [--save FILE]
                       hold Netloom's figures against the kernel, ping and fping, in network namespaces (root, Linux)";

/// One invocation of the build tool.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Build everything and become `netloom` with these arguments.
    Run(Vec<OsString>),
    /// Run the tests.
    Test(Part),
    /// Check what needs no running program.
    Check,
    /// Build what is handed out and hold its size budgets.
    Dist,
    /// Measure the running program.
    Bench(Bench),
    /// Run Netloom between network namespaces.
    Lab(lab::Options),
    /// Print the usage.
    Help,
}

/// Which tests to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything.
    All,
    /// The Rust tests only.
    Rust,
    /// The chart bridge and the browser tests only.
    Browser,
}

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bench {
    /// The pages, in a browser.
    Browser,
    /// The storage of the hub, beside other engines.
    Store(store::Options),
    /// The mesh.
    Mesh(mesh::Options),
    /// The alert rules.
    Alerts(alerts::Options),
    /// Counters, many targets, and diagnoses.
    Probes(probes::Options),
}

/// Reads the arguments that follow `cargo xtask`.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command> {
    let mut args = args.into_iter();
    let name = args.next().unwrap_or_default();
    let mut rest: Vec<OsString> = args.collect();
    let command = match name.to_str() {
        Some("run") => {
            if rest.first().is_some_and(|first| first == "--") {
                rest.remove(0);
            }
            return Ok(Command::Run(rest));
        }
        Some("test") => Command::Test(part(&mut rest)?),
        Some("check") => Command::Check,
        Some("dist") => Command::Dist,
        Some("bench") => match rest.first() {
            Some(part) if part == "store" => {
                return Ok(Command::Bench(Bench::Store(store::Options::parse(&rest[1..])?)));
            }
            Some(part) if part == "mesh" => {
                return Ok(Command::Bench(Bench::Mesh(mesh::Options::parse(&rest[1..])?)));
            }
            Some(part) if part == "alerts" => {
                return Ok(Command::Bench(Bench::Alerts(alerts::Options::parse(&rest[1..])?)));
            }
            Some(part) if part == "probes" => {
                return Ok(Command::Bench(Bench::Probes(probes::Options::parse(&rest[1..])?)));
            }
            _ => Command::Bench(Bench::Browser),
        },
        Some("lab") => return Ok(Command::Lab(lab::Options::parse(&rest)?)),
        Some("" | "help" | "--help" | "-h") => Command::Help,
        _ => bail!("unknown command `{}`\n\n{USAGE}", name.display()),
    };
    match rest.first() {
        Some(extra) if command != Command::Help => bail!("unexpected argument `{}`\n\n{USAGE}", extra.display()),
        _ => Ok(command),
    }
}

/// Takes the part of the tests off the front of the arguments.
fn part(rest: &mut Vec<OsString>) -> Result<Part> {
    if rest.is_empty() {
        return Ok(Part::All);
    }
    let word = rest.remove(0);
    match word.to_str() {
        Some("rust") => Ok(Part::Rust),
        Some("browser") => Ok(Part::Browser),
        _ => bail!("unknown part of the tests `{}`: use rust or browser", word.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn run_passes_its_arguments_on() {
        assert_eq!(parsed("run").unwrap(), Command::Run(vec![]));
        assert_eq!(
            parsed("run -- agent --hub h").unwrap(),
            Command::Run(["agent", "--hub", "h"].map(Into::into).into())
        );
        assert_eq!(parsed("run agent -- x").unwrap(), Command::Run(["agent", "--", "x"].map(Into::into).into()));
    }

    #[test]
    fn test_takes_one_part() {
        assert_eq!(parsed("test").unwrap(), Command::Test(Part::All));
        assert_eq!(parsed("test rust").unwrap(), Command::Test(Part::Rust));
        assert_eq!(parsed("test browser").unwrap(), Command::Test(Part::Browser));
        assert!(parsed("test everything").unwrap_err().to_string().contains("rust or browser"));
        assert!(parsed("test rust browser").is_err());
    }

    #[test]
    fn bench_measures_pages_the_store_or_the_mesh() {
        assert_eq!(parsed("bench").unwrap(), Command::Bench(Bench::Browser));
        let Command::Bench(Bench::Store(options)) = parsed("bench store --minutes 20").unwrap() else {
            panic!("another command");
        };
        assert_eq!(options.minutes, 20);
        let Command::Bench(Bench::Mesh(options)) = parsed("bench mesh --seconds 7").unwrap() else {
            panic!("another command");
        };
        assert_eq!((options.part, options.seconds), (mesh::Part::Agent, 7));
        let Command::Bench(Bench::Alerts(options)) = parsed("bench alerts --ticks 20").unwrap() else {
            panic!("another command");
        };
        assert_eq!(options.ticks, 20);
        let Command::Bench(Bench::Probes(options)) = parsed("bench probes --part targets").unwrap() else {
            panic!("another command");
        };
        assert_eq!(options.part, Some(probes::Part::Targets));
        assert!(parsed("bench shop").unwrap_err().to_string().contains("`shop`"));
        assert!(parsed("bench store fast").unwrap_err().to_string().contains("`fast`"));
    }

    #[test]
    fn unknown_words_are_refused_with_the_usage() {
        assert!(parsed("rnu").unwrap_err().to_string().contains("usage:"));
        assert!(parsed("check --fast").unwrap_err().to_string().contains("`--fast`"));
    }

    #[test]
    fn nothing_and_help_print_the_usage() {
        assert_eq!(parsed("").unwrap(), Command::Help);
        assert_eq!(parsed("--help run").unwrap(), Command::Help);
    }
}
