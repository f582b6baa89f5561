//! What people and programs ask to be done with runs, and what is wrong with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Run, RunEvent, RunStatus};
use crate::{
    sample::{FUTURE_MAX_MS, LABEL_MAX_BYTES},
    settings::FieldError,
    time::Timestamp,
};

/// The longest name: it has to fit a heading.
pub const NAME_MAX_CHARS: usize = 200;
/// Tags of one run: more is a configuration file, which belongs into the notes.
pub const TAGS_MAX: usize = 32;
/// The longest key of a tag, or kind of an event.
pub const KEY_MAX_CHARS: usize = 64;
/// The longest value of a tag: room for a path or a commit.
pub const VALUE_MAX_CHARS: usize = 256;
/// The longest notes: a few pages.
pub const NOTES_MAX_CHARS: usize = 10_000;
/// The longest command line that is kept.
pub const COMMAND_MAX_CHARS: usize = 4_096;
/// Nodes of one run: a large cluster.
pub const NODES_MAX: usize = 1_024;
/// Events of one run: an epoch a minute for a week.
pub const EVENTS_MAX: u32 = 10_000;
/// The longest text of an event: a line or two.
pub const TEXT_MAX_CHARS: usize = 500;
/// The length of ids. No word of a route is as long as the shortest and as plain.
pub const ID_CHARS: std::ops::RangeInclusive<usize> = 8..=32;

/// A moment as people may give it: RFC 3339 or milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = Timestamp))]
pub struct Moment(pub Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let read = value.as_i64().map(Timestamp).or_else(|| Timestamp::parse_rfc3339(value.as_str()?));
        read.map(Self)
            .ok_or_else(|| de::Error::custom(format!("{value} is not a time: use RFC 3339 or epoch milliseconds")))
    }
}

/// A run to be begun, or one that is recorded after the fact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// Chosen by the client, so that it may send the request again; the hub chooses one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it is looked up by.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The nodes that take part; all when there are none.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// When it began; now when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Moment>,
    /// When it ended, for a run that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Moment>,
    /// How it ended, for a run that is over; by its exit code when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// What its program returned, for a run that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What there is to say about it.
    #[serde(default)]
    pub notes: String,
    /// The command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The machine that it is started on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Whether signs of life will follow; without them for five minutes, the run is shown as lost.
    #[serde(default)]
    pub heartbeat: bool,
}

/// A change of a run; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeRun {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Tags to set; `null` takes one away, others stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Option<String>>>,
    /// Other nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<String>>,
    /// Other notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// `true` is a sign of life.
    #[serde(default)]
    pub heartbeat: bool,
}

/// The end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EndRun {
    /// `succeeded`, `failed` or `aborted`; by the exit code when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// What its program returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// When; now when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Moment>,
}

/// Something that happened in a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRunEvent {
    /// When; now when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// Of what kind it is; `note` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What happened, in words.
    pub text: String,
    /// A figure that belongs to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

impl NewRun {
    /// The run that begins now, or the one that is recorded. `id` is used when none was chosen.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn build(self, id: impl FnOnce() -> String, now: Timestamp) -> Result<Run, FieldError> {
        let started_at = self.started_at.map_or(now, |moment| moment.0);
        let mut run = Run {
            id: self.id.unwrap_or_else(id),
            name: self.name.trim().to_owned(),
            tags: self.tags,
            nodes: self.nodes,
            started_at,
            ended_at: None,
            status: RunStatus::Running,
            exit_code: None,
            notes: self.notes,
            command: self.command,
            host: self.host,
            heard_at: self.heartbeat.then_some(now),
            events: 0,
        };
        check(&run)?;
        check_moment("started_at", started_at, now)?;
        if self.ended_at.is_some() {
            let end = EndRun { status: self.status, exit_code: self.exit_code, ended_at: self.ended_at };
            end.apply(&mut run, now)?;
        } else if self.status.is_some_and(|status| status != RunStatus::Running) {
            return Err(wrong("status", "only a run with ended_at has ended"));
        } else if self.exit_code.is_some() {
            return Err(wrong("exit_code", "only a run with ended_at has one"));
        }
        Ok(run)
    }
}

impl ChangeRun {
    /// Changes a run.
    ///
    /// # Errors
    /// The first field that is wrong; then the run is to be dropped.
    pub fn apply(self, run: &mut Run, now: Timestamp) -> Result<(), FieldError> {
        if let Some(name) = self.name {
            name.trim().clone_into(&mut run.name);
        }
        for (key, value) in self.tags.unwrap_or_default() {
            match value {
                Some(value) => run.tags.insert(key, value),
                None => run.tags.remove(&key),
            };
        }
        run.nodes = self.nodes.unwrap_or_else(|| std::mem::take(&mut run.nodes));
        run.notes = self.notes.unwrap_or_else(|| std::mem::take(&mut run.notes));
        if self.heartbeat && !run.status.is_end() {
            run.heard_at = Some(now);
        }
        check(run)
    }
}

impl EndRun {
    /// How the run ends.
    pub fn status(&self) -> RunStatus {
        self.status.unwrap_or_else(|| RunStatus::of_exit(self.exit_code))
    }

    /// Whether a run that ended has ended in just this way. A moment that was left out is any.
    pub fn is_same(&self, run: &Run) -> bool {
        let same_moment = self.ended_at.is_none_or(|moment| Some(moment.0) == run.ended_at);
        run.status == self.status() && run.exit_code == self.exit_code && same_moment
    }

    /// Ends a run that has not ended.
    ///
    /// # Errors
    /// The first field that is wrong; then the run is as it was.
    pub fn apply(&self, run: &mut Run, now: Timestamp) -> Result<(), FieldError> {
        if !self.status().is_end() {
            return Err(wrong("status", "a run ends as succeeded, failed or aborted"));
        }
        let ended_at = self.ended_at.map_or(now, |moment| moment.0);
        check_moment("ended_at", ended_at, now)?;
        if ended_at < run.started_at {
            return Err(wrong("ended_at", format!("{ended_at} is before the run started, {}", run.started_at)));
        }
        (run.status, run.exit_code, run.ended_at) = (self.status(), self.exit_code, Some(ended_at));
        Ok(())
    }
}

impl NewRunEvent {
    /// The event of a run that has had `run.events` of them.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn build(self, run: &Run, now: Timestamp) -> Result<RunEvent, FieldError> {
        if run.events >= EVENTS_MAX {
            return Err(wrong("text", format!("the run has {EVENTS_MAX} events and takes no more")));
        }
        let (at, kind) = (self.at.map_or(now, |moment| moment.0), self.kind.unwrap_or_else(|| "note".into()));
        check_moment("at", at, now)?;
        check_key("kind", &kind)?;
        check_text("text", &self.text, TEXT_MAX_CHARS)?;
        if self.text.trim().is_empty() {
            return Err(wrong("text", "is empty"));
        }
        if self.value.is_some_and(|value| !value.is_finite()) {
            return Err(wrong("value", "is not a number"));
        }
        Ok(RunEvent { at, kind, text: self.text, value: self.value })
    }
}

fn wrong(field: impl Into<String>, message: impl Into<String>) -> FieldError {
    FieldError { field: field.into(), message: message.into() }
}

/// Checks everything that people may have written.
fn check(run: &Run) -> Result<(), FieldError> {
    check_id(&run.id)?;
    if run.name.is_empty() {
        return Err(wrong("name", "is empty"));
    }
    check_text("name", &run.name, NAME_MAX_CHARS)?;
    if run.tags.len() > TAGS_MAX {
        return Err(wrong("tags", format!("{} tags are more than {TAGS_MAX}", run.tags.len())));
    }
    for (key, value) in &run.tags {
        let field = format!("tags.{key}");
        check_key(if key.len() > KEY_MAX_CHARS { "tags" } else { &field }, key)?;
        check_text(&field, value, VALUE_MAX_CHARS)?;
    }
    if run.nodes.len() > NODES_MAX {
        return Err(wrong("nodes", format!("{} nodes are more than {NODES_MAX}", run.nodes.len())));
    }
    for (at, node) in run.nodes.iter().enumerate() {
        let field = format!("nodes[{at}]");
        if node.is_empty() {
            return Err(wrong(field, "is empty"));
        }
        check_text(&field, node, LABEL_MAX_BYTES)?;
    }
    // Notes have lines; everything else is one.
    check_text("notes", &run.notes.replace(['\n', '\r', '\t'], " "), NOTES_MAX_CHARS)?;
    check_text("command", &run.command.as_deref().unwrap_or_default().replace(['\n', '\t'], " "), COMMAND_MAX_CHARS)?;
    check_text("host", run.host.as_deref().unwrap_or_default(), LABEL_MAX_BYTES)
}

/// Checks an id.
///
/// # Errors
/// What is wrong with it.
pub fn check_id(id: &str) -> Result<(), FieldError> {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let begins_well = id.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if is_plain && begins_well && ID_CHARS.contains(&id.len()) {
        return Ok(());
    }
    let (least, most) = (ID_CHARS.start(), ID_CHARS.end());
    Err(wrong("id", format!("is not {least} to {most} lower-case letters and digits, a letter first")))
}

fn check_key(field: &str, key: &str) -> Result<(), FieldError> {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-');
    if (1..=KEY_MAX_CHARS).contains(&key.len()) && key.chars().all(is_known) {
        return Ok(());
    }
    Err(wrong(field, format!("{key:?} is not one to {KEY_MAX_CHARS} of a-z, 0-9, _, . and -")))
}

fn check_text(field: &str, text: &str, max_chars: usize) -> Result<(), FieldError> {
    let chars = text.chars().count();
    if chars > max_chars {
        return Err(wrong(field, format!("{chars} characters are more than {max_chars}")));
    }
    if text.chars().any(char::is_control) {
        return Err(wrong(field, "contains a control character"));
    }
    Ok(())
}

fn check_moment(field: &str, at: Timestamp, now: Timestamp) -> Result<(), FieldError> {
    if at.ms() < 0 {
        return Err(wrong(field, format!("{at} is before 1970")));
    }
    if at.ms() > now.ms() + FUTURE_MAX_MS {
        return Err(wrong(field, format!("{at} is in the future; the hub's clock says {now}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::run;
    use serde_json::json;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn built(body: serde_json::Value) -> Result<Run, String> {
        let new: NewRun = serde_json::from_value(body).map_err(|error| error.to_string())?;
        new.build(|| "abcdefgh".into(), NOW).map_err(|error| error.field)
    }

    #[test]
    fn a_name_is_all_that_a_run_needs() {
        let run = built(json!({"name": " bert "})).expect("is right");
        assert_eq!((run.id.as_str(), run.name.as_str(), run.started_at), ("abcdefgh", "bert", NOW));
        assert_eq!((run.status, run.heard_at), (RunStatus::Running, None));
        assert_eq!(built(json!({"name": "a", "heartbeat": true})).expect("is right").heard_at, Some(NOW));
    }

    #[test]
    fn a_run_is_recorded_after_the_fact_with_times_of_both_kinds() {
        let body = json!({"name": "a", "started_at": "1970-01-01T00:01:40Z", "ended_at": 200_000, "exit_code": 3});
        let run = built(body).expect("is right");
        assert_eq!(run.interval(NOW), (100_000, 200_000));
        assert_eq!((run.status, run.exit_code), (RunStatus::Failed, Some(3)));
    }

    #[test]
    fn the_field_to_blame_is_named() {
        let tags: BTreeMap<String, String> = (0..33).map(|at| (format!("k{at}"), String::new())).collect();
        let cases = [
            (json!({"name": ""}), "name"),
            (json!({"name": "a\u{7}"}), "name"),
            (json!({"name": "x".repeat(201)}), "name"),
            (json!({"name": "a", "id": "compare"}), "id"),
            (json!({"name": "a", "id": "12345678"}), "id"),
            (json!({"name": "a", "tags": tags}), "tags"),
            (json!({"name": "a", "tags": {"Key": ""}}), "tags.Key"),
            (json!({"name": "a", "tags": {"k": "v".repeat(257)}}), "tags.k"),
            (json!({"name": "a", "notes": "n".repeat(10_001)}), "notes"),
            (json!({"name": "a", "nodes": ["n1", ""]}), "nodes[1]"),
            (json!({"name": "a", "started_at": 1_060_001}), "started_at"),
            (json!({"name": "a", "started_at": -1}), "started_at"),
            (json!({"name": "a", "started_at": 500_000, "ended_at": 499_999}), "ended_at"),
            (json!({"name": "a", "started_at": 1, "ended_at": 2, "status": "lost"}), "status"),
            (json!({"name": "a", "status": "failed"}), "status"),
            (json!({"name": "a", "exit_code": 1}), "exit_code"),
        ];
        for (body, field) in cases {
            assert_eq!(built(body.clone()).expect_err("is wrong"), field, "{body}");
        }
        assert!(built(json!({"name": "a", "nmae": 1})).expect_err("is wrong").contains("nmae"));
        assert!(built(json!({"name": "a", "started_at": "noon"})).expect_err("is wrong").contains("noon"));
    }

    #[test]
    fn tags_are_set_and_taken_away_one_by_one() {
        let mut run = run("abcdefgh");
        let change: ChangeRun =
            serde_json::from_value(json!({"tags": {"lr": null, "net": "ib"}, "notes": "a\nb"})).expect("is a change");
        change.apply(&mut run, NOW).expect("is right");
        assert_eq!(run.tags.into_iter().collect::<Vec<_>>(), [("net".to_owned(), "ib".to_owned())]);
        assert_eq!((run.name.as_str(), run.notes.as_str()), ("bert large", "a\nb"));
    }

    #[test]
    fn an_ended_run_gives_no_more_signs_of_life() {
        let heartbeat = || ChangeRun { heartbeat: true, ..Default::default() };
        let mut ended = run("abcdefgh");
        heartbeat().apply(&mut ended, NOW).expect("is right");
        assert_eq!(ended.heard_at, None);
        let mut going = Run { status: RunStatus::Running, ended_at: None, ..ended };
        heartbeat().apply(&mut going, NOW).expect("is right");
        assert_eq!(going.heard_at, Some(NOW));
    }

    #[test]
    fn the_same_end_is_known_again() {
        let mut going = Run { status: RunStatus::Running, ended_at: None, exit_code: None, ..run("abcdefgh") };
        let end = EndRun { exit_code: Some(1), ..Default::default() };
        end.apply(&mut going, NOW).expect("is right");
        assert_eq!((going.status, going.ended_at), (RunStatus::Failed, Some(NOW)));
        assert!(end.is_same(&going));
        assert!(EndRun { ended_at: Some(Moment(NOW)), ..end.clone() }.is_same(&going));
        assert!(!EndRun { ended_at: Some(Moment(Timestamp(1))), ..end.clone() }.is_same(&going));
        assert!(!EndRun { exit_code: Some(2), ..end }.is_same(&going));
        assert!(!EndRun::default().is_same(&going));
    }

    #[test]
    fn events_are_checked_and_counted() {
        let event = |body| {
            let new: NewRunEvent = serde_json::from_value(body).expect("is an event");
            new.build(&run("abcdefgh"), NOW).map_err(|error| error.field)
        };
        let built = event(json!({"text": "epoch 3"})).expect("is right");
        assert_eq!((built.at, built.kind.as_str()), (NOW, "note"));
        assert_eq!(event(json!({"text": " "})), Err("text".into()));
        assert_eq!(event(json!({"text": "a", "kind": "Big"})), Err("kind".into()));
        assert_eq!(event(json!({"text": "a", "at": 9_999_999})), Err("at".into()));
        let full = Run { events: EVENTS_MAX, ..run("abcdefgh") };
        assert!(NewRunEvent { text: "a".into(), ..Default::default() }.build(&full, NOW).is_err());
    }
}
