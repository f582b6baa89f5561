//! The arguments of `cargo xtask bench probes`.

use std::ffi::OsString;

use anyhow::{Context, Result, bail};

use crate::bench::seconds::{DEFAULT_SECONDS, seconds};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Reading the counters of all interfaces.
    Counters,
    /// One agent that probes a thousand targets.
    Targets,
    /// `netloom diagnose`.
    Diagnosis,
    /// `netloom throughput` beside iperf3.
    Throughput,
}

impl Part {
    const ALL: [Part; 4] = [Part::Counters, Part::Targets, Part::Diagnosis, Part::Throughput];

    /// Its name on the command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Part::Counters => "counters",
            Part::Targets => "targets",
            Part::Diagnosis => "diagnosis",
            Part::Throughput => "throughput",
        }
    }
}

/// What to measure, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// The part; all of them without one.
    pub(crate) part: Option<Part>,
    /// How long targets are probed, s.
    pub(crate) seconds: u64,
}

impl Options {
    /// Reads the arguments that follow `bench probes`.
    pub(crate) fn parse(args: &[OsString]) -> Result<Self> {
        let mut options = Self { part: None, seconds: DEFAULT_SECONDS };
        let mut words = args.iter().map(|arg| arg.to_string_lossy());
        while let Some(flag) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{flag}` needs a value"));
            match &*flag {
                "--part" => options.part = Some(part(&value()?)?),
                "--seconds" => options.seconds = seconds(&value()?)?,
                _ => bail!("unexpected argument `{flag}` of bench probes"),
            }
        }
        Ok(options)
    }
}

fn part(word: &str) -> Result<Part> {
    let known = Part::ALL.into_iter().find(|part| part.word() == word);
    let all = Part::ALL.map(Part::word).join(", ");
    known.with_context(|| format!("unknown part of the probes `{word}`: use one of {all}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        Options::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn everything_is_measured_unless_asked_otherwise() {
        assert_eq!(parsed("").unwrap(), Options { part: None, seconds: 30 });
        for part in Part::ALL {
            assert_eq!(parsed(&format!("--part {}", part.word())).unwrap().part, Some(part));
        }
        assert!(parsed("--part speed").unwrap_err().to_string().contains("counters"));
        assert!(parsed("--seconds 1").is_err());
        assert!(parsed("fast").unwrap_err().to_string().contains("`fast`"));
    }
}
