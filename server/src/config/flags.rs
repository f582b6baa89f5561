//! `--set PATH=VALUE`: settings on the command line.

use anyhow::bail;
use figment::{
    Figment,
    providers::{Format, Toml},
};
use netloom_core::settings::{self, Settings, at_mut};
use serde_json::{Value, json};

/// Reads the flags as a change of the settings, and tries it on those of the layers below.
///
/// # Errors
/// One line with the flag and what is wrong with it.
pub(super) fn parse(flags: &[String], below: &Settings) -> anyhow::Result<Value> {
    let mut change = json!({});
    for flag in flags {
        let Some((path, text)) = flag.split_once('=') else {
            bail!("--set {flag}: is not of the form PATH=VALUE, such as probe.interval_ms=500");
        };
        // As in the configuration file, for those who copy from there.
        let path = path.trim().trim_start_matches("settings.");
        if settings::fields().all(|field| field.path != path) {
            bail!(
                "--set {flag}: {path:?} is not a setting; netloom.sample.toml has all of them, such as probe.interval_ms"
            );
        }
        let value = value(text.trim()).map_err(|why| anyhow::anyhow!("--set {flag}: {why}"))?;
        *at_mut(&mut change, path) = value;
        // Each by itself, so that the one to blame is named; those that belong together may come in any order.
        let field = settings::change::field(path).and_then(|field| field.check(at_mut(&mut change, path)));
        if let Some(error) = field {
            bail!("--set {flag}: {}", error.message);
        }
    }
    if let Err(errors) = settings::apply(below, &change) {
        let faults: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
        bail!("--set: {}", faults.join("; "));
    }
    Ok(change)
}

/// A value as TOML writes it; a bare word is a text.
fn value(text: &str) -> Result<Value, String> {
    let parsed = Figment::from(Toml::string(&format!("value = {text}"))).extract_inner::<Value>("value");
    match parsed {
        _ if text.contains(char::is_control) => Err("a value is one line".to_owned()),
        Ok(Value::Null) => Err(format!("{text} is not a value that a setting takes")),
        Ok(value) => Ok(value),
        Err(_) if text.starts_with(['[', '{', '"', '\'']) => Err(format!("{text} is not a value as TOML writes it")),
        Err(_) => Ok(Value::String(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(flags: &[&str]) -> anyhow::Result<Value> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        parse(&flags, &Settings::default())
    }

    #[test]
    fn values_are_those_of_toml() {
        let change = parsed(&[
            "probe.packets=7",
            "settings.probe.icmp = false",
            "alerts.latency.limit_ms=2.5",
            "probe.targets=[{ address = \"10.0.0.1\", name = 'a=b' }]",
            "probe.packets=8",
        ]);
        let expected = json!({
            "probe": {"packets": 8, "icmp": false, "targets": [{"address": "10.0.0.1", "name": "a=b"}]},
            "alerts": {"latency": {"limit_ms": 2.5}},
        });
        assert_eq!(change.expect("is right"), expected);
        assert_eq!(value("gpu-1"), Ok(json!("gpu-1")));
        assert_eq!(value("\"7\""), Ok(json!("7")));
    }

    #[test]
    fn settings_that_belong_together_come_in_any_order() {
        assert!(parsed(&["storage.raw_hours=2000", "storage.minute_days=100"]).is_ok());
        let error = parsed(&["storage.raw_hours=2000"]).expect_err("longer than minutes").to_string();
        assert!(error.contains("storage.minute_days"), "{error}");
    }

    #[test]
    fn nonsense_is_named_in_one_line() {
        let cases = [
            ("nonsense", "--set nonsense: is not of the form"),
            ("", "is not of the form"),
            ("=1", "\"\" is not a setting"),
            ("probe=1", "\"probe\" is not a setting"),
            ("probe.speed=1", "\"probe.speed\" is not a setting"),
            ("probe.packets=many", "--set probe.packets=many: must be a number from 1 to 20"),
            ("probe.packets=", "must be a number"),
            ("probe.packets=1.5", "probe.packets"),
            ("probe.icmp=yes", "must be true or false"),
            ("alerts.latency.limit_ms=nan", "nan is not a value"),
            ("alerts.latency.limit_ms=-1", "must be a number"),
            ("probe.targets=[{", "is not a value as TOML writes it"),
            ("probe.targets=[{address=\"a b\"}]", "probe.targets[0].address"),
            ("probe.packets=1\nlisten=2", "one line"),
        ];
        for (flag, culprit) in cases {
            let error = parsed(&[flag]).expect_err(flag).to_string();
            assert!(error.contains(culprit), "{flag}: {error}");
            assert!(flag.contains('\n') || !error.contains('\n'), "{error}");
        }
    }
}
