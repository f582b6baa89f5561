//! The part of an address behind `?`: what differs from the defaults, `name=value`.

use std::{
    fmt::{self, Display, Formatter},
    ops::RangeInclusive,
    str::FromStr,
};

use crate::check::spec::Family;

/// What an address says beside host and port. Whatever nobody takes is refused at the end.
pub(super) struct Query<'a> {
    pairs: Vec<(&'a str, &'a str)>,
    known: Vec<&'static str>,
}

impl<'a> Query<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let pair = part.split_once('=').ok_or_else(|| format!("{part:?} is not of the form name=value"))?;
            if pairs.iter().any(|(name, _)| *name == pair.0) {
                return Err(format!("{} stands there twice", pair.0));
            }
            pairs.push(pair);
        }
        Ok(Self { pairs, known: Vec::new() })
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<&'a str> {
        self.known.push(name);
        let place = self.pairs.iter().position(|(given, _)| *given == name)?;
        Some(self.pairs.remove(place).1)
    }

    pub(super) fn number<T>(&mut self, name: &'static str, usual: T, range: RangeInclusive<T>) -> Result<T, String>
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let Some(text) = self.text(name) else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("{name}={text}: must be a number from {} to {}", range.start(), range.end()))
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)], usual: T) -> Result<T, String> {
        let Some(text) = self.text(name) else { return Ok(usual) };
        words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("{name}={text}: must be one of {}", words.join(", "))
        })
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, String> {
        self.choice(name, &[("true", true), ("false", false)], false)
    }

    pub(super) fn family(&mut self) -> Result<Family, String> {
        self.choice("family", &[("4", Family::V4), ("6", Family::V6)], Family::Any)
    }

    /// Whatever is left is refused.
    pub(super) fn end(self) -> Result<(), String> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let known = self.known.join(", ");
        let what = if known.is_empty() { "there are none here".to_owned() } else { format!("there are {known}") };
        Err(format!("{name:?} is not known behind such an address: {what}"))
    }
}

/// Writes what differs from the defaults.
pub(super) struct Writer<'a, 'f> {
    f: &'a mut Formatter<'f>,
    separator: char,
}

impl<'a, 'f> Writer<'a, 'f> {
    /// The first one stands behind this character.
    pub(super) fn new(f: &'a mut Formatter<'f>, separator: char) -> Self {
        Self { f, separator }
    }

    pub(super) fn add<T: Display + PartialEq + Copy>(&mut self, name: &str, value: T, usual: T) -> fmt::Result {
        if value == usual {
            return Ok(());
        }
        write!(self.f, "{}{name}={value}", self.separator)?;
        self.separator = '&';
        Ok(())
    }

    pub(super) fn family(&mut self, family: Family) -> fmt::Result {
        let word = match family {
            Family::Any => "",
            Family::V4 => "4",
            Family::V6 => "6",
        };
        self.add("family", word, "")
    }
}
