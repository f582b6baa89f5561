//! `netloom completions` and `netloom man`: what the command line knows of itself, for shells and for readers.

use std::{fs, io::Write as _};

use anyhow::{Context, bail};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::{
    cli::{Cli, CompletionsArgs, ManArgs},
    exit,
};

/// Prints completions.
///
/// # Errors
/// When nobody takes them.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(exit::FINE)
}

/// Prints or writes manual pages.
///
/// # Errors
/// When there is no such command, or nobody takes the pages.
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
        pages.iter().try_for_each(|(_, text)| std::io::stdout().write_all(text))?;
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
