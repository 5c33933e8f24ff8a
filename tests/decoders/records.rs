//! What lies on the disk. Checksums stand before these readers; they are left out here.

use super::{Bound, assert_sayable};
use lictree::model::log::RowChange;
use lictree::record::{
    command_len, decode_batch, decode_key, decode_row, encode_batch, encode_key, encode_row,
};
use lictree::store::FolderMeta;

/// A server's own values have no limits of their own: a short one may stand for a long list of
/// items with two bytes each.
const OWN: Bound = Bound { times: 256, plus: 64 << 10 };
/// Keys and names.
const SHORT: Bound = Bound { times: 4, plus: 4 << 10 };

/// One entry of the log.
pub fn batch(bytes: &[u8]) -> bool {
    match OWN.hold(bytes, || decode_batch(bytes)) {
        Ok(batch) => {
            let again = encode_batch(&batch);
            let said: usize = batch.commands.iter().map(command_len).sum();
            assert!(again.len() <= said + 32, "{} bytes, and {said} were said", again.len());
            assert_eq!(decode_batch(&again).as_ref(), Ok(&batch));
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}

/// Table, length of the key, key and value.
pub fn row(bytes: &[u8]) -> bool {
    let Some(([table, len], rest)) = bytes.split_first_chunk() else { return false };
    let Some((key, value)) = rest.split_at_checked(usize::from(*len)) else { return false };
    let change = RowChange { table: *table, key: key.to_vec(), value: Some(value.to_vec()) };
    match OWN.hold(bytes, || decode_row(&change)) {
        Ok((key, row)) => {
            let again = encode_row(&key, Some(&row));
            assert_eq!(
                (again.table, &again.key),
                (change.table, &change.key),
                "keys have one form"
            );
            assert_eq!(decode_row(&again), Ok((key, row)));
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}

/// A table and two keys of it, the first as long as a byte says: keys have one form each, and their
/// bytes stand in their order.
pub fn key(bytes: &[u8]) -> bool {
    let Some(([table, len], rest)) = bytes.split_first_chunk() else { return false };
    let (one, other) = rest.split_at(usize::from(*len).min(rest.len()));
    let read = |bytes: &[u8]| match SHORT.hold(bytes, || decode_key(*table, bytes)) {
        Ok(key) => {
            assert_eq!(encode_key(&key), (*table, bytes.to_vec()));
            Some(key)
        }
        Err(error) => {
            assert_sayable(error);
            None
        }
    };
    match (read(one), read(other)) {
        (Some(a), Some(b)) => {
            assert_eq!(a.cmp(&b), one.cmp(other), "keys and their bytes stand in other orders");
            true
        }
        (a, b) => a.is_some() || b.is_some(),
    }
}

/// Whose folder it is.
pub fn meta(bytes: &[u8]) -> bool {
    let read = SHORT.hold(bytes, || FolderMeta::from_bytes(bytes));
    let Some(folder) = read else { return false };
    assert_eq!(folder.to_bytes(), bytes);
    true
}
