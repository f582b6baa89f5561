//! What a change of the settings does: which fields, from what to what, in words for people; and its place in the history.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Field, FieldKind, at, at_mut, fields, same};
use crate::time::Timestamp;

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldChange {
    /// Where it is in the document, dotted.
    pub field: String,
    /// Its value before.
    pub before: Value,
    /// Its value after.
    pub after: Value,
}

/// A change of the settings, as the history keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingsChange {
    /// The version that came of it.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// By whom, as far as that is known.
    pub by: String,
    /// What kind of change it was, such as `undo of version 7`; empty for one that somebody made field by field.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What changed.
    pub changes: Vec<FieldChange>,
}

/// What an import does, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingsImport {
    /// The version that is in force.
    pub version: u64,
    /// Whether the changes are in force, or only shown.
    pub is_applied: bool,
    /// What changed, or would.
    pub changes: Vec<FieldChange>,
}

/// The fields in which two documents differ.
pub fn changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    let value = |document: &Value, path: &str| at(document, path).cloned().unwrap_or_default();
    let change =
        |path: &str| FieldChange { field: path.to_owned(), before: value(before, path), after: value(after, path) };
    let differs =
        |path: &&str| !same(at(before, path).unwrap_or(&Value::Null), at(after, path).unwrap_or(&Value::Null));
    fields().map(|field| field.path).filter(differs).map(change).collect()
}

/// A document that puts back what was before.
pub fn undone(changes: &[FieldChange]) -> Value {
    let mut document = json!({});
    for change in changes {
        *at_mut(&mut document, &change.field) = change.before.clone();
    }
    document
}

/// The description of a field.
pub fn field(path: &str) -> Option<&'static Field> {
    fields().find(|field| field.path == path)
}

/// What people call a field where the ones around it are not there to explain it.
pub fn full_label(path: &str) -> String {
    let Some(this) = field(path) else { return path.to_owned() };
    match this.switch().and_then(field) {
        Some(switch) => format!("{}: {}", switch.label, this.label),
        None => this.label.to_owned(),
    }
}

/// A value of a field as it reads in a sentence.
pub fn written(field: &Field, value: &Value) -> String {
    match (field.kind, value) {
        (FieldKind::Toggle, Value::Bool(is_on)) => if *is_on { "on" } else { "off" }.to_owned(),
        (FieldKind::Number { unit, .. }, Value::Number(number)) => {
            // 10.0 reads as 10.
            let number = number.as_f64().unwrap_or_default();
            format!("{number} {unit}").trim_end().to_owned()
        }
        (FieldKind::Text { empty, .. }, Value::String(text)) => if text.is_empty() { empty } else { text }.to_owned(),
        (FieldKind::Choice { options }, Value::String(word)) => {
            let option = options.iter().find(|(option, _)| option == word);
            option.map_or_else(|| word.clone(), |(_, label)| (*label).to_owned())
        }
        (kind, Value::Array(entries)) => {
            let noun = match kind {
                FieldKind::Lines { .. } => "line",
                FieldKind::Targets => "target",
                FieldKind::Rules => "rule",
                FieldKind::Maintenance => "window",
                FieldKind::Receivers => "receiver",
                _ => "entry",
            };
            match entries.len() {
                0 => "none".to_owned(),
                1 => format!("1 {noun}"),
                count => format!("{count} {noun}s"),
            }
        }
        _ => value.to_string(),
    }
}

/// What happened to an entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another one under the same name.
    Changed,
}

/// What happened to the entries of a list, by their names; nothing for other values.
pub fn entries(before: &Value, after: &Value) -> Vec<(EntryChange, String)> {
    let (Some(before), Some(after)) = (before.as_array(), after.as_array()) else { return Vec::new() };
    let find = |list: &[Value], name: &str| list.iter().find(|entry| self::name(entry) == name).cloned();
    let removed = before.iter().map(name).filter(|name| find(after, name).is_none());
    let removed = removed.map(|name| (EntryChange::Removed, name));
    let here = after.iter().filter_map(|entry| match find(before, &name(entry)) {
        None => Some((EntryChange::Added, name(entry))),
        Some(other) => (other != *entry).then(|| (EntryChange::Changed, name(entry))),
    });
    removed.chain(here).collect()
}

/// What people call an entry of a list.
fn name(entry: &Value) -> String {
    if let Some(line) = entry.as_str() {
        return line.to_owned();
    }
    let text = |key| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let name = ["name", "title", "id", "address"].into_iter().find_map(text);
    name.map_or_else(|| entry.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn values_read_with_their_units() {
        let document = Settings::default().document();
        let default = |path: &str| written(field(path).expect("is described"), at(&document, path).expect("is there"));
        assert_eq!(default("alerts.latency.limit_ms"), "100 ms");
        assert_eq!(default("probe.packets"), "5");
        assert_eq!(default("probe.icmp"), "on");
        assert_eq!(default("probe.targets"), "none");
        let of = |kind, value: Value| written(&Field { path: "", label: "", help: "", kind }, &value);
        let choice = FieldKind::Choice { options: &[("utc", "UTC")] };
        assert_eq!((of(choice, json!("utc")), of(choice, json!("other"))), ("UTC".into(), "other".into()));
        let text = FieldKind::Text { max_chars: 9, empty: "nobody" };
        assert_eq!((of(text, json!("")), of(text, json!("Ann"))), ("nobody".into(), "Ann".into()));
        assert_eq!(of(FieldKind::Rules, json!([1, 2])), "2 rules");
    }

    #[test]
    fn details_of_a_rule_are_named_with_it() {
        assert_eq!(full_label("alerts.loss.for_s"), "Alert on loss: for");
        assert_eq!(full_label("alerts.loss.enabled"), "Alert on loss");
        assert_eq!(full_label("probe.packets"), "Probes in a round");
        assert_eq!(full_label("former.field"), "former.field");
    }

    #[test]
    fn a_change_is_found_and_put_back() {
        let before = Settings::default().document();
        let mut after = before.clone();
        *at_mut(&mut after, "alerts.latency.limit_ms") = json!(2);
        let found = changes(&before, &after);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].field.as_str(), &found[0].after), ("alerts.latency.limit_ms", &json!(2)));
        assert_eq!(undone(&found), json!({"alerts": {"latency": {"limit_ms": 100.0}}}));
        *at_mut(&mut after, "alerts.latency.limit_ms") = json!(100);
        assert_eq!(changes(&before, &after), [], "100 and 100.0 are the same");
    }

    #[test]
    fn entries_of_lists_are_told_by_name() {
        let before = json!([{"address": "a"}, {"name": "b", "address": "x"}, {"name": "c", "address": "y"}]);
        let after = json!([{"name": "c", "address": "y"}, {"name": "b", "address": "z"}, {"id": "d"}]);
        let told = entries(&before, &after);
        let expected = [(EntryChange::Removed, "a"), (EntryChange::Changed, "b"), (EntryChange::Added, "d")];
        assert_eq!(told, expected.map(|(what, name)| (what, name.to_owned())));
        assert_eq!(entries(&json!(1), &json!(2)), []);
    }
}
