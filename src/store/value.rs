//! How a value lies on disk: its checksum, then itself.
//!
//! ```text
//!   8 bytes  first bytes of SHA-256(table, length of key, key, body)
//!   …        body
//! ```
//!
//! The checksum covers the place as well, so a sound value at a wrong place is found too. This
//! framing can never change: it is read before the format number is known.

use aws_lc_rs::digest::{Context, SHA256};

pub(crate) const CHECKSUM_LEN: usize = 8;

/// What the checksum calls the tables; the numbers are part of the format.
pub(crate) mod place {
    pub(crate) const META: u8 = 1;
    pub(crate) const ENTRIES: u8 = 2;
    pub(crate) const ROWS: u8 = 3;
    pub(crate) const WITNESS: u8 = 4;
    /// A frame of a backup.
    pub(crate) const BACKUP: u8 = 5;
}

fn checksum(place: u8, key: &[u8], body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut context = Context::new(&SHA256);
    context.update(&[place]);
    context.update(&(key.len() as u64).to_le_bytes());
    context.update(key);
    context.update(body);
    let digest = context.finish();
    let mut first = [0; CHECKSUM_LEN];
    first.copy_from_slice(&digest.as_ref()[..CHECKSUM_LEN]);
    first
}

/// The value as it lies on disk; its body is `parts`, one behind the other.
pub(crate) fn seal(place: u8, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut value = Vec::with_capacity(CHECKSUM_LEN + len);
    value.extend_from_slice(&[0; CHECKSUM_LEN]);
    for part in parts {
        value.extend_from_slice(part);
    }
    let sum = checksum(place, key, &value[CHECKSUM_LEN..]);
    value[..CHECKSUM_LEN].copy_from_slice(&sum);
    value
}

/// The body of a value, or `None` when it is not what was sealed for this place and key.
pub(crate) fn unseal<'a>(place: u8, key: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
    let (sum, body) = value.split_first_chunk::<CHECKSUM_LEN>()?;
    (*sum == checksum(place, key, body)).then_some(body)
}

/// The checksum a sealed value carries, as a number; 0 when it is too short to carry one.
pub(crate) fn carried_sum(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |sum| u64::from_le_bytes(*sum))
}

/// `N` numbers, each in eight bytes, low byte first.
pub(crate) fn numbers<const N: usize>(body: &[u8]) -> Option<[u64; N]> {
    let mut read = [0; N];
    if body.len() != N * 8 {
        return None;
    }
    for (number, bytes) in read.iter_mut().zip(body.chunks_exact(8)) {
        *number = u64::from_le_bytes(bytes.try_into().ok()?);
    }
    Some(read)
}

/// The inverse of [`numbers`].
pub(crate) fn bytes_of(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_only_where_it_was_sealed_and_only_unchanged() {
        let value = seal(place::ROWS, b"key", &[b"bo", b"dy"]);
        assert_eq!(unseal(place::ROWS, b"key", &value), Some(&b"body"[..]));
        assert_eq!(unseal(place::META, b"key", &value), None);
        assert_eq!(unseal(place::ROWS, b"kez", &value), None);
        assert_eq!(unseal(place::ROWS, b"key", &value[..5]), None);
        for position in 0..value.len() {
            let mut flipped = value.clone();
            flipped[position] ^= 1;
            assert_eq!(unseal(place::ROWS, b"key", &flipped), None, "byte {position}");
        }
    }

    #[test]
    fn the_framing_on_disk_stays_as_it_is() {
        let value = seal(place::ENTRIES, &7_u64.to_le_bytes(), &[b"x"]);
        let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "01d683b61b358b4f78");
    }
}
