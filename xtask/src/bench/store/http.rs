//! Requests to a server on loopback, over connections that are kept open.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::interrupt;

/// How long an answer may take as a whole: far longer than any that is worth measuring.
const LIMIT: Duration = Duration::from_mins(1);

/// How long an answer may take that is read in pieces: the export of hours of data.
const STREAM_LIMIT: Duration = Duration::from_mins(10);

/// How much of an answer an error shows, bytes.
const SHOWN_BYTES: u64 = 300;

/// How much is read at once from an answer that is not kept.
const CHUNK_BYTES: usize = 256 * 1024;

/// What is asked: a path and its query, not yet escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Get {
    /// The path.
    pub(crate) path: &'static str,
    /// Names and values.
    pub(crate) query: Vec<(&'static str, String)>,
}

impl Get {
    /// A path without a query.
    pub(crate) fn path(path: &'static str) -> Self {
        Self { path, query: Vec::new() }
    }
}

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    /// A client with connections of its own.
    pub(crate) fn new(port: u16) -> Self {
        // A proxy from the environment must not stand between two programs on loopback.
        let config = Agent::config_builder().proxy(None).http_status_as_error(false).timeout_global(Some(LIMIT));
        Self { agent: config.build().new_agent(), base: format!("http://127.0.0.1:{port}") }
    }

    /// The body of an answer that must be a success; `body` is overwritten.
    pub(crate) fn get(&self, get: &Get, body: &mut Vec<u8>) -> Result<()> {
        body.clear();
        let mut response = self.call(get, LIMIT)?;
        response.body_mut().as_reader().read_to_end(body).with_context(|| format!("{} broke off", get.path))?;
        Ok(())
    }

    /// Reads an answer that is too large to keep, chunk by chunk.
    pub(crate) fn stream(&self, get: &Get, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut response = self.call(get, STREAM_LIMIT)?;
        let mut reader = response.body_mut().as_reader();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            interrupt::check()?;
            match reader.read(&mut chunk).with_context(|| format!("{} broke off", get.path))? {
                0 => return Ok(()),
                length => each(&chunk[..length])?,
            }
        }
    }

    /// Sends a request with a body and returns the status and a little of the answer.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(u16, String)> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send(body).with_context(|| format!("could not post to {path}"))?;
        let text = shown(&mut response);
        Ok((response.status().as_u16(), text))
    }

    fn call(&self, get: &Get, limit: Duration) -> Result<Response<Body>> {
        let request = self.agent.get(format!("{}{}", self.base, get.path));
        let request = request.query_pairs(get.query.iter().map(|(name, value)| (*name, value.as_str())));
        let request = request.config().timeout_global(Some(limit)).build();
        let mut response = request.call().with_context(|| format!("could not get {}", get.path))?;
        if !response.status().is_success() {
            let text = shown(&mut response);
            bail!("{} answered {}: {text}", get.path, response.status());
        }
        Ok(response)
    }
}

/// The beginning of an answer; the connection is kept only if that is all of it.
fn shown(response: &mut Response<Body>) -> String {
    let mut text = Vec::new();
    let mut reader = response.body_mut().as_reader();
    // An answer that cannot be read says nothing more than its status does.
    let _ = (&mut reader).take(SHOWN_BYTES).read_to_end(&mut text);
    let _ = std::io::copy(&mut reader, &mut std::io::sink());
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Fails unless the status is a success.
pub(crate) fn require_success(path: &str, (status, text): &(u16, String)) -> Result<()> {
    ensure!((200..300).contains(status), "{path} answered {status}: {text}");
    Ok(())
}
