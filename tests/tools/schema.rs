//! Holds a result against `docs/test-result.schema.json`: as much of JSON Schema as stands in it, and besides that every
//! field has to be described.

use std::path::Path;

use serde_json::{Map, Value};

pub fn document(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs");
    std::fs::read_to_string(docs.join(name)).unwrap()
}

pub fn assert_holds(result: &Value) {
    assert_eq!(complaint(result), None, "{result:#}");
}

/// What is wrong with a result, if anything is.
pub fn complaint(result: &Value) -> Option<String> {
    let schema: Value = serde_json::from_str(&document("test-result.schema.json")).unwrap();
    check(result, &schema, &schema, "result").err()
}

/// What this checks; anything else in the schema would be left out silently.
const KNOWN: [&str; 14] = [
    "$defs",
    "$id",
    "$ref",
    "$schema",
    "anyOf",
    "const",
    "description",
    "enum",
    "format",
    "items",
    "properties",
    "required",
    "title",
    "type",
];
const BOUNDS: [&str; 2] = ["maximum", "minimum"];

fn check(value: &Value, schema: &Value, root: &Value, place: &str) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{place}: {what}: {value}"));
    let rules = schema.as_object().expect("a schema is an object");
    let unknown = rules.keys().find(|rule| !KNOWN.contains(&rule.as_str()) && !BOUNDS.contains(&rule.as_str()));
    assert_eq!(unknown, None, "the schema has a rule that is not checked");
    if let Some(reference) = rules.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(reference.trim_start_matches('#')).expect("the reference leads somewhere");
        return check(value, target, root, place);
    }
    if let Some(choices) = rules.get("anyOf").and_then(Value::as_array) {
        let complaints: Vec<String> =
            choices.iter().map_while(|choice| check(value, choice, root, place).err()).collect();
        return if complaints.len() < choices.len() { Ok(()) } else { Err(complaints.join("; ")) };
    }
    if rules.get("const").is_some_and(|wanted| wanted != value) {
        return wrong("is another constant".into());
    }
    if rules.get("enum").is_some_and(|wanted| !wanted.as_array().unwrap().contains(value)) {
        return wrong("is none of the choices".into());
    }
    if let Some(wanted) = rules.get("type") {
        let wanted: Vec<&str> = match wanted {
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        if !wanted.iter().any(|kind| is(value, kind)) {
            return wrong(format!("is no {}", wanted.join(" or ")));
        }
    }
    for (bound, is_kept) in [("minimum", f64::ge as fn(&f64, &f64) -> bool), ("maximum", f64::le)] {
        let (number, bound) = (value.as_f64(), rules.get(bound).and_then(Value::as_f64));
        if number.zip(bound).is_some_and(|(number, bound)| !is_kept(&number, &bound)) {
            return wrong("is out of bounds".into());
        }
    }
    match value {
        Value::Object(fields) => check_fields(fields, rules, root, place),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            rules.get("items").map_or(Ok(()), |schema| check(item, schema, root, &format!("{place}[{index}]")))
        }),
        _ => Ok(()),
    }
}

fn check_fields(
    fields: &Map<String, Value>,
    rules: &Map<String, Value>,
    root: &Value,
    place: &str,
) -> Result<(), String> {
    let required = rules.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if let Some(missing) = required.iter().filter_map(Value::as_str).find(|name| !fields.contains_key(*name)) {
        return Err(format!("{place}: {missing} is missing"));
    }
    let Some(described) = rules.get("properties").and_then(Value::as_object) else { return Ok(()) };
    fields.iter().try_for_each(|(name, field)| match described.get(name) {
        Some(schema) => check(field, schema, root, &format!("{place}.{name}")),
        None => Err(format!("{place}.{name} is not described")),
    })
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the schema has a type that is not checked: {other}"),
    }
}
