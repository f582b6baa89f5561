//! The settings while they are being changed: a draft beside the values in force, checked as it is typed, saved whole or
//! not at all.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    api::{Problem, SettingsReply},
    settings::{
        self, FieldError, FieldKind, Settings, apply, at, at_mut,
        change::{FieldChange, changes},
        fields,
        layers::Origin,
        same,
    },
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
    /// The values without what was saved, and those without the file as well.
    base: Memo<Value>,
    default: StoredValue<Value>,
    draft: RwSignal<Value>,
    /// What the draft changes.
    pending: Memo<Vec<FieldChange>>,
    /// What was changed here and, otherwise, elsewhere.
    conflicts: Memo<Vec<FieldChange>>,
    /// The fields of which the value of this form was chosen over another.
    mine: RwSignal<Vec<String>>,
    found: Memo<Vec<FieldError>>,
    refused: RwSignal<Vec<FieldError>>,
    status: RwSignal<Status>,
}

impl Form {
    /// Begins with the settings in force, and follows them as long as nothing is changed here that changed there, too.
    pub(super) fn begin() -> Self {
        let live = Live::expect();
        let basis = RwSignal::new(live.settings.get_untracked());
        let before = Memo::new(move |_| basis.with(|basis| basis.settings.document()));
        let base = Memo::new(move |_| basis.with(|basis| basis.base.document()));
        let draft = RwSignal::new(before.get_untracked());
        let pending = Memo::new(move |_| before.with(|before| draft.with(|draft| changes(before, draft))));
        let mine = RwSignal::new(Vec::new());
        let conflicts = Memo::new(move |_| {
            let theirs = live.settings.with(|newest| newest.settings.document());
            before.with(|before| draft.with(|draft| mine.with(|mine| conflicts(before, draft, &theirs, mine))))
        });
        let found = Memo::new(move |_| basis.with(|basis| draft.with(|draft| check(&basis.settings, draft))));
        let (refused, status) = (RwSignal::new(Vec::new()), RwSignal::new(Status::Idle));
        let default = StoredValue::new(Settings::default().document());
        let form = Self { live, basis, base, default, draft, pending, conflicts, mine, found, refused, status };
        Effect::new(move |_| {
            let newest = live.settings.get();
            let is_settled = conflicts.with(Vec::is_empty) && status.get() != Status::Saving;
            if is_settled && newest.version != basis.with_untracked(|basis| basis.version) {
                form.rebase(newest);
            }
        });
        form
    }

    /// The value at a path, as it stands in the draft.
    pub(crate) fn value(self, path: &str) -> Value {
        self.draft.with(|draft| value_at(draft, path))
    }

    /// [`Form::value`] without being called again when it changes.
    pub(crate) fn value_untracked(self, path: &str) -> Value {
        untrack(|| self.value(path))
    }

    /// The value at a path without anything that was saved on this page.
    pub(crate) fn base(self, path: &str) -> Value {
        self.base.with(|base| value_at(base, path))
    }

    /// The value at a path that Netloom itself would take.
    pub(crate) fn default(self, path: &str) -> Value {
        self.default.with_value(|default| value_at(default, path))
    }

    /// Where the value in force at a path comes from.
    pub(crate) fn origin(self, path: &str) -> Option<Origin> {
        self.basis.with(|basis| basis.sources.get(path).cloned())
    }

    /// Whether a flag or an environment variable holds the value fast.
    pub(crate) fn is_pinned(self, path: &str) -> bool {
        self.basis.with(|basis| basis.pinned.iter().any(|pinned| pinned == path))
    }

    /// Whether the value differs from the one in force.
    pub(crate) fn is_changed(self, path: &str) -> bool {
        self.pending.with(|pending| pending.iter().any(|change| change.field == path))
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

    /// What would be saved.
    pub(super) fn pending(self) -> Vec<FieldChange> {
        self.pending.get()
    }

    /// How many values differ from those in force.
    pub(super) fn changes(self) -> usize {
        self.pending.with(Vec::len)
    }

    /// What came of the last attempt to save.
    pub(super) fn status(self) -> Status {
        self.status.get()
    }

    /// The fields that were changed here and elsewhere: from the value there to the value here. Who changed them there is
    /// known to the newest settings.
    pub(super) fn conflicts(self) -> Vec<FieldChange> {
        self.conflicts.get()
    }

    /// Who saved the newest value of a field.
    pub(super) fn newest_by(self, path: &str) -> Option<String> {
        self.live.settings.with(|newest| newest.sources.get(path)?.by.clone())
    }

    /// Saved values that this version of the hub does not take.
    pub(super) fn left_out(self) -> Vec<FieldError> {
        self.basis.with(|basis| basis.left_out.clone())
    }

    /// Whether there is anything that can be saved.
    pub(super) fn is_ready(self) -> bool {
        self.changes() > 0
            && self.errors() == 0
            && self.conflicts.with(Vec::is_empty)
            && self.status() != Status::Saving
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

    /// Takes over values from elsewhere, to be reviewed and saved like those that were typed.
    pub(super) fn take(self, changes: Vec<FieldChange>) {
        changes.into_iter().for_each(|change| self.set(&change.field, change.after));
    }

    /// Keeps the value of this form where somebody else saved another.
    pub(super) fn keep_mine(self, path: String) {
        self.mine.update(|mine| mine.push(path));
    }

    /// Drops all changes, and takes over what is in force now.
    pub(super) fn discard(self) {
        let newest = self.live.settings.get_untracked();
        let document = newest.settings.document();
        self.adopt(newest, document);
        self.status.set(Status::Idle);
    }

    /// Takes over what is in force now, with the changes of this form on top.
    fn rebase(self, newest: SettingsReply) {
        let mut document = newest.settings.document();
        let pending = self.pending.get_untracked();
        pending.into_iter().for_each(|change| *at_mut(&mut document, &change.field) = change.after);
        self.adopt(newest, document);
    }

    fn adopt(self, reply: SettingsReply, draft: Value) {
        self.basis.set(reply);
        self.draft.set(draft);
        self.mine.set(Vec::new());
        self.refused.set(Vec::new());
    }

    /// Sends the changes, unless some are wrong. The hub takes all of them or none.
    pub(super) fn save(self) {
        if !untrack(|| self.is_ready()) {
            return;
        }
        let mut change = json!({});
        let pending = self.pending.get_untracked();
        pending.into_iter().for_each(|pending| *at_mut(&mut change, &pending.field) = pending.after);
        self.send(change);
    }

    /// Forgets what this version of the hub does not take; the history keeps it.
    pub(super) fn forget_left_out(self) {
        self.send(json!({}));
    }

    fn send(self, change: Value) {
        let version = self.basis.with_untracked(|basis| basis.version);
        self.status.set(Status::Saving);
        spawn_local(async move {
            match api::save_settings(&change, version).await {
                Ok((settings, version)) => {
                    // The whole reply says where each value comes from now.
                    let reply = api::settings().await.unwrap_or_else(|_| {
                        let known = self.basis.get_untracked();
                        SettingsReply { settings, version: version.unwrap_or(known.version), ..known }
                    });
                    self.saved(reply);
                }
                Err(problem) => self.not_saved(problem),
            }
        });
    }

    fn saved(self, reply: SettingsReply) {
        let document = reply.settings.document();
        self.adopt(reply.clone(), document);
        self.status.set(Status::Saved);
        if self.live.settings.with_untracked(|newest| newest.version <= reply.version) {
            self.live.settings.set(reply);
        }
    }

    fn not_saved(self, problem: Problem) {
        let why = match (problem.status, problem.errors.len()) {
            (CONFLICT, _) => {
                self.live.refresh_settings();
                "someone else changed the settings in between; look again and save".to_owned()
            }
            (_, 0) => problem.detail,
            (_, 1) => "the hub refused 1 value".to_owned(),
            (_, count) => format!("the hub refused {count} values"),
        };
        self.refused.set(if problem.status == CONFLICT { Vec::new() } else { problem.errors });
        self.status.set(Status::Refused(why));
    }
}

fn value_at(document: &Value, path: &str) -> Value {
    at(document, path).cloned().unwrap_or_default()
}

/// The fields that a draft and somebody else changed to different values, unless it was chosen already which one stays.
fn conflicts(before: &Value, draft: &Value, theirs: &Value, mine: &[String]) -> Vec<FieldChange> {
    let mut found = changes(theirs, draft);
    found.retain(|change| {
        let was = value_at(before, &change.field);
        !same(&was, &change.before) && !same(&was, &change.after) && !mine.contains(&change.field)
    });
    found
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

    fn draft(changed: &[(&str, Value)]) -> Value {
        let mut draft = Settings::default().document();
        changed.iter().for_each(|(path, value)| *at_mut(&mut draft, path) = value.clone());
        draft
    }

    #[test]
    fn what_is_wrong_is_found_while_typing() {
        let found = |path: &str, value: Value| check(&Settings::default(), &draft(&[(path, value)]));
        assert_eq!(found("probe.interval_ms", json!(500)), []);
        assert_eq!(found("probe.interval_ms", json!("fast"))[0].field, "probe.interval_ms");
        assert_eq!(found("probe.interval_ms", json!(1_000.5))[0].message, "must be a whole number");
        assert_eq!(found("alerts.bandwidth.in_use_mbps", json!(50))[0].field, "alerts.bandwidth.in_use_mbps");
        let port = found("probe.targets", json!([{ "address": "a", "port": "99999" }]));
        assert_eq!(port, [FieldError::new("probe.targets[0].port", "must be a port from 1 to 65535")]);
        let address = found("probe.targets", json!([{ "address": "" }]));
        assert_eq!(address[0].field, "probe.targets[0].address");
    }

    #[test]
    fn only_what_both_changed_to_different_values_is_asked_for() {
        let before = draft(&[]);
        let here = draft(&[("probe.packets", json!(3)), ("mesh.packets", json!(4)), ("probe.icmp", json!(false))]);
        let there = draft(&[("probe.packets", json!(7)), ("mesh.packets", json!(4)), ("storage.raw_hours", json!(24))]);
        let asked = conflicts(&before, &here, &there, &[]);
        let expected = FieldChange { field: "probe.packets".into(), before: json!(7), after: json!(3) };
        assert_eq!(asked, [expected]);
        assert_eq!(conflicts(&before, &here, &there, &["probe.packets".into()]), []);
        assert_eq!(conflicts(&before, &before, &there, &[]), []);
    }
}
