//! How the process is configured: flag over environment over file over default.
//!
//! What lies under `[settings]` may change while the hub runs; what the settings page saved stands between the
//! environment and the file, so the layers of that part are kept apart here and joined by [`crate::settings`].

mod flags;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use netloom_core::{
    mesh::ECHO_PORT,
    sample::check_node_name,
    settings::{
        self, FieldError, Settings,
        layers::{Held, VARIABLE_PREFIX},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::ServeArgs;
#[cfg(feature = "hub")]
use crate::notify::Pace;

/// The prefix of environment variables.
const ENV_PREFIX: &str = "NETLOOM_";
/// The variables under [`ENV_PREFIX`] that configure the process; others belong to other programs.
const ENV_KEYS: [&str; 9] =
    ["listen", "agent_listen", "echo_listen", "data_dir", "node", "cluster", "log", "jsonl_log", "jsonl_log_keep"];

/// Files of the JSONL log that are kept: two days of one an hour.
const JSONL_KEEP: usize = 48;

/// Everything that can be configured, with its defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where pages and API listen.
    pub listen: SocketAddr,
    /// Where agents of other machines join and report, if they may.
    pub agent_listen: Option<SocketAddr>,
    /// Where the probes of other nodes are answered; the usual place when agents may join.
    pub echo_listen: Option<SocketAddr>,
    /// Where the database lies.
    pub data_dir: PathBuf,
    /// The name of this node; the host name when empty.
    pub node: String,
    /// The name of the cluster at the top of the pages.
    pub cluster: String,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub log: String,
    /// Where every stored sample is written as a line of JSON as well, if anywhere.
    pub jsonl_log: Option<PathBuf>,
    /// How many files are kept there.
    pub jsonl_log_keep: usize,
    /// What may change while the hub runs.
    pub settings: Settings,
    /// What flags and environment variables hold of the settings.
    #[serde(skip)]
    pub held: Held,
    /// How long attempts to tell people of incidents take, and how they are repeated; tests say so, and nothing else.
    #[cfg(feature = "hub")]
    #[serde(skip)]
    pub notify_pace: Pace,
    /// Whether this is a demo; `netloom demo` says so, and nothing else.
    #[serde(skip)]
    pub is_demo: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 6385)),
            agent_listen: None,
            echo_listen: None,
            data_dir: PathBuf::from("./netloom-data"),
            node: String::new(),
            cluster: "my cluster".into(),
            log: "info".into(),
            jsonl_log: None,
            jsonl_log_keep: JSONL_KEEP,
            settings: Settings::default(),
            held: Held::default(),
            #[cfg(feature = "hub")]
            notify_pace: Pace::default(),
            is_demo: false,
        }
    }
}

impl Config {
    /// Reads every layer.
    ///
    /// # Errors
    /// One line that names the file, key or variable to blame.
    pub fn load(args: &ServeArgs) -> anyhow::Result<Self> {
        let env = Env::prefixed(ENV_PREFIX).filter(|key| ENV_KEYS.iter().any(|known| key == *known));
        let mut config: Self = Self::file_layer(args.config.as_deref())?
            .merge(env)
            .extract()
            .map_err(|error| anyhow::anyhow!("configuration: {}", describe(&error)))?;
        if let Some(listen) = args.listen {
            config.listen = listen;
        }
        config.agent_listen = args.agent_listen.or(config.agent_listen);
        config.echo_listen = args.echo_listen.or(config.echo_listen);
        if let Some(data_dir) = &args.data_dir {
            config.data_dir.clone_from(data_dir);
        }
        if let Some(folder) = &args.jsonl_log {
            config.jsonl_log = Some(folder.clone());
        }
        if let Some(keep) = args.jsonl_log_keep {
            config.jsonl_log_keep = keep;
        }
        config.node = node_name(Some(&config.node))?;
        config.settings.validate().map_err(|errors| blame("configuration", &errors))?;
        let environment = settings_from_env()?;
        let with_environment = settings::apply(&config.settings, &environment)
            .map_err(|errors| blame("environment (NETLOOM_SETTINGS__...)", &errors))?;
        let flags = flags::parse(&args.set, &with_environment)?;
        config.held = Held::new(flags, environment);
        config.validate()?;
        Ok(config)
    }

    fn file_layer(path: Option<&Path>) -> anyhow::Result<Figment> {
        let figment = Figment::from(Serialized::defaults(Self::default()));
        let Some(path) = path else { return Ok(figment) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
        Ok(figment.merge(Toml::string(&text)))
    }

    fn validate(&self) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() {
            let (listen, port) = (self.listen, self.listen.port());
            bail!(
                "refusing to listen on {listen}: there is no sign-in yet, so whoever reaches the pages could read and \
                 change everything; listen on 127.0.0.1 and reach it through ssh -L {port}:127.0.0.1:{port} HOST"
            );
        }
        if self.jsonl_log_keep == 0 {
            bail!("configuration: jsonl_log_keep: at least 1, the file that is written");
        }
        Ok(())
    }

    /// Where the probes of other nodes are answered, if they are.
    pub fn echo_address(&self) -> Option<SocketAddr> {
        let usual = SocketAddr::from(([0, 0, 0, 0], ECHO_PORT));
        self.agent_listen.map(|_| self.echo_listen.unwrap_or(usual))
    }
}

/// The name of this node: the one that was chosen, else the host name.
///
/// # Errors
/// When it cannot be a label.
pub fn node_name(chosen: Option<&str>) -> anyhow::Result<String> {
    let chosen = chosen.filter(|name| !name.is_empty()).map(str::to_owned);
    let name = chosen.unwrap_or_else(|| sysinfo::System::host_name().unwrap_or_else(|_| "localhost".into()));
    match check_node_name(&name) {
        Ok(()) => Ok(name),
        Err(why) => bail!("configuration: node: {why}"),
    }
}

/// `NETLOOM_SETTINGS__PROBE__ICMP=false` and its like as a change of the settings document.
fn settings_from_env() -> anyhow::Result<Value> {
    let env = Env::prefixed(VARIABLE_PREFIX).split("__");
    let change: Value = Figment::from(env).extract().context("environment (NETLOOM_SETTINGS__...)")?;
    Ok(if change.is_null() { Value::Object(serde_json::Map::new()) } else { change })
}

/// Field errors as one line.
fn blame(place: &str, errors: &[FieldError]) -> anyhow::Error {
    let faults: Vec<String> =
        errors.iter().map(|error| format!("settings.{}: {}", error.field, error.message)).collect();
    anyhow::anyhow!("{place}: {}", faults.join("; "))
}

/// A configuration error as one line with the key to blame.
fn describe(error: &figment::Error) -> String {
    let key = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path.join(".")) };
    format!("{key}{}", error.kind).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn load(toml: &str) -> anyhow::Result<Config> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(toml.as_bytes()).expect("written");
        Config::load(&ServeArgs { config: Some(file.path().to_owned()), ..Default::default() })
    }

    #[test]
    fn the_sample_file_states_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../netloom.sample.toml");
        // The file alone: whatever the environment of these tests says, it is no part of the sample.
        let from_sample: Config = Config::file_layer(Some(&path)).expect("readable").extract().expect("valid");
        assert_eq!(from_sample, Config::default());
        let sample = std::fs::read_to_string(path).expect("readable");
        let default = settings::Settings::default().document();
        for field in settings::fields() {
            let key = field.path.rsplit('.').next().unwrap_or(field.path);
            // Lists of things are there as examples.
            let is_list = settings::at(&default, field.path).is_some_and(Value::is_array)
                && !matches!(field.kind, settings::FieldKind::Lines { .. });
            let stated = if is_list { format!("[[settings.{}]]", field.path) } else { format!("{key} = ") };
            assert!(sample.contains(&stated), "{} is missing from the sample", field.path);
        }
    }

    #[test]
    fn the_examples_of_the_sample_file_are_valid() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../netloom.sample.toml");
        let sample = std::fs::read_to_string(path).expect("readable");
        // From the heading of an example to the end of its block.
        let mut examples = String::new();
        for block in sample.split("\n\n") {
            let lines = block.lines().skip_while(|line| !line.starts_with("# [["));
            lines.for_each(|line| examples.extend([line.trim_start_matches("# "), "\n"]));
        }
        let config = load(&examples).expect("valid");
        let lists = &config.settings;
        assert_eq!((lists.probe.targets.len(), lists.alerts.rules.len(), lists.alerts.maintenance.len()), (1, 1, 1));
    }

    #[test]
    fn every_fault_names_its_key() {
        let cases = [
            ("lisen = 1", "lisen"),
            ("listen = 1", "listen"),
            ("listen = \"0.0.0.0:6385\"", "no sign-in yet"),
            ("[settings.alerts.latency]\nlimit_ms = nan", "settings.alerts.latency.limit_ms"),
            ("[settings.probe]\nspeed = 1", "speed"),
            ("[[settings.probe.targets]]\naddress = \"a b\"", "settings.probe.targets[0].address"),
            ("[settings", "configuration"),
        ];
        for (toml, culprit) in cases {
            let error = load(toml).expect_err(toml).to_string();
            assert!(error.contains(culprit), "{toml}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let args = ServeArgs { config: Some("/nowhere/netloom.toml".into()), ..Default::default() };
        assert!(Config::load(&args).expect_err("no such file").to_string().contains("/nowhere/netloom.toml"));
    }
}
