//! What an ICMP message says of a probe, and its words for people.

use super::{V4_ECHO_REPLY, V6_ECHO_REPLY};

/// Destination unreachable, time exceeded, parameter problem (RFC 792).
const V4_UNREACHABLE: u8 = 3;
const V4_TIME_EXCEEDED: u8 = 11;
const V4_PARAMETER: u8 = 12;
const V4_CODE_PORT: u8 = 3;
const V4_CODE_TOO_BIG: u8 = 4;
/// Destination unreachable, packet too big, time exceeded, parameter problem (RFC 4443).
const V6_UNREACHABLE: u8 = 1;
const V6_TOO_BIG: u8 = 2;
const V6_TIME_EXCEEDED: u8 = 3;
const V6_PARAMETER: u8 = 4;
const V6_CODE_PORT: u8 = 4;

/// What was said of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It used up its hops.
    Expired,
    /// The host itself answered: an echo, a handshake, a reset.
    Answered,
    /// It got to a machine on which nobody has that port.
    NoPort,
    /// It is too large to go on; `mtu` is what passes, 0 when the router does not say.
    TooBig {
        /// The largest that passes, bytes.
        mtu: u32,
    },
    /// It will not go on.
    Refused {
        /// Which ICMP.
        is_v6: bool,
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
}

impl Word {
    /// What an ICMP message means; `None` for one that says nothing of a probe. `rest` is the second word of the header.
    pub fn of(is_v6: bool, kind: u8, code: u8, rest: u32) -> Option<Self> {
        let refused = Word::Refused { is_v6, kind, code };
        Some(match (is_v6, kind, code) {
            (false, V4_ECHO_REPLY, _) | (true, V6_ECHO_REPLY, _) => Word::Answered,
            // Code 1 is a fragment whose others did not come: the host has it.
            (false, V4_TIME_EXCEEDED, 0) | (true, V6_TIME_EXCEEDED, 0) => Word::Expired,
            (false, V4_UNREACHABLE, V4_CODE_PORT) | (true, V6_UNREACHABLE, V6_CODE_PORT) => Word::NoPort,
            (false, V4_UNREACHABLE, V4_CODE_TOO_BIG) => Word::TooBig { mtu: rest & 0xffff },
            (true, V6_TOO_BIG, _) => Word::TooBig { mtu: rest },
            (false, V4_UNREACHABLE | V4_PARAMETER | V4_TIME_EXCEEDED, _)
            | (true, V6_UNREACHABLE | V6_PARAMETER | V6_TIME_EXCEEDED, _) => refused,
            _ => return None,
        })
    }

    /// What an ICMP message about a probe says against it, in words.
    pub fn against(is_v6: bool, kind: u8, code: u8) -> String {
        match Self::of(is_v6, kind, code, 0).unwrap_or(Word::Refused { is_v6, kind, code }) {
            Word::Expired => "time to live exceeded".to_owned(),
            word => word.refusal(),
        }
    }

    /// What is said against going on, in words; empty when nothing is.
    pub fn refusal(self) -> String {
        let known = match self {
            Word::Expired | Word::Answered => "",
            Word::NoPort => "port unreachable",
            Word::TooBig { mtu: 0 } => "packet too large",
            Word::TooBig { mtu } => return format!("packet too large, {mtu} bytes pass"),
            Word::Refused { is_v6: false, kind, code } => v4_words(kind, code),
            Word::Refused { is_v6: true, kind, code } => v6_words(kind, code),
        };
        match (known, self) {
            ("?", Word::Refused { kind, code, .. }) => format!("ICMP type {kind}, code {code}"),
            _ => known.to_owned(),
        }
    }
}

/// RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1.
const fn v4_words(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (V4_UNREACHABLE, 0) => "network unreachable",
        (V4_UNREACHABLE, 1) => "host unreachable",
        (V4_UNREACHABLE, 2) => "protocol unreachable",
        (V4_UNREACHABLE, 5) => "source route failed",
        (V4_UNREACHABLE, 6) => "network unknown",
        (V4_UNREACHABLE, 7) => "host unknown",
        (V4_UNREACHABLE, 8) => "source host isolated",
        (V4_UNREACHABLE, 9) => "network prohibited by administration",
        (V4_UNREACHABLE, 10) => "host prohibited by administration",
        (V4_UNREACHABLE, 11) => "network unreachable for this type of service",
        (V4_UNREACHABLE, 12) => "host unreachable for this type of service",
        (V4_UNREACHABLE, 13) => "communication prohibited by administration",
        (V4_UNREACHABLE, 14) => "host precedence violation",
        (V4_UNREACHABLE, 15) => "precedence too low",
        (V4_TIME_EXCEEDED, 1) => "fragments missing",
        (V4_PARAMETER, _) => "header not understood",
        _ => "?",
    }
}

/// RFC 4443 section 3, RFC 6554 and RFC 7112 for the newer codes.
const fn v6_words(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (V6_UNREACHABLE, 0) => "no route",
        (V6_UNREACHABLE, 1) => "prohibited by administration",
        (V6_UNREACHABLE, 2) => "beyond the scope of the source address",
        (V6_UNREACHABLE, 3) => "address unreachable",
        (V6_UNREACHABLE, 5) => "source address failed the policy",
        (V6_UNREACHABLE, 6) => "route rejected",
        (V6_UNREACHABLE, 7) => "error in the source routing header",
        (V6_TIME_EXCEEDED, 1) => "fragments missing",
        (V6_PARAMETER, _) => "header not understood",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_have_words() {
        let cases = [
            (false, 3, 0, "network unreachable"),
            (false, 3, 13, "communication prohibited by administration"),
            (false, 3, 99, "ICMP type 3, code 99"),
            (true, 1, 0, "no route"),
            (true, 1, 1, "prohibited by administration"),
            (true, 4, 1, "header not understood"),
        ];
        for (is_v6, kind, code, words) in cases {
            assert_eq!(Word::of(is_v6, kind, code, 0).expect("a word").refusal(), words);
        }
        assert_eq!(Word::of(false, 3, 4, 1_400), Some(Word::TooBig { mtu: 1_400 }));
        assert_eq!(Word::of(false, 8, 0, 0), None, "a request is no answer");
        assert_eq!(Word::Expired.refusal(), "");
        assert_eq!(Word::against(false, 11, 0), "time to live exceeded");
        assert_eq!(Word::against(true, 99, 7), "ICMP type 99, code 7");
    }

    proptest! {
        #[test]
        fn every_type_and_code_has_words(is_v6: bool, kind: u8, code: u8) {
            let is_answer = kind == if is_v6 { V6_ECHO_REPLY } else { V4_ECHO_REPLY };
            prop_assert!(is_answer || !Word::against(is_v6, kind, code).is_empty());
        }
    }
}
