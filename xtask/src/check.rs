//! `cargo xtask check`: everything that can be said about the code without running it.

mod expression;
mod license;
mod lockfile;

use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// The cargo calls, each with the words that announce it; the client is never checked together with the server, because
/// the two need different features of the same crates.
const CARGO: [(&str, &[&str]); 6] = [
    ("formatting", &["fmt", "--all", "--check"]),
    ("lints", &["clippy", "--locked", "--all-targets", "--", "-D", "warnings"]),
    ("lints of the build tool", &["clippy", "--locked", "--package", "xtask", "--all-targets", "--", "-D", "warnings"]),
    (
        "lints of the client",
        &[
            "clippy",
            "--locked",
            "--package",
            "netloom-frontend",
            "--target",
            "wasm32-unknown-unknown",
            "--",
            "-D",
            "warnings",
        ],
    ),
    (
        "the agent without the hub",
        &["clippy", "--locked", "--package", "netloom-server", "--no-default-features", "--", "-D", "warnings"],
    ),
    ("documentation", &["doc", "--locked", "--no-deps"]),
];

/// Runs all checks, the quick ones first.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::open();
    announce("the lock file");
    lockfile::check(&workspace)?;
    announce("licences");
    licenses(&workspace)?;
    for (name, args) in CARGO {
        announce(name);
        let mut cargo = process::cargo();
        process::run(cargo.args(args).env("RUSTDOCFLAGS", "-D warnings").current_dir(&workspace.root))?;
    }
    eprintln!("check: all good");
    Ok(())
}

/// Leaves the licences to cargo-deny where it is installed, and checks them here otherwise.
fn licenses(workspace: &Workspace) -> Result<()> {
    if process::find("cargo-deny").is_none() {
        return license::check(workspace);
    }
    let deny = |args: &[&str]| {
        let mut command: Command = process::cargo();
        command.args(["deny", "--offline", "check"]).args(args).current_dir(&workspace.root);
        command
    };
    process::run(&mut deny(&["licenses", "bans"]))?;
    let database = std::env::home_dir().map(|home| home.join(".cargo/advisory-dbs"));
    if database.is_some_and(|database| database.is_dir()) {
        process::run(&mut deny(&["--disable-fetch", "advisories"]))?;
    } else {
        eprintln!("check: no advisory database on this machine, advisories are not checked");
    }
    Ok(())
}

fn announce(what: &str) {
    eprintln!("check: {what}");
}
