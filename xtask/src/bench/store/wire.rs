//! Prometheus remote write 1.0, as much of its protobuf as a request with samples needs: a `WriteRequest` holds
//! `TimeSeries` (field 1), which hold labels (field 1) and samples (field 2).

/// Field 1 with a length before it: the series of a request, the labels of a series, the name of a label.
const FIRST_BYTES: u8 = 0x0a;
/// Field 2 with a length before it: the samples of a series, the value of a label.
const SECOND_BYTES: u8 = 0x12;
/// Field 1 as eight bytes: the value of a sample.
const FIRST_FIXED64: u8 = 0x09;
/// Field 2 as a varint: the time of a sample.
const SECOND_VARINT: u8 = 0x10;

/// The labels of one series, encoded once and copied into every request. The format wants them sorted by name.
pub(crate) fn labels(labels: &[(&str, &str)]) -> Vec<u8> {
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    let mut encoded = Vec::new();
    for (name, value) in sorted {
        let mut label = Vec::new();
        bytes(&mut label, FIRST_BYTES, name.as_bytes());
        bytes(&mut label, SECOND_BYTES, value.as_bytes());
        bytes(&mut encoded, FIRST_BYTES, &label);
    }
    encoded
}

/// Appends one series with one sample to a request.
pub(crate) fn series(request: &mut Vec<u8>, labels: &[u8], value: f64, at_ms: u64) {
    // Protobuf leaves zeros out, and so do Prometheus's own senders.
    let value_len = if value.to_bits() == 0 { 0 } else { 1 + size_of::<f64>() };
    let sample_len = value_len + 1 + varint_len(at_ms);
    let series_len = labels.len() + 1 + varint_len(sample_len as u64) + sample_len;
    request.push(FIRST_BYTES);
    varint(request, series_len as u64);
    request.extend_from_slice(labels);
    request.push(SECOND_BYTES);
    varint(request, sample_len as u64);
    if value_len > 0 {
        request.push(FIRST_FIXED64);
        request.extend_from_slice(&value.to_le_bytes());
    }
    request.push(SECOND_VARINT);
    varint(request, at_ms);
}

/// A field with its length before it.
fn bytes(into: &mut Vec<u8>, tag: u8, content: &[u8]) {
    into.push(tag);
    varint(into, content.len() as u64);
    into.extend_from_slice(content);
}

/// Seven bits per byte, lowest first, the top bit set on all but the last.
fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// How many bytes `varint` takes.
fn varint_len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_the_format_says() {
        let labels = labels(&[("__name__", "rtt_us"), ("src", "a"), ("dst", "b")]);
        let mut request = Vec::new();
        series(&mut request, &labels, 2.0, 300);
        // Lengths and tags by hand; 2.0 is 0x4000_0000_0000_0000, 300 is 0b10 0101100.
        let name: &[u8] = b"\x0a\x12\x0a\x08__name__\x12\x06rtt_us";
        let ends: &[u8] = b"\x0a\x08\x0a\x03dst\x12\x01b\x0a\x08\x0a\x03src\x12\x01a";
        let sample: &[u8] = b"\x12\x0c\x09\0\0\0\0\0\0\0\x40\x10\xac\x02";
        let body = [name, ends, sample].concat();
        assert_eq!(request, [&[0x0a, body.len() as u8], &body[..]].concat());
    }

    #[test]
    fn a_zero_is_left_out() {
        let mut request = Vec::new();
        series(&mut request, &[], 0.0, 1);
        assert_eq!(request, b"\x0a\x04\x12\x02\x10\x01");
        request.clear();
        series(&mut request, &[], -0.0, 1);
        assert_eq!(request.len(), 2 + 2 + 9 + 2);
    }

    #[test]
    fn lengths_of_varints_are_known_beforehand() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 1_795_000_000_123, u64::MAX] {
            let mut written = Vec::new();
            varint(&mut written, value);
            assert_eq!(written.len(), varint_len(value), "{value}");
            let read = written.iter().rev().fold(0, |sum, byte| (sum << 7) | u64::from(byte & 0x7f));
            assert_eq!(read, value);
        }
    }
}
