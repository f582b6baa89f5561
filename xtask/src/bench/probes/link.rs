//! Two namespaces with a wire between them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process;

/// The near end and the far end.
pub(super) const NAMESPACES: [&str; 2] = ["nbench-near", "nbench-far"];
/// The address of the far end.
pub(super) const FAR_ADDRESS: &str = "10.78.0.2";
const NEAR_ADDRESS: &str = "10.78.0.1";
/// An address at which nobody is.
const NOWHERE: &str = "10.79.0.53";

/// The namespaces; they are gone with it.
pub(super) struct Link {
    /// What the near end takes for the configuration of its names, when it has one of its own.
    names: Option<PathBuf>,
}

impl Link {
    pub(super) fn build() -> Result<Self> {
        let link = Self { names: None };
        Self::remove();
        let [near, far] = NAMESPACES;
        ip(&format!("netns add {near}")).context("the links need namespaces: run it as root")?;
        ip(&format!("netns add {far}"))?;
        ip(&format!("link add eth0 netns {near} type veth peer name eth0 netns {far}"))?;
        for (namespace, address) in [(near, NEAR_ADDRESS), (far, FAR_ADDRESS)] {
            ip(&format!("-n {namespace} address add {address}/24 dev eth0"))?;
            ip(&format!("-n {namespace} link set eth0 up"))?;
            ip(&format!("-n {namespace} link set lo up"))?;
        }
        Ok(link)
    }

    /// Makes the far end the gateway of the near one. It takes everything and passes nothing on, what is asked of the name
    /// server included.
    pub(super) fn into_nowhere(mut self) -> Result<Self> {
        let [near, far] = NAMESPACES;
        let drops = ["route", "add", "blackhole", "default"];
        process::run(Command::new("ip").args(["-n", far]).args(drops))?;
        process::run(inside(far, Path::new("sysctl")).args(["-qw", "net.ipv4.ip_forward=1"]))?;
        ip(&format!("-n {near} route add default via {FAR_ADDRESS}"))?;
        // ip-netns(8) puts this in the place of /etc/resolv.conf.
        let folder = Path::new("/etc/netns").join(near);
        fs::create_dir_all(&folder).context("could not give the namespace a name server")?;
        self.names = Some(folder.clone());
        fs::write(folder.join("resolv.conf"), format!("nameserver {NOWHERE}\n"))
            .context("could not give the namespace a name server")?;
        Ok(self)
    }

    fn remove() {
        for namespace in NAMESPACES {
            // There is none unless one was left over.
            let _ = process::succeeds(Command::new("ip").args(["netns", "delete", namespace]).stderr(Stdio::null()));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        Self::remove();
        if let Some(names) = &self.names {
            let _ = fs::remove_dir_all(names);
        }
    }
}

/// A program at one end.
pub(super) fn inside(namespace: &str, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    command
}

fn ip(words: &str) -> Result<()> {
    process::run(Command::new("ip").args(words.split(' ')))
}
