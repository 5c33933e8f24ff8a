//! What every form has in common, and lists of forms.

use crate::record::error::RecordError;
use crate::record::field::{Field, Fields, put_number};
use crate::record::room::{Part, Room};
use prost::Message;

/// The bytes form of a model value: a prost message beside it, and the way there and back.
pub trait Form: Message + Default {
    type Value;

    /// Names the value in errors: "an account".
    const WHAT: &'static str;

    fn of(value: &Self::Value) -> Self;

    /// The value, if the form holds one. Lists in it are paid for out of `room`.
    fn value(self, room: &mut Room) -> Result<Self::Value, RecordError>;
}

/// Reads a value out of the bytes of its form.
pub fn read<F: Form>(bytes: &[u8], room: &mut Room) -> Result<F::Value, RecordError> {
    let broken = |source| RecordError::Broken { what: F::WHAT, source };
    F::decode(bytes).map_err(broken)?.value(room)
}

/// The value of a form that must be there.
pub fn need<F: Form>(
    what: &'static str,
    form: Option<F>,
    room: &mut Room,
) -> Result<F::Value, RecordError> {
    form.ok_or(RecordError::Missing { what, field: F::WHAT })?.value(room)
}

/// The value of a form that may be there.
pub fn perhaps<F: Form>(form: Option<F>, room: &mut Room) -> Result<Option<F::Value>, RecordError> {
    form.map(|form| form.value(room)).transpose()
}

/// The items of a list are field 1 of a message that has no other: `repeated Item item = 1`.
const ITEM: u32 = 1;
const ITEM_KEY: u64 = (ITEM as u64) << 3 | 2;

/// Appends one item of a list.
pub fn put_item<F: Message>(list: &mut Vec<u8>, item: &F) {
    put_number(list, ITEM_KEY);
    put_number(list, item.encoded_len() as u64);
    item.encode_raw(list);
}

/// Values as the bytes of a list. A field of type `bytes` holds them, so that prost leaves them
/// alone and [`read_list`] can count before it reads.
pub fn list<F: Form>(values: &[F::Value]) -> Vec<u8> {
    let mut list = Vec::new();
    for value in values {
        put_item(&mut list, &F::of(value));
    }
    list
}

/// The values of a list, each paid for as one `part`.
pub fn read_list<F: Form>(
    bytes: &[u8],
    part: Part,
    room: &mut Room,
) -> Result<Vec<F::Value>, RecordError> {
    let count = items(F::WHAT, bytes).try_fold(0, |count, item| item.map(|_| count + 1))?;
    room.take(part, count)?;
    // No more is set aside than what has proved to be values.
    let mut values = Vec::with_capacity(count.min(AHEAD_MAX));
    for item in items(F::WHAT, bytes) {
        values.push(read::<F>(item?, room)?);
    }
    Ok(values)
}

/// Values for which there is room before they are read.
const AHEAD_MAX: usize = 64;

/// The items of a list where they lie; other fields are left out.
pub fn items<'a>(
    what: &'static str,
    bytes: &'a [u8],
) -> impl Iterator<Item = Result<&'a [u8], RecordError>> {
    Fields::of(what, bytes).filter_map(|field| match field {
        Ok((ITEM, Field::Bytes(item))) => Some(Ok(item)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}
