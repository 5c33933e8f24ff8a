//! Numbers and fields as protobuf writes them, read where they lie.
//!
//! prost copies what it reads. Lists and columns are walked here instead: counted first, then read
//! item by item out of the bytes they came in.

use crate::record::error::RecordError;

/// Appends a number in groups of seven bits, the lowest first.
#[inline]
pub fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// How many bytes [`put_number`] appends: 1 to 10.
#[inline]
pub fn number_len(number: u64) -> usize {
    // One byte for each begun seven bits, and one for zero.
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Takes a number off the front. Nothing when the bytes end before it does, or it exceeds 64 bits.
#[inline]
pub fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        *bytes = rest;
        return Some(u64::from(first));
    }
    take_long_number(bytes)
}

fn take_long_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (at, &byte) in bytes.iter().take(10).enumerate() {
        if at == 9 && byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(number);
        }
    }
    None
}

/// The content of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes; none of our forms has such a field.
    Fixed,
}

/// The fields of a message in their order: field number and content.
pub struct Fields<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// `what` is named in errors.
    pub fn of(what: &'static str, bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes, what }
    }

    fn field(&mut self) -> Option<(u32, Field<'a>)> {
        let key = take_number(&mut self.rest)?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
        let field = match key & 7 {
            0 => Field::Number(take_number(&mut self.rest)?),
            1 => self.bytes(8).map(|_| Field::Fixed)?,
            2 => {
                let len = take_number(&mut self.rest)?;
                Field::Bytes(self.bytes(len)?)
            }
            5 => self.bytes(4).map(|_| Field::Fixed)?,
            _ => return None,
        };
        Some((number, field))
    }

    fn bytes(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(RecordError::Torn { what: self.what }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_prost_agrees() {
        let mut numbers = vec![0, 1, u64::MAX];
        numbers.extend((0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit]));
        for number in numbers {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            let mut prosts = Vec::new();
            prost::encoding::encode_varint(number, &mut prosts);
            assert_eq!(bytes, prosts);
            assert_eq!(bytes.len(), number_len(number), "{number}");
            let mut rest = bytes.as_slice();
            assert_eq!(take_number(&mut rest), Some(number));
            assert!(rest.is_empty());
            assert_eq!(take_number(&mut &bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_none() {
        let mut bytes = [0xff; 10];
        bytes[9] = 2;
        assert_eq!(take_number(&mut bytes.as_slice()), None);
        assert_eq!(take_number(&mut [0xff; 20].as_slice()), None);
    }

    #[test]
    fn fields_of_every_kind_are_walked() {
        let bytes = [8, 150, 1, 18, 2, 7, 9, 29, 1, 2, 3, 4, 33, 1, 2, 3, 4, 5, 6, 7, 8];
        let fields: Result<Vec<_>, _> = Fields::of("a test", &bytes).collect();
        let expected = [
            (1, Field::Number(150)),
            (2, Field::Bytes(&[7, 9])),
            (3, Field::Fixed),
            (4, Field::Fixed),
        ];
        assert_eq!(fields.unwrap(), expected);
        for end in [1, 2, 4, 5, 6, 9, 14] {
            let fields: Result<Vec<_>, _> = Fields::of("a test", &bytes[..end]).collect();
            assert_eq!(fields, Err(RecordError::Torn { what: "a test" }), "cut at {end}");
        }
    }
}
