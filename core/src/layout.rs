//! Which nodes stand together, so that a verdict can name a rack: from Slurm's `topology.conf` or a few lines of TOML.

pub mod hostlist;
mod slurm;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

pub use hostlist::{EXPANDED_MAX, expand};
pub use slurm::parse as parse_slurm;

/// Bytes of a description: a thousand racks of long lists are a tenth of it.
pub const TEXT_MAX_BYTES: usize = 1_024 * 1_024;
/// Groups: the racks of the largest halls.
pub const GROUPS_MAX: usize = 1_000;
/// Nodes in all groups together.
pub const NODES_MAX: usize = 20_000;
/// Longest name of a group or node: that of a host (RFC 1035).
const NAME_MAX_BYTES: usize = 253;

/// Groups of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Layout {
    /// The groups, each node in one at most.
    pub groups: Vec<Group>,
}

/// Nodes that stand together: a rack, a leaf switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its nodes, by name.
    pub nodes: Vec<String>,
}

/// What is wrong with a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LayoutError {
    /// The line to blame, from 1; `None` when it is the whole.
    pub line: Option<usize>,
    /// What is wrong there.
    pub message: String,
}

impl LayoutError {
    /// What is wrong with a line.
    pub fn at(line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }
}

/// A group as a description names it: its nodes as host lists, and the line where it begins.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Host lists such as `node[01-16,20]`.
    pub nodes: Vec<String>,
    /// The line, from 1.
    pub line: usize,
}

/// Makes a layout of described groups: lists expanded, and every name there once.
///
/// # Errors
/// The line of the first group with something wrong in it.
pub fn assemble(described: Vec<Described>) -> Result<Layout, LayoutError> {
    let (mut groups, mut names, mut placed) = (Vec::new(), HashSet::new(), HashSet::new());
    for Described { name, nodes: lists, line } in described {
        check_name(&name).map_err(|message| LayoutError::at(line, message))?;
        if groups.len() >= GROUPS_MAX {
            return Err(LayoutError::at(line, format!("more than {GROUPS_MAX} groups")));
        }
        if !names.insert(name.clone()) {
            return Err(LayoutError::at(line, format!("{name:?} is described twice")));
        }
        let mut nodes = Vec::new();
        for list in lists {
            nodes.extend(expand(&list).map_err(|message| LayoutError::at(line, message))?);
            // List by list, or short text would become names without end.
            if placed.len() + nodes.len() > NODES_MAX {
                return Err(LayoutError::at(line, format!("more than {NODES_MAX} nodes")));
            }
        }
        for node in &nodes {
            check_name(node).map_err(|message| LayoutError::at(line, message))?;
            if !placed.insert(node.clone()) {
                return Err(LayoutError::at(line, format!("{node:?} is in two groups, or twice in {name:?}")));
            }
        }
        if nodes.is_empty() {
            return Err(LayoutError::at(line, format!("{name:?} has no nodes")));
        }
        groups.push(Group { name, nodes });
    }
    Ok(Layout { groups })
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = !name.is_empty() && name.len() <= NAME_MAX_BYTES && !name.chars().any(char::is_control);
    if is_plain { Ok(()) } else { Err(format!("{name:?} is not a name of 1 to {NAME_MAX_BYTES} bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(name: &str, nodes: &[&str], line: usize) -> Described {
        Described { name: name.into(), nodes: nodes.iter().map(|&list| list.into()).collect(), line }
    }

    #[test]
    fn lists_are_expanded_in_order() {
        let layout = assemble(vec![described("r1", &["b[2-3]", "a"], 1)]).expect("is right");
        assert_eq!(layout.groups, [Group { name: "r1".into(), nodes: ["b2", "b3", "a"].map(Into::into).into() }]);
    }

    #[test]
    fn what_is_there_twice_or_not_at_all_is_refused_with_its_line() {
        let blamed = |groups: Vec<Described>| assemble(groups).expect_err("is wrong").line;
        assert_eq!(blamed(vec![described("r1", &["a"], 1), described("r1", &["b"], 4)]), Some(4));
        assert_eq!(blamed(vec![described("r1", &["a"], 1), described("r2", &["a"], 2)]), Some(2));
        assert_eq!(blamed(vec![described("r1", &["a", "a"], 3)]), Some(3));
        assert_eq!(blamed(vec![described("r1", &[], 5)]), Some(5));
        assert_eq!(blamed(vec![described("", &["a"], 6)]), Some(6));
        let many = (0..=GROUPS_MAX).map(|at| described(&format!("r{at}"), &[&format!("n{at}")], at + 1)).collect();
        assert_eq!(blamed(many), Some(GROUPS_MAX + 1));
        let lists = ["a[1-10000]", "b[1-10000]", "c1"];
        assert_eq!(blamed(vec![described("r1", &lists, 7)]), Some(7));
    }
}
