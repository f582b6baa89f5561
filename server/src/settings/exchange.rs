//! Settings as TOML, the form of the configuration file: taken out, and put in.

use netloom_core::{
    settings::{
        self, FieldError, Settings, at, at_mut,
        change::{SettingsImport, changes},
        fields, overlay, same,
    },
    time::Timestamp,
};
use serde_json::{Map, Number, Value, json};

use super::{Change, ChangeError, SettingsKeeper};

/// Why a document cannot be put in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not TOML; the line, from one, and what is wrong there.
    #[error("line {0}: {1}")]
    Broken(usize, String),
    /// It says nothing of settings.
    #[error("there is no [settings] in it: it must be a configuration file of Netloom, or an export of settings")]
    Nothing,
    /// What it says cannot be taken.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// How a document is put in.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The document.
    pub text: &'a str,
    /// Whether fields that it leaves out go back to what holds without the page; otherwise they keep their value.
    pub resets_others: bool,
    /// Whether it is only told what would change.
    pub is_dry: bool,
    /// It is refused when the settings are at another version.
    pub if_version: Option<u64>,
    /// Who does it.
    pub by: &'a str,
}

impl SettingsKeeper {
    /// The settings in force as a configuration file, as far as they differ from the defaults.
    pub async fn export(&self, now: Timestamp) -> String {
        let details = self.details().await;
        write(&details.settings, details.version, now)
    }

    /// Puts a document in, or tells what that would change.
    ///
    /// # Errors
    /// What is wrong with the document; then nothing changes.
    pub async fn import(&self, import: Import<'_>) -> Result<SettingsImport, ImportError> {
        let wanted = read(import.text)?;
        let before = self.details().await;
        let mut document = json!({});
        if import.resets_others {
            let base = before.base.document();
            for path in fields().map(|field| field.path).filter(|path| !before.pinned.iter().any(|held| held == path)) {
                *at_mut(&mut document, path) = at(&base, path).cloned().unwrap_or_default();
            }
        }
        overlay(&mut document, &wanted);
        if import.is_dry {
            let after = settings::apply(&before.settings, &document).map_err(ChangeError::Invalid)?;
            let changes = changes(&before.settings.document(), &after.document());
            self.refuse_pinned(&changes)?;
            return Ok(SettingsImport { version: before.version, is_applied: false, changes });
        }
        let (by, if_version) = (import.by, import.if_version);
        let (version, after) = self.change(Change { document: &document, if_version, by, note: "import" }).await?;
        let changes = changes(&before.settings.document(), &after.document());
        Ok(SettingsImport { version, is_applied: true, changes })
    }
}

/// Settings as a configuration file, as far as they differ from the defaults.
fn write(settings: &Settings, version: u64, now: Timestamp) -> String {
    let (document, default) = (settings.document(), Settings::default().document());
    let mut differing = json!({});
    for path in fields().map(|field| field.path) {
        let value = at(&document, path).filter(|value| at(&default, path).is_none_or(|default| !same(value, default)));
        if let Some(value) = value {
            *at_mut(&mut differing, path) = value.clone();
        }
    }
    let head = format!(
        "# Settings of Netloom at version {version}, exported {now}: what differs from the defaults.\n\
         # Use it with: netloom serve --config FILE, or import it on the settings page.\n\n"
    );
    let body = toml::to_string_pretty(&json!({ "settings": differing })).unwrap_or_default();
    head + &body
}

/// What a document says under `[settings]`.
fn read(text: &str) -> Result<Value, ImportError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.get(..at).unwrap_or(text).split('\n').count();
        ImportError::Broken(line, error.message().replace('\n', ", "))
    })?;
    let Some(settings) = table.get("settings") else { return Err(ImportError::Nothing) };
    let value = json(settings, "");
    value.map_err(|error| ImportError::Change(ChangeError::Invalid(vec![error])))
}

/// A value of TOML as JSON, which has no moments and no infinite numbers; no setting takes either.
fn json(value: &toml::Value, path: &str) -> Result<Value, FieldError> {
    match value {
        toml::Value::String(text) => Ok(Value::String(text.clone())),
        toml::Value::Integer(number) => Ok(Value::from(*number)),
        toml::Value::Boolean(is_on) => Ok(Value::Bool(*is_on)),
        toml::Value::Float(number) => Number::from_f64(*number)
            .map(Value::Number)
            .ok_or_else(|| FieldError::new(path, format!("{number} is not a number that a setting takes"))),
        toml::Value::Datetime(moment) => {
            Err(FieldError::new(path, format!("{moment} is a moment, which no setting takes")))
        }
        toml::Value::Array(entries) => {
            let entries = entries.iter().enumerate().map(|(index, entry)| json(entry, &format!("{path}[{index}]")));
            entries.collect::<Result<_, _>>().map(Value::Array)
        }
        toml::Value::Table(table) => {
            let entry = |(key, value): (&String, &toml::Value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                json(value, &path).map(|value| (key.clone(), value))
            };
            table.iter().map(entry).collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
    }
}

#[cfg(test)]
mod tests {
    use netloom_core::settings::{Field, FieldKind, apply};

    use super::*;

    /// A value of a field that is not the default.
    fn other(field: &Field, default: &Value) -> Value {
        match field.kind {
            FieldKind::Toggle => json!(default != true),
            FieldKind::Number { min, max, .. } => {
                let usual = default.as_f64().unwrap_or_default();
                let number = if usual + 1.0 <= max { usual + 1.0 } else { (usual - 1.0).max(min) };
                if default.is_u64() { json!(number as u64) } else { json!(number) }
            }
            FieldKind::Text { .. } if field.path.ends_with("_url") => json!("https://example.org/netloom"),
            FieldKind::Text { .. } if field.path == "active.iperf3" => json!("/usr/bin/iperf3"),
            FieldKind::Text { .. } if field.path.ends_with("_name") => json!("name.example.org"),
            FieldKind::Text { .. } => json!("a \"text\"\twith ümlaut"),
            FieldKind::Choice { options } => json!(options[options.len() - 1].0),
            FieldKind::Lines { example, .. } => json!([example]),
            FieldKind::Targets => json!([{"name": "gpu 1", "address": "10.0.0.1", "port": 22}, {"address": "::1"}]),
            FieldKind::Rules => json!([{
                "id": "slow", "metric": "rtt_us", "scope": {"nodes": ["a"], "labels": {"mode": "icmp"}},
                "condition": {"kind": "threshold", "side": "above", "limit": 0.5, "aggregation": "avg", "window_s": 10.0},
            }]),
            FieldKind::Maintenance => json!([{
                "name": "backup", "days": ["sun"], "start": "02:00", "end": "04:00", "matcher": {"nodes": ["a"]},
            }]),
            // Their owner knows what they look like.
            FieldKind::Receivers => default.clone(),
        }
    }

    #[test]
    fn every_field_goes_out_and_in_again() {
        let default = Settings::default();
        for field in fields() {
            let mut change = json!({});
            let value = other(field, at(&default.document(), field.path).expect("is there"));
            *at_mut(&mut change, field.path) = value;
            let Ok(settings) = apply(&default, &change) else {
                // A step away from the default, some fields do not go with the others.
                assert!(
                    ["storage.", "alerts.bandwidth."].iter().any(|group| field.path.starts_with(group)),
                    "{change}"
                );
                continue;
            };
            let text = write(&settings, 3, Timestamp(0));
            assert!(
                text.starts_with("# Settings of Netloom at version 3, exported 1970-01-01T00:00:00.000Z"),
                "{text}"
            );
            let again = apply(&default, &read(&text).expect("is TOML")).expect("is right");
            assert_eq!(again, settings, "{text}");
        }
        assert_eq!(read(&write(&default, 0, Timestamp(0))).expect("is TOML"), json!({}), "no difference, and no error");
    }

    #[test]
    fn what_is_broken_is_named_with_its_line() {
        let broken = |text: &str| read(text).expect_err(text).to_string();
        assert!(broken("[settings]\n[settings.probe]\npackets = \n").starts_with("line 3: "), "{}", broken("\n\n = 1"));
        assert!(broken("\n\n = 1").starts_with("line 3: "));
        assert!(broken("[settings.probe]\npackets = 1\npackets = 2").starts_with("line 3: "));
        assert!(broken("[settings").starts_with("line 1: "));
        assert!(broken("").contains("no [settings]"));
        assert!(broken("listen = \"127.0.0.1:1\"").contains("no [settings]"));
        assert!(broken("<html>").starts_with("line 1: "));
        let blamed = |text: &str| match read(text) {
            Err(ImportError::Change(ChangeError::Invalid(errors))) => errors[0].field.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!(blamed("[settings.alerts.latency]\nlimit_ms = nan"), "alerts.latency.limit_ms");
        assert_eq!(blamed("[[settings.probe.targets]]\naddress = 1979-05-27"), "probe.targets[0].address");
        assert_eq!(blamed("[[settings.probe.targets]]\nport = -inf"), "probe.targets[0].port");
    }

    #[test]
    fn of_a_whole_configuration_file_only_settings_are_taken() {
        let sample = include_str!("../../../netloom.sample.toml");
        let settings = apply(&Settings::default(), &read(sample).expect("is TOML")).expect("is right");
        assert_eq!(settings, Settings::default());
    }
}
