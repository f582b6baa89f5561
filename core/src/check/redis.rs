//! What is said to a Redis server and what it says (RESP, version 2), and what its errors mean.

use super::Phase;

/// Bytes of a line at most: errors carry what was asked, and nothing that is asked here is long.
const LINE_MAX_BYTES: usize = 4_096;
/// Bytes of a text at most: keys and tokens are some dozens.
const BULK_MAX_BYTES: usize = 65_536;
/// Entries of a list at most, and lists within each other: nothing that is asked here is answered by more.
const ENTRIES_MAX: usize = 64;
const DEPTH_MAX: usize = 4;

/// The variable of the environment in which the password is.
pub const PASSWORD_VARIABLE: &str = "NETLOOM_REDIS_PASSWORD";
/// Where the keys of locks begin, so that nobody takes them for his own.
pub const KEY_PREFIX: &str = "netloom:lock:";
/// Gives a lock back if it is still that of the token.
pub const RELEASE: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A word: `OK`, `PONG`.
    Word(String),
    /// An error: a word in capitals and a sentence.
    Error(String),
    /// A number.
    Number(i64),
    /// A text.
    Text(Vec<u8>),
    /// Nothing.
    Nil,
    /// A list.
    List(Vec<Reply>),
}

/// What came is not what a Redis server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRedis;

/// A command as bytes.
pub fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    bytes
}

/// Reads one reply: it and how many bytes it took, `None` when there are more to come.
///
/// # Errors
/// When no Redis server says that.
pub fn read(bytes: &[u8]) -> Result<Option<(Reply, usize)>, NotRedis> {
    let mut reader = Reader { bytes, at: 0 };
    Ok(reader.reply(0)?.map(|reply| (reply, reader.at)))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn reply(&mut self, depth: usize) -> Result<Option<Reply>, NotRedis> {
        let Some(kind) = self.bytes.get(self.at) else { return Ok(None) };
        if !b"+-:$*".contains(kind) {
            return Err(NotRedis);
        }
        self.at += 1;
        let Some(line) = self.line()? else { return Ok(None) };
        match kind {
            b'+' => Ok(Some(Reply::Word(plain(line)))),
            b'-' => Ok(Some(Reply::Error(plain(line)))),
            b':' => Ok(Some(Reply::Number(number(line)?))),
            b'$' => self.text(number(line)?),
            _ => self.list(number(line)?, depth),
        }
    }

    /// The line up to its end, which is left behind.
    fn line(&mut self) -> Result<Option<&'a [u8]>, NotRedis> {
        let rest = &self.bytes[self.at..];
        let Some(end) = rest.iter().take(LINE_MAX_BYTES).position(|byte| *byte == b'\r') else {
            return if rest.len() < LINE_MAX_BYTES { Ok(None) } else { Err(NotRedis) };
        };
        match rest.get(end + 1) {
            None => Ok(None),
            Some(b'\n') => {
                self.at += end + 2;
                Ok(Some(&rest[..end]))
            }
            Some(_) => Err(NotRedis),
        }
    }

    fn text(&mut self, length: i64) -> Result<Option<Reply>, NotRedis> {
        if length == -1 {
            return Ok(Some(Reply::Nil));
        }
        let length = usize::try_from(length).ok().filter(|length| *length <= BULK_MAX_BYTES).ok_or(NotRedis)?;
        let rest = &self.bytes[self.at..];
        if rest.len() < length + 2 {
            return Ok(None);
        }
        if &rest[length..length + 2] != b"\r\n" {
            return Err(NotRedis);
        }
        self.at += length + 2;
        Ok(Some(Reply::Text(rest[..length].to_vec())))
    }

    fn list(&mut self, length: i64, depth: usize) -> Result<Option<Reply>, NotRedis> {
        if length == -1 {
            return Ok(Some(Reply::Nil));
        }
        let length = usize::try_from(length).ok().filter(|length| *length <= ENTRIES_MAX && depth < DEPTH_MAX);
        let mut entries = Vec::new();
        for _ in 0..length.ok_or(NotRedis)? {
            let Some(entry) = self.reply(depth + 1)? else { return Ok(None) };
            entries.push(entry);
        }
        Ok(Some(Reply::List(entries)))
    }
}

fn number(line: &[u8]) -> Result<i64, NotRedis> {
    std::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).ok_or(NotRedis)
}

/// A line for people, whatever is in it.
fn plain(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What an error means: the phase that failed, the cause and the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Where it belongs.
    pub phase: Phase,
    /// What is wrong.
    pub cause: String,
    /// What would help.
    pub cure: String,
}

/// What an error of the server means.
pub fn meaning(error: &str) -> Meaning {
    let means = |phase, cause: &str, cure: &str| Meaning { phase, cause: cause.to_owned(), cure: cure.to_owned() };
    let code = error.split(' ').next().unwrap_or_default();
    match code {
        "NOAUTH" => means(
            Phase::Authenticate,
            "it wants a password (NOAUTH)",
            "give it in the environment variable NETLOOM_REDIS_PASSWORD of the agent or the command",
        ),
        "WRONGPASS" => means(
            Phase::Authenticate,
            "it does not take the password (WRONGPASS)",
            "correct the password in the environment variable NETLOOM_REDIS_PASSWORD",
        ),
        "DENIED" => means(
            Phase::Authenticate,
            "it serves its own machine only, because it is in protected mode (DENIED)",
            "give the server a password, or switch protected-mode off where its network is trusted",
        ),
        "NOPERM" => means(
            Phase::Authenticate,
            "the user may not do that (NOPERM)",
            "allow the user the commands and the keys netloom:* with ACL SETUSER",
        ),
        "LOADING" => means(
            Phase::Wait,
            "it still loads its data (LOADING)",
            "wait until it has; INFO persistence tells how long that takes",
        ),
        "MASTERDOWN" => means(
            Phase::Wait,
            "it is a replica without its primary (MASTERDOWN)",
            "bring the primary back, or allow stale answers with replica-serve-stale-data",
        ),
        "BUSY" => means(Phase::Wait, "a script keeps it busy (BUSY)", "end the script with SCRIPT KILL"),
        "READONLY" => means(Phase::Transfer, "it is a replica, which takes no locks (READONLY)", "ask the primary"),
        "OOM" => means(
            Phase::Transfer,
            "its memory is full (OOM)",
            "raise maxmemory, or choose a policy that evicts what is not needed",
        ),
        "MISCONF" => means(
            Phase::Transfer,
            "it takes no writes, because it cannot save to its disk (MISCONF)",
            "look at the server's log and at its disk",
        ),
        "MOVED" | "ASK" => means(
            Phase::Transfer,
            "it is a node of a cluster, and the key belongs to another one (MOVED)",
            "ask without the lock, or a server that is no cluster",
        ),
        _ if error.starts_with("ERR max number of clients") => means(
            Phase::Authenticate,
            "it has as many clients as it takes",
            "raise maxclients, or find out who keeps connections open",
        ),
        _ if error.starts_with("ERR invalid password") => means(
            Phase::Authenticate,
            "it does not take the password",
            "correct the password in the environment variable NETLOOM_REDIS_PASSWORD",
        ),
        _ => {
            let shown: String = error.chars().take(120).collect();
            means(Phase::Wait, &format!("it answers with an error: {shown}"), "look at the server's log")
        }
    }
}

/// Whether an error says that a command is there but not for us, or not there at all, so that another way may do.
pub fn is_not_allowed(error: &str) -> bool {
    let error = error.to_ascii_lowercase();
    error.starts_with("noperm") || error.starts_with("err unknown command") || error.contains("script")
}

/// Whether an error to AUTH says that no password is wanted.
pub fn wants_no_password(error: &str) -> bool {
    error.contains("no password is set") || error.contains("without any password configured")
}

/// What a server that is no Redis seems to be, from the first that it says.
pub fn instead(bytes: &[u8]) -> &'static str {
    /// The content types of TLS records, and the version that all of them carry (RFC 8446 section 5.1).
    const TLS_RECORDS: std::ops::RangeInclusive<u8> = 20..=23;
    const TLS_VERSION: u8 = 3;
    match bytes {
        [kind, TLS_VERSION, ..] if TLS_RECORDS.contains(kind) => "it speaks TLS",
        bytes if bytes.starts_with(b"HTTP/") => "it is a web server",
        bytes if bytes.starts_with(b"SSH-") => "it is an SSH server",
        bytes if bytes.starts_with(b"220") => "it seems to be a mail or FTP server",
        _ => "it is something else",
    }
}

/// Whether the first bytes of a server are those of TLS.
pub fn is_tls(bytes: &[u8]) -> bool {
    instead(bytes) == "it speaks TLS"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_lists_of_texts() {
        assert_eq!(command(&["PING"]), b"*1\r\n$4\r\nPING\r\n");
        let bytes = command(&["SET", "k", ""]);
        let (reply, used) = read(&bytes).expect("RESP").expect("whole");
        let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
        assert_eq!((reply, used), (Reply::List(vec![text("SET"), text("k"), text("")]), bytes.len()));
    }

    #[test]
    fn replies_are_read_one_by_one() {
        let cases: [(&[u8], Reply); 6] = [
            (b"+PONG\r\n", Reply::Word("PONG".into())),
            (b"-NOAUTH Authentication required.\r\n", Reply::Error("NOAUTH Authentication required.".into())),
            (b":-5\r\n", Reply::Number(-5)),
            (b"$2\r\n\r\n\r\n", Reply::Text(b"\r\n".to_vec())),
            (b"$-1\r\n", Reply::Nil),
            (b"*-1\r\n", Reply::Nil),
        ];
        for (bytes, reply) in cases {
            assert_eq!(read(&[bytes, b"+next\r\n"].concat()), Ok(Some((reply, bytes.len()))));
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Ok(None), "{cut} of {bytes:?}");
            }
        }
    }

    #[test]
    fn what_is_no_redis_is_told_at_once() {
        let long = [b"+", [b'a'; LINE_MAX_BYTES].as_slice()].concat();
        let deep = b"*1\r\n".repeat(DEPTH_MAX + 1);
        let cases: [&[u8]; 9] = [
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x15\x03\x01\x00\x02",
            b":x\r\n",
            b"$99999999999\r\n",
            b"$-2\r\n",
            b"*1000\r\n",
            b"+a\rb",
            &long,
            &deep,
        ];
        for bytes in cases {
            assert_eq!(read(bytes), Err(NotRedis), "{bytes:?}");
        }
        assert!(is_tls(b"\x15\x03\x01\x00\x02\x02\x46"));
        assert_eq!(instead(b"HTTP/1.1 400"), "it is a web server");
    }

    #[test]
    fn errors_have_a_phase_and_a_cure() {
        assert_eq!(meaning("NOAUTH Authentication required.").phase, Phase::Authenticate);
        assert!(meaning("NOAUTH Authentication required.").cure.contains(PASSWORD_VARIABLE));
        assert_eq!(meaning("LOADING Redis is loading the dataset in memory").phase, Phase::Wait);
        assert_eq!(meaning("READONLY You can't write against a read only replica.").phase, Phase::Transfer);
        assert!(meaning("ERR something new").cause.contains("something new"));
        assert!(is_not_allowed("NOPERM this user has no permissions to run the 'eval' command"));
        assert!(is_not_allowed("ERR unknown command 'EVAL', with args beginning with: "));
        assert!(!is_not_allowed("OOM command not allowed when used memory > 'maxmemory'."));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some((_, used))) = read(&bytes) {
                prop_assert!(used <= bytes.len());
            }
        }

        #[test]
        fn no_bytes_of_its_alphabet_make_it_panic(text in "[-+:$*0-9\r\na]{0,60}") {
            let _ = read(text.as_bytes());
        }

        #[test]
        fn any_command_is_read_as_it_was_written(words in proptest::collection::vec(".{0,20}", 1..6)) {
            let bytes = command(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let texts = words.iter().map(|word| Reply::Text(word.as_bytes().to_vec())).collect();
            prop_assert_eq!(read(&bytes), Ok(Some((Reply::List(texts), bytes.len()))));
        }
    }
}
