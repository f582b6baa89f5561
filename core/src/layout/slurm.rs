//! Slurm's `topology.conf` of the plugin `topology/tree`: leaf switches become groups.

use super::{Described, Layout, LayoutError, TEXT_MAX_BYTES, assemble, expand};

/// Reads a `topology.conf`. Switches of switches are checked and not kept: a verdict speaks of nodes.
///
/// # Errors
/// The line to blame and what is wrong there.
pub fn parse(text: &str) -> Result<Layout, LayoutError> {
    if text.len() > TEXT_MAX_BYTES {
        return Err(LayoutError { line: None, message: format!("longer than {TEXT_MAX_BYTES} bytes") });
    }
    let mut described = Vec::new();
    for (line, text) in logical_lines(text) {
        described.extend(switch(&text, line)?);
    }
    if described.is_empty() {
        return Err(LayoutError { line: None, message: "names no switch with nodes".into() });
    }
    assemble(described)
}

/// Lines without comments, joined where they end with a backslash, each with the number where it begins.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim_end();
        let (line, will_go_on) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, begun)) => begun.push_str(line),
            None => lines.push((at + 1, line.to_owned())),
        }
        goes_on = will_go_on;
    }
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

/// What a line describes: `None` for a switch of switches.
fn switch(text: &str, line: usize) -> Result<Option<Described>, LayoutError> {
    let wrong = |message: String| LayoutError::at(line, message);
    let (mut name, mut nodes, mut switches) = (None, None, None);
    for word in words(text) {
        let Some((key, value)) = word.split_once('=') else {
            return Err(wrong(format!("{word:?} is not of the form Key=Value")));
        };
        let value = value.trim_matches('"');
        let place = match key.to_ascii_lowercase().as_str() {
            "switchname" => &mut name,
            "nodes" => &mut nodes,
            "switches" => &mut switches,
            // Of no matter here, and gone from newer versions.
            "linkspeed" => continue,
            _ => return Err(wrong(format!("{key:?} is not a key of topology.conf"))),
        };
        if place.replace(value.to_owned()).is_some() {
            return Err(wrong(format!("{key} is there twice")));
        }
    }
    let name = name.ok_or_else(|| wrong("SwitchName is missing".into()))?;
    match (nodes, switches) {
        (Some(nodes), None) => Ok(Some(Described { name, nodes: vec![nodes], line })),
        (None, Some(switches)) => expand(&switches).map(|_| None).map_err(wrong),
        (Some(_), Some(_)) => Err(wrong(format!("{name:?} has both Nodes and Switches"))),
        (None, None) => Err(wrong(format!("{name:?} has neither Nodes nor Switches"))),
    }
}

/// The words of a line. A list in brackets may have blanks in it, and a value in quotes, too.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let (mut in_brackets, mut in_quotes) = (false, false);
    for c in text.chars() {
        match c {
            '"' => in_quotes = !in_quotes,
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
        if c.is_whitespace() && !in_brackets && !in_quotes {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "\
# Two racks behind one switch.
SwitchName=leaf1 Nodes=node[01-02] LinkSpeed=100
switchname=leaf2 \\
    NODES=node03,\\
node[04-05]   # the last ones

SwitchName=spine Switches=leaf[1-2]
";

    #[test]
    fn leaf_switches_become_groups() {
        let layout = parse(EXAMPLE).expect("is right");
        let groups: Vec<(&str, String)> =
            layout.groups.iter().map(|group| (group.name.as_str(), group.nodes.join(" "))).collect();
        assert_eq!(groups, [("leaf1", "node01 node02".into()), ("leaf2", "node03 node04 node05".into())]);
    }

    #[test]
    fn the_line_to_blame_is_named() {
        let cases = [
            ("SwitchName=a Nodes=n1\nNodes=n2", Some(2), "SwitchName is missing"),
            ("SwitchName=a\n", Some(1), "neither"),
            ("\n\nSwitchName=a Nodes=n[1-", Some(3), "bracket"),
            ("SwitchName=a Nodes=n1 Colour=red", Some(1), "Colour"),
            ("SwitchName=a Nodes=n1 nodes=n2", Some(1), "twice"),
            ("SwitchName=a Nodes=n1 Switches=b", Some(1), "both"),
            ("SwitchName=a \\\n Nodes=n1\nSwitchName=b Nodes=n1", Some(3), "two groups"),
            ("SwitchName=s Switches=a", None, "no switch"),
            ("SwitchName=a Nodes=n[1-1000000]", Some(1), "more than"),
            ("SwitchName=a Nodes", Some(1), "Key=Value"),
        ];
        for (text, line, why) in cases {
            let error = parse(text).expect_err(text);
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(error.message.contains(why), "{text}: {error}");
        }
        assert_eq!(parse(&"#".repeat(TEXT_MAX_BYTES + 1)).expect_err("is too long").line, None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(SwitchName=|Nodes=|Switches=|[a-b1-3\\[\\]\\-,\\\\#\"= \n]){0,30}") {
            let _ = parse(&text);
        }
    }
}
