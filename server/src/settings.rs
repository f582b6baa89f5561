//! The owner of the settings: joins their layers, checks changes, keeps them, tells everybody.
//!
//! Layers, the stronger first: environment, saved on the page, configuration file, default. Only what differs from file
//! and defaults is saved, so that a default that improves with a new version is not held back by an old save.

use std::{net::IpAddr, sync::Arc};

use netloom_core::{
    api::SettingsReply,
    event::LiveEvent,
    settings::{self, FieldError, Settings},
};
use serde_json::{Map, Value};
use tokio::sync::{Mutex, watch};

use crate::{
    clock,
    config::ENV_PREFIX,
    live::Live,
    resolve::resolve,
    store::{StoreError, ledger::Ledger},
    zone,
};

/// Why a change was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Fields are wrong.
    #[error("{} of the settings cannot be taken", .0.len())]
    Invalid(Vec<FieldError>),
    /// Somebody else changed the settings in between.
    #[error("the settings were changed in between: they are at version {0} now")]
    Conflict(u64),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The owner of the settings.
pub struct SettingsKeeper {
    base: Settings,
    from_env: Value,
    ledger: Arc<Ledger>,
    live: Arc<Live>,
    current: watch::Sender<Settings>,
    version: Mutex<u64>,
}

impl SettingsKeeper {
    /// Joins the layers. Saved values that this version does not take any more are left out with a warning.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        base: Settings,
        from_env: Value,
        ledger: Arc<Ledger>,
        live: Arc<Live>,
    ) -> Result<Self, StoreError> {
        let (version, saved) = ledger.settings().await?.unwrap_or((0, Value::Object(Map::new())));
        let with_saved = settings::apply(&base, &saved).unwrap_or_else(|errors| {
            tracing::warn!(?errors, "saved settings do not fit this version and are left out");
            base.clone()
        });
        let effective = settings::apply(&with_saved, &from_env).unwrap_or(with_saved);
        Ok(Self { base, from_env, ledger, live, current: watch::Sender::new(effective), version: Mutex::new(version) })
    }

    /// The settings in force, now and later.
    pub fn subscribe(&self) -> watch::Receiver<Settings> {
        self.current.subscribe()
    }

    /// The settings in force with what a form needs beside them.
    pub async fn details(&self) -> SettingsReply {
        let version = *self.version.lock().await;
        SettingsReply {
            version,
            settings: self.current.borrow().clone(),
            base: self.base.clone(),
            pinned: self.pinned().map(str::to_owned).collect(),
        }
    }

    /// Takes a change: checks all of it, keeps it, then puts it in force. `if_version` refuses it when somebody else was
    /// faster. Returns the new version and settings.
    ///
    /// # Errors
    /// When anything is wrong; then nothing changes.
    pub async fn change(&self, change: &Value, if_version: Option<u64>) -> Result<(u64, Settings), ChangeError> {
        let mut version = self.version.lock().await;
        if if_version.is_some_and(|wanted| wanted != *version) {
            return Err(ChangeError::Conflict(*version));
        }
        let current = self.current.borrow().clone();
        let wanted = settings::apply(&current, change).map_err(ChangeError::Invalid)?;
        self.refuse_pinned(&current, &wanted)?;
        refuse_unresolvable(&current, &wanted).await?;
        let saved = self.difference(&wanted);
        self.ledger.save_settings(*version + 1, clock::now().ms(), &saved).await?;
        *version += 1;
        self.current.send_replace(wanted.clone());
        self.live.publish(&LiveEvent::Settings { version: *version });
        Ok((*version, wanted))
    }

    /// The fields that an environment variable holds fast.
    fn pinned(&self) -> impl Iterator<Item = &'static str> {
        settings::fields().map(|field| field.path).filter(|path| settings::at(&self.from_env, path).is_some())
    }

    fn refuse_pinned(&self, current: &Settings, wanted: &Settings) -> Result<(), ChangeError> {
        let (current, wanted) = (current.document(), wanted.document());
        let changed = self.pinned().filter(|path| settings::at(&current, path) != settings::at(&wanted, path));
        let errors: Vec<FieldError> = changed
            .map(|path| {
                let variable = path.to_uppercase().replace('.', "__");
                FieldError::new(
                    path,
                    format!("is held fast by the environment variable {ENV_PREFIX}SETTINGS__{variable}"),
                )
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(ChangeError::Invalid(errors)) }
    }

    /// The fields of the wanted settings that differ from file and defaults, without those that the environment holds.
    fn difference(&self, wanted: &Settings) -> Value {
        let (base, wanted) = (self.base.document(), wanted.document());
        let pinned: Vec<&str> = self.pinned().collect();
        let mut difference = Value::Object(Map::new());
        for field in settings::fields().filter(|field| !pinned.contains(&field.path)) {
            let value = settings::at(&wanted, field.path);
            if let Some(value) = value.filter(|value| Some(*value) != settings::at(&base, field.path)) {
                *settings::at_mut(&mut difference, field.path) = value.clone();
            }
        }
        difference
    }
}

/// Refuses host names that are new and have no address: better now than as a target that never answers.
async fn refuse_unresolvable(current: &Settings, wanted: &Settings) -> Result<(), ChangeError> {
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
