//! Records: what they are called, and their data as text.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::name;

/// A type of record that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordType {
    /// An address of version 4.
    A,
    /// The name server of a domain.
    Ns,
    /// The name that another one stands for.
    Cname,
    /// The start of a zone.
    Soa,
    /// The name of an address.
    Ptr,
    /// Who takes mail.
    Mx,
    /// Texts.
    Txt,
    /// An address of version 6.
    Aaaa,
    /// Where a service is.
    Srv,
}

impl RecordType {
    /// All of them, with their names and numbers.
    const ALL: [(RecordType, &'static str, u16); 9] = [
        (RecordType::A, "A", 1),
        (RecordType::Ns, "NS", 2),
        (RecordType::Cname, "CNAME", 5),
        (RecordType::Soa, "SOA", 6),
        (RecordType::Ptr, "PTR", 12),
        (RecordType::Mx, "MX", 15),
        (RecordType::Txt, "TXT", 16),
        (RecordType::Aaaa, "AAAA", 28),
        (RecordType::Srv, "SRV", 33),
    ];

    /// The type of that name, in letters of either case.
    ///
    /// # Errors
    /// Which there are.
    pub fn parse(word: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(word));
        found.map(|(kind, ..)| *kind).ok_or_else(|| {
            let known = Self::ALL.map(|(_, name, _)| name).join(", ");
            format!("{word:?} is no type of record: there are {known}")
        })
    }

    fn row(self) -> (&'static str, u16) {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or(("A", 1), |(_, name, code)| (name, *code))
    }

    /// Its name, as `dig` writes it.
    pub fn word(self) -> &'static str {
        self.row().0
    }

    /// Its number.
    pub fn code(self) -> u16 {
        self.row().1
    }

    fn of(code: u16) -> Option<Self> {
        Self::ALL.iter().find(|(_, _, known)| *known == code).map(|(kind, ..)| *kind)
    }
}

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The number of its type.
    pub code: u16,
    /// How long it may be kept, s.
    pub ttl_s: u32,
    /// Its data, as `dig` writes it.
    pub data: String,
}

/// The data of a record that stands in a message from `at` to `end`, as text. `None` when it is not what its type says.
pub(super) fn data(message: &[u8], code: u16, at: usize, end: usize) -> Option<String> {
    let bytes = message.get(at..end)?;
    // Pointers lead to anywhere before, names themselves end with the data.
    let name_at = |at: usize| name::read(message.get(..end)?, at);
    let last_name = |at: usize| name_at(at).filter(|(_, after)| *after == end).map(|(wire, _)| name::text(&wire));
    let number = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    Some(match RecordType::of(code) {
        Some(RecordType::A) => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string(),
        Some(RecordType::Aaaa) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string(),
        Some(RecordType::Cname | RecordType::Ns | RecordType::Ptr) => last_name(at)?,
        Some(RecordType::Mx) => format!("{} {}", number(0)?, last_name(at + 2)?),
        Some(RecordType::Srv) => {
            format!("{} {} {} {}", number(0)?, number(2)?, number(4)?, last_name(at + 6)?)
        }
        Some(RecordType::Soa) => {
            let (primary, after) = name_at(at)?;
            let (mailbox, after) = name_at(after)?;
            let numbers = message.get(after..end).filter(|numbers| numbers.len() == 20)?;
            let mut text = format!("{} {}", name::text(&primary), name::text(&mailbox));
            for number in numbers.chunks_exact(4) {
                // Writing to a text cannot fail.
                let _ = write!(text, " {}", u32::from_be_bytes(number.try_into().ok()?));
            }
            text
        }
        Some(RecordType::Txt) => texts(bytes)?,
        None => {
            // RFC 3597 section 5.
            let mut text = format!("\\# {}", bytes.len());
            for (place, byte) in bytes.iter().enumerate() {
                let _ = write!(text, "{}{byte:02X}", if place == 0 { " " } else { "" });
            }
            text
        }
    })
}

/// Texts in quotes, one behind the other.
fn texts(mut bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    while let Some((length, after)) = bytes.split_first() {
        let (content, after) = after.split_at_checked(usize::from(*length))?;
        text.push_str(if text.is_empty() { "\"" } else { " \"" });
        for byte in content {
            match byte {
                b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
                b' '..=b'~' => text.push(char::from(*byte)),
                byte => {
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text.push('"');
        bytes = after;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: RecordType, bytes: &[u8]) -> Option<String> {
        data(bytes, kind.code(), 0, bytes.len())
    }

    #[test]
    fn data_is_written_as_dig_does() {
        assert_eq!(written(RecordType::A, &[10, 0, 0, 1]).as_deref(), Some("10.0.0.1"));
        assert_eq!(written(RecordType::Mx, b"\x00\x0a\x02mx\x00").as_deref(), Some("10 mx."));
        assert_eq!(written(RecordType::Srv, b"\x00\x01\x00\x02\x14\xe6\x01s\x00").as_deref(), Some("1 2 5350 s."));
        let soa = [b"\x01a\x00\x01b\x00".as_slice(), &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5]];
        assert_eq!(written(RecordType::Soa, &soa.concat()).as_deref(), Some("a. b. 1 2 3 4 5"));
        assert_eq!(written(RecordType::Txt, b"\x03a\"b\x01\xff").as_deref(), Some(r#""a\"b" "\255""#));
        assert_eq!(data(&[1, 0xab], 99, 0, 2).as_deref(), Some(r"\# 2 01AB"));
    }

    #[test]
    fn data_that_is_not_what_its_type_says_is_none() {
        assert_eq!(written(RecordType::A, &[10, 0, 0]), None);
        assert_eq!(written(RecordType::Aaaa, &[0; 17]), None);
        assert_eq!(written(RecordType::Cname, b"\x01a\x00x"), None, "more than a name");
        assert_eq!(written(RecordType::Mx, &[0]), None);
        assert_eq!(written(RecordType::Txt, &[3, b'a']), None);
    }
}
