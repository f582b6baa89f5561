//! Pages, components and charts of Netloom, rendered on the server and hydrated in the browser.
//!
//! [`shell`] is the HTML document that the server fills, [`App`] the page inside it. The server gives what a page needs
//! for its first rendering ([`Boot`]) twice: as context, and as text in the document. The browser reads the text before
//! it takes the page over, so both sides draw the same markup and no page waits for data.

// The type of a page's view nests as deeply as its markup, and the compiler computes its layout in one go.
#![recursion_limit = "256"]
#![cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "half of a page lives in the browser only, where nothing unused goes unnoticed")
)]

mod api;
mod boot;
mod browser;
mod charts;
mod clock;
mod components;
#[cfg(test)]
mod example;
mod live;
mod order;
mod pages;
mod parameter;
mod range;
mod theme;

pub use boot::Boot;

use leptos::{config::LeptosOptions, nonce::Nonce, prelude::*};
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::Router;

use boot::{Cluster, IsDemo};
use clock::Clock;
use components::frame::Frame;
use live::Live;
use theme::ThemeChoice;

/// Chooses the theme before the first paint, so that a dark page does not flash white.
const THEME_SCRIPT: &str =
    "try{const t=localStorage.getItem('netloom-theme');if(t)document.documentElement.dataset.theme=t}catch{}";

/// When the other pages are loaded: after what the first one asks for at once.
#[cfg(feature = "hydrate")]
const OTHER_PAGES_AFTER: std::time::Duration = std::time::Duration::from_secs(3);

/// The HTML document around [`App`].
///
/// `boot_json` is the [`Boot`] of this page as JSON; the server provides the same value as context.
pub fn shell(options: LeptosOptions, boot_json: &str, nonce: Option<Nonce>) -> impl IntoView + use<> {
    if let Some(nonce) = nonce.clone() {
        provide_context(nonce);
    }
    let pkg = format!("/{}", options.site_pkg_dir);
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <script nonce=nonce.clone()>{THEME_SCRIPT}</script>
                <link rel="stylesheet" href=format!("{pkg}/style.css") />
                <link rel="icon" type="image/svg+xml" href=format!("{pkg}/favicon.svg") />
                <script defer src=format!("{pkg}/charts.js") nonce=nonce></script>
                <HydrationScripts options />
                <script type="application/json" id=boot::ELEMENT_ID inner_html=boot::embeddable(boot_json)></script>
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The page: frame and routes.
#[component]
pub fn App() -> impl IntoView {
    page(None)
}

/// In the browser, `taken_over` becomes true when everything that the server rendered is the client's.
fn page(taken_over: Option<ArcRwSignal<bool>>) -> impl IntoView {
    provide_meta_context();
    let boot = boot::read();
    provide_context(Cluster(boot.cluster.clone()));
    provide_context(IsDemo(boot.demo));
    let clock = Clock::provide(boot.now);
    let live = Live::provide(boot, clock);
    let theme = ThemeChoice::provide();
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        if taken_over.as_ref().is_none_or(Get::get) {
            come_alive(live, clock, theme);
        }
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = (live, clock, theme, taken_over);
    view! {
        <Title formatter=|page| format!("{page} · Netloom") />
        <Router>
            <Frame>{pages::routes()}</Frame>
        </Router>
    }
}

/// Takes over the page that the server rendered, once what the page needs is loaded.
#[cfg(feature = "hydrate")]
pub async fn take_over() {
    let taken_over = ArcRwSignal::new(false);
    let handed = taken_over.clone();
    let Some(body) = document().body() else { return };
    leptos::mount::hydrate_from_async(body, move || page(Some(handed))).await.forget();
    taken_over.set(true);
}

/// What only the browser does, once the page that the server rendered is taken over: until then both must agree.
#[cfg(feature = "hydrate")]
fn come_alive(live: Live, clock: Clock, theme: ThemeChoice) {
    components::canvas::set_formatter();
    clock.start();
    theme.recall();
    live.connect();
    // Tests and measurements wait for this.
    browser::set_root_attribute("data-hydrated", Some(&format!("{:.1}", browser::monotonic_ms())));
    set_timeout(|| leptos::task::spawn_local(pages::load_all()), OTHER_PAGES_AFTER);
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::example;
    use leptos_router::location::RequestUrl;
    use netloom_core::{
        api::SettingsReply, health::Health, incident::IncidentState, rule::spec::RuleSpec,
        settings::Settings as Document, silence::Maintenance, time::Timestamp, verdict::MeshVerdict,
    };

    fn boot() -> Boot {
        let mut settings = Document::default();
        settings.alerts.rules = vec![RuleSpec { id: "mine".into(), metric: "rtt_us".into(), ..RuleSpec::default() }];
        settings.alerts.maintenance = vec![Maintenance { name: "Nightly".into(), ..Maintenance::default() }];
        Boot {
            cluster: "test".into(),
            version: "1".into(),
            now: Timestamp(200_000),
            nodes: vec![example::node("n1", &["a"])],
            incidents: vec![example::incident("loss_high", IncidentState::Firing, "a")],
            health: Health::judge(&[], &[]),
            settings: SettingsReply { version: 1, base: settings.clone(), settings, ..SettingsReply::default() },
            storage_problem: None,
            runs: Vec::new(),
            verdict: MeshVerdict::default(),
            demo: false,
        }
    }

    fn drawn(address: &str) -> String {
        let owner = Owner::new();
        owner.with(|| {
            provide_context(boot());
            provide_context(RequestUrl::new(address));
            view! { <App /> }.to_html()
        })
    }

    #[test]
    fn pages_about_alerts_are_drawn_on_the_server() {
        let pages = [
            ("/alerts", "Loss n1 → a is 25 %"),
            ("/alerts?severity=warning", "No alert is found"),
            ("/alerts/1", "incident-sentence"),
            ("/alerts/99", "This alert is not at hand"),
            ("/alerts/rules", "Warns when the mean latency of any link"),
            ("/alerts/rules?edit=mine", "rule-form"),
            ("/alerts/rules?copy=loss_high", "Packet loss, copy"),
            ("/alerts/rules?edit=gone", "There is no such rule"),
            ("/alerts/silences", "Nightly"),
        ];
        for (address, part) in pages {
            assert!(drawn(address).contains(part), "{address} without {part:?}");
        }
    }

    #[test]
    fn the_page_of_diagnoses_is_drawn_on_the_server() {
        let asked = drawn("/diagnose?node=n1&host=n2");
        assert!(asked.contains("value=\"n2\"") && asked.contains("Diagnose"), "what was asked for is filled in");
        let shown = drawn("/diagnose?id=d1");
        assert!(shown.contains("It is being looked up") && shown.contains("/api/v1/diagnoses/d1/report"));
        assert!(drawn("/nodes/n1").contains("/diagnose?node=n1"));
        assert!(drawn("/links/n1/a").contains("/diagnose?node=n1&amp;host=a"));
    }
}
