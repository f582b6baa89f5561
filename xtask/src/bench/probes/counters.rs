//! Reading the counters of all interfaces, and looking at all connections: on this machine as it is, and in a namespace with
//! many interfaces.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::mesh::table::{Row, table};
use crate::process;
use crate::workspace::Workspace;

/// The longest that reading all counters may take, the median of many, µs.
const READING_US: f64 = 200.0;
/// The namespace, and pairs of interfaces that are made in it.
const NAMESPACE: &str = "nlbench-probes";
const PAIRS: u32 = 32;

/// Measures and prints. Returns whether every target is met.
pub(super) fn run(workspace: &Workspace) -> Result<bool> {
    let program = build(workspace)?;
    let here = figures(&mut Command::new(&program))?;
    println!("counters, this machine\n\n{}", table(&rows(&here)));
    let mut is_met = rows(&here).iter().all(Row::is_fine);
    match Namespace::make() {
        Ok(_namespace) => {
            let many = figures(Command::new("ip").args(["netns", "exec", NAMESPACE]).arg(&program))?;
            println!("counters, a namespace with many interfaces\n\n{}", table(&rows(&many)));
            is_met &= rows(&many).iter().all(Row::is_fine);
        }
        Err(error) => eprintln!("bench: the namespace with many interfaces is left out: {error:#}"),
    }
    Ok(is_met)
}

/// Builds what reads, for release, beside the agent without the hub.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    eprintln!("bench: compiling what reads the counters");
    let target = workspace.target.join("lean");
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--release", "--package", "netloom-server", "--example", "collect_load"]);
    cargo.arg("--no-default-features").arg("--target-dir").arg(&target);
    process::run(cargo.current_dir(&workspace.root))?;
    Ok(target.join("release/examples/collect_load"))
}

fn figures(command: &mut Command) -> Result<Value> {
    serde_json::from_str(&process::output(command)?).context("could not read what was measured")
}

fn rows(figures: &Value) -> Vec<Row> {
    let figure = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);
    let us = |name: &str| format!("{:.1} µs", figure(name));
    vec![
        Row::new("interfaces", figure("interfaces").to_string()),
        Row::new("reading all counters, median", us("counters_us"))
            .target(format!("at most {READING_US} µs"), figure("counters_us") <= READING_US),
        Row::new("reading the sums from /proc/net/dev, median", us("devices_us")),
        Row::new("reading and making samples of them, median", us("collect_us")),
        Row::new("TCP sockets", figure("sockets").to_string()),
        Row::new("a look at all of them, median", format!("{:.1} ms", figure("look_us") / 1e3)),
    ]
}

/// A namespace with many interfaces that ends with its owner.
struct Namespace;

impl Namespace {
    fn make() -> Result<Self> {
        let ip = |args: &[&str]| process::output(Command::new("ip").args(args)).map(drop);
        // One that was left over.
        let _ = ip(&["netns", "delete", NAMESPACE]);
        ip(&["netns", "add", NAMESPACE])?;
        let made = Self;
        for pair in 0..PAIRS {
            let names = [format!("a{pair}"), format!("b{pair}")];
            let [here, there] = [&names[0], &names[1]];
            ip(&["-netns", NAMESPACE, "link", "add", here, "type", "veth", "peer", "name", there])?;
            for name in &names {
                ip(&["-netns", NAMESPACE, "link", "set", name, "up"])?;
            }
        }
        ip(&["-netns", NAMESPACE, "link", "set", "lo", "up"])?;
        Ok(made)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = process::output(Command::new("ip").args(["netns", "delete", NAMESPACE]));
        debug_assert!(!Path::new("/var/run/netns").join(NAMESPACE).exists());
    }
}
