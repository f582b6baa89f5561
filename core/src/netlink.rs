//! Netlink (RFC 3549): the messages in which Linux tells of its interfaces and sockets.
//!
//! Only what is asked and answered here. Whatever is cut off or longer than it says ends the reading and is no error: what
//! was understood before stays.

/// The header of a message: length, kind, flags, number, sender.
pub const HEADER_BYTES: usize = 16;
/// Messages and attributes begin at multiples of this.
const ALIGN: usize = 4;
/// The header of an attribute: length, kind.
const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// The kind of an attribute without the two bits that say how its content is written.
const ATTRIBUTE_KIND: u16 = 0x3fff;

/// It is a question.
pub const REQUEST: u16 = 1;
/// The question is for everything there is.
pub const DUMP: u16 = 0x300;
/// The kind of a message that carries an error number, or zero.
pub const ERROR: u16 = 2;
/// The kind of the last message of an answer with several.
pub const DONE: u16 = 3;

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: u16,
    /// The number of the question that it answers.
    pub seq: u32,
    /// What it says.
    pub body: &'a [u8],
}

impl Message<'_> {
    /// The number of the error (errno(3)) that an [`ERROR`] or [`DONE`] carries; zero is none.
    pub fn errno(&self) -> i32 {
        read_u32(self.body, 0).map_or(0, |code| (code as i32).saturating_neg())
    }
}

/// The messages of a datagram.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = read_u32(rest, 0)? as usize;
        let body = rest.get(HEADER_BYTES..len)?;
        let message = Message { kind: read_u16(rest, 4)?, seq: read_u32(rest, 8)?, body };
        rest = rest.get(len.next_multiple_of(ALIGN)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in a message after its fixed part, or in another attribute: their kinds and contents.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = usize::from(read_u16(rest, 0)?);
        let content = rest.get(ATTRIBUTE_HEADER_BYTES..len)?;
        let kind = read_u16(rest, 2)? & ATTRIBUTE_KIND;
        rest = rest.get(len.next_multiple_of(ALIGN)..).unwrap_or_default();
        Some((kind, content))
    })
}

/// A question as it is sent: its fixed part, and what follows it.
pub fn question(kind: u16, flags: u16, seq: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend(((HEADER_BYTES + body.len()) as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    bytes.extend(seq.to_ne_bytes());
    // The kernel knows the sender by the socket.
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// A number of two bytes at a place, as this machine writes it.
pub fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    read(bytes, at).map(u16::from_ne_bytes)
}

/// A number of four bytes at a place, as this machine writes it.
pub fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    read(bytes, at).map(u32::from_ne_bytes)
}

/// A number of eight bytes at a place, as this machine writes it.
pub fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    read(bytes, at).map(u64::from_ne_bytes)
}

/// Some bytes at a place.
pub fn read<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = question(20, DUMP, 7, &[1, 2, 3, 4, 5]);
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        bytes.extend(question(DONE, 0, 7, &(-2_i32).to_ne_bytes()));
        let read: Vec<_> = messages(&bytes).collect();
        assert_eq!(read[0], Message { kind: 20, seq: 7, body: &[1, 2, 3, 4, 5] });
        assert_eq!((read[1].kind, read[1].errno(), read.len()), (DONE, 2, 2));
    }

    #[test]
    fn attributes_may_be_of_any_length() {
        let mut bytes = Vec::new();
        for (kind, content) in [(3_u16, &b"eth0\0"[..]), (0x8000 | 9, b"")] {
            bytes.extend(((ATTRIBUTE_HEADER_BYTES + content.len()) as u16).to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        }
        assert_eq!(attributes(&bytes).collect::<Vec<_>>(), [(3, &b"eth0\0"[..]), (9, &b""[..])]);
        assert_eq!(attributes(&bytes[..7]).count(), 0, "what is cut off is left out");
    }

    proptest! {
        #[test]
        fn rubbish_ends(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            for message in messages(&bytes) {
                message.errno();
                attributes(message.body).for_each(|(_, content)| assert!(content.len() < bytes.len()));
            }
            attributes(&bytes).for_each(|(_, content)| assert!(content.len() < bytes.len()));
        }
    }
}
