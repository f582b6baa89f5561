//! `netloom demo`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use netloom_core::impair::preset::Preset;

/// What to demonstrate.
#[derive(Debug, Clone, Args)]
#[command(after_help = PRESETS_HELP)]
pub struct DemoArgs {
    /// Nodes
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=64))]
    pub nodes: u8,
    /// The network between them
    #[arg(long, value_name = "NAME", default_value = Preset::Datacenter.name(), value_parser = preset)]
    pub preset: Preset,
    /// Address of pages and API [default: 127.0.0.1:6385]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Folder of the database [default: a temporary one, removed in the end]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What goes wrong and when: a file (TOML), or none for nothing [default: a link degrades, a node dies and comes back]
    #[arg(long, value_name = "FILE|none")]
    pub script: Option<PathBuf>,
    /// A setting, with its value as TOML writes it, held fast while this runs; may be given several times
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
}

const PRESETS_HELP: &str = "\
Presets:
  datacenter         racks of four, 25 Gbit/s, 0.1 ms there and back in a rack and 0.2 ms between racks
  mobile             LTE cells, 20 Mbit/s, up to 80 ms there and back, 0.25 to 0.5 % loss each way
  cross-continental  four regions, 1 Gbit/s, 50 to 150 ms there and back between them
  slow               two offices, 2 Mbit/s and 60 ms there and back between them

A fault of a script:
  [[fault]]
  at_s = 30            # from the start
  for_s = 90
  kind = \"link\"        # or node, way, group
  nodes = [\"node-2\", \"node-5\"]
  loss_ratio = 0.2     # on each way; 1 is dead
  delay_us = 60000     # on each way, on top
and above all of them, if it shall begin anew: repeat_s = 270";

fn preset(name: &str) -> Result<Preset, String> {
    let known = || Preset::ALL.map(Preset::name).join(", ");
    Preset::parse(name).ok_or_else(|| format!("there are {}", known()))
}
