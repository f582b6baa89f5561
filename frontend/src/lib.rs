//! The WebAssembly entry of Netloom's client.

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page that the server rendered; the page's own script calls this by name.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    wasm_bindgen_futures::spawn_local(netloom_app::take_over());
}
