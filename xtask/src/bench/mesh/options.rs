//! The arguments of `cargo xtask bench mesh`.

use std::ffi::OsString;

use anyhow::{Context, Result, bail};

use crate::bench::seconds::{DEFAULT_SECONDS, seconds};

/// What of the mesh is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// An agent that probes 63 peers.
    Agent,
    /// The hub with many agents and browsers.
    Hub,
    /// The page of all pairs in a browser.
    Browser,
}

/// What to measure, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// The part.
    pub(crate) part: Part,
    /// How long, s.
    pub(crate) seconds: u64,
}

impl Options {
    /// Reads the arguments that follow `bench mesh`.
    pub(crate) fn parse(args: &[OsString]) -> Result<Self> {
        let mut options = Self { part: Part::Agent, seconds: DEFAULT_SECONDS };
        let mut words = args.iter().map(|arg| arg.to_string_lossy());
        while let Some(flag) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{flag}` needs a value"));
            match &*flag {
                "--part" => options.part = part(&value()?)?,
                "--seconds" => options.seconds = seconds(&value()?)?,
                _ => bail!("unexpected argument `{flag}` of bench mesh"),
            }
        }
        Ok(options)
    }
}

fn part(word: &str) -> Result<Part> {
    match word {
        "agent" => Ok(Part::Agent),
        "hub" => Ok(Part::Hub),
        "browser" => Ok(Part::Browser),
        _ => bail!("unknown part of the mesh `{word}`: use agent, hub or browser"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        Options::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_agent_is_measured_for_half_a_minute_unless_asked_otherwise() {
        assert_eq!(parsed("").unwrap(), Options { part: Part::Agent, seconds: 30 });
        assert_eq!(parsed("--part agent --seconds 5").unwrap().seconds, 5);
        assert!(parsed("--part hubs").unwrap_err().to_string().contains("`hubs`"));
        assert!(parsed("--seconds 1").is_err());
        assert!(parsed("--seconds").is_err());
        assert!(parsed("fast").unwrap_err().to_string().contains("`fast`"));
    }
}
