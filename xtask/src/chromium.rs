//! The browser the tests run in.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// The names Chromium goes by.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What Debian needs for a browser that can draw text.
const DEBIAN_PACKAGES: [&str; 2] = ["chromium", "fonts-dejavu-core"];

/// Finds Chromium, installing it where that takes no question.
pub(crate) fn require() -> Result<PathBuf> {
    if let Some(browser) = find()? {
        return Ok(browser);
    }
    let advice = "the browser tests need Chromium: install it, or set NETLOOM_CHROMIUM to its program";
    if !Path::new("/etc/debian_version").exists() || process::find("apt-get").is_none() {
        bail!("{advice}");
    }
    let Some(prefix) = administrator() else {
        bail!("{advice} (Debian: sudo apt-get install {})", DEBIAN_PACKAGES.join(" "));
    };
    eprintln!("test: installing {}", DEBIAN_PACKAGES.join(" and "));
    process::run(&mut apt(prefix, &["update"]))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    process::run(apt(prefix, &install).args(DEBIAN_PACKAGES))?;
    match find()? {
        Some(browser) => Ok(browser),
        None => bail!("{advice} (the packages of this system did not bring it)"),
    }
}

/// The browser named by the environment, or the first one on the path.
fn find() -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os("NETLOOM_CHROMIUM").map(PathBuf::from) {
        if !named.is_file() {
            bail!("NETLOOM_CHROMIUM names {}, which is no file", named.display());
        }
        return Ok(Some(named));
    }
    Ok(NAMES.iter().find_map(|name| process::find(name)))
}

/// What to put before a command to run it as administrator, if that works without asking for a password.
fn administrator() -> Option<&'static [&'static str]> {
    if process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
        return Some(&[]);
    }
    process::succeeds(Command::new("sudo").args(["-n", "true"])).then_some(&["sudo", "-n"])
}

/// One call of the package manager that never stops to ask.
fn apt(prefix: &[&str], args: &[&str]) -> Command {
    let words: Vec<&str> = prefix.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(args);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_manager_runs_as_administrator() {
        let shown = |prefix: &[&str]| format!("{:?}", apt(prefix, &["update"]));
        assert_eq!(shown(&[]), r#""env" "DEBIAN_FRONTEND=noninteractive" "apt-get" "update""#);
        assert!(shown(&["sudo", "-n"]).starts_with(r#""sudo" "-n" "env""#));
    }
}
