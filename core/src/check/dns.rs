//! Questions to name servers and what they answer (RFC 1035): written and read here, so that each server is asked by
//! itself, without a cache, and whatever it sends is judged.
//!
//! Questions carry no EDNS: an answer that does not fit into 512 bytes says so, and is asked for over TCP.

mod message;
mod name;
mod record;

pub use self::{
    message::{Answer, Asked, Unfit},
    name::reverse,
    record::{Record, RecordType},
};

/// The longest message: its length has 16 bits over TCP.
pub const MESSAGE_MAX_BYTES: usize = 65_535;

/// What a response code that is no answer means, and what would help; `None` for those that are one.
pub fn refusal(status: &str) -> Option<(&'static str, &'static str)> {
    match status {
        "NOERROR" | "NXDOMAIN" => None,
        "SERVFAIL" => Some((
            "it could not find out (SERVFAIL)",
            "see whether the server reaches the servers of the domain and whether their signatures are valid",
        )),
        "REFUSED" => Some((
            "it refuses to answer this machine (REFUSED)",
            "allow this machine's address in the server's access list, or ask a resolver that serves it",
        )),
        "FORMERR" => Some(("it does not understand the question (FORMERR)", "look at the server's version and log")),
        "NOTIMP" => {
            Some(("it does not support such questions (NOTIMP)", "ask for another type of record, or another server"))
        }
        _ => Some(("it answers with an error", "look at the server's log")),
    }
}
