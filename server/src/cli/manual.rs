//! `netloom completions` and `netloom man`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use clap_complete::Shell;

const COMPLETIONS_HELP: &str = "\
Examples:
  netloom completions bash > /etc/bash_completion.d/netloom
  netloom completions zsh > \"${fpath[1]}/_netloom\"
  netloom completions fish > ~/.config/fish/completions/netloom.fish
  netloom completions elvish >> ~/.config/elvish/rc.elv
  netloom completions powershell >> $PROFILE";

/// For which shell.
#[derive(Debug, Clone, Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

const MAN_HELP: &str = "\
Examples:
  netloom man test | man -l -
  netloom man --dir /usr/local/share/man/man1";

/// Which pages, and where to.
#[derive(Debug, Clone, Args)]
#[command(after_help = MAN_HELP)]
pub struct ManArgs {
    /// Only the page of this command; all of them without it
    #[arg(value_name = "COMMAND")]
    pub page: Option<String>,
    /// Write a file for each page into this folder instead of everything to standard output
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}
