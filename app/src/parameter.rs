//! Choices that live in the address, so that a copied link shows a colleague the same view.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
};

use crate::range::segment;

/// A parameter of the page's address. A handle: copies speak of the same one.
#[derive(Clone, Copy)]
pub(crate) struct Parameter {
    value: Memo<Option<String>>,
    put: Callback<Option<String>>,
}

/// The parameter of that name. Must be called within the router.
pub(crate) fn use_parameter(name: &'static str) -> Parameter {
    let location = use_location();
    let query = location.query;
    let value = Memo::new(move |_| query.with(|query| query.get_str(name).map(str::to_owned)));
    let navigate = use_navigate();
    let put = Callback::new(move |value: Option<String>| {
        let search = location.search.with_untracked(|search| replaced(search, name, value.as_deref()));
        // A choice is no step that the back button should undo one by one.
        let options = NavigateOptions { scroll: false, resolve: false, replace: true, ..Default::default() };
        navigate(&format!("{}{search}", location.pathname.get_untracked()), options);
    });
    Parameter { value, put }
}

impl Parameter {
    /// The value, if the address has one.
    pub(crate) fn get(self) -> Option<String> {
        self.value.get()
    }

    /// Writes a value into the address, or takes it out.
    pub(crate) fn set(self, value: Option<String>) {
        self.put.run(value);
    }

    /// Writes a value, unless it is the one that holds without any.
    pub(crate) fn choose(self, value: &str, default: &str) {
        self.set((value != default).then(|| value.to_owned()));
    }
}

/// The parameters of an address with one of them changed, with `?` in front.
fn replaced(search: &str, name: &str, value: Option<&str>) -> String {
    let is_other = |part: &&str| !part.is_empty() && part.split('=').next() != Some(name);
    let others = search.trim_start_matches('?').split('&').filter(is_other).map(str::to_owned);
    let parts: Vec<String> = others.chain(value.map(|value| format!("{name}={}", segment(value)))).collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_parameter_changes_and_the_others_stay() {
        assert_eq!(replaced("range=1h&sort=name", "sort", Some("worst")), "?range=1h&sort=worst");
        assert_eq!(replaced("?sort=name", "sort", None), "");
        assert_eq!(replaced("", "metric", Some("a b")), "?metric=a%20b");
    }
}
