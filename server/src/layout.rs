//! Which nodes stand together: read from what people hand in, kept in the ledger, told to whoever follows it.

mod toml;

use std::sync::{Arc, atomic::AtomicU64};

use netloom_core::layout::{Layout, LayoutError, parse_slurm};
use tokio::sync::{Mutex, watch};

use crate::{
    clock,
    store::{StoreError, ledger::Ledger},
};

/// Why a layout was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The description is wrong.
    #[error(transparent)]
    Invalid(#[from] LayoutError),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Owns the layout.
pub struct LayoutKeeper {
    ledger: Arc<Ledger>,
    current: watch::Sender<Layout>,
    /// Held while one change is kept and told, so that what is kept last is what is told last.
    changing: Mutex<()>,
    /// Descriptions that were refused, whatever was wrong with them.
    pub refused: AtomicU64,
}

impl LayoutKeeper {
    /// The layout that was kept, or an empty one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn open(ledger: Arc<Ledger>) -> Result<Self, StoreError> {
        let layout = ledger.layout().await?.unwrap_or_default();
        Ok(Self { ledger, current: watch::channel(layout).0, changing: Mutex::new(()), refused: AtomicU64::new(0) })
    }

    /// The layout now.
    pub fn current(&self) -> Layout {
        self.current.borrow().clone()
    }

    /// The layout now and later.
    pub fn subscribe(&self) -> watch::Receiver<Layout> {
        self.current.subscribe()
    }

    /// Takes another layout: a `topology.conf`, or TOML with a `[[rack]]` for each group.
    ///
    /// # Errors
    /// When the description is wrong, or the database refuses; then nothing changes.
    pub async fn change(&self, text: &str) -> Result<Layout, ChangeError> {
        let layout = parse(text)?;
        self.keep(Some(layout.clone())).await?;
        Ok(layout)
    }

    /// Forgets the layout.
    ///
    /// # Errors
    /// When the database refuses; then nothing changes.
    pub async fn clear(&self) -> Result<(), StoreError> {
        self.keep(None).await
    }

    async fn keep(&self, layout: Option<Layout>) -> Result<(), StoreError> {
        let _alone = self.changing.lock().await;
        self.ledger.save_layout(clock::now().ms(), layout.as_ref()).await?;
        self.current.send_replace(layout.unwrap_or_default());
        Ok(())
    }
}

/// Reads a description: TOML when its first line that says something opens a table, else Slurm's.
fn parse(text: &str) -> Result<Layout, LayoutError> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    if first.is_some_and(|line| line.starts_with('[')) { toml::parse(text) } else { parse_slurm(text) }
}
