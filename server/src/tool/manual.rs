//! `netloom completions` and `netloom man`: what the command line knows of itself, for shells and for readers.

use std::fs;

use anyhow::{Context, bail};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::probe;
use crate::{
    cli::{Cli, CompletionsArgs, ManArgs},
    exit,
};

/// Prints completions.
///
/// # Errors
/// When they cannot be written.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    probe::print(&String::from_utf8(script)?)?;
    Ok(exit::FINE)
}

/// Prints or writes manual pages.
///
/// # Errors
/// When there is no such command, or they cannot be written.
pub fn man(args: &ManArgs) -> anyhow::Result<u8> {
    let mut pages = Vec::new();
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    collect(&root, &mut pages)?;
    if let Some(page) = &args.page {
        let known = |name: &str| name == "netloom" && page == name || name == format!("netloom-{page}");
        pages.retain(|(name, _)| known(name));
        if pages.is_empty() {
            bail!("there is no command {page:?}; netloom --help tells which there are");
        }
    }
    let Some(folder) = &args.dir else {
        let pages: Vec<u8> = pages.into_iter().flat_map(|(_, text)| text).collect();
        probe::print(&String::from_utf8(pages)?)?;
        return Ok(exit::FINE);
    };
    fs::create_dir_all(folder).with_context(|| format!("--dir: cannot make the folder {}", folder.display()))?;
    for (name, text) in pages {
        let path = folder.join(format!("{name}.1"));
        fs::write(&path, text).with_context(|| format!("--dir: cannot write {}", path.display()))?;
    }
    Ok(exit::FINE)
}

/// The pages of a command and of those below it, each with its name: `netloom-test`.
fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    let mut page = Vec::new();
    Man::new(command.clone().version(env!("CARGO_PKG_VERSION"))).render(&mut page)?;
    pages.push((command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned(), page));
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| collect(below, pages))
}
