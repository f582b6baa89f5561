//! What only a browser can do. Elsewhere these do nothing, so that components need not ask where they run.

#[cfg(feature = "hydrate")]
use leptos::prelude::*;
use netloom_core::time::Timestamp;

/// The browser's clock, ms since the epoch.
#[cfg_attr(feature = "hydrate", expect(clippy::unnecessary_wraps, reason = "a server has no browser's clock"))]
pub(crate) fn now_ms() -> Option<i64> {
    #[cfg(feature = "hydrate")]
    return Some(js_sys::Date::now() as i64);
    #[cfg(not(feature = "hydrate"))]
    None
}

/// A moment shifted so that its UTC digits are those of the browser's time zone.
pub(crate) fn local(at: Timestamp) -> Timestamp {
    #[cfg(feature = "hydrate")]
    {
        let minutes = js_sys::Date::new(&(at.ms() as f64).into()).get_timezone_offset();
        Timestamp(at.ms() - (minutes * 60_000.0) as i64)
    }
    #[cfg(not(feature = "hydrate"))]
    at
}

/// Whether a key goes into a text field, or to a panel that has its own keys.
#[cfg(feature = "hydrate")]
pub(crate) fn is_typing(event: &web_sys::KeyboardEvent) -> bool {
    use wasm_bindgen::JsCast;
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|element| element.closest("input, textarea, select, dialog").ok().flatten().is_some())
}

/// No key is pressed on a server.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn is_typing(_: &leptos::ev::KeyboardEvent) -> bool {
    false
}

/// A clock that is never set, ms since the page was opened.
#[cfg(feature = "hydrate")]
pub(crate) fn monotonic_ms() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
}

/// Whether nobody sees the page.
#[cfg(feature = "hydrate")]
pub(crate) fn is_hidden() -> bool {
    document().hidden()
}

/// The events after which the page may have slept.
#[cfg(feature = "hydrate")]
pub(crate) fn wake_events() -> [(web_sys::EventTarget, &'static str); 2] {
    [(document().into(), "visibilitychange"), (window().into(), "online")]
}

/// Listens for the rest of the page's life.
#[cfg(feature = "hydrate")]
pub(crate) fn listen(target: &web_sys::EventTarget, event: &str, run: impl Fn() + 'static) {
    use wasm_bindgen::{JsCast, closure::Closure};
    let listener = Closure::<dyn Fn()>::new(run).into_js_value();
    // Fails for an invalid listener only.
    let _ = target.add_event_listener_with_callback(event, listener.unchecked_ref());
}

/// Sets or removes an attribute of the document's root.
#[cfg(feature = "hydrate")]
pub(crate) fn set_root_attribute(name: &str, value: Option<&str>) {
    let Some(root) = document().document_element() else { return };
    // Both fail for invalid names only.
    let _ = match value {
        Some(value) => root.set_attribute(name, value),
        None => root.remove_attribute(name),
    };
}

/// Under this name it is remembered who sits here; changes are sent with it.
pub(crate) const USER: &str = "netloom.user";

/// A server remembers nothing.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn recall(_: &str) -> Option<String> {
    None
}

/// See [`recall`].
#[cfg(not(feature = "hydrate"))]
pub(crate) fn remember(_: &str, _: Option<&str>) {}

/// Puts the cursor into the field of that id; whether there is one.
#[cfg(feature = "hydrate")]
pub(crate) fn focus(id: &str) -> bool {
    use wasm_bindgen::JsCast;
    let field = document().get_element_by_id(id).and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok());
    field.is_some_and(|field| field.focus().is_ok())
}

/// There is no cursor on a server.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn focus(_: &str) -> bool {
    false
}

/// What was remembered in this browser under a name.
#[cfg(feature = "hydrate")]
pub(crate) fn recall(name: &str) -> Option<String> {
    window().local_storage().ok()??.get_item(name).ok()?
}

/// Remembers something in this browser; nothing in place of a value forgets.
#[cfg(feature = "hydrate")]
pub(crate) fn remember(name: &str, value: Option<&str>) {
    // A browser that keeps nothing (private windows) loses a preference, no more.
    let _ = window().local_storage().ok().flatten().map(|storage| match value {
        Some(value) => storage.set_item(name, value),
        None => storage.remove_item(name),
    });
}

/// The content of the file that was just chosen in a field for files.
#[cfg(feature = "hydrate")]
pub(crate) async fn chosen_file(event: &web_sys::Event) -> Option<String> {
    let file = event_target::<web_sys::HtmlInputElement>(event).files()?.get(0)?;
    js_sys::futures::JsFuture::from(file.text()).await.ok()?.as_string()
}

/// No file is chosen on a server.
#[cfg(not(feature = "hydrate"))]
#[expect(clippy::unused_async, reason = "in a browser it waits for the disk")]
pub(crate) async fn chosen_file(_: &leptos::ev::Event) -> Option<String> {
    None
}

/// Puts a text where people can paste it from; whether that was allowed.
#[cfg(feature = "hydrate")]
pub(crate) async fn copy(text: &str) -> bool {
    js_sys::futures::JsFuture::from(window().navigator().clipboard().write_text(text)).await.is_ok()
}

/// A server has nowhere to copy to.
#[cfg(not(feature = "hydrate"))]
#[expect(clippy::unused_async, reason = "in a browser it waits for permission")]
pub(crate) async fn copy(_: &str) -> bool {
    false
}

/// The address of the page as it is shared.
#[cfg(feature = "hydrate")]
pub(crate) fn address() -> String {
    window().location().href().unwrap_or_default()
}

/// A server has no address line.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn address() -> String {
    String::new()
}

/// A short tone. Browsers allow it on pages that somebody has clicked; elsewhere, and without speakers, all stays quiet.
#[cfg(feature = "hydrate")]
pub(crate) fn beep() {
    use std::cell::OnceCell;
    use web_sys::{AudioContext, AudioContextState};
    /// As loud as a hint, and as long.
    const GAIN: f32 = 0.12;
    const FREQUENCY_HZ: f32 = 660.0;
    const LENGTH_S: f64 = 0.3;

    thread_local! {
        static CONTEXT: OnceCell<Option<AudioContext>> = const { OnceCell::new() };
    }
    let Some(context) = CONTEXT.with(|context| context.get_or_init(|| AudioContext::new().ok()).clone()) else {
        return;
    };
    if context.state() == AudioContextState::Suspended {
        // Tones that wait would all come at the first click.
        let _ = context.resume();
        return;
    }
    let play = || -> Result<(), wasm_bindgen::JsValue> {
        let (tone, gain) = (context.create_oscillator()?, context.create_gain()?);
        gain.gain().set_value(GAIN);
        tone.frequency().set_value(FREQUENCY_HZ);
        tone.connect_with_audio_node(&gain)?;
        gain.connect_with_audio_node(&context.destination())?;
        tone.start()?;
        tone.stop_with_when(context.current_time() + LENGTH_S)
    };
    // A browser that cannot play stays quiet.
    let _ = play();
}

/// A server has no speakers.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn beep() {}

/// Asks whether notifications may be shown; only ever after a click.
#[cfg(feature = "hydrate")]
pub(crate) async fn ask_to_notify() -> bool {
    let Ok(asked) = web_sys::Notification::request_permission() else { return false };
    let _ = js_sys::futures::JsFuture::from(asked).await;
    web_sys::Notification::permission() == web_sys::NotificationPermission::Granted
}

/// A server notifies nobody.
#[cfg(not(feature = "hydrate"))]
#[expect(clippy::unused_async, reason = "in a browser it waits for an answer")]
pub(crate) async fn ask_to_notify() -> bool {
    false
}

/// Shows a notification of the browser; one with the same tag takes its place.
#[cfg(feature = "hydrate")]
pub(crate) fn notify(title: &str, body: &str, tag: &str) {
    let options = web_sys::NotificationOptions::new();
    options.set_body(body);
    options.set_tag(tag);
    // Fails where notifications are not to be had from a page, and where they are not allowed any more.
    let _ = web_sys::Notification::new_with_options(title, &options);
}

/// A server notifies nobody.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn notify(_: &str, _: &str, _: &str) {}
