//! What fired, and what came of it.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use netloom_core::incident::{Incident, IncidentState};

use crate::{
    components::{alert_feed::AlertFeed, empty_state::EmptyState},
    live::Live,
    range::TimeRange,
};

/// Which incidents are shown. The choice lives in the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    All,
    Firing,
    Pending,
    Resolved,
}

impl Filter {
    const ALL: [Filter; 4] = [Filter::All, Filter::Firing, Filter::Pending, Filter::Resolved];

    /// The value of `?state=` and the name in tests.
    const fn key(self) -> &'static str {
        match self {
            Filter::All => "all",
            Filter::Firing => "firing",
            Filter::Pending => "pending",
            Filter::Resolved => "resolved",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Filter::All => "All",
            Filter::Firing => "Firing",
            Filter::Pending => "Pending",
            Filter::Resolved => "Resolved",
        }
    }

    fn parse(key: &str) -> Self {
        Self::ALL.into_iter().find(|filter| filter.key() == key).unwrap_or(Filter::All)
    }

    /// Whether an incident is shown. One that was withdrawn never was an alert: it is shown nowhere but under `All`.
    fn shows(self, incident: &Incident) -> bool {
        match self {
            Filter::All => true,
            Filter::Firing => incident.state == IncidentState::Firing,
            Filter::Pending => incident.state == IncidentState::Pending,
            Filter::Resolved => incident.state == IncidentState::Resolved,
        }
    }
}

/// The page.
#[component]
pub(crate) fn Alerts() -> impl IntoView {
    let (live, range, query) = (Live::expect(), TimeRange::expect(), use_query_map());
    let filter = Memo::new(move |_| query.with(|query| Filter::parse(query.get_str("state").unwrap_or_default())));
    let shown = Memo::new(move |_| {
        let filter = filter.get();
        live.incidents.with(|all| all.iter().filter(|incident| filter.shows(incident)).cloned().collect::<Vec<_>>())
    });
    let tab = move |choice: Filter| {
        let count = move || live.incidents.with(|all| all.iter().filter(|incident| choice.shows(incident)).count());
        view! {
            <a
                class="segment"
                href=move || range.carry(&format!("/alerts?state={}", choice.key()))
                aria-current=move || (filter.get() == choice).then_some("true")
                data-testid=format!("filter-{}", choice.key())
            >
                {choice.word()}
                <span class="segment-count">{count}</span>
            </a>
        }
    };
    view! {
        <Title text="Alerts" />
        <div class="page-head">
            <h1 class="page-title">"Alerts"</h1>
            <nav class="segments" aria-label="State">
                {Filter::ALL.map(tab)}
            </nav>
        </div>
        <section class="card">
            <AlertFeed incidents=shown />
            <Show when=move || shown.with(Vec::is_empty)>
                <Nothing filter />
            </Show>
        </section>
    }
    .into_any()
}

/// Says why there is nothing, and what would make something appear.
#[component]
fn Nothing(filter: Memo<Filter>) -> impl IntoView {
    let (live, range) = (Live::expect(), TimeRange::expect());
    let limits = move || {
        live.settings.with(|reply| {
            let rule = |rule: netloom_core::rule::Rule| {
                let limit = rule.kind.unit().figure(rule.kind.limit());
                format!("{} ({limit})", rule.title.to_ascii_lowercase())
            };
            let rules: Vec<String> = reply.settings.alerts.rules().into_iter().map(rule).collect();
            if rules.is_empty() { "nothing: all rules are switched off".to_owned() } else { rules.join(", ") }
        })
    };
    let title = move || match filter.get() {
        Filter::All => "There has been no alert",
        Filter::Firing => "No alert fires",
        Filter::Pending => "Nothing is about to fire",
        Filter::Resolved => "No alert has ended",
    };
    view! {
        {move || {
            view! {
                <EmptyState title=title()>
                    "What would make one appear: " {limits} ". Change the limits in the "
                    <a href=move || range.carry("/settings")>"settings"</a> "."
                </EmptyState>
            }
        }}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::incident;

    #[test]
    fn a_filter_shows_its_state_and_an_unknown_one_shows_all() {
        let firing = incident("loss_high", IncidentState::Firing, "a");
        let withdrawn = incident("loss_high", IncidentState::Inactive, "a");
        let shown = |key| (Filter::parse(key).shows(&firing), Filter::parse(key).shows(&withdrawn));
        assert_eq!(shown("firing"), (true, false));
        assert_eq!(shown("resolved"), (false, false));
        assert_eq!(shown("nonsense"), (true, true));
    }
}
