//! Reading answers by hand, field by field. A type of its own for each would read them stricter, and make the client tens
//! of kilobytes larger: this is for what pages only show.

use netloom_core::{
    diagnosis::{DiagnosisBrief, DiagnosisState, DiagnosisVerdict, Grade, Point},
    mark::{Mark, MarkKind, NewMark},
    time::Timestamp,
};
use serde_json::Value;

/// The text of a field; empty where there is none.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// The number of a field.
pub(crate) fn number(value: &Value, field: &str) -> Option<f64> {
    value[field].as_f64()
}

/// The whole number of a field; none is zero.
pub(crate) fn count(value: &Value, field: &str) -> usize {
    value[field].as_u64().unwrap_or_default() as usize
}

/// What is in the list of a field.
pub(crate) fn list(value: &Value, field: &str) -> Vec<Value> {
    items(&value[field])
}

/// What is in a list.
pub(crate) fn items(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The texts of a field.
pub(crate) fn texts(value: &Value, field: &str) -> Vec<String> {
    list(value, field).iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The moment of a field.
pub(crate) fn moment(value: &Value, field: &str) -> Option<Timestamp> {
    value[field].as_str().and_then(Timestamp::parse_rfc3339)
}

/// The grade of a field.
pub(crate) fn grade(value: &Value) -> Grade {
    match value["grade"].as_str() {
        Some("fine") => Grade::Fine,
        Some("notable") => Grade::Notable,
        Some("bad") => Grade::Bad,
        _ => Grade::Unknown,
    }
}

/// A diagnosis in a list.
pub(crate) fn brief(value: &Value) -> Option<DiagnosisBrief> {
    Some(DiagnosisBrief {
        id: text(value, "id"),
        node: text(value, "node"),
        hosts: texts(value, "hosts"),
        by: text(value, "by"),
        started_at: moment(value, "started_at")?,
        state: match value["state"].as_str()? {
            "waiting" => DiagnosisState::Waiting,
            "running" => DiagnosisState::Running,
            "done" => DiagnosisState::Done,
            _ => DiagnosisState::Failed { why: text(value, "why") },
        },
        grade: grade(value),
        sentence: text(value, "sentence"),
        done: count(value, "done"),
        items: count(value, "items"),
    })
}

/// A verdict.
pub(crate) fn verdict(value: &Value) -> Option<DiagnosisVerdict> {
    let evidence =
        |value: &Value| list(value, "evidence").iter().filter_map(Value::as_u64).map(|at| at as usize).collect();
    let point = |value: &Value| Point {
        grade: grade(value),
        text: text(value, "text"),
        cure: text(value, "cure"),
        evidence: evidence(value),
    };
    value.is_object().then(|| DiagnosisVerdict {
        grade: grade(value),
        sentence: text(value, "sentence"),
        is_closed_network: value["is_closed_network"] == true,
        points: list(value, "points").iter().map(point).collect(),
    })
}

/// A mark; its figures are for programs.
pub(crate) fn mark(value: &Value) -> Option<Mark> {
    let mark = NewMark {
        at: moment(value, "at")?,
        until: moment(value, "until"),
        kind: MarkKind::parse(value["kind"].as_str()?)?,
        src: text(value, "src"),
        dst: text(value, "dst"),
        text: text(value, "text"),
        figures: std::collections::BTreeMap::new(),
    };
    Some(Mark { id: value["id"].as_u64()?, mark })
}
