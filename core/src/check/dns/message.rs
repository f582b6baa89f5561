//! Messages: the question, and what comes back for it.

use super::{
    name,
    record::{self, Record, RecordType},
};

const HEADER_BYTES: usize = 12;
/// The internet, which is the only class that is left.
const CLASS: u16 = 1;
const IS_ANSWER: u16 = 0x8000;
const OPERATION: u16 = 0x7800;
const IS_TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const STATUS: u16 = 0x000f;
/// Records of an answer that are kept: more are for nobody to read.
const RECORDS_MAX: usize = 64;

/// A question that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    id: u16,
    name: Vec<u8>,
    kind: RecordType,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The response code, as `dig` writes it.
    pub status: String,
    /// Whether it did not fit.
    pub is_truncated: bool,
    /// The records of the answer.
    pub records: Vec<Record>,
}

/// Why a message is no answer to the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is shorter than any message, or does not say that it is an answer.
    #[error("what it sends is no DNS answer")]
    Rubbish,
    /// It carries the number of another question.
    #[error("its answer carries the wrong id")]
    OtherId,
    /// It repeats another question.
    #[error("it answers another question")]
    OtherQuestion,
    /// It is the answer, and damaged.
    #[error("its answer is damaged: {0}")]
    Damaged(&'static str),
}

impl Asked {
    /// A question under a number. Names are as people write them; the records of an address are looked up under the
    /// name of the address.
    ///
    /// # Errors
    /// When that is no domain name.
    pub fn new(id: u16, name: &str, kind: RecordType) -> Result<Self, String> {
        let reversed = name.parse().ok().filter(|_| kind == RecordType::Ptr).map(name::reverse);
        Ok(Self { id, name: name::encode(reversed.as_deref().unwrap_or(name))?, kind })
    }

    /// The question as a message.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER_BYTES + self.name.len() + 4);
        for number in [self.id, RECURSION_DESIRED, 1, 0, 0, 0] {
            message.extend(number.to_be_bytes());
        }
        message.extend(&self.name);
        message.extend(self.kind.code().to_be_bytes());
        message.extend(CLASS.to_be_bytes());
        message
    }

    /// Reads what came back.
    ///
    /// # Errors
    /// Why it is no answer to this question.
    pub fn read(&self, message: &[u8]) -> Result<Answer, Unfit> {
        let header: Vec<u16> =
            message.chunks_exact(2).take(6).map(|two| u16::from_be_bytes([two[0], two[1]])).collect();
        let [id, flags, questions, answers, authorities, additionals] = header[..] else { return Err(Unfit::Rubbish) };
        if id != self.id {
            return Err(Unfit::OtherId);
        }
        if flags & IS_ANSWER == 0 || flags & OPERATION != 0 {
            return Err(Unfit::Rubbish);
        }
        let status = status(flags & STATUS);
        let is_truncated = flags & IS_TRUNCATED != 0;
        let at = match questions {
            1 => self.question(message)?,
            // Who does not understand a question need not repeat it.
            0 if status != "NOERROR" => HEADER_BYTES,
            _ => return Err(Unfit::OtherQuestion),
        };
        let mut answer = Answer { status, is_truncated, records: Vec::new() };
        if !is_truncated {
            let mut reader = Reader { message, at };
            for _ in 0..answers {
                let record = reader.record()?;
                if answer.records.len() < RECORDS_MAX {
                    answer.records.push(record);
                }
            }
            for _ in 0..u32::from(authorities) + u32::from(additionals) {
                reader.skip()?;
            }
        }
        Ok(answer)
    }

    /// Where the message goes on behind the question, if it is this one.
    fn question(&self, message: &[u8]) -> Result<usize, Unfit> {
        const CUT: Unfit = Unfit::Damaged("the question is cut off");
        let (name, at) = name::read(message, HEADER_BYTES).ok_or(CUT)?;
        let number = |at: usize| Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?));
        let (kind, class) = (number(at).ok_or(CUT)?, number(at + 2).ok_or(CUT)?);
        let is_same = name.eq_ignore_ascii_case(&self.name) && kind == self.kind.code() && class == CLASS;
        if is_same { Ok(at + 4) } else { Err(Unfit::OtherQuestion) }
    }
}

/// The response code as `dig` writes it.
fn status(code: u16) -> String {
    const KNOWN: [&str; 11] = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
        "NOTZONE",
    ];
    KNOWN.get(usize::from(code)).map_or_else(|| format!("RESERVED{code}"), |word| (*word).to_owned())
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

/// The fixed part of a record.
struct Head {
    code: u16,
    ttl_s: u32,
    begin: usize,
    end: usize,
}

impl Reader<'_> {
    fn head(&mut self) -> Option<Head> {
        let (_, at) = name::read(self.message, self.at)?;
        let fixed: [u8; 10] = self.message.get(at..at + 10)?.try_into().ok()?;
        let [k1, k2, _, _, t1, t2, t3, t4, l1, l2] = fixed;
        let begin = at + 10;
        let end = begin + usize::from(u16::from_be_bytes([l1, l2]));
        self.message.get(begin..end)?;
        self.at = end;
        // A time with its highest bit set counts as none (RFC 2181 section 8).
        let ttl_s = Some(u32::from_be_bytes([t1, t2, t3, t4])).filter(|ttl| ttl >> 31 == 0).unwrap_or(0);
        Some(Head { code: u16::from_be_bytes([k1, k2]), ttl_s, begin, end })
    }

    fn skip(&mut self) -> Result<Head, Unfit> {
        self.head().ok_or(Unfit::Damaged("a record is cut off"))
    }

    fn record(&mut self) -> Result<Record, Unfit> {
        let head = self.skip()?;
        let data = record::data(self.message, head.code, head.begin, head.end);
        let data = data.ok_or(Unfit::Damaged("a record is not what its type says"))?;
        Ok(Record { code: head.code, ttl_s: head.ttl_s, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: u16 = 0x1234;

    fn asked() -> Asked {
        Asked::new(ID, "example.org", RecordType::A).expect("a name")
    }

    /// An answer as servers write it: the question again, and records whose names point to it.
    fn answered(flags: u16, records: &[&[u8]]) -> Vec<u8> {
        let mut message = asked().message();
        message[2..4].copy_from_slice(&(IS_ANSWER | flags).to_be_bytes());
        message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        for record in records {
            message.extend([0xc0, 12]);
            message.extend(*record);
        }
        message
    }

    const ADDRESS: &[u8] = &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1];
    const ALIAS: &[u8] = &[0, 5, 0, 1, 0, 0, 1, 0, 0, 6, 3, b'w', b'w', b'w', 0xc0, 12];

    #[test]
    fn a_question_is_what_the_standard_says() {
        let message = asked().message();
        assert_eq!(message[..12], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&message[12..], b"\x07example\x03org\x00\x00\x01\x00\x01");
    }

    #[test]
    fn an_answer_is_read_with_its_pointers() {
        let answer = asked().read(&answered(0, &[ALIAS, ADDRESS])).expect("an answer");
        assert_eq!(answer.status, "NOERROR");
        let data: Vec<(&str, u32)> = answer.records.iter().map(|r| (r.data.as_str(), r.ttl_s)).collect();
        assert_eq!(data, [("www.example.org.", 256), ("10.0.0.1", 60)]);
    }

    #[test]
    fn a_name_that_is_not_there_is_an_answer() {
        assert_eq!(asked().read(&answered(3, &[])).expect("an answer").status, "NXDOMAIN");
        assert_eq!(asked().read(&answered(12, &[])).expect("an answer").status, "RESERVED12");
    }

    #[test]
    fn what_does_not_fit_says_so_and_is_not_read_further() {
        let mut message = answered(IS_TRUNCATED, &[ADDRESS]);
        message.truncate(message.len() - 3);
        assert!(asked().read(&message).expect("an answer").is_truncated);
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let good = answered(0, &[ADDRESS]);
        let changed = |at: usize, byte: u8| {
            let mut message = good.clone();
            message[at] = byte;
            asked().read(&message)
        };
        assert_eq!(asked().read(b"rubbish"), Err(Unfit::Rubbish));
        assert_eq!(asked().read(&asked().message()), Err(Unfit::Rubbish), "a question");
        assert_eq!(changed(0, 9), Err(Unfit::OtherId));
        assert_eq!(changed(13, b'x'), Err(Unfit::OtherQuestion));
        assert_eq!(changed(26, 9), Err(Unfit::OtherQuestion), "another type");
        assert_eq!(changed(5, 0), Err(Unfit::OtherQuestion), "no question");
        assert_eq!(changed(7, 2), Err(Unfit::Damaged("a record is cut off")));
        assert!(matches!(asked().read(&good[..good.len() - 1]), Err(Unfit::Damaged(_))));
        assert!(changed(13, b'E').is_ok(), "letters of either case are the same");
    }

    #[test]
    fn who_does_not_understand_need_not_repeat_the_question() {
        let mut message = answered(1, &[])[..12].to_vec();
        message[5] = 0;
        assert_eq!(asked().read(&message).expect("an answer").status, "FORMERR");
    }

    #[test]
    fn the_name_of_an_address_is_asked_backwards() {
        let asked = Asked::new(1, "10.1.2.3", RecordType::Ptr).expect("a name");
        assert_eq!(asked, Asked::new(1, "3.2.1.10.in-addr.arpa", RecordType::Ptr).expect("a name"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = asked().read(&bytes);
        }

        /// Bytes that pass for an answer reach the parts that random ones do not.
        #[test]
        fn no_answer_with_damage_makes_it_panic(
            damage in proptest::collection::vec((2_usize..90, any::<u8>()), 0..8),
            tail in proptest::collection::vec(any::<u8>(), 0..200),
            kinds in proptest::collection::vec(prop::sample::select(vec![1_u8, 2, 5, 6, 12, 15, 16, 28, 33, 77]), 1..4),
        ) {
            let mut message = answered(0, &[ALIAS, ADDRESS]);
            for kind in kinds {
                message.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 1, 0, 8, 0, 1, 0xc0, 12, 1, b'a', 0xc0, 12]);
            }
            message.extend(tail);
            message[7] = 9;
            for (at, byte) in damage {
                if let Some(place) = message.get_mut(at) {
                    *place = byte;
                }
            }
            let _ = asked().read(&message);
        }

        #[test]
        fn any_name_asked_is_the_name_read(labels in proptest::collection::vec("[a-zA-Z0-9_-]{1,20}", 1..6)) {
            let asked = Asked::new(7, &labels.join("."), RecordType::Txt).expect("a name");
            let mut message = asked.message();
            message[2] |= 0x80;
            prop_assert!(asked.read(&message).is_ok());
        }
    }
}
