//! Pages, components and charts of Netloom, rendered on the server and hydrated in the browser.
//!
//! [`shell`] is the HTML document that the server fills, [`App`] the page inside it. The server gives what a page needs
//! for its first rendering ([`Boot`]) twice: as context, and as text in the document. The browser reads the text before
//! it takes the page over, so both sides draw the same markup and no page waits for data.

mod boot;
mod pages;

pub use netloom_core::api::Boot;

use leptos::{config::LeptosOptions, nonce::Nonce, prelude::*};
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::Router;

/// Chooses the theme before the first paint, so that a dark page does not flash white.
const THEME_SCRIPT: &str =
    "try{const t=localStorage.getItem('netloom-theme');if(t)document.documentElement.dataset.theme=t}catch{}";

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
    provide_meta_context();
    provide_context(boot::read());
    view! {
        <Title text="Netloom" />
        <Router>
            <main>{pages::routes()}</main>
        </Router>
    }
}
