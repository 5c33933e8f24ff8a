//! Wishes, verdicts and entries by columns: the part of the bytes that there is most of.
//!
//! ```text
//!   device   17  18  20        devices  +17 +1 +2     differences, signed; one byte for most
//!   number   90  91  92   ──►  numbers  +90 +1 +1
//!   verdict   g   f   g        marks      1  2  1     one byte each
//! ```
//!
//! Each column is what protobuf calls packed: `repeated sint64` twice, and an enum.

use crate::record::error::RecordError;
use crate::record::field::{number_len, put_number, take_number};
use crate::record::number::Numbered;
use crate::record::room::{Part, Room};
use prost::Message;

/// Three columns of equal length.
#[derive(Clone, PartialEq, Message)]
pub struct ColumnsForm {
    #[prost(bytes = "vec", tag = "1")]
    pub devices: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub numbers: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub marks: Vec<u8>,
}

/// Numbers as differences to the one before; a column of its own.
#[derive(Default)]
struct Differences {
    last: u64,
}

impl Differences {
    /// What to write for `number`: small for small steps in either direction.
    #[inline]
    fn next(&mut self, number: u64) -> u64 {
        let step = number.wrapping_sub(self.last) as i64;
        self.last = number;
        ((step << 1) ^ (step >> 63)) as u64
    }

    /// The number behind what was written.
    #[inline]
    fn back(&mut self, written: u64) -> u64 {
        let step = (written >> 1) ^ (written & 1).wrapping_neg();
        self.last = self.last.wrapping_add(step);
        self.last
    }
}

/// The columns of `(device, number, mark)` of each item.
#[inline]
pub fn columns<M: Numbered>(items: impl ExactSizeIterator<Item = (u64, u64, M)>) -> ColumnsForm {
    let count = items.len();
    let (mut devices, mut numbers) = (Differences::default(), Differences::default());
    let mut form = ColumnsForm {
        devices: Vec::with_capacity(count + 8),
        numbers: Vec::with_capacity(count + 8),
        marks: Vec::with_capacity(count),
    };
    for (device, number, mark) in items {
        put_number(&mut form.devices, devices.next(device));
        put_number(&mut form.numbers, numbers.next(number));
        form.marks.push(mark.number() as u8);
    }
    form
}

/// How many bytes the columns of these items have, without writing them.
pub fn columns_len(items: impl Iterator<Item = (u64, u64)>) -> usize {
    let (mut devices, mut numbers) = (Differences::default(), Differences::default());
    let len =
        |(device, number)| number_len(devices.next(device)) + number_len(numbers.next(number)) + 1;
    items.map(len).sum()
}

/// The items behind three columns, paid for as `part`. `what` is named in errors.
#[inline]
pub fn read_columns<M: Numbered, T>(
    what: &'static str,
    form: &ColumnsForm,
    (part, room): (Part, &mut Room),
    item: impl Fn(u64, u64, M) -> T,
) -> Result<Vec<T>, RecordError> {
    let count = form.marks.len();
    let (mut devices, mut numbers) = (form.devices.as_slice(), form.numbers.as_slice());
    // A number has a byte at least, so no memory is set aside for items that are not there.
    if devices.len().min(numbers.len()) < count {
        return Err(RecordError::Columns { what });
    }
    room.take(part, count)?;
    let mut items = Vec::with_capacity(count);
    let (mut device, mut number) = (Differences::default(), Differences::default());
    for &mark in &form.marks {
        let step = take_number(&mut devices).zip(take_number(&mut numbers));
        let (by, to) = step.ok_or(RecordError::Columns { what })?;
        items.push(item(device.back(by), number.back(to), M::numbered(u32::from(mark))?));
    }
    if !devices.is_empty() || !numbers.is_empty() {
        return Err(RecordError::Columns { what });
    }
    Ok(items)
}

/// One column of numbers.
pub fn column(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut differences = Differences::default();
    let mut column = Vec::new();
    for number in numbers {
        put_number(&mut column, differences.next(number));
    }
    column
}

/// The numbers of one column, paid for as `part`.
pub fn read_column<T>(
    what: &'static str,
    mut column: &[u8],
    (part, room): (Part, &mut Room),
    item: impl Fn(u64) -> T,
) -> Result<Vec<T>, RecordError> {
    // The last byte of each number, and no other, is below 0x80.
    let count = column.iter().filter(|byte| **byte < 0x80).count();
    room.take(part, count)?;
    let mut items = Vec::with_capacity(count);
    let mut differences = Differences::default();
    while !column.is_empty() {
        let written = take_number(&mut column).ok_or(RecordError::Columns { what })?;
        items.push(item(differences.back(written)));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::account::Want;

    fn pairs(form: &ColumnsForm) -> Result<Vec<(u64, u64, Want)>, RecordError> {
        let room = &mut Room::boundless();
        read_columns("a test", form, (Part::Wishes, room), |a, b, want| (a, b, want))
    }

    #[test]
    fn columns_of_any_numbers_come_back() {
        let items: Vec<(u64, u64, Want)> = [0, 1, u64::MAX, 5, 1 << 63, 4, u64::MAX - 1]
            .into_iter()
            .map(|n: u64| (n, n.rotate_left(7), Want::Release))
            .collect();
        let form = columns(items.iter().copied());
        let len = form.devices.len() + form.numbers.len() + form.marks.len();
        assert_eq!(columns_len(items.iter().map(|item| (item.0, item.1))), len);
        assert_eq!(pairs(&form), Ok(items));
    }

    #[test]
    fn neighbours_take_three_bytes() {
        let items = (0..100).map(|n| (1_000_000 + n, 9_000_000 + n, Want::Manage));
        let items: Vec<_> = items.collect();
        // The first of a column takes as many as it needs; each column has a head of two.
        let (devices, numbers, marks) = (3 + 99, 4 + 99, 100);
        assert_eq!(columns(items.into_iter()).encoded_len(), devices + numbers + marks + 3 * 2);
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let whole = columns([(1, 2, Want::Manage), (300, 500, Want::Release)].into_iter());
        let mut short = whole.clone();
        short.devices.pop();
        let mut long = whole.clone();
        long.numbers.push(1);
        let mut fewer = whole.clone();
        fewer.marks.pop();
        for form in [short, long, fewer] {
            assert_eq!(pairs(&form), Err(RecordError::Columns { what: "a test" }));
        }
        let mut unset = whole;
        unset.marks[1] = 0;
        assert_eq!(pairs(&unset), Err(RecordError::Unknown { what: "what is wished", found: 0 }));
    }

    #[test]
    fn a_column_is_paid_for_before_it_is_read() {
        let mut room = Room { entries: 2, ..Room::boundless() };
        let three = column([1, 2, 300].into_iter());
        let read = read_column("a test", &three, (Part::Entries, &mut room), |n| n);
        let what = "entries of accounts";
        assert_eq!(read, Err(RecordError::TooMany { what, found: 3, max: 2 }));
        room.entries = 3;
        let read = read_column("a test", &three, (Part::Entries, &mut room), |n| n);
        assert_eq!(read, Ok(vec![1, 2, 300]));
    }
}
