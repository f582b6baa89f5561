//! What is few and precious: agents, incidents, who was told of them, silences, saved settings, training runs, where nodes
//! stand, ways of packets and marks on the time axis.

pub mod agent;
mod delivery;
mod diagnosis;
mod incident;
mod layout;
mod mark;
mod path;
mod run;
pub mod setting;
mod silence;

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, sqlite::SqliteRow};

pub use self::{
    mark::MarkSearch,
    path::{PAIR_RECORDS_MAX, PathSearch},
    setting::SavedSettings,
};
use super::{StoreError, database::Database};

/// Keeps what is few and precious in the database.
pub struct Ledger {
    database: Arc<Database>,
}

impl Ledger {
    /// The ledger of a database.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

/// A thing as its document.
fn document(thing: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(thing).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// The thing whose document is in a row.
fn parsed<T: DeserializeOwned>(row: &SqliteRow) -> Result<T, StoreError> {
    serde_json::from_str(row.try_get("document")?).map_err(|error| StoreError::Damaged(error.to_string()))
}
