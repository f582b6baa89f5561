//! Slurm's host lists: `node[01-16,20],login`.

/// Names that one list may stand for. A list of more is refused before it is expanded.
pub const EXPANDED_MAX: usize = 10_000;
/// Bracketed parts in one name: a place is rarely numbered by more than row, rack and slot.
const BRACKETS_MAX: usize = 4;

/// The names that a list stands for, in its order. Leading zeros are kept: `n[08-10]` is `n08`, `n09`, `n10`.
///
/// # Errors
/// One sentence that says what is wrong with it.
pub fn expand(list: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for item in split_outside_brackets(list)? {
        let item = item.trim();
        if item.is_empty() {
            return Err(format!("{list:?} has an empty part"));
        }
        let parts = parts(item)?;
        let product = parts.iter().try_fold(1_usize, |product, part| product.checked_mul(part.len()));
        let count = product.and_then(|product| product.checked_add(names.len()));
        if count.is_none_or(|count| count > EXPANDED_MAX) {
            return Err(format!("{list:?} stands for more than {EXPANDED_MAX} names"));
        }
        let mut made = vec![String::new()];
        for part in &parts {
            made = made.iter().flat_map(|head| part.texts().map(move |text| format!("{head}{text}"))).collect();
        }
        names.extend(made);
    }
    Ok(names)
}

/// The items between commas that stand in no brackets.
fn split_outside_brackets(list: &str) -> Result<Vec<&str>, String> {
    let (mut items, mut start, mut is_inside) = (Vec::new(), 0, false);
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'[' if is_inside => return Err(format!("{list:?} has brackets in brackets")),
            b'[' => is_inside = true,
            b']' if !is_inside => return Err(format!("{list:?} closes a bracket that is not open")),
            b']' => is_inside = false,
            b',' if !is_inside => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if is_inside {
        return Err(format!("{list:?} leaves a bracket open"));
    }
    items.push(&list[start..]);
    Ok(items)
}

enum Part<'a> {
    Text(&'a str),
    /// Ranges, both ends included, and how many digits a number has at least.
    Numbers(Vec<(u64, u64, usize)>),
}

impl Part<'_> {
    /// How many texts it stands for; saturates, because it is asked before anything is made.
    fn len(&self) -> usize {
        match self {
            Part::Text(_) => 1,
            Part::Numbers(ranges) => ranges.iter().fold(0_usize, |count, (first, last, _)| {
                count.saturating_add(usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1))
            }),
        }
    }

    fn texts(&self) -> Box<dyn Iterator<Item = String> + '_> {
        match self {
            Part::Text(text) => Box::new(std::iter::once((*text).to_owned())),
            Part::Numbers(ranges) => Box::new(
                ranges
                    .iter()
                    .flat_map(|(first, last, digits)| (*first..=*last).map(move |number| format!("{number:0digits$}"))),
            ),
        }
    }
}

fn parts(item: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = item;
    while let Some((text, after)) = rest.split_once('[') {
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        let Some((ranges, after)) = after.split_once(']') else {
            return Err(format!("{item:?} leaves a bracket open"));
        };
        if parts.iter().filter(|part| matches!(part, Part::Numbers(_))).count() >= BRACKETS_MAX {
            return Err(format!("{item:?} has more than {BRACKETS_MAX} pairs of brackets"));
        }
        parts.push(Part::Numbers(ranges.split(',').map(|range| numbers(range, item)).collect::<Result<_, _>>()?));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// `08-10` or `7`.
fn numbers(range: &str, item: &str) -> Result<(u64, u64, usize), String> {
    let wrong = || format!("{range:?} in {item:?} is not a number or a range such as 01-16");
    let range = range.trim();
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let read = |text: &str| {
        let is_plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_plain).ok_or_else(wrong)
    };
    let (from, to) = (read(first)?, read(last)?);
    if from > to {
        return Err(format!("{range:?} in {item:?} goes backwards"));
    }
    Ok((from, to, first.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_read_as_slurm_reads_them() {
        let cases: [(&str, &[&str]); 6] = [
            ("login", &["login"]),
            ("n[1-3]", &["n1", "n2", "n3"]),
            ("n[08-10,20]", &["n08", "n09", "n10", "n20"]),
            ("a1, b[2,4]", &["a1", "b2", "b4"]),
            ("r[1-2]n[1-2]-ib", &["r1n1-ib", "r1n2-ib", "r2n1-ib", "r2n2-ib"]),
            ("[1-2]x", &["1x", "2x"]),
        ];
        for (list, names) in cases {
            assert_eq!(expand(list).expect(list), names, "{list}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for list in ["", "a,,b", "n[1-", "n1]", "n[[1]]", "n[3-1]", "n[a-b]", "n[]", "n[-1]", "n[1-2-3]", "n[+1]"] {
            assert!(expand(list).is_err(), "{list}");
        }
    }

    #[test]
    fn a_million_names_are_refused_before_they_are_made() {
        for list in ["n[1-1000000]", "n[1-1000]m[1-1000]", "n[0-999999999999]x[0-999999999999]", "a[1-9999],b[1-2]"] {
            let why = expand(list).expect_err(list);
            assert!(why.contains("stands for more than"), "{why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(list in "[a-c0-9,\\-\\[\\] é]{0,40}") {
            if let Ok(names) = expand(&list) {
                prop_assert!(!names.is_empty() && names.len() <= EXPANDED_MAX);
            }
        }
    }
}
