//! Whether standard error and standard output may have colour, as `NO_COLOR` (no-color.org) and `CLICOLOR` (bixense.com/clicolors) ask for.
//!
//! Bars have no colour.

use std::{env, ffi::OsString, io::IsTerminal as _};

/// Whether what is logged may have colour.
pub fn on_stderr() -> bool {
    wanted(env::var_os, std::io::stderr().is_terminal())
}

/// Whether what is said on standard output may have colour.
pub fn on_stdout() -> bool {
    wanted(env::var_os, std::io::stdout().is_terminal())
}

/// Whether help and messages of the command line may have colour. Its library asks the variables itself, but lets the one
/// that forces colour win over the one that forbids it.
pub fn of_help() -> clap::ColorChoice {
    if env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        clap::ColorChoice::Never
    } else {
        clap::ColorChoice::Auto
    }
}

fn wanted(variable: impl Fn(&'static str) -> Option<OsString>, is_terminal: bool) -> bool {
    let is = |name, value: &str| variable(name).is_some_and(|set| set == value);
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    if is_set("NO_COLOR") {
        false
    } else if is_set("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", "0") {
        true
    } else {
        is_terminal && !is("CLICOLOR", "0") && !is("TERM", "dumb")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_colour_wins_and_pipes_have_none_unless_forced() {
        let wanted = |set: &'static [(&str, &str)], is_terminal| {
            let variable = |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
            super::wanted(variable, is_terminal)
        };
        assert!(wanted(&[], true) && !wanted(&[], false));
        assert!(!wanted(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true));
        assert!(wanted(&[("NO_COLOR", "")], true), "an empty one says nothing");
        assert!(wanted(&[("CLICOLOR_FORCE", "1")], false) && !wanted(&[("CLICOLOR_FORCE", "0")], false));
        assert!(!wanted(&[("CLICOLOR", "0")], true) && !wanted(&[("TERM", "dumb")], true));
    }
}
