//! The owner of the settings: joins their layers, checks changes, keeps them with their history, tells everybody.
//!
//! Layers, the stronger first: flag, environment, saved on the page, configuration file, default. Only what differs from
//! file and defaults is saved, so that a default that improves with a new version is not held back by an old save.

pub mod exchange;
mod history;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use netloom_core::{
    api::SettingsReply,
    event::LiveEvent,
    settings::{
        self, FieldError, Settings,
        change::{self, FieldChange, SettingsChange},
        layers::{self, Held, Layer, LeftOut},
    },
    time::Timestamp,
};
use serde_json::{Map, Value};
use tokio::sync::{Mutex, watch};

use crate::{
    clock,
    live::Live,
    resolve::resolve,
    secrets::Secrets,
    store::{StoreError, ledger::Ledger},
    zone,
};

/// Who leaves out saved values that do not fit this version.
const NETLOOM: &str = "Netloom";

/// Why a change was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Fields are wrong.
    #[error("{} of the settings cannot be taken", .0.len())]
    Invalid(Vec<FieldError>),
    /// Somebody else changed the settings in between; which fields, by whom.
    #[error("the settings were changed in between: they are at version {0} now")]
    Conflict(u64, Vec<FieldError>),
    /// What is to be undone was changed again since.
    #[error("what led to version {version} changed again since: {}", names(fields))]
    ChangedAgain {
        /// The version that was to be undone.
        version: u64,
        /// What changed again.
        fields: Vec<FieldError>,
    },
    /// The history has no such version.
    #[error("the history has no change that led to version {0}")]
    UnknownVersion(u64),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The field whose values have secrets.
const RECEIVERS: &str = "notify.receivers";

/// The names of fields, in one line.
fn names(fields: &[FieldError]) -> String {
    fields.iter().map(|error| error.field.as_str()).collect::<Vec<_>>().join(", ")
}

/// A change on its way in.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The new values; fields that are left out keep theirs.
    pub document: &'a Value,
    /// It is refused when the settings are at another version.
    pub if_version: Option<u64>,
    /// Who makes it.
    pub by: &'a str,
    /// What kind of change it is, when it is not an ordinary one.
    pub note: &'a str,
}

/// What changes together.
struct State {
    version: u64,
    /// What was saved, as far as this version takes it.
    saved: Value,
    /// What it does not take.
    left_out: Vec<LeftOut>,
    /// Who changed each field last, as far as the history goes back.
    marks: BTreeMap<String, (u64, Timestamp, String)>,
}

/// The owner of the settings.
pub struct SettingsKeeper {
    file: Settings,
    held: Held,
    secrets: Arc<Secrets>,
    ledger: Arc<Ledger>,
    live: Arc<Live>,
    current: watch::Sender<Settings>,
    state: Mutex<State>,
}

impl SettingsKeeper {
    /// Joins the layers. Saved values that this version does not take any more are left out with a warning, each by itself.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        mut file: Settings,
        held: impl Into<Held>,
        secrets: Arc<Secrets>,
        ledger: Arc<Ledger>,
        live: Arc<Live>,
    ) -> Result<Self, StoreError> {
        let mut held = held.into();
        if let Err(errors) = layers::join(&file, &Value::Object(Map::new()), &held) {
            tracing::error!(?errors, "flags and environment do not fit the configuration and are left out");
            held = Held::default();
        }
        held = held.map(|document| secrets.take_given(document));
        secrets.take_given_by_file(&mut file);
        let (version, saved) = ledger.settings().await?.unwrap_or((0, Value::Object(Map::new())));
        let (saved, left_out) = layers::salvage(&file, &saved, &held);
        for LeftOut { error, value } in &left_out {
            let (field, why) = (&error.field, &error.message);
            tracing::warn!(%field, %value, %why, "a saved setting does not fit this version and is left out");
        }
        // What was salvaged fits.
        let effective = layers::join(&file, &saved, &held).unwrap_or_else(|_| file.clone());
        let marks = history::marks(ledger.settings_history().await?);
        let state = Mutex::new(State { version, saved, left_out, marks });
        Ok(Self { file, held, secrets, ledger, live, current: watch::Sender::new(effective), state })
    }

    /// The settings in force, now and later.
    pub fn subscribe(&self) -> watch::Receiver<Settings> {
        self.current.subscribe()
    }

    /// The settings in force with what a form needs beside them.
    pub async fn details(&self) -> SettingsReply {
        let state = self.state.lock().await;
        let mut sources = layers::origins(&self.file, &state.saved, &self.held);
        for (path, origin) in &mut sources {
            if let Some((_, at, by)) = state.marks.get(path).filter(|_| origin.layer == Layer::Saved) {
                (origin.at, origin.by) = (Some(*at), Some(by.clone()));
            }
        }
        SettingsReply {
            version: state.version,
            settings: self.current.borrow().clone(),
            base: self.file.clone(),
            pinned: self.pinned().map(str::to_owned).collect(),
            sources,
            left_out: state.left_out.iter().map(|left_out| left_out.error.clone()).collect(),
        }
    }

    /// Takes a change: checks all of it, keeps it, then puts it in force. Returns the new version and settings.
    ///
    /// # Errors
    /// When anything is wrong; then nothing changes.
    pub async fn change(&self, change: Change<'_>) -> Result<(u64, Settings), ChangeError> {
        self.refuse_unresolvable(change.document).await?;
        let mut state = self.state.lock().await;
        self.change_locked(&mut state, change).await
    }

    async fn change_locked(&self, state: &mut State, change: Change<'_>) -> Result<(u64, Settings), ChangeError> {
        if let Some(wanted) = change.if_version.filter(|wanted| *wanted != state.version) {
            return Err(ChangeError::Conflict(state.version, history::changed_since(&state.marks, wanted)));
        }
        let current = self.current.borrow().clone();
        let mut wanted = settings::apply(&current, change.document).map_err(ChangeError::Invalid)?;
        // From here on the settings carry masks in the place of secrets.
        let secrets = self.secrets.stage(&current, &mut wanted).map_err(ChangeError::Invalid)?;
        let mut differences = change::changes(&current.document(), &wanted.document());
        if differences.is_empty() && self.secrets.is_news(&secrets) {
            // All that the history may tell of a secret that was replaced.
            let receivers = serde_json::to_value(&wanted.notify.receivers).unwrap_or_default();
            let field = RECEIVERS.to_owned();
            differences.push(FieldChange { field, before: receivers.clone(), after: receivers });
        }
        self.refuse_pinned(&differences)?;
        if differences.is_empty() && state.left_out.is_empty() {
            return Ok((state.version, current));
        }
        let saved = layers::difference(&self.file, &state.saved, &self.held, &wanted);
        let rows = rows(state, &current, differences, change);
        let version = rows.last().map_or(state.version, |row| row.version);
        let save = self.ledger.save_settings(version, clock::now().ms(), &saved, &rows);
        self.secrets.keep(secrets, save).await?;
        rows.into_iter().rev().for_each(|row| history::mark(&mut state.marks, row));
        (state.version, state.saved) = (version, saved);
        state.left_out.clear();
        self.current.send_replace(wanted.clone());
        self.live.publish(&LiveEvent::Settings { version });
        Ok((version, wanted))
    }

    /// The fields that a flag or an environment variable holds.
    fn pinned(&self) -> impl Iterator<Item = &'static str> {
        settings::fields().map(|field| field.path).filter(|path| self.held.layer(path).is_some())
    }

    fn refuse_pinned(&self, differences: &[FieldChange]) -> Result<(), ChangeError> {
        let held = |change: &FieldChange| {
            let layer = self.held.layer(&change.field)?;
            let message = format!("is held fast by {}", layers::holder(layer, &change.field));
            Some(FieldError::new(change.field.as_str(), message))
        };
        let errors: Vec<FieldError> = differences.iter().filter_map(held).collect();
        if errors.is_empty() { Ok(()) } else { Err(ChangeError::Invalid(errors)) }
    }

    /// Refuses host names that are new and have no address, and time zones that nobody knows: better now than as a target
    /// that never answers. Nobody waits for this but who makes the change.
    async fn refuse_unresolvable(&self, change: &Value) -> Result<(), ChangeError> {
        let current = self.current.borrow().clone();
        // What is wrong otherwise is found when the change is made.
        let Ok(wanted) = settings::apply(&current, change) else { return Ok(()) };
        let mut errors = Vec::new();
        for (index, target) in wanted.probe.targets.iter().enumerate() {
            let is_address = target.address.parse::<IpAddr>().is_ok();
            let is_known = current.probe.targets.iter().any(|known| known.address == target.address);
            if !is_address && !is_known {
                let failed = resolve(&target.address).await.err();
                errors.extend(failed.map(|why| FieldError::new(format!("probe.targets[{index}].address"), why)));
            }
        }
        errors.extend(zone::unknown(&wanted.alerts.maintenance));
        if errors.is_empty() { Ok(()) } else { Err(ChangeError::Invalid(errors)) }
    }
}

/// What the history gets: what was left out at start, once, and the change.
fn rows(state: &State, current: &Settings, differences: Vec<FieldChange>, change: Change) -> Vec<SettingsChange> {
    let current = current.document();
    let left_out = |left_out: &LeftOut| FieldChange {
        field: left_out.error.field.clone(),
        before: left_out.value.clone(),
        after: settings::at(&current, &left_out.error.field).cloned().unwrap_or_default(),
    };
    let left_out: Vec<FieldChange> = state.left_out.iter().map(left_out).collect();
    let note = "did not fit this version and was left out at start";
    let both = [(left_out, NETLOOM, note), (differences, change.by, change.note)];
    let rows = both.into_iter().filter(|(changes, ..)| !changes.is_empty()).zip(state.version + 1..);
    let row = |((changes, by, note), version): ((Vec<FieldChange>, &str, &str), u64)| SettingsChange {
        version,
        at: clock::now(),
        by: by.to_owned(),
        note: note.to_owned(),
        changes,
    };
    rows.map(row).collect()
}
