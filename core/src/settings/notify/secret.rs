//! A text that is never shown again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands in a document where a secret is set.
pub const MASK: &str = "********";

/// A password, a token or an address that gives access. Whatever is printed of it tells only whether it is set.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Secret(pub String);

impl Secret {
    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this stands for one that is kept elsewhere.
    pub fn is_mask(&self) -> bool {
        self.0 == MASK
    }

    /// The mask.
    pub fn mask() -> Self {
        Self(MASK.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Secret(none)" } else { "Secret(set)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_printed() {
        let printed = format!("{:?}", Secret("hunter2".into()));
        assert_eq!(printed, "Secret(set)");
        assert_eq!(format!("{:?}", Secret::default()), "Secret(none)");
    }
}
