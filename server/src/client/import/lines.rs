//! Lines of a file, of a bounded length.

use std::io::{self, BufRead, Read as _};

/// The longest line: eight labels of the longest names and values, every character escaped, and as much again.
const LINE_MAX_BYTES: u64 = 64 * 1_024;

/// A line with something on it.
pub(super) struct Line {
    /// Which line of the file, from 1.
    pub(super) number: u64,
    /// Without its end.
    pub(super) text: Vec<u8>,
    /// What it takes in the file, with the empty lines before it.
    pub(super) bytes: u64,
    /// Why it cannot be sent.
    pub(super) fault: Option<String>,
}

/// The next line that is not empty; `number` counts all of them.
pub(super) fn read_line(reader: &mut impl BufRead, number: &mut u64) -> io::Result<Option<Line>> {
    let mut bytes = 0;
    loop {
        let mut text = Vec::new();
        let mut read = reader.by_ref().take(LINE_MAX_BYTES + 1).read_until(b'\n', &mut text)? as u64;
        if read == 0 {
            return Ok(None);
        }
        *number += 1;
        let mut fault = None;
        if read > LINE_MAX_BYTES && text.last() != Some(&b'\n') {
            fault = Some(format!("longer than {LINE_MAX_BYTES} bytes"));
            read += reader.skip_until(b'\n')? as u64;
            text.clear();
        } else if std::str::from_utf8(&text).is_err() {
            fault = Some("not UTF-8".to_owned());
        }
        bytes += read;
        let end = text.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |at| at + 1);
        text.truncate(end);
        if !text.is_empty() || fault.is_some() {
            return Ok(Some(Line { number: *number, text, bytes, fault }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_bounded() {
        let long = "x".repeat(LINE_MAX_BYTES as usize + 9);
        let file = format!("a\r\n\n \n{long}\nb\n\u{fffd}\nlast");
        let file = file.replace('\u{fffd}', "?").into_bytes();
        let file: Vec<u8> = file.into_iter().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
        let (mut reader, mut number, mut found) = (&file[..], 0, Vec::new());
        while let Some(line) = read_line(&mut reader, &mut number).expect("reads") {
            found.push(line);
        }
        let numbers: Vec<u64> = found.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 4, 5, 6, 7]);
        let good = found.iter().filter(|line| line.fault.is_none()).map(|line| line.text.clone());
        assert_eq!(good.collect::<Vec<_>>(), [&b"a"[..], b"b", b"last"]);
        assert_eq!(found.iter().map(|line| line.bytes).sum::<u64>(), file.len() as u64);
    }
}
