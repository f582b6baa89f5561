//! Small whole numbers in few bytes, and values as they stand in the log and in the head: whole ones as their difference
//! to the one before, others bit by bit.

use bytes::BufMut;

/// Whole numbers up to this magnitude are exact as floats, and so are their differences as integers (IEEE 754).
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The code of a value that follows in full; whole values have even codes.
const IN_FULL: u64 = 1;
/// The code of a value that is the one before.
const AS_BEFORE: u64 = 3;

/// Appends a number, seven bits a byte, the lowest first.
pub(super) fn put(bytes: &mut impl BufMut, mut number: u64) {
    while number >= 0x80 {
        bytes.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.put_u8(number as u8);
}

/// Appends a number that may be negative.
pub(super) fn put_signed(bytes: &mut impl BufMut, number: i64) {
    put(bytes, zigzag(number));
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// The whole number that a value is, if it is one.
pub(super) fn whole(value: f64) -> Option<i64> {
    let number = value as i64;
    let is_exact = (number as f64).to_bits() == value.to_bits() && value.abs() < WHOLE_MAX;
    is_exact.then_some(number)
}

/// Appends a value that follows another one.
pub(super) fn put_value(bytes: &mut impl BufMut, before: f64, value: f64) {
    if value.to_bits() == before.to_bits() && whole(value).is_none() {
        put(bytes, AS_BEFORE);
        return;
    }
    if let Some(number) = whole(value) {
        put(bytes, zigzag(number - whole(before).unwrap_or(0)) << 1);
    } else {
        put(bytes, IN_FULL);
        bytes.put_f64_le(value);
    }
}

/// Reads what the functions above wrote. Everything is `None` past the end or when it makes no sense.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    /// The next number.
    pub(super) fn number(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// The next number that may be negative.
    pub(super) fn signed(&mut self) -> Option<i64> {
        self.number().map(unzigzag)
    }

    /// The next value, given the one before.
    pub(super) fn value(&mut self, before: f64) -> Option<f64> {
        match self.number()? {
            AS_BEFORE => Some(before),
            IN_FULL => {
                let (bytes, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Some(f64::from_le_bytes(*bytes))
            }
            code if code & 1 == 0 => Some(whole(before).unwrap_or(0).checked_add(unzigzag(code >> 1))? as f64),
            _ => None,
        }
    }

    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(any::<i64>(), 0..50)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| put_signed(&mut bytes, *number));
            let mut reader = Reader(&bytes);
            for number in numbers {
                prop_assert_eq!(reader.signed(), Some(number));
            }
            prop_assert_eq!(reader.signed(), None);
        }

        #[test]
        fn values_come_back(values in prop::collection::vec(
            prop_oneof![any::<f64>(), (-1_000_000_i64..1_000_000).prop_map(|n| n as f64), Just(-0.0), Just(0.05)], 0..50)
        ) {
            let mut bytes = Vec::new();
            let mut before = 0.0;
            for value in &values {
                put_value(&mut bytes, before, *value);
                before = *value;
            }
            let (mut reader, mut before) = (Reader(&bytes), 0.0);
            for value in values {
                let read = reader.value(before).expect("is there");
                prop_assert_eq!(read.to_bits(), value.to_bits());
                before = read;
            }
        }

        #[test]
        fn nonsense_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader(&bytes);
            while reader.value(1.0).is_some() {}
        }
    }
}
