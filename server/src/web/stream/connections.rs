//! The open connections by name, so that a page can change what it gets without a new one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use netloom_core::event::Wanted;
use tokio::sync::watch;

/// The open connections. Cheap to clone.
#[derive(Clone, Default)]
pub struct Connections {
    by_name: Arc<Mutex<HashMap<String, watch::Sender<Wanted>>>>,
}

/// The name of a connection, forgotten when this is dropped.
pub struct Connection {
    /// Its name: random, because knowing it is all that is asked of whoever changes it.
    pub name: String,
    connections: Connections,
}

impl Connections {
    /// Takes in a connection; returns its name and what is wanted later.
    pub fn open(&self, wanted: Wanted) -> (Connection, watch::Receiver<Wanted>) {
        let name = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let (sender, receiver) = watch::channel(wanted);
        self.lock().insert(name.clone(), sender);
        (Connection { name, connections: self.clone() }, receiver)
    }

    /// Changes what a connection gets. Returns whether there is one of that name.
    pub fn change(&self, name: &str, wanted: Wanted) -> bool {
        self.lock().get(name).is_some_and(|sender| sender.send(wanted).is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Wanted>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.name);
    }
}
