//! What `cargo xtask lab` is asked to do.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::net::NODES_MAX;

/// Nodes unless told otherwise: enough for a link to be told from a node, and for one path of each delay.
const NODES: u8 = 5;
/// Fewer cannot tell a bad link from a bad node.
const NODES_MIN: u8 = 4;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Make the network and hold it.
    Up,
    /// Make it, start Netloom in it, and hold its figures against others.
    Run,
    /// Remove what was left over.
    Down,
}

/// The groups of checks, by the name under which `--only` knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Round-trip times beside `ping` and `fping`.
    Rtt,
    /// Losses beside the counter of the rule that made them.
    Loss,
    /// How long until trouble is reported, and whether the right one is blamed.
    Verdict,
    /// Every probe beside the program that people know for it.
    Probes,
    /// A hub that is cut off.
    Cut,
}

impl Group {
    /// All, in the order in which they run.
    pub(crate) const ALL: [(&'static str, Group); 5] = [
        ("rtt", Group::Rtt),
        ("loss", Group::Loss),
        ("verdict", Group::Verdict),
        ("probes", Group::Probes),
        ("cut", Group::Cut),
    ];
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// What to do.
    pub(crate) action: Action,
    /// Nodes besides the hub.
    pub(crate) nodes: u8,
    /// Shorter: fewer trials, the hub is cut off for half a minute instead of two.
    pub(crate) is_quick: bool,
    /// What each node may send, in the words of `tc`, such as `100mbit`; as much as it likes unless given.
    pub(crate) rate: Option<String>,
    /// Which checks.
    pub(crate) groups: Vec<Group>,
    /// Where the table is kept, too, as Markdown.
    pub(crate) save: Option<PathBuf>,
}

impl Options {
    /// Reads what follows `lab`.
    pub(crate) fn parse(args: &[OsString]) -> Result<Self> {
        let all = Group::ALL.map(|(_, group)| group).to_vec();
        let mut options =
            Self { action: Action::Run, nodes: NODES, is_quick: false, rate: None, groups: all, save: None };
        let mut args = args.iter().map(|arg| arg.to_str().unwrap_or("?"));
        while let Some(arg) = args.next() {
            match arg {
                "up" => options.action = Action::Up,
                "run" => options.action = Action::Run,
                "down" => options.action = Action::Down,
                "--quick" => options.is_quick = true,
                "--rate" => options.rate = Some(args.next().unwrap_or_default().to_owned()),
                "--nodes" => options.nodes = nodes(args.next().unwrap_or_default())?,
                "--save" => options.save = Some(args.next().context("--save: which file?")?.into()),
                "--only" => options.groups = groups(args.next().unwrap_or_default())?,
                _ => bail!("unexpected argument `{arg}` of lab"),
            }
        }
        Ok(options)
    }
}

fn nodes(text: &str) -> Result<u8> {
    let nodes: u8 = text.parse().with_context(|| format!("--nodes: `{text}` is no number"))?;
    ensure!((NODES_MIN..=NODES_MAX).contains(&nodes), "--nodes: from {NODES_MIN} to {NODES_MAX}");
    Ok(nodes)
}

fn groups(text: &str) -> Result<Vec<Group>> {
    let group = |name: &str| Group::ALL.iter().find(|(known, _)| *known == name).map(|(_, group)| *group);
    text.split(',').map(|name| group(name).with_context(|| format!("--only: there are no checks `{name}`"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        Options::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let options = parsed("").unwrap();
        assert_eq!((options.action, options.nodes, options.groups.len()), (Action::Run, NODES, 5));
        let options = parsed("run --quick --nodes 8 --only loss,cut").unwrap();
        assert_eq!((options.nodes, options.is_quick, options.groups), (8, true, vec![Group::Loss, Group::Cut]));
        assert_eq!(parsed("run --save a.md").unwrap().save, Some("a.md".into()));
        assert_eq!(parsed("down").unwrap().action, Action::Down);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, culprit) in
            [("rnu", "`rnu`"), ("--nodes 3", "from 4"), ("--nodes x", "`x`"), ("--only lost", "`lost`")]
        {
            assert!(parsed(line).unwrap_err().to_string().contains(culprit), "{line}");
        }
    }
}
