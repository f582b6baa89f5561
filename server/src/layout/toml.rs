//! Racks as a few lines of TOML.

use netloom_core::layout::{Described, Layout, LayoutError, TEXT_MAX_BYTES, assemble};
use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rack: Vec<Spanned<Rack>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rack {
    name: String,
    /// Names, or host lists such as `node[01-16]`.
    nodes: Vec<String>,
}

/// Reads `[[rack]]` tables of a `name` and `nodes`.
///
/// # Errors
/// The line to blame and what is wrong there.
pub fn parse(text: &str) -> Result<Layout, LayoutError> {
    if text.len() > TEXT_MAX_BYTES {
        return Err(LayoutError { line: None, message: format!("longer than {TEXT_MAX_BYTES} bytes") });
    }
    let line_at = |byte: usize| text.as_bytes().iter().take(byte).filter(|byte| **byte == b'\n').count() + 1;
    let document: Document = toml::from_str(text).map_err(|error| LayoutError {
        line: error.span().map(|span| line_at(span.start)),
        message: error.message().to_owned(),
    })?;
    let described = document.rack.into_iter().map(|rack| {
        let line = line_at(rack.span().start);
        let Rack { name, nodes } = rack.into_inner();
        Described { name, nodes, line }
    });
    assemble(described.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn racks_are_read() {
        let text = "# ours\n[[rack]]\nname = \"r1\"\nnodes = [\"a\", \"b[1-2]\"]\n\n[[rack]]\nname = \"r2\"\nnodes = [\"c\"]\n";
        let layout = parse(text).expect("is right");
        let groups: Vec<_> =
            layout.groups.iter().map(|group| format!("{} {}", group.name, group.nodes.join(","))).collect();
        assert_eq!(groups, ["r1 a,b1,b2", "r2 c"]);
    }

    #[test]
    fn the_line_to_blame_is_named() {
        let rack = |name: &str, node: &str| format!("[[rack]]\nname = \"{name}\"\nnodes = [\"{node}\"]\n");
        let cases = [
            (rack("r1", "a") + &rack("r2", "a"), Some(4)),
            (rack("r1", "n[1-9000000]"), Some(1)),
            ("[[rack]]\nname = 7\nnodes = []".into(), Some(2)),
            ("[[rack]]\nname = \"r1\"\nnodes = [\"a\"]\ncolour = 1".into(), Some(4)),
            ("[[rack]\n".into(), Some(1)),
        ];
        for (text, line) in cases {
            let error = parse(&text).expect_err(&text);
            assert_eq!(error.line, line, "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\[\\[rack\\]\\]|name = |nodes = |[a-b1-3\\[\\]\\-,#\"= \n]){0,30}") {
            let _ = parse(&text);
        }
    }
}
