//! Domain names: as text, and as bytes of a message.

use std::{fmt::Write as _, net::IpAddr};

/// Bytes of a name in a message at most, lengths included (RFC 1035 section 2.3.4).
const NAME_MAX_BYTES: usize = 255;
/// Bytes of a label at most.
const LABEL_MAX_BYTES: usize = 63;
/// The two bits that make a length a pointer.
const POINTER: u8 = 0xc0;

/// The name under which an address is looked up (RFC 1035 section 3.5, RFC 3596 section 2.5).
pub fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(v6) => {
            let mut name = String::new();
            for byte in v6.octets().iter().rev() {
                // Writing to a text cannot fail.
                let _ = write!(name, "{:x}.{:x}.", byte & 0xf, byte >> 4);
            }
            name + "ip6.arpa."
        }
    }
}

/// A name as bytes. Names are those that people write: no escapes, the last dot may be left out.
pub(super) fn encode(name: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    let trimmed = name.strip_suffix('.').unwrap_or(name);
    for label in trimmed.split('.').filter(|_| !trimmed.is_empty()) {
        let fits = (1..=LABEL_MAX_BYTES).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            return Err(format!("{name:?} is no domain name: labels have 1 to {LABEL_MAX_BYTES} ASCII characters"));
        }
        bytes.push(label.len() as u8);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    if bytes.len() > NAME_MAX_BYTES { Err(format!("{name:?} is too long for a domain name")) } else { Ok(bytes) }
}

/// Reads the name at a place: returns its bytes without pointers, and where the message goes on. A pointer has to lead
/// to before where its name began, so there are no loops.
pub(super) fn read(message: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let mut name = Vec::new();
    let (mut at, mut began, mut goes_on) = (at, at, None);
    loop {
        let length = *message.get(at)?;
        match length & POINTER {
            0 => {
                let label = message.get(at..=at + usize::from(length))?;
                name.extend(label);
                if name.len() > NAME_MAX_BYTES {
                    return None;
                }
                at += label.len();
                if length == 0 {
                    return Some((name, goes_on.unwrap_or(at)));
                }
            }
            POINTER => {
                let to = usize::from(length & !POINTER) << 8 | usize::from(*message.get(at + 1)?);
                if to >= began {
                    return None;
                }
                goes_on = goes_on.or(Some(at + 2));
                (at, began) = (to, to);
            }
            _ => return None,
        }
    }
}

/// A name as text, as `dig` writes it: with its last dot, what is not plain escaped (RFC 4343 section 2.1).
pub(super) fn text(name: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = name;
    while let Some((length, after)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, after) = after.split_at(usize::from(*length).min(after.len()));
        for byte in label {
            match byte {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => text.extend(['\\', char::from(*byte)]),
                byte if byte.is_ascii_graphic() => text.push(char::from(*byte)),
                byte => {
                    // Writing to a text cannot fail.
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text.push('.');
        rest = after;
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for (name, read_back) in [
            ("example.org", "example.org."),
            ("example.org.", "example.org."),
            (".", "."),
            ("_sip._tcp.Example.org", "_sip._tcp.Example.org."),
        ] {
            let bytes = encode(name).expect("a name");
            let (wire, end) = read(&bytes, 0).expect("whole");
            assert_eq!((text(&wire).as_str(), end), (read_back, bytes.len()));
        }
        for bad in ["a..b", "..", ".a", "a b", "ä.org", &"a".repeat(64), &"abcdefg.".repeat(40)] {
            assert!(encode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_looked_up_backwards() {
        let reversed = |address: &str| reverse(address.parse().expect("an address"));
        assert_eq!(reversed("10.1.2.3"), "3.2.1.10.in-addr.arpa.");
        let zeros = "0.".repeat(23);
        assert_eq!(reversed("2001:db8::1"), format!("1.{zeros}8.b.d.0.1.0.0.2.ip6.arpa."));
    }

    #[test]
    fn pointers_lead_back_and_never_round() {
        // "a." at 0, "b" and a pointer to it at 3.
        let message = [1, b'a', 0, 1, b'b', 0xc0, 0, 9];
        let (name, end) = read(&message, 3).expect("whole");
        assert_eq!((text(&name).as_str(), end), ("b.a.", 7));
        for looping in [&[0xc0, 0][..], &[1, b'a', 0xc0, 0], &[0xc0, 2, 0xc0, 0], &[0xc0, 3, 0, 0]] {
            assert_eq!(read(looping, 0), None, "{looping:?}");
        }
        assert_eq!(read(&[0xc0, 2, 0xc0, 0], 2), None, "two that lead to each other");
        assert_eq!(read(&[0x40, 0], 0), None, "a kind of label that nobody defined");
        assert_eq!(read(&[5, b'a'], 0), None, "cut off");
    }

    #[test]
    fn what_is_not_plain_is_escaped() {
        assert_eq!(text(b"\x04a.b\xff\x01 \x00"), r"a\.b\255.\032.");
    }
}
