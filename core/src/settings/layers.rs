//! Where values come from. The stronger layer wins, field by field: flag, environment, saved on the page, file, default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{FieldError, Settings, apply, at, at_mut, fields, overlay, same};
use crate::time::Timestamp;

/// The prefix of environment variables that hold settings; `__` stands for the dot of nesting.
pub const VARIABLE_PREFIX: &str = "NETLOOM_SETTINGS__";

/// A layer of the settings, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// `--set` on the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// The settings page, or a script that does the same.
    Saved,
    /// The configuration file.
    File,
    /// Netloom itself.
    Default,
}

/// Where the value of a field comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Origin {
    /// Its layer.
    pub layer: Layer,
    /// The environment variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// What was saved and waits below a flag or an environment variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Value>,
    /// When the value was saved, as far as the history goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Who saved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What flags and environment hold: values that cannot be changed while the process runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    flags: Value,
    environment: Value,
    all: Value,
}

impl Default for Held {
    fn default() -> Self {
        Self::new(json!({}), json!({}))
    }
}

/// What the environment holds, where there are no flags.
impl From<Value> for Held {
    fn from(environment: Value) -> Self {
        Self::new(json!({}), environment)
    }
}

impl Held {
    /// From a document of what flags say and one of what the environment says.
    pub fn new(flags: Value, environment: Value) -> Self {
        let mut all = environment.clone();
        overlay(&mut all, &flags);
        Self { flags, environment, all }
    }

    /// The same with each document changed.
    #[must_use]
    pub fn map(self, change: impl Fn(Value) -> Value) -> Self {
        Self::new(change(self.flags), change(self.environment))
    }

    /// All of it as a change of the settings.
    pub fn change(&self) -> &Value {
        &self.all
    }

    /// What holds a field, if anything.
    pub fn layer(&self, path: &str) -> Option<Layer> {
        let flag = at(&self.flags, path).map(|_| Layer::Flag);
        flag.or_else(|| at(&self.environment, path).map(|_| Layer::Environment))
    }
}

/// The environment variable of a field.
pub fn variable(path: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", path.replace('.', "__").to_ascii_uppercase())
}

/// What a person reads of what holds a field.
pub fn holder(layer: Layer, path: &str) -> String {
    match layer {
        Layer::Flag => format!("the flag --set {path}"),
        _ => format!("the environment variable {}", variable(path)),
    }
}

/// The settings in force.
///
/// # Errors
/// The fields to blame, when the layers do not fit each other.
pub fn join(file: &Settings, saved: &Value, held: &Held) -> Result<Settings, Vec<FieldError>> {
    let mut change = saved.clone();
    overlay(&mut change, held.change());
    apply(file, &change)
}

/// Where the value of each field comes from; who saved it is left to whoever knows.
pub fn origins(file: &Settings, saved: &Value, held: &Held) -> BTreeMap<String, Origin> {
    let (default, file) = (Settings::default().document(), file.document());
    let origin = |path: &str| {
        let saved = at(saved, path);
        let holder = held.layer(path);
        let is_default = at(&file, path) == at(&default, path);
        let below = if is_default { Layer::Default } else { Layer::File };
        Origin {
            layer: holder.unwrap_or(if saved.is_some() { Layer::Saved } else { below }),
            variable: (holder == Some(Layer::Environment)).then(|| variable(path)),
            saved: holder.and(saved).cloned(),
            at: None,
            by: None,
        }
    };
    fields().map(|field| (field.path.to_owned(), origin(field.path))).collect()
}

/// What is to be saved so that `wanted` is in force: what differs from file and defaults. What is saved below a flag or
/// an environment variable stays.
pub fn difference(file: &Settings, saved: &Value, held: &Held, wanted: &Settings) -> Value {
    let (file, wanted) = (file.document(), wanted.document());
    let mut difference = json!({});
    for path in fields().map(|field| field.path) {
        let value = match held.layer(path) {
            Some(_) => at(saved, path),
            None => at(&wanted, path).filter(|value| at(&file, path).is_none_or(|file| !same(value, file))),
        };
        if let Some(value) = value {
            *at_mut(&mut difference, path) = value.clone();
        }
    }
    difference
}

/// A saved value that this version does not take.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// Where it is and what is wrong with it.
    pub error: FieldError,
    /// The value.
    pub value: Value,
}

/// Takes over of a saved document what is valid, field by field, and of lists entry by entry. What is left out comes
/// back with the reason.
pub fn salvage(file: &Settings, saved: &Value, held: &Held) -> (Value, Vec<LeftOut>) {
    let mut left_out = Vec::new();
    let mut kept = json!({});
    collect_leaves(saved, &mut String::new(), &mut |path, value| {
        if fields().any(|field| field.path == path) {
            *at_mut(&mut kept, path) = value.clone();
        } else {
            let error = FieldError::new(path, "is not a setting of this version");
            left_out.push(LeftOut { error, value: value.clone() });
        }
    });
    while let Err(errors) = join(file, &kept, held) {
        // Entries of a list from the last to the first, so that the others keep their place; each once, whatever is wrong.
        let mut places = Vec::new();
        let mut taken = Vec::new();
        for error in errors.into_iter().rev() {
            let place = error.field.split_inclusive(']').next().unwrap_or_default().to_owned();
            if !places.contains(&place) {
                taken.extend(take(&mut kept, error));
                places.push(place);
            }
        }
        if taken.is_empty() {
            left_out.extend(take_one_by_one(file, &mut kept, held));
            break;
        }
        left_out.extend(taken);
    }
    (kept, left_out)
}

/// Takes what an error is about out of a document: an entry of a list, or the field.
fn take(document: &mut Value, error: FieldError) -> Option<LeftOut> {
    let (path, entry) = match error.field.split_once('[') {
        Some((path, rest)) => (path.to_owned(), rest.split_once(']').and_then(|(number, _)| number.parse().ok())),
        None => (error.field.clone(), None::<usize>),
    };
    let is_about = |field: &str| path == field || path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'));
    let path = fields().map(|field| field.path).find(|field| is_about(field))?;
    at(document, path)?;
    let list = at_mut(document, path).as_array_mut();
    let value = match list.zip(entry).filter(|(list, entry)| entry < &list.len()) {
        Some((list, entry)) => list.remove(entry),
        None => remove(document, path)?,
    };
    Some(LeftOut { error, value })
}

/// Where fields are wrong only together with others: each is tried beside those before it.
fn take_one_by_one(file: &Settings, kept: &mut Value, held: &Held) -> Vec<LeftOut> {
    let candidates = std::mem::replace(kept, json!({}));
    let mut left_out = Vec::new();
    for path in fields().map(|field| field.path) {
        let Some(value) = at(&candidates, path) else { continue };
        *at_mut(kept, path) = value.clone();
        if let Err(errors) = join(file, kept, held) {
            remove(kept, path);
            let why = errors.into_iter().next().map_or_else(String::new, |error| error.message);
            left_out.push(LeftOut { error: FieldError::new(path, why), value: value.clone() });
        }
    }
    left_out
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    let (parent, key) = path.rsplit_once('.')?;
    at(document, parent)?;
    at_mut(document, parent).as_object_mut()?.remove(key)
}

/// Calls `found` with every value that is no object, and its path.
fn collect_leaves(value: &Value, path: &mut String, found: &mut dyn FnMut(&str, &Value)) {
    let Value::Object(map) = value else { return found(path, value) };
    for (key, inner) in map {
        let before = path.len();
        if before > 0 {
            path.push('.');
        }
        path.push_str(key);
        collect_leaves(inner, path, found);
        path.truncate(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salvaged(saved: &Value) -> (Value, Vec<String>) {
        let (kept, left_out) = salvage(&Settings::default(), saved, &Held::default());
        (kept, left_out.into_iter().map(|left_out| left_out.error.field).collect())
    }

    #[test]
    fn the_strongest_layer_wins_and_each_value_names_its_layer() {
        let mut file = Settings::default();
        file.probe.packets = 7;
        file.probe.timeout_ms = 700;
        let saved = json!({"probe": {"packets": 6, "interval_ms": 600, "icmp": false}});
        let environment = json!({"probe": {"icmp": true, "timeout_ms": 500}});
        let held = Held::new(json!({"probe": {"timeout_ms": 400}}), environment);
        let joined = join(&file, &saved, &held).expect("fits").probe;
        assert_eq!((joined.packets, joined.interval_ms, joined.timeout_ms, joined.icmp), (6, 600, 400, true));
        let origins = origins(&file, &saved, &held);
        let layer = |path: &str| origins[path].layer;
        assert_eq!(layer("probe.packets"), Layer::Saved);
        assert_eq!(layer("probe.interval_ms"), Layer::Saved);
        assert_eq!((layer("probe.timeout_ms"), &origins["probe.timeout_ms"].variable), (Layer::Flag, &None));
        assert_eq!(layer("probe.default_targets"), Layer::Default);
        let icmp = &origins["probe.icmp"];
        assert_eq!((icmp.layer, icmp.variable.as_deref()), (Layer::Environment, Some("NETLOOM_SETTINGS__PROBE__ICMP")));
        assert_eq!(icmp.saved, Some(json!(false)), "it waits below");
        let without = super::origins(&file, &json!({}), &Held::default());
        assert_eq!(without["probe.packets"].layer, Layer::File);
        assert_eq!(origins.len(), fields().count());
    }

    #[test]
    fn only_what_differs_is_saved_and_what_waits_below_stays() {
        let file = Settings::default();
        let held = Held::from(json!({"probe": {"icmp": true}}));
        let saved = json!({"probe": {"icmp": false, "packets": 6}});
        let mut wanted = join(&file, &saved, &held).expect("fits");
        assert_eq!(difference(&file, &saved, &held, &wanted), saved);
        wanted.probe.packets = 5;
        wanted.storage.raw_hours = 10;
        let next = difference(&file, &saved, &held, &wanted);
        assert_eq!(next, json!({"probe": {"icmp": false}, "storage": {"raw_hours": 10}}));
    }

    #[test]
    fn one_bad_field_among_good_ones_is_left_out_alone() {
        let cases = [
            (json!({"probe": {"packets": 999, "interval_ms": 500}}), "probe.packets"),
            (json!({"probe": {"packets": "many", "interval_ms": 500}}), "probe.packets"),
            (json!({"probe": {"packets": null, "interval_ms": 500}}), "probe.packets"),
            (json!({"probe": {"speed": 3, "interval_ms": 500}}), "probe.speed"),
            (json!({"probe": {"icmp": {"v6": true}, "interval_ms": 500}}), "probe.icmp.v6"),
            (json!({"probe": {"interval_ms": 500}, "former": [1]}), "former"),
        ];
        for (saved, culprit) in cases {
            let (kept, left_out) = salvaged(&saved);
            assert_eq!(kept, json!({"probe": {"interval_ms": 500}}), "{culprit}");
            assert_eq!(left_out, [culprit]);
        }
        assert_eq!(salvaged(&json!(["no", "document"])), (json!({}), vec![String::new()]));
        assert_eq!(salvaged(&json!({})), (json!({}), Vec::new()));
    }

    #[test]
    fn one_bad_entry_of_a_list_is_left_out_alone() {
        let target = |address: &str| json!({ "address": address });
        let saved = json!({"probe": {"targets": [target("10.0.0.1"), target("a b"), target("c"), target("10.0.0.1")]}});
        let (kept, left_out) = salvaged(&saved);
        assert_eq!(kept, json!({"probe": {"targets": [target("10.0.0.1"), target("c")]}}));
        assert_eq!(left_out.len(), 2, "{left_out:?}");
    }

    #[test]
    fn fields_that_do_not_go_together_lose_no_others() {
        // Minutes shorter than samples: the one that is blamed goes.
        let (kept, left_out) =
            salvaged(&json!({"storage": {"raw_hours": 48, "minute_days": 1}, "probe": {"packets": 3}}));
        assert_eq!(kept, json!({"storage": {"raw_hours": 48}, "probe": {"packets": 3}}));
        assert_eq!(left_out, ["storage.minute_days"]);
        // The one that is blamed is the default: the one that is saved goes.
        let (kept, left_out) = salvaged(&json!({"storage": {"raw_hours": 8_000}, "probe": {"packets": 3}}));
        assert_eq!((at(&kept, "storage.raw_hours"), at(&kept, "probe.packets")), (None, Some(&json!(3))));
        assert_eq!(left_out, ["storage.raw_hours"]);
        // What the environment holds is stronger than what was saved.
        let held = Held::from(json!({"storage": {"raw_hours": 480}}));
        let saved = json!({"storage": {"minute_days": 10}, "probe": {"packets": 3}});
        let (kept, left_out) = salvage(&Settings::default(), &saved, &held);
        assert!(join(&Settings::default(), &kept, &held).is_ok());
        assert!(left_out.iter().any(|left_out| left_out.error.field == "storage.minute_days"), "{left_out:?}");
        assert_eq!(at(&kept, "probe.packets"), Some(&json!(3)));
    }
}
