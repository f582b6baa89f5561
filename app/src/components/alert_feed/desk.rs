//! What people do about incidents: take them on, give them back, silence them.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{incident::Incident, rule::spec::LinkScope, silence::Matcher};

use super::Entry;
use crate::{
    api,
    components::{
        dialog::{Dialog, Overlay, Panel},
        pieces::trouble_line,
        silence_form::{SilenceForm, matcher_texts},
    },
    live::Live,
};

/// The ways to act on incidents of a page. A handle: copies speak of the same page.
#[derive(Clone, Copy)]
pub(crate) struct Desk {
    live: Live,
    overlay: Overlay,
    /// What is to be silenced.
    target: RwSignal<Matcher>,
    /// Rows whose incidents are shown one by one.
    opened: RwSignal<Vec<u64>>,
    /// Why the last thing was not done.
    pub(crate) trouble: RwSignal<Option<String>>,
}

impl Desk {
    /// Begins with nothing to do.
    pub(crate) fn begin() -> Self {
        Self {
            live: Live::expect(),
            overlay: Overlay::expect(),
            target: RwSignal::new(Matcher::default()),
            opened: RwSignal::new(Vec::new()),
            trouble: RwSignal::new(None),
        }
    }

    /// Takes incidents on.
    pub(crate) fn acknowledge(self, ids: Vec<u64>, note: String) {
        spawn_local(async move {
            for id in ids {
                self.settle(api::acknowledge(id, &note).await);
            }
        });
    }

    /// Gives an incident back.
    pub(crate) fn give_back(self, id: u64) {
        spawn_local(async move { self.settle(api::give_back(id).await) });
    }

    fn settle(self, done: Result<Incident, netloom_core::api::Problem>) {
        match done {
            Ok(incident) => {
                self.trouble.try_set(None);
                self.live.take_incident(incident);
            }
            Err(problem) => {
                self.trouble.try_set(Some(problem.detail));
            }
        }
    }

    /// Opens the form that silences what a matcher takes.
    pub(crate) fn silence(self, matcher: Matcher) {
        self.target.set(matcher);
        self.overlay.open(Panel::Silence);
    }

    /// Whether the incidents of a row are shown one by one.
    pub(crate) fn is_opened(self, row: u64) -> bool {
        self.opened.with(|opened| opened.contains(&row))
    }

    /// Shows the incidents of a row one by one, or not any more.
    pub(crate) fn turn(self, row: u64) {
        self.opened.update(|opened| {
            let count = opened.len();
            opened.retain(|known| *known != row);
            if opened.len() == count {
                opened.push(row);
            }
        });
    }
}

/// The matcher that takes an incident and what is like it.
pub(crate) fn matcher(entry: &Entry) -> Matcher {
    let Some(incident) = entry.incidents.first() else { return Matcher::default() };
    let label = |name: &str| incident.labels.get(name).cloned();
    let mut matcher = Matcher { rules: vec![incident.rule.clone()], ..Matcher::default() };
    if !entry.node.is_empty() {
        matcher.nodes = vec![entry.node.clone()];
        return matcher;
    }
    match (label("src").zip(label("dst")), label("node")) {
        (Some((src, dst)), _) => matcher.links = vec![LinkScope { src, dst }],
        (None, Some(node)) => {
            matcher.nodes = vec![node];
            matcher.labels = incident.labels.clone();
            matcher.labels.remove("node");
        }
        (None, None) => matcher.labels = incident.labels.clone(),
    }
    matcher
}

/// The form over the page, and what went wrong, above it.
#[component]
pub(crate) fn DeskParts(desk: Desk) -> impl IntoView {
    let done = Callback::new(move |()| desk.overlay.close());
    view! {
        {trouble_line("desk-trouble", desk.trouble)}
        <Dialog panel=Panel::Silence label="Silence alerts">
            <div class="sheet-dialog">
                <h2>"Silence alerts"</h2>
                <p class="muted">"They are shown as before; nobody is told of them."</p>
                <SilenceForm texts=desk.target.with_untracked(matcher_texts) done />
            </div>
        </Dialog>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use netloom_core::{incident::IncidentState, sample::SeriesKey};

    #[test]
    fn a_silence_takes_the_incident_it_was_made_from() {
        let mut incident = example::incident("loss_high", IncidentState::Firing, "a");
        let link = matcher(&Entry::single(incident.clone()));
        assert_eq!((link.links.len(), link.nodes.len()), (1, 0));
        assert!(link.takes(&incident));
        incident.labels = SeriesKey::new("", [("node", "n1"), ("interface", "eth0")]).labels;
        let interface = matcher(&Entry::single(incident.clone()));
        assert_eq!((interface.nodes.as_slice(), interface.labels.len()), (["n1".to_owned()].as_slice(), 1));
        assert!(interface.takes(&incident));
        incident.labels = SeriesKey::new("", [("job", "eval")]).labels;
        assert!(matcher(&Entry::single(incident.clone())).takes(&incident));
    }

    #[test]
    fn a_folded_row_is_silenced_by_its_node() {
        let incident = example::incident("loss_high", IncidentState::Firing, "a");
        let entry = Entry { node: "n1".into(), ..Entry::single(incident) };
        let matcher = matcher(&entry);
        assert_eq!((matcher.nodes.as_slice(), matcher.links.len()), (["n1".to_owned()].as_slice(), 0));
    }
}
