//! A backup, which may come from anywhere: whole, and its parts behind checksums that are right.

use super::{Bound, assert_sayable};
use lictree::store::backup::{
    BackupError, BackupReader, BackupWriter, FRAME_BYTES_MAX, Part, ROWS_PER_FRAME_MAX, RowsPiece,
    Whole, decode_part,
};

/// A row of a few bytes takes as many as its places do; so many are in a part at most.
const PART: Bound = Bound { times: 8, plus: 64 * ROWS_PER_FRAME_MAX };
/// What is fed at once.
const AT_ONCE: usize = 512;

fn read(bytes: &[u8]) -> Result<(Vec<Part>, Whole), BackupError> {
    let (mut reader, mut parts) = (BackupReader::new(), Vec::new());
    for piece in bytes.chunks(AT_ONCE) {
        reader.feed(piece);
        while let Some(part) = reader.next_part()? {
            parts.push(part);
        }
    }
    Ok((parts, reader.finish()?))
}

fn written(parts: &[Part]) -> Vec<u8> {
    let Some(Part::Head(head)) = parts.first() else { panic!("it begins otherwise") };
    let (mut writer, mut bytes) = BackupWriter::begin(head);
    for part in &parts[1..] {
        bytes.extend(match part {
            Part::Rows(rows) => {
                let mut piece = RowsPiece::default();
                for row in rows {
                    piece.put(row.table, &row.key, row.value.as_deref().unwrap());
                }
                writer.rows(&piece)
            }
            Part::File(file) => writer.file(file),
            Part::Head(_) | Part::End { .. } => Vec::new(),
        });
    }
    bytes.extend(writer.end());
    bytes
}

pub fn whole(bytes: &[u8]) -> bool {
    assert!(bytes.len() < FRAME_BYTES_MAX);
    match PART.hold(bytes, || read(bytes)) {
        Ok((parts, whole)) => {
            assert_eq!(whole.bytes, bytes.len() as u64);
            let again = written(&parts);
            assert_eq!(read(&again).map(|(parts, _)| parts), Ok(parts));
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}

/// The number of its kind, and its body.
pub fn part(bytes: &[u8]) -> bool {
    let Some((kind, body)) = bytes.split_first() else { return false };
    match PART.hold(bytes, || decode_part(*kind, body)) {
        Ok(Part::File(file)) => {
            let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
            assert!(file.path().split('/').all(plain), "{:?} leads elsewhere", file.path());
            true
        }
        Ok(Part::Head(head)) => {
            assert_sayable(format!("{} {head:?}", head.software));
            true
        }
        Ok(Part::Rows(_) | Part::End { .. }) => true,
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}
