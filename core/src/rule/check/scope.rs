//! Whether the scope of a rule can have any series in it.

use super::Faults;
use crate::{
    layout::hostlist,
    metric::{self, Scope as Kind},
    rule::spec::{RuleSpec, SCOPE_MAX_NAMES, Scope},
    sample::{LABEL_MAX_BYTES, LABELS_MAX},
};

/// The longest name or id of a run that is asked for, characters.
const RUN_MAX_CHARS: usize = 200;

/// The labels of a metric that Netloom measures.
fn labels_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Node => &["node"],
        Kind::Interface => &["node", "interface"],
        Kind::Pair => &["src", "dst", "mode"],
    }
}

/// What series of the metric describe; `None` when others push it.
fn kind(rule: &RuleSpec) -> Option<Kind> {
    metric::find(&rule.metric).map(|row| row.scope)
}

/// Whether series of the rule may carry a label.
pub(super) fn has_label(rule: &RuleSpec, name: &str) -> bool {
    match kind(rule) {
        Some(kind) => labels_of(kind).contains(&name),
        None => !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()),
    }
}

pub(super) fn check(rule: &RuleSpec, faults: &mut Faults) {
    let scope = &rule.scope;
    let nodes = check_nodes(scope, faults);
    check_links(rule, nodes.as_deref(), faults);
    check_labels(rule, nodes.as_deref(), faults);
    if scope.run.chars().count() > RUN_MAX_CHARS || scope.run.chars().any(char::is_control) {
        faults.add("scope.run", format!("must be a name or an id of at most {RUN_MAX_CHARS} characters, or *"));
    }
}

/// The nodes of the scope; `None` when it asks for none, or not in a way that can be understood.
fn check_nodes(scope: &Scope, faults: &mut Faults) -> Option<Vec<String>> {
    if scope.nodes.len() > SCOPE_MAX_NAMES {
        faults.add("scope.nodes", format!("must be at most {SCOPE_MAX_NAMES} lists"));
        return None;
    }
    let (mut nodes, mut is_wrong) = (Vec::new(), false);
    for (at, list) in scope.nodes.iter().enumerate() {
        match hostlist::expand(list) {
            Ok(names) => nodes.extend(names),
            Err(why) => {
                faults.add(&format!("scope.nodes[{at}]"), why);
                is_wrong = true;
            }
        }
    }
    if nodes.len() > hostlist::EXPANDED_MAX {
        faults.add("scope.nodes", format!("must not stand for more than {} names", hostlist::EXPANDED_MAX));
        return None;
    }
    (!is_wrong && !nodes.is_empty()).then_some(nodes)
}

fn check_links(rule: &RuleSpec, nodes: Option<&[String]>, faults: &mut Faults) {
    let links = &rule.scope.links;
    if links.is_empty() {
        return;
    }
    if matches!(kind(rule), Some(Kind::Node | Kind::Interface)) {
        faults.add("scope.links", format!("{} is measured on a node and not between two: use nodes", rule.metric));
        return;
    }
    if links.len() > SCOPE_MAX_NAMES {
        faults.add("scope.links", format!("must be at most {SCOPE_MAX_NAMES} links"));
        return;
    }
    for (at, link) in links.iter().enumerate() {
        for (end, name) in [("src", &link.src), ("dst", &link.dst)] {
            if name.trim().is_empty() || name.len() > LABEL_MAX_BYTES {
                faults.add(&format!("scope.links[{at}].{end}"), "must be the name of a node or target");
            }
        }
        if link.src == link.dst && !link.src.is_empty() {
            faults.add(&format!("scope.links[{at}].dst"), "must be another than the node that sends");
        }
    }
    let touches = |nodes: &[String]| links.iter().any(|link| nodes.contains(&link.src) || nodes.contains(&link.dst));
    if nodes.is_some_and(|nodes| !touches(nodes)) {
        faults.add("scope.links", "none of these links begins or ends at one of the nodes");
    }
}

fn check_labels(rule: &RuleSpec, nodes: Option<&[String]>, faults: &mut Faults) {
    let scope = &rule.scope;
    if scope.labels.len() > LABELS_MAX {
        faults.add("scope.labels", format!("must be at most {LABELS_MAX}"));
        return;
    }
    for (name, value) in &scope.labels {
        let field = format!("scope.labels.{name}");
        if !has_label(rule, name) {
            let carried =
                kind(rule).map_or_else(String::new, |kind| format!(": it carries {}", labels_of(kind).join(", ")));
            faults.add(&field, format!("no series of {} carries this label{carried}", rule.metric));
        } else if value.is_empty() || value.len() > LABEL_MAX_BYTES || value.chars().any(char::is_control) {
            faults.add(&field, format!("must be a text of at most {LABEL_MAX_BYTES} bytes"));
        } else if name == "node" && nodes.is_some_and(|nodes| !nodes.contains(value)) {
            faults.add(&field, format!("{value} is none of the nodes of this scope"));
        } else if is_no_end(scope, name, value) {
            faults.add(&field, format!("{value} is at that end of none of the links of this scope"));
        }
    }
}

/// Whether a label asks for an end that no link of the scope has.
fn is_no_end(scope: &Scope, name: &str, value: &str) -> bool {
    !scope.links.is_empty()
        && match name {
            "src" => scope.links.iter().all(|link| link.src != value),
            "dst" => scope.links.iter().all(|link| link.dst != value),
            _ => false,
        }
}
