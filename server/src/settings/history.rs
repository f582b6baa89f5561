//! Who changed what, and how it is undone.

use std::collections::BTreeMap;

use netloom_core::{
    settings::{
        FieldError, Settings, at,
        change::{SettingsChange, field, undone, written},
        same,
    },
    time::Timestamp,
};
use serde_json::Value;

use super::{Change, ChangeError, SettingsKeeper};
use crate::store::StoreError;

type Marks = BTreeMap<String, (u64, Timestamp, String)>;

/// Who changed each field last, from the changes, newest first.
pub(super) fn marks(history: Vec<SettingsChange>) -> Marks {
    let mut marks = Marks::new();
    for change in history {
        for field in change.changes {
            marks.entry(field.field).or_insert_with(|| (change.version, change.at, change.by.clone()));
        }
    }
    marks
}

/// Notes a change that is newer than all that are noted.
pub(super) fn mark(marks: &mut Marks, row: SettingsChange) {
    for field in row.changes {
        let (version, at, by) = (row.version, row.at, row.by.clone());
        let known = marks.entry(field.field).or_insert((0, at, String::new()));
        if known.0 < version {
            *known = (version, at, by);
        }
    }
}

/// The fields that changed after a version, and by whom.
pub(super) fn changed_since(marks: &Marks, version: u64) -> Vec<FieldError> {
    let newer = marks.iter().filter(|(_, (changed, ..))| *changed > version);
    newer
        .map(|(field, (version, _, by))| FieldError::new(field, format!("changed in version {version} by {by}")))
        .collect()
}

impl SettingsKeeper {
    /// The changes, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(&self) -> Result<Vec<SettingsChange>, StoreError> {
        self.ledger.settings_history().await
    }

    /// Puts back what was before a change. Unless it is forced, fields that changed again since are refused.
    ///
    /// # Errors
    /// When there is no such change, or anything is wrong; then nothing changes.
    pub async fn undo(&self, version: u64, is_forced: bool, by: &str) -> Result<(u64, Settings), ChangeError> {
        let row = self.ledger.settings_change(version).await?.ok_or(ChangeError::UnknownVersion(version))?;
        let unknown = row.changes.iter().filter(|change| field(&change.field).is_none());
        let unknown: Vec<_> =
            unknown.map(|change| FieldError::new(&*change.field, "is not a setting of this version")).collect();
        if !unknown.is_empty() {
            return Err(ChangeError::Invalid(unknown));
        }
        let document = undone(&row.changes);
        self.refuse_unresolvable(&document).await?;
        let mut state = self.state.lock().await;
        if !is_forced {
            let again = changed_again(&row, &self.current.borrow().document());
            if !again.is_empty() {
                return Err(ChangeError::ChangedAgain { version, fields: again });
            }
        }
        let note = format!("undo of version {version}");
        let change = Change { document: &document, if_version: None, by, note: &note };
        self.change_locked(&mut state, change).await
    }
}

/// The fields of a change that do not have the values any more that it gave them.
fn changed_again(row: &SettingsChange, current: &Value) -> Vec<FieldError> {
    let again = row.changes.iter().filter_map(|change| {
        let now = at(current, &change.field)?;
        let words =
            |value: &Value| field(&change.field).map_or_else(|| value.to_string(), |field| written(field, value));
        let message = format!("is {} by now, not {} any more", words(now), words(&change.after));
        (!same(now, &change.after)).then(|| FieldError::new(change.field.as_str(), message))
    });
    again.collect()
}
