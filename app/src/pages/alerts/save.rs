//! Saving a rule or a maintenance window: one thing of a list of the settings, and nothing of what others changed.

use leptos::prelude::*;
use netloom_core::{api::Problem, settings::alerts::AlertSettings};
use serde_json::{Value, json};

use crate::{api, live::Live};

/// The status of the answer when the settings were changed in between (RFC 9110, precondition failed).
const CONFLICT: u16 = 412;
/// How often a change is laid over newer settings: others save by hand, so once is nearly always enough.
const ATTEMPTS: u32 = 3;

/// A change of the lists; refused, in words, when what it changes is not as it was.
pub(super) type Change = Box<dyn Fn(&mut AlertSettings) -> Result<(), String>>;

/// Why something was not saved.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NotSaved {
    /// Somebody else changed the same thing.
    Changed(String),
    /// The hub refused.
    Refused(Problem),
}

impl NotSaved {
    /// In words.
    pub(super) fn words(&self) -> String {
        match self {
            NotSaved::Changed(why) => why.clone(),
            NotSaved::Refused(problem) => problem.detail.clone(),
        }
    }
}

/// What a change makes of the lists: those that it changes.
fn document(before: &AlertSettings, change: &Change) -> Result<Value, String> {
    let mut after = before.clone();
    change(&mut after)?;
    let mut lists = json!({});
    if after.rules != before.rules {
        lists["rules"] = serde_json::to_value(&after.rules).unwrap_or_default();
    }
    if after.maintenance != before.maintenance {
        lists["maintenance"] = serde_json::to_value(&after.maintenance).unwrap_or_default();
    }
    Ok(json!({ "alerts": lists }))
}

/// Takes over what is in force now.
async fn newest(live: Live) -> Result<(), NotSaved> {
    live.settings.set(api::settings().await.map_err(NotSaved::Refused)?);
    Ok(())
}

/// Lays a change over the settings in force and saves them. When somebody else saved in between, it is laid over theirs.
pub(super) async fn save(live: Live, change: Change) -> Result<(), NotSaved> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let (document, version) =
            live.settings.with_untracked(|reply| (document(&reply.settings.alerts, &change), reply.version));
        match api::save_settings(&document.map_err(NotSaved::Changed)?, version).await {
            // The stream tells of it too, a moment later; what comes next should be laid over what is in force.
            Ok(_) => return newest(live).await,
            Err(problem) if problem.status == CONFLICT && attempts < ATTEMPTS => newest(live).await?,
            Err(problem) => return Err(NotSaved::Refused(problem)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::rule::spec::RuleSpec;

    #[test]
    fn only_the_list_that_changes_is_sent() {
        let before = AlertSettings::default();
        let add: Change = Box::new(|lists| {
            lists.rules.push(RuleSpec { id: "mine".into(), ..RuleSpec::default() });
            Ok(())
        });
        let sent = document(&before, &add).expect("a change");
        assert_eq!(sent["alerts"]["rules"][0]["id"], "mine");
        assert_eq!(sent["alerts"].as_object().map(serde_json::Map::len), Some(1));
        let refuse: Change = Box::new(|_| Err("it is gone".into()));
        assert_eq!(document(&before, &refuse), Err("it is gone".into()));
    }
}
