//! Columns of a block: many numbers of one kind, packed with pco (lossless, format stable since 1.0).

use pco::{
    ChunkConfig, DeltaSpec, ModeSpec, PagingSpec,
    data_types::Number,
    wrapped::{FileCompressor, FileDecompressor},
};

use super::varint;
use crate::store::StoreError;

/// Numbers in one column at most: a sample a millisecond for a quarter of an hour. More is damage, found before memory is
/// taken for it.
const NUMBERS_MAX: usize = 1 << 20;

/// All numbers are one whole number.
const SAME_WHOLE: u8 = 0;
/// All numbers are one other value.
const SAME: u8 = 1;
/// Whole numbers.
const WHOLE: u8 = 2;
/// Others.
const FLOAT: u8 = 3;

/// pco's own header: its version. The same for all columns, so it is written into none of them; a new major version of
/// the format needs a new version of the block.
fn header() -> Vec<u8> {
    let mut header = Vec::new();
    // Writing to memory cannot fail.
    let _ = FileCompressor::default().write_header(&mut header);
    header
}

/// Appends values.
pub(super) fn put_values(bytes: &mut Vec<u8>, values: &[f64]) {
    let is_same = values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits());
    let wholes: Option<Vec<i64>> = values.iter().map(|value| varint::whole(*value)).collect();
    match (values.first(), wholes) {
        (_, Some(wholes)) => put_wholes(bytes, &wholes),
        (Some(value), None) if is_same => {
            bytes.push(SAME);
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        _ => put_packed(bytes, FLOAT, values, &ChunkConfig::default()),
    }
}

/// Appends whole numbers.
pub(super) fn put_wholes(bytes: &mut Vec<u8>, numbers: &[i64]) {
    let first = numbers.first().copied().unwrap_or(0);
    if numbers.iter().all(|number| *number == first) {
        bytes.push(SAME_WHOLE);
        varint::put_signed(bytes, first);
        return;
    }
    // Chosen by hand: pco's own search takes four times as long and finds the same.
    let delta = match delta_order(numbers) {
        0 => DeltaSpec::NoOp,
        order => DeltaSpec::TryConsecutive(order),
    };
    let config = ChunkConfig::default().with_mode_spec(ModeSpec::Classic).with_delta_spec(delta);
    put_packed(bytes, WHOLE, numbers, &config);
}

/// How often differences are taken until the numbers are smallest: 0 for noise, 1 for what wanders, 2 for what grows
/// steadily.
fn delta_order(numbers: &[i64]) -> usize {
    let bits = |number: i64| u64::from(64 - number.unsigned_abs().leading_zeros());
    let mean = (numbers.iter().map(|number| i128::from(*number)).sum::<i128>() / numbers.len() as i128) as i64;
    let mut cost = [0; 3];
    let (mut before, mut step) = (numbers[0], 0_i64);
    for number in numbers {
        let next_step = number.wrapping_sub(before);
        cost[0] += bits(number.wrapping_sub(mean));
        cost[1] += bits(next_step);
        cost[2] += bits(next_step.wrapping_sub(step));
        (before, step) = (*number, next_step);
    }
    (0..3).min_by_key(|order| cost[*order]).unwrap_or(0)
}

fn put_packed<T: Number>(bytes: &mut Vec<u8>, kind: u8, numbers: &[T], config: &ChunkConfig) {
    let config = config.clone().with_paging_spec(PagingSpec::EqualPagesUpTo(NUMBERS_MAX));
    let mut packed = Vec::new();
    let result = FileCompressor::default().chunk_compressor(numbers, &config).and_then(|mut chunk| {
        chunk.write_meta(&mut packed)?;
        chunk.write_page(0, &mut packed).map(|_| ())
    });
    // Fails for impossible configurations and for I/O; memory has none.
    debug_assert!(result.is_ok(), "{result:?}");
    bytes.push(kind);
    varint::put(bytes, packed.len() as u64);
    bytes.extend_from_slice(&packed);
}

fn damaged(why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("a column: {why}"))
}

/// Reads columns of `count` numbers from the bytes that follow each other.
pub(super) struct ColumnReader<'a> {
    pub(super) reader: varint::Reader<'a>,
    pco: FileDecompressor,
}

impl<'a> ColumnReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let header = header();
        let (pco, _) = FileDecompressor::new(header.as_slice()).map_err(|error| damaged(&error))?;
        Ok(Self { reader: varint::Reader(bytes), pco })
    }

    /// The next column as values.
    pub(super) fn values(&mut self, count: usize) -> Result<Vec<f64>, StoreError> {
        match self.kind(count)? {
            SAME_WHOLE => Ok(vec![self.signed()? as f64; count]),
            SAME => {
                let bytes = self.reader.bytes(8).and_then(|bytes| bytes.try_into().ok());
                let bytes = bytes.ok_or_else(|| damaged(&"it ends early"))?;
                Ok(vec![f64::from_le_bytes(bytes); count])
            }
            FLOAT => self.packed(count),
            WHOLE => Ok(self.packed::<i64>(count)?.into_iter().map(|number| number as f64).collect()),
            kind => Err(damaged(&format!("kind {kind}"))),
        }
    }

    /// The next column as whole numbers.
    pub(super) fn wholes(&mut self, count: usize) -> Result<Vec<i64>, StoreError> {
        match self.kind(count)? {
            SAME_WHOLE => Ok(vec![self.signed()?; count]),
            WHOLE => self.packed(count),
            kind => Err(damaged(&format!("kind {kind}"))),
        }
    }

    /// The next number that stands alone.
    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        self.reader.number().ok_or_else(|| damaged(&"it ends early"))
    }

    fn signed(&mut self) -> Result<i64, StoreError> {
        self.reader.signed().ok_or_else(|| damaged(&"it ends early"))
    }

    fn kind(&mut self, count: usize) -> Result<u8, StoreError> {
        if count > NUMBERS_MAX {
            return Err(damaged(&format!("{count} numbers")));
        }
        let kind = self.reader.bytes(1).map(|bytes| bytes[0]);
        kind.ok_or_else(|| damaged(&"it ends early"))
    }

    fn packed<T: Number + Default>(&mut self, count: usize) -> Result<Vec<T>, StoreError> {
        let length = self.number()? as usize;
        let bytes = self.reader.bytes(length).ok_or_else(|| damaged(&"it ends early"))?;
        let mut numbers = vec![T::default(); count];
        let (mut chunk, rest) = self.pco.chunk_decompressor(bytes).map_err(|error| damaged(&error))?;
        let mut page = chunk.page_decompressor(rest, count).map_err(|error| damaged(&error))?;
        let progress = page.read(&mut numbers).map_err(|error| damaged(&error))?;
        if progress.n_processed == count { Ok(numbers) } else { Err(damaged(&"too few numbers")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[f64]) -> Vec<f64> {
        let mut bytes = Vec::new();
        put_values(&mut bytes, values);
        ColumnReader::new(&bytes).expect("opens").values(values.len()).expect("reads")
    }

    #[test]
    fn what_does_not_change_takes_no_room() {
        for (values, most) in [(vec![0.0; 900], 2), (vec![0.25; 900], 9), (vec![7e9; 900], 7)] {
            let mut bytes = Vec::new();
            put_values(&mut bytes, &values);
            assert!(bytes.len() <= most, "{} bytes", bytes.len());
            assert_eq!(round_trip(&values), values);
        }
    }

    #[test]
    fn differences_are_taken_where_they_help() {
        let noise: Vec<i64> = (0..900).map(|i| (i * 7_919) % 101).collect();
        let steady: Vec<i64> = (0..900).map(|i| i * 1_000_000).collect();
        assert_eq!((delta_order(&noise), delta_order(&steady)), (0, 2));
    }

    #[test]
    fn damage_is_an_error() {
        for bytes in [&[][..], &[9], &[WHOLE, 3, 1], &[SAME, 1, 2], &[FLOAT, 2, 255, 255]] {
            assert!(ColumnReader::new(bytes).expect("opens").values(5).is_err(), "{bytes:?}");
        }
        assert!(ColumnReader::new(&[0, 0]).expect("opens").values(NUMBERS_MAX + 1).is_err());
    }

    proptest! {
        #[test]
        fn values_come_back_bit_by_bit(values in prop::collection::vec(
            prop_oneof![any::<f64>(), (-1_000_000_i64..1_000_000).prop_map(|n| n as f64), Just(-0.0)], 0..200)
        ) {
            let back = round_trip(&values);
            prop_assert!(back.iter().map(|v| v.to_bits()).eq(values.iter().map(|v| v.to_bits())));
        }
    }
}
