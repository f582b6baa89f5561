//! Names of nodes by number, so that nothing is compared by its letters while samples come.

use std::{collections::HashMap, sync::Arc};

use netloom_core::sample::Labels;

/// A node or target, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(u32);

/// What a series is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The way from one to the other.
    Link(Name, Name),
    /// One node.
    Node(Name),
    /// Neither.
    Nothing,
}

impl About {
    /// Whether a node is one of those.
    pub fn touches(self, name: Name) -> bool {
        match self {
            About::Link(src, dst) => src == name || dst == name,
            About::Node(node) => node == name,
            About::Nothing => false,
        }
    }

    /// Who measured it, of a link.
    pub fn src(self) -> Option<Name> {
        match self {
            About::Link(src, _) => Some(src),
            _ => None,
        }
    }
}

/// Every name that was met. They stay: there are no more than the store takes series.
#[derive(Default)]
pub struct Names {
    numbers: HashMap<Arc<str>, Name>,
}

impl Names {
    /// The number of a name; a new one gets the next.
    pub fn number(&mut self, name: &str) -> Name {
        if let Some(known) = self.numbers.get(name) {
            return *known;
        }
        let number = Name(self.numbers.len() as u32);
        self.numbers.insert(name.into(), number);
        number
    }

    /// The number of a name that was met.
    pub fn known(&self, name: &str) -> Option<Name> {
        self.numbers.get(name).copied()
    }

    /// What labels say that a series is about. A link without a destination is about the node that measures.
    pub fn about(&mut self, labels: &Labels) -> About {
        let mut name = |label: &str| labels.get(label).map(|name| self.number(name));
        match (name("src"), name("dst"), name("node")) {
            (Some(src), Some(dst), _) => About::Link(src, dst),
            (Some(node), ..) | (.., Some(node)) => About::Node(node),
            _ => About::Nothing,
        }
    }
}
