//! Reading documents of a newer version: what is not known there is left out and named, instead of refusing all of it.
//!
//! Only for what one side of Netloom tells the other. What people write is held to the letter, so that no typing error
//! passes for a setting.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// Fields that are left out of one document: many more than a version adds. One with more of them is something else.
const UNKNOWN_MAX: usize = 100;

/// What was read, and the fields that were left out, dotted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tolerated<T> {
    /// What is known of the document.
    pub known: T,
    /// What is not.
    pub left_out: Vec<String>,
}

/// Reads a document, and leaves out the fields that the types refuse to know.
///
/// # Errors
/// One phrase that names the place which is not understood.
pub fn read<T: DeserializeOwned>(document: &[u8]) -> Result<Tolerated<T>, String> {
    let mut document: Value = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    let mut left_out = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize(&document) {
            Ok(known) => return Ok(Tolerated { known, left_out }),
            Err(error) => error,
        };
        let is_unknown = error.inner().to_string().starts_with("unknown field");
        if !is_unknown || left_out.len() >= UNKNOWN_MAX || !remove(&mut document, error.path()) {
            return Err(error.to_string());
        }
        left_out.push(error.path().to_string());
    }
}

/// Takes a field out of a document. Returns whether it was there.
fn remove(document: &mut Value, path: &Path) -> bool {
    let segments: Vec<&Segment> = path.iter().collect();
    let Some((Segment::Map { key: last }, before)) = segments.split_last() else { return false };
    let place = before.iter().try_fold(document, |value, segment| match segment {
        Segment::Map { key } => value.get_mut(key),
        Segment::Seq { index } => value.get_mut(index),
        _ => None,
    });
    place.and_then(Value::as_object_mut).and_then(|object| object.remove(last)).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::Settings;

    fn read_json(document: &Value) -> Result<Tolerated<Settings>, String> {
        read(document.to_string().as_bytes())
    }

    #[test]
    fn fields_of_a_newer_version_are_left_out_wherever_they_are() {
        let mut expected = Settings::default();
        expected.probe.packets = 7;
        let mut document = expected.document();
        document["weather"] = json!({"forecast": [1, 2]});
        document["probe"]["colour"] = json!("red");
        document["probe"]["targets"] = json!([{"name": "x", "address": "10.0.0.1", "tag": 1}]);
        let Tolerated { known, mut left_out } = read_json(&document).expect("is read");
        left_out.sort_unstable();
        assert_eq!(left_out, ["probe.colour", "probe.targets[0].tag", "weather"]);
        assert_eq!((known.probe.packets, known.probe.targets.len()), (7, 1));
        expected.probe.targets = known.probe.targets.clone();
        assert_eq!(known, expected);
    }

    #[test]
    fn what_is_known_must_still_be_right() {
        let why = read_json(&json!({"probe": {"packets": "many", "colour": 1}})).expect_err("no number");
        assert!(why.contains("probe.packets"), "{why}");
        assert!(read::<Settings>(b"{").is_err());
        let many: serde_json::Map<String, Value> = (0..=UNKNOWN_MAX).map(|n| (format!("x{n}"), json!(n))).collect();
        assert!(read_json(&Value::Object(many)).is_err());
    }
}
