//! Asking for what the stream may not have told.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::incident::IncidentState;

use super::Live;
use crate::api;

impl Live {
    /// Asks for everything that a gap in the stream may have hidden.
    pub(crate) fn resync(self) {
        // Told again, if it is still so.
        self.storage_problem.set(None);
        self.ask(|_| true);
        self.refresh_settings();
        self.refresh_incidents();
        self.refresh_runs();
        if self.silences.with_untracked(Option::is_some) {
            self.refresh_silences();
        }
    }

    /// Asks for the silences.
    pub(crate) fn refresh_silences(self) {
        spawn_local(async move {
            if let Ok(silences) = api::silences().await {
                self.silences.set(Some(silences));
            }
        });
    }

    /// Asks for the newest runs.
    pub(crate) fn refresh_runs(self) {
        spawn_local(async move {
            if let Ok(runs) = api::runs("", None).await {
                self.take_runs(runs);
            }
        });
    }

    /// Asks for the incidents: one that ended unseen would stay on the page for ever. One that is over and older than
    /// those that the hub tells stays: a page looked it up.
    pub(crate) fn refresh_incidents(self) {
        spawn_local(async move {
            if let Ok(mut newest) = api::incidents("").await {
                let oldest = newest.last().map_or(0, |incident| incident.id);
                self.incidents.update(|known| {
                    known.retain(|one| one.id < oldest && one.state == IncidentState::Resolved);
                    newest.append(known);
                    *known = newest;
                });
            }
        });
    }

    /// Asks for the settings in force.
    pub(crate) fn refresh_settings(self) {
        spawn_local(async move {
            if let Ok(reply) = api::settings().await {
                self.settings.set(reply);
            }
        });
    }
}
