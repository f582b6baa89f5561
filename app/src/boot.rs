//! What the server tells a page before its first rendering, and how the browser reads it.

use leptos::prelude::*;
pub use netloom_core::api::Boot;

/// The element of the document that holds the [`Boot`] as JSON.
pub(crate) const ELEMENT_ID: &str = "netloom-boot";

/// The cluster's name.
#[derive(Debug, Clone)]
pub(crate) struct Cluster(pub(crate) String);

impl Cluster {
    /// The cluster of the page around the caller.
    pub(crate) fn expect() -> Self {
        expect_context()
    }
}

/// Whether the page shows a made-up network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsDemo(pub(crate) bool);

/// The JSON as it may stand inside a script element: without a `<`, nothing in it can end the element.
pub(crate) fn embeddable(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// The boot data: from context on the server, from the document in the browser.
pub(crate) fn read() -> Boot {
    #[cfg(feature = "hydrate")]
    let boot = from_document();
    #[cfg(not(feature = "hydrate"))]
    let boot = use_context::<Boot>();
    boot.expect("the server provides the boot data with every page")
}

#[cfg(feature = "hydrate")]
fn from_document() -> Option<Boot> {
    let text = document().get_element_by_id(ELEMENT_ID)?.text_content()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_the_script_element() {
        let json = embeddable(r#"{"cluster":"</script><b>"}"#);
        assert!(!json.contains('<'));
        let value: serde_json::Value = serde_json::from_str(&json).expect("is still JSON");
        assert_eq!(value["cluster"], "</script><b>");
    }
}
