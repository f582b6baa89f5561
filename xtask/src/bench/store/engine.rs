//! The engines that are measured: how each is found and started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// One storage engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Netloom's own, behind `netloom serve`.
    Netloom,
    /// `VictoriaMetrics`, single node.
    Victoria,
    /// Prometheus as a receiver of remote write.
    Prometheus,
}

impl Engine {
    /// All of them, Netloom first.
    pub(crate) const ALL: [Self; 3] = [Self::Netloom, Self::Victoria, Self::Prometheus];

    /// The word for it on the command line and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Netloom => "netloom",
            Self::Victoria => "victoria",
            Self::Prometheus => "prometheus",
        }
    }

    /// Its program, if this machine has it.
    pub(crate) fn program(self, workspace: &Workspace) -> Option<PathBuf> {
        match self {
            Self::Netloom => {
                let named = std::env::var_os("NETLOOM_BIN").map(PathBuf::from);
                Some(named.unwrap_or_else(|| workspace.binary())).filter(|program| program.is_file())
            }
            Self::Victoria => process::find("victoria-metrics"),
            Self::Prometheus => process::find("prometheus"),
        }
    }

    /// What to do when the program is missing.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Netloom => "build it with cargo xtask dist, or name it in NETLOOM_BIN",
            Self::Victoria => "Debian: apt-get install victoria-metrics",
            Self::Prometheus => "Debian: apt-get install prometheus",
        }
    }

    /// The command that serves on loopback and keeps everything below `home`.
    pub(crate) fn serve(self, program: &Path, home: &Path, port: u16) -> Result<Command> {
        let listen = format!("127.0.0.1:{port}");
        let data = data(home);
        let mut command = Command::new(program);
        command.current_dir(home);
        match self {
            Self::Netloom => {
                command.args(["serve", "--listen", &listen, "--data-dir"]).arg(data);
                // Nothing but the load is measured.
                command.env("NETLOOM_SETTINGS__PROBE__DEFAULT_TARGETS", "false");
                // The month of summaries is written as raw samples.
                command.env("NETLOOM_SETTINGS__STORAGE__RAW_HOURS", "840");
                command.env("NETLOOM_SETTINGS__STORAGE__MINUTE_DAYS", "35");
            }
            Self::Victoria => {
                command.arg(flag("-storageDataPath", &data));
                command.args([format!("-httpListenAddr={listen}"), "-retentionPeriod=1".into()]);
            }
            Self::Prometheus => {
                let config = home.join("prometheus.yml");
                std::fs::write(&config, "scrape_configs: []\n").context("could not write prometheus.yml")?;
                command.arg(flag("--config.file", &config)).arg(flag("--storage.tsdb.path", &data));
                command.args([format!("--web.listen-address={listen}"), "--web.enable-remote-write-receiver".into()]);
                // For the snapshot that shows how large its blocks are.
                command.arg("--web.enable-admin-api");
            }
        }
        Ok(command)
    }

    /// The path that answers with success once the engine serves.
    pub(crate) fn ready_path(self) -> &'static str {
        match self {
            Self::Netloom => "/readyz",
            Self::Victoria => "/health",
            Self::Prometheus => "/-/ready",
        }
    }
}

/// The folder below `home` that holds data only.
pub(crate) fn data(home: &Path) -> PathBuf {
    home.join("data")
}

/// A flag with a path behind an equals sign.
fn flag(name: &str, path: &Path) -> std::ffi::OsString {
    let mut flag = std::ffi::OsString::from(name);
    flag.push("=");
    flag.push(path);
    flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_listens_on_loopback_and_writes_below_its_home() {
        let home = tempfile::tempdir().unwrap();
        for engine in Engine::ALL {
            let command = engine.serve(Path::new("/bin/engine"), home.path(), 4_711).unwrap();
            let shown = format!("{command:?}");
            assert!(shown.contains("127.0.0.1:4711"), "{shown}");
            assert!(shown.contains(&*data(home.path()).to_string_lossy()), "{shown}");
        }
    }
}
