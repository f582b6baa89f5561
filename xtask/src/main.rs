//! Netloom's build tool: `cargo xtask run`, `test`, `check`, `dist`, `bench` and `lab`.
//!
//! It sets up what it needs by itself (the wasm32 target, the npm packages, a browser for the tests), always builds the
//! client before the server that embeds it, and redoes only the steps whose inputs changed.

mod args;
mod bench;
mod budget;
mod check;
mod chromium;
mod client;
mod dist;
mod interrupt;
#[cfg(target_os = "linux")]
mod lab;
#[cfg(not(target_os = "linux"))]
#[path = "no_lab.rs"]
mod lab;
mod node;
mod process;
mod run;
mod server;
mod test;
mod workspace;

use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    let outcome = args::parse(std::env::args_os().skip(1)).and_then(|command| match command {
        Command::Run(program_args) => run::run(&program_args),
        Command::Test(part) => test::run(part),
        Command::Check => check::run(),
        Command::Dist => dist::run(),
        Command::Bench(bench) => bench::run(&bench),
        Command::Lab(options) => lab::run(&options),
        Command::Help => {
            println!("{}", args::USAGE);
            Ok(())
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
