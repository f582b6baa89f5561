//! Licence expressions, as crates declare them.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

/// Whether a licence expression can be met with the allowed licences alone.
///
/// `OR` needs one side, `AND` binds tighter and needs both, `WITH` makes one licence of a licence and its exception, and
/// a slash is an old spelling of `OR`.
pub(crate) fn is_met(expression: &str, allowed: &BTreeSet<String>) -> Result<bool> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    let met = parser.alternatives()?;
    match parser.words.first() {
        None => Ok(met),
        Some(word) => bail!("unexpected `{word}` in licence expression `{expression}`"),
    }
}

/// What is left of an expression.
struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a BTreeSet<String>,
}

impl<'a> Parser<'a> {
    fn alternatives(&mut self) -> Result<bool> {
        let mut met = self.requirements()?;
        while self.take("OR") {
            met |= self.requirements()?;
        }
        Ok(met)
    }

    fn requirements(&mut self) -> Result<bool> {
        let mut met = self.license()?;
        while self.take("AND") {
            met &= self.license()?;
        }
        Ok(met)
    }

    fn license(&mut self) -> Result<bool> {
        if self.take("(") {
            let met = self.alternatives()?;
            if !self.take(")") {
                bail!("a licence expression lacks its closing parenthesis");
            }
            return Ok(met);
        }
        let mut license = self.name()?.to_owned();
        if self.take("WITH") {
            license = format!("{license} WITH {}", self.name()?);
        }
        Ok(self.allowed.contains(&license))
    }

    fn name(&mut self) -> Result<&'a str> {
        match self.words.split_first() {
            Some((word, rest)) if !["AND", "OR", "WITH", "(", ")"].contains(word) => {
                self.words = rest;
                Ok(word)
            }
            _ => bail!("a licence expression lacks the name of a licence"),
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expression: &str) -> bool {
        let allowed = ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"];
        is_met(expression, &allowed.map(str::to_owned).into()).unwrap()
    }

    #[test]
    fn one_alternative_is_enough() {
        assert!(met("MIT"));
        assert!(met("GPL-3.0-only OR MIT"));
        assert!(met("GPL-3.0-only/MIT"));
        assert!(!met("GPL-3.0-only"));
        assert!(!met("GPL-3.0-only OR LGPL-3.0-only"));
    }

    #[test]
    fn all_requirements_count_and_bind_tighter() {
        assert!(met("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(!met("MIT AND GPL-3.0-only"));
        assert!(met("MIT OR GPL-3.0-only AND Zlib"));
        assert!(!met("(MIT OR GPL-3.0-only) AND Zlib"));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(met("Apache-2.0 WITH LLVM-exception"));
        assert!(!met("MIT WITH LLVM-exception"));
    }

    #[test]
    fn broken_expressions_are_errors() {
        for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT MIT", "AND MIT", "MIT WITH"] {
            assert!(is_met(broken, &BTreeSet::new()).is_err(), "{broken}");
        }
    }
}
