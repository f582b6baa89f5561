//! The arguments of `cargo xtask bench store`.

use std::ffi::OsString;
use std::ops::RangeInclusive;

use anyhow::{Context, Result, bail, ensure};

use super::engine::Engine;

/// How much data is written unless asked otherwise, minutes: enough for every engine to seal or merge some of it.
const DEFAULT_MINUTES: u32 = 60;

/// The least data, minutes: the queries look back this far.
const MIN_MINUTES: u32 = 15;

/// The most data, minutes: the prepared requests of four hours take about 4 GB of disk.
const MAX_MINUTES: u32 = 240;

/// The most connections: each carries a fixed half of the nodes, and the machine is shared with the generator.
const MAX_CONNECTIONS: usize = 2;

/// What to measure, and with how much data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Minutes of data to write.
    pub(crate) minutes: u32,
    /// The engines to measure, in this order.
    pub(crate) engines: Vec<Engine>,
    /// How many connections write at the same time.
    pub(crate) connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { minutes: DEFAULT_MINUTES, engines: Engine::ALL.to_vec(), connections: 1 }
    }
}

impl Options {
    /// Reads the arguments that follow `bench store`.
    pub(crate) fn parse(args: &[OsString]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = args.iter().map(|arg| arg.to_string_lossy());
        while let Some(flag) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{flag}` needs a value"));
            match &*flag {
                "--minutes" => options.minutes = number(&value()?, &(MIN_MINUTES..=MAX_MINUTES))?,
                "--engines" => options.engines = engines(&value()?)?,
                "--connections" => options.connections = number(&value()?, &(1..=MAX_CONNECTIONS))?,
                _ => bail!("unexpected argument `{flag}` of bench store"),
            }
        }
        Ok(options)
    }
}

/// A whole number between two limits.
fn number<T>(text: &str, limits: &RangeInclusive<T>) -> Result<T>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let number = text.parse().ok().filter(|number| limits.contains(number));
    number.with_context(|| format!("`{text}` must be a whole number from {} to {}", limits.start(), limits.end()))
}

/// Names of engines with commas between them.
fn engines(text: &str) -> Result<Vec<Engine>> {
    let mut engines = Vec::new();
    for name in text.split(',') {
        let engine = Engine::ALL.into_iter().find(|engine| engine.name() == name);
        let known = || Engine::ALL.map(Engine::name).join(", ");
        let engine = engine.with_context(|| format!("unknown engine `{name}`: use {}", known()))?;
        ensure!(!engines.contains(&engine), "engine `{name}` is named twice");
        engines.push(engine);
    }
    Ok(engines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        Options::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn everything_has_a_default() {
        let options = parsed("").unwrap();
        assert_eq!((options.minutes, options.connections), (60, 1));
        assert_eq!(options.engines, Engine::ALL);
    }

    #[test]
    fn engines_are_chosen_by_name() {
        let options = parsed("--engines prometheus,netloom --minutes 15 --connections 2").unwrap();
        assert_eq!(options.engines, [Engine::Prometheus, Engine::Netloom]);
        assert_eq!((options.minutes, options.connections), (15, 2));
    }

    #[test]
    fn wrong_values_are_refused() {
        for (line, said) in [
            ("--minutes 14", "from 15 to 240"),
            ("--minutes many", "from 15 to 240"),
            ("--minutes", "needs a value"),
            ("--connections 3", "from 1 to 2"),
            ("--engines netloom,influx", "unknown engine `influx`"),
            ("--engines netloom,netloom", "twice"),
        ] {
            assert!(parsed(line).unwrap_err().to_string().contains(said), "{line}");
        }
    }
}
