//! What people may change while Netloom runs: the document, its description, and its validation.
//!
//! Each section owns its struct, defaults, field descriptions and checks. The settings page draws its form from
//! [`fields`], the hub checks a change with [`apply`], and the configuration file has the same shape under
//! `[settings]`. Adding a setting: a field in its section's struct and its description beside it.

pub mod active;
pub mod alerts;
pub mod change;
pub mod checks;
pub mod collect;
pub mod field;
pub mod layers;
pub mod mesh;
pub mod notify;
pub mod probe;
pub mod storage;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rule::Rule;
pub use field::{Field, FieldError, FieldKind, Section};

/// The settings document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Targets and how they are probed.
    pub probe: probe::ProbeSettings,
    /// How nodes probe each other.
    pub mesh: mesh::MeshSettings,
    /// Counters of this machine.
    pub collect: collect::CollectSettings,
    /// What is checked by schedule.
    pub checks: checks::ChecksSettings,
    /// Tests that load the network.
    pub active: active::ActiveSettings,
    /// Thresholds.
    pub alerts: alerts::AlertSettings,
    /// Who is told of incidents.
    pub notify: notify::NotifySettings,
    /// What is kept.
    pub storage: storage::StorageSettings,
}

/// The sections in the order of the page.
pub const SECTIONS: [Section; 8] = [
    probe::SECTION,
    mesh::SECTION,
    collect::SECTION,
    checks::SECTION,
    active::SECTION,
    alerts::SECTION,
    notify::SECTION,
    storage::SECTION,
];

/// Every field of the document.
pub fn fields() -> impl Iterator<Item = &'static Field> {
    SECTIONS.into_iter().flat_map(|section| section.fields)
}

/// The value at a dotted path such as `probe.interval_ms`.
pub fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(document, |value, key| value.get(key))
}

/// The place of a dotted path in a document, made when it is not there.
pub fn at_mut<'a>(document: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(document, |value, key| &mut value[key])
}

/// Whether two values mean the same: 100 and 100.0 do.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

/// Lays a document of any fields over another; objects are joined, everything else is replaced.
pub fn overlay(document: &mut Value, over: &Value) {
    match (document, over) {
        (Value::Object(document), Value::Object(over)) => {
            for (key, value) in over {
                overlay(document.entry(key).or_insert(Value::Null), value);
            }
        }
        (document, over) => *document = over.clone(),
    }
}

impl Settings {
    /// The document as JSON, the form in which fields are addressed by path.
    pub fn document(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The alert rules in force.
    pub fn rules(&self) -> Vec<Rule> {
        self.alerts.rules_for(self.round_ms())
    }

    /// The longest time from one round of probes to the next, ms.
    pub fn round_ms(&self) -> u64 {
        self.probe.interval_ms.max(self.mesh.interval_ms)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// All fields that are wrong, each with what is allowed.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        let document = self.document();
        let mut errors: Vec<FieldError> =
            fields().filter_map(|field| field.check(at(&document, field.path).unwrap_or(&Value::Null))).collect();
        errors.extend(self.probe.validate());
        errors.extend(self.mesh.validate());
        errors.extend(self.checks.validate(&self.active));
        errors.extend(self.active.validate());
        errors.extend(self.alerts.validate());
        errors.extend(self.notify.validate());
        errors.extend(self.alerts.check_kept(&self.storage));
        errors.extend(self.storage.validate());
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// Applies a change, which may leave fields out, to the settings in force: first its shape, then every value. Nothing is
/// taken over by halves.
///
/// # Errors
/// The fields to blame.
pub fn apply(current: &Settings, change: &Value) -> Result<Settings, Vec<FieldError>> {
    let mut document = current.document();
    merge(&mut document, change, "").map_err(|error| vec![error])?;
    let settings: Settings = serde_path_to_error::deserialize(&document)
        .map_err(|error| vec![FieldError::new(error.path().to_string(), error.inner().to_string())])?;
    settings.validate()?;
    Ok(settings)
}

/// Lays the change over the document; objects are merged, everything else is replaced.
fn merge(document: &mut Value, change: &Value, path: &str) -> Result<(), FieldError> {
    let Value::Object(known) = document else {
        *document = change.clone();
        return Ok(());
    };
    let Value::Object(change) = change else {
        return Err(FieldError::new(path, "must be an object"));
    };
    for (key, value) in change {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let place = known.get_mut(key).ok_or_else(|| FieldError::new(path.as_str(), "is not a setting"))?;
        merge(place, value, &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_defaults_are_valid_and_every_leaf_is_described() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let document = Settings::default().document();
        let mut leaves = Vec::new();
        collect_leaves(&document, "", &mut leaves);
        let described: Vec<_> = fields().map(|field| field.path).collect();
        assert_eq!(leaves.len(), described.len(), "{leaves:?} {described:?}");
        assert!(leaves.iter().all(|leaf| described.contains(&leaf.as_str())), "{leaves:?} {described:?}");
    }

    fn collect_leaves(value: &Value, path: &str, leaves: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, inner) in map {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    collect_leaves(inner, &path, leaves);
                }
            }
            _ => leaves.push(path.to_owned()),
        }
    }

    fn blamed(path: &str, value: Value) -> Vec<String> {
        let mut change = json!({});
        *at_mut(&mut change, path) = value;
        apply(&Settings::default(), &change).expect_err("is wrong").into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn what_a_change_leaves_out_keeps_its_value() {
        let mut current = Settings::default();
        current.probe.packets = 7;
        let changed = apply(&current, &json!({"alerts": {"latency": {"limit_ms": 2.5}}})).expect("is right");
        assert_eq!((changed.probe.packets, changed.alerts.latency.limit_ms), (7, 2.5));
    }

    #[test]
    fn the_field_to_blame_is_named() {
        assert_eq!(blamed("probe.interval_ms", json!(1)), ["probe.interval_ms"]);
        assert_eq!(blamed("probe.interval_ms", json!("fast")), ["probe.interval_ms"]);
        assert_eq!(blamed("alerts.latency.limit_ms", json!(-1)), ["alerts.latency.limit_ms"]);
        assert_eq!(blamed("alerts.latency.limit_ms", json!(null)), ["alerts.latency.limit_ms"]);
        assert_eq!(blamed("alerts.latency.colour", json!("red")), ["alerts.latency.colour"]);
        assert_eq!(
            blamed("probe.targets", json!([{"name": "x", "address": "not an address"}])),
            ["probe.targets[0].address"]
        );
        assert_eq!(blamed("probe", json!([])), ["probe"]);
        assert!(apply(&Settings::default(), &json!([])).is_err());
    }

    #[test]
    fn not_a_number_is_refused() {
        let mut settings = Settings::default();
        settings.alerts.latency.limit_ms = f64::NAN;
        settings.alerts.loss.limit_percent = f64::INFINITY;
        let errors = settings.validate().expect_err("not numbers");
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["alerts.latency.limit_ms", "alerts.loss.limit_percent"]);
    }

    #[test]
    fn several_faults_are_reported_at_once() {
        let mut settings = Settings::default();
        settings.probe.packets = 0;
        settings.storage.raw_hours = 0;
        assert_eq!(settings.validate().expect_err("two faults").len(), 2);
    }
}
