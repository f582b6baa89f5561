//! The settings while they are being changed: a draft beside the values in force, checked as it is typed, saved whole or
//! not at all.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    api::{Problem, SettingsReply},
    settings::{self, FieldError, FieldKind, Settings, apply, at, at_mut, fields},
};
use serde_json::{Value, json};

use crate::{api, live::Live};

/// The status of the answer when someone else saved in between (RFC 9110, precondition failed).
const CONFLICT: u16 = 412;

/// What came of the last attempt to save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// There was none since the last change.
    Idle,
    /// It is under way.
    Saving,
    /// All changes are in force.
    Saved,
    /// Nothing was changed; why.
    Refused(String),
}

/// The form. A handle: copies speak of the same draft.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    live: Live,
    /// The settings from which the draft was made.
    basis: RwSignal<SettingsReply>,
    draft: RwSignal<Value>,
    found: Memo<Vec<FieldError>>,
    refused: RwSignal<Vec<FieldError>>,
    status: RwSignal<Status>,
}

impl Form {
    /// Begins with the settings in force, and follows them as long as nothing is changed here.
    pub(super) fn begin() -> Self {
        let live = Live::expect();
        let basis = RwSignal::new(live.settings.get_untracked());
        let draft = RwSignal::new(basis.with_untracked(|basis| basis.settings.document()));
        let found = Memo::new(move |_| basis.with(|basis| draft.with(|draft| check(&basis.settings, draft))));
        let (refused, status) = (RwSignal::new(Vec::new()), RwSignal::new(Status::Idle));
        let form = Self { live, basis, draft, found, refused, status };
        Effect::new(move |_| {
            let newest = live.settings.get();
            let is_newer = newest.version != basis.with_untracked(|basis| basis.version);
            if is_newer && untrack(|| form.changes()) == 0 {
                form.adopt(newest);
            }
        });
        form
    }

    /// The value at a path, as it stands in the draft.
    pub(crate) fn value(self, path: &str) -> Value {
        self.draft.with(|draft| at(draft, path).cloned().unwrap_or_default())
    }

    /// [`Form::value`] without being called again when it changes.
    pub(crate) fn value_untracked(self, path: &str) -> Value {
        untrack(|| self.value(path))
    }

    /// The value at a path without anything that was saved on this page.
    pub(crate) fn base(self, path: &str) -> Value {
        self.basis.with(|basis| at(&basis.base.document(), path).cloned().unwrap_or_default())
    }

    /// Whether an environment variable holds the value fast.
    pub(crate) fn is_pinned(self, path: &str) -> bool {
        self.basis.with(|basis| basis.pinned.iter().any(|pinned| pinned == path))
    }

    /// Whether the value differs from the one in force.
    pub(crate) fn is_changed(self, path: &str) -> bool {
        self.basis.with(|basis| self.draft.with(|draft| differs(basis, draft, path)))
    }

    /// What is wrong with the value at a path: found here, or by the hub.
    pub(crate) fn error(self, path: &str) -> Option<String> {
        let find = |errors: &Vec<FieldError>| errors.iter().find(|e| e.field == path).map(|e| e.message.clone());
        self.found.with(find).or_else(|| self.refused.with(find))
    }

    /// How many values are wrong.
    pub(super) fn errors(self) -> usize {
        self.found.with(Vec::len)
    }

    /// How many values differ from those in force.
    pub(super) fn changes(self) -> usize {
        self.basis.with(|basis| self.draft.with(|draft| changed(basis, draft).count()))
    }

    /// What came of the last attempt to save.
    pub(super) fn status(self) -> Status {
        self.status.get()
    }

    /// Whether other settings are in force than those the draft was made from.
    pub(super) fn is_outdated(self) -> bool {
        let newest = self.live.settings.with(|newest| newest.version);
        newest > self.basis.with(|basis| basis.version) && self.status.get() != Status::Saving && self.changes() > 0
    }

    /// Changes a value of the draft.
    pub(crate) fn set(self, path: &str, value: Value) {
        self.draft.update(|draft| *at_mut(draft, path) = value);
        self.status.set(Status::Idle);
        self.refused.set(Vec::new());
    }

    /// Goes back to the value that holds without anything saved on this page.
    pub(crate) fn reset(self, path: &str) {
        let base = untrack(|| self.base(path));
        self.set(path, base);
    }

    /// Drops all changes, and takes over what is in force now.
    pub(super) fn discard(self) {
        self.adopt(self.live.settings.get_untracked());
        self.status.set(Status::Idle);
    }

    /// Takes over what is in force now, with the changes of this form on top.
    pub(super) fn rebase(self) {
        let newest = self.live.settings.get_untracked();
        let draft = self.basis.with_untracked(|basis| {
            self.draft.with_untracked(|draft| {
                let mut rebased = newest.settings.document();
                changed(basis, draft).for_each(|path| *at_mut(&mut rebased, path) = value_at(draft, path));
                rebased
            })
        });
        self.adopt(newest);
        self.draft.set(draft);
        self.status.set(Status::Idle);
    }

    fn adopt(self, reply: SettingsReply) {
        let document = reply.settings.document();
        self.basis.set(reply);
        self.draft.set(document);
        self.refused.set(Vec::new());
    }

    /// Sends the changes, unless some are wrong. The hub takes all of them or none.
    pub(super) fn save(self) {
        if untrack(|| self.changes() == 0 || self.errors() > 0 || self.status() == Status::Saving) {
            return;
        }
        let (change, version) =
            self.basis.with_untracked(|basis| (self.draft.with_untracked(|draft| change(basis, draft)), basis.version));
        self.status.set(Status::Saving);
        spawn_local(async move {
            match api::save_settings(&change, version).await {
                Ok((settings, version)) => self.saved(settings, version),
                Err(problem) => self.not_saved(problem),
            }
        });
    }

    fn saved(self, settings: Settings, version: Option<u64>) {
        let known = self.basis.get_untracked();
        let reply = SettingsReply { settings, version: version.unwrap_or(known.version), ..known };
        self.adopt(reply.clone());
        self.status.set(Status::Saved);
        if self.live.settings.with_untracked(|newest| newest.version <= reply.version) {
            self.live.settings.set(reply);
        }
    }

    fn not_saved(self, problem: Problem) {
        if problem.status == CONFLICT {
            self.live.refresh_settings();
        }
        let why = match (problem.status, problem.errors.len()) {
            (CONFLICT, _) => "someone else changed the settings in between".to_owned(),
            (_, 0) => problem.detail,
            (_, 1) => "the hub refused 1 value".to_owned(),
            (_, count) => format!("the hub refused {count} values"),
        };
        self.refused.set(problem.errors);
        self.status.set(Status::Refused(why));
    }
}

fn value_at(document: &Value, path: &str) -> Value {
    at(document, path).cloned().unwrap_or_default()
}

/// Whether two values mean the same: 100 and 100.0 do.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn differs(basis: &SettingsReply, draft: &Value, path: &str) -> bool {
    !same(at(draft, path).unwrap_or(&Value::Null), &value_at(&basis.settings.document(), path))
}

/// The paths of the values that differ from those in force.
fn changed(basis: &SettingsReply, draft: &Value) -> impl Iterator<Item = &'static str> {
    fields().map(|field| field.path).filter(move |path| differs(basis, draft, path))
}

/// A document of the changed values only.
fn change(basis: &SettingsReply, draft: &Value) -> Value {
    let mut change = json!({});
    changed(basis, draft).for_each(|path| *at_mut(&mut change, path) = value_at(draft, path));
    change
}

/// Everything that is wrong with a draft.
fn check(current: &Settings, draft: &Value) -> Vec<FieldError> {
    let document = current.document();
    let wrong = |field: &settings::Field| {
        let value = at(draft, field.path).unwrap_or(&Value::Null);
        let is_whole = at(&document, field.path).is_some_and(Value::is_u64);
        let not_whole = matches!(field.kind, FieldKind::Number { .. }) && is_whole && value.is_f64();
        let whole = || not_whole.then(|| FieldError::new(field.path, "must be a whole number"));
        field.check(value).or_else(whole)
    };
    let errors: Vec<FieldError> = fields().filter_map(wrong).collect();
    if !errors.is_empty() {
        return errors;
    }
    // What no single field can tell: the shape of targets, and limits that depend on each other.
    let errors = apply(current, draft).err().unwrap_or_default();
    errors.into_iter().map(in_words).collect()
}

/// A port that is no number is refused by its shape, which says little to people.
fn in_words(error: FieldError) -> FieldError {
    if error.field.rsplit('.').next() == Some("port") {
        return FieldError { message: "must be a port from 1 to 65535".into(), ..error };
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis() -> SettingsReply {
        let settings = Settings::default();
        SettingsReply { version: 1, base: settings.clone(), settings, pinned: Vec::new() }
    }

    fn draft(path: &str, value: Value) -> Value {
        let mut draft = basis().settings.document();
        *at_mut(&mut draft, path) = value;
        draft
    }

    #[test]
    fn only_what_differs_is_sent() {
        let basis = basis();
        assert_eq!(change(&basis, &draft("alerts.latency.limit_ms", json!(100))), json!({}));
        let changed = draft("alerts.latency.limit_ms", json!(2.5));
        assert_eq!(change(&basis, &changed), json!({ "alerts": { "latency": { "limit_ms": 2.5 } } }));
    }

    #[test]
    fn what_is_wrong_is_found_while_typing() {
        let found = |path: &str, value: Value| check(&basis().settings, &draft(path, value));
        assert_eq!(found("probe.interval_ms", json!(500)), []);
        assert_eq!(found("probe.interval_ms", json!("fast"))[0].field, "probe.interval_ms");
        assert_eq!(found("probe.interval_ms", json!(1_000.5))[0].message, "must be a whole number");
        assert_eq!(found("alerts.bandwidth.in_use_mbps", json!(50))[0].field, "alerts.bandwidth.in_use_mbps");
        let port = found("probe.targets", json!([{ "address": "a", "port": "99999" }]));
        assert_eq!(port, [FieldError::new("probe.targets[0].port", "must be a port from 1 to 65535")]);
        let address = found("probe.targets", json!([{ "address": "" }]));
        assert_eq!(address[0].field, "probe.targets[0].address");
    }
}
