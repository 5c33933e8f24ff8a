//! What is written is read, in any pieces; and nothing else is.

use crate::model::holding::Role;
use crate::model::log::{Checkpoint, LogPosition, RowChange};
use crate::model::time::Timestamp;
use crate::store::backup::frame::{Kind, framed};
use crate::store::backup::{
    BackupError, BackupHead, BackupReader, BackupWriter, FILE_BYTES_MAX, KeptFile, MAGIC, Part,
    ROWS_PER_FRAME_MAX, RowsPiece, Whole, form,
};
use crate::store::{
    FolderFiles, FolderMeta, LossyDisk, StoreError, StoreLimits, create_on, open_on,
};
use std::ops::ControlFlow;

fn head(rows: u64) -> BackupHead {
    let (tree, server) = ("acme".parse().unwrap(), "west".parse().unwrap());
    BackupHead {
        folder: FolderMeta { tree, server, incarnation: 7 },
        role: Role::Relay,
        taken_at: Timestamp(1_800_000_000_000),
        at: LogPosition { index: 412, term: 3 },
        rows,
        software: "lictree 0.1.0".to_string(),
    }
}

fn row(key: &str, value: &str) -> RowChange {
    RowChange { table: 3, key: key.as_bytes().to_vec(), value: Some(value.as_bytes().to_vec()) }
}

fn piece(rows: &[RowChange]) -> RowsPiece {
    let mut piece = RowsPiece::default();
    for row in rows {
        piece.put(row.table, &row.key, row.value.as_ref().unwrap());
    }
    piece
}

fn file(path: &str) -> KeptFile {
    KeptFile::new(path, b"secret".to_vec()).unwrap()
}

/// The parts of a backup, its magic with the first.
fn frames() -> Vec<Vec<u8>> {
    let (mut writer, beginning) = BackupWriter::begin(&head(3));
    let (one, two) = ([row("a", "1"), row("b", "")], [row("c", "3")]);
    vec![
        beginning,
        writer.rows(&piece(&one)),
        writer.rows(&piece(&two)),
        writer.file(&file("identity/identity.key")),
        writer.file(&file("lictree.toml")),
        writer.end(),
    ]
}

/// Everything in it, fed in pieces of so many bytes.
fn read(bytes: &[u8], at_once: usize) -> Result<(Vec<Part>, Whole), BackupError> {
    let (mut reader, mut parts) = (BackupReader::new(), Vec::new());
    for piece in bytes.chunks(at_once) {
        reader.feed(piece);
        while let Some(part) = reader.next_part()? {
            parts.push(part);
        }
    }
    Ok((parts, reader.finish()?))
}

#[test]
fn what_was_written_is_read_in_whatever_pieces_it_comes() {
    let bytes = frames().concat();
    let expected = vec![
        Part::Head(head(3)),
        Part::Rows(vec![row("a", "1"), row("b", "")]),
        Part::Rows(vec![row("c", "3")]),
        Part::File(file("identity/identity.key")),
        Part::File(file("lictree.toml")),
        Part::End { rows: 3, files: 2 },
    ];
    for at_once in [1, 7, bytes.len()] {
        let (parts, whole) = read(&bytes, at_once).unwrap();
        assert_eq!(parts, expected);
        assert_eq!(whole, Whole { bytes: bytes.len() as u64, rows: 3, files: 2 });
    }
}

#[test]
fn a_second_writer_goes_on_where_the_first_has_ended() {
    let frames = frames();
    let mut reader = BackupReader::new();
    reader.feed(&frames[..3].concat());
    while reader.next_part().unwrap().is_some() {}
    assert!(reader.has_all_rows() && !reader.is_inside());
    let mut writer = BackupWriter::behind(&reader);
    assert_eq!(writer.file(&file("identity/identity.key")), frames[3]);
    assert_eq!(writer.file(&file("lictree.toml")), frames[4]);
    assert_eq!(writer.end(), frames[5]);
}

#[test]
fn what_is_cut_off_is_not_whole_wherever_it_ends() {
    let bytes = frames().concat();
    for end in 0..bytes.len() {
        let error = read(&bytes[..end], 64).unwrap_err();
        assert_eq!(error, BackupError::CutOff { bytes: end as u64 });
    }
    assert_eq!(read(b"PK\x03\x04", 64).unwrap_err(), BackupError::Other);
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let bytes = frames().concat();
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        assert!(read(&flipped, 64).is_err(), "bit {at}");
    }
}

#[test]
fn parts_that_are_lost_doubled_or_exchanged_are_found() {
    let frames = frames();
    for at in 0..frames.len() {
        let mut lost = frames.clone();
        lost.remove(at);
        assert!(read(&lost.concat(), 64).is_err(), "without part {at}");
        let mut doubled = frames.clone();
        doubled.insert(at, frames[at].clone());
        assert!(read(&doubled.concat(), 64).is_err(), "part {at} twice");
        for other in 0..at {
            let mut exchanged = frames.clone();
            exchanged.swap(at, other);
            assert!(read(&exchanged.concat(), 64).is_err(), "{other} and {at} exchanged");
        }
    }
}

/// What no writer of ours makes, with checksums that are right.
fn refused(parts: &[(Kind, Vec<u8>)]) -> String {
    let numbered = (0..).zip(parts);
    let framed = numbered.map(|(number, (kind, body))| framed(*kind, number, body));
    let bytes = [MAGIC.to_vec(), framed.flatten().collect()].concat();
    read(&bytes, 64).unwrap_err().to_string()
}

fn list(rows: &[RowChange]) -> Vec<u8> {
    let mut list = Vec::new();
    for row in rows {
        form::put_row(&mut list, row.table, &row.key, row.value.as_ref().unwrap());
    }
    list
}

#[test]
fn what_makes_no_sense_is_refused_with_right_checksums_too() {
    let begin = |rows| (Kind::Head, form::head_bytes(&head(rows)));
    let (one, end) =
        (list(&[row("a", "1")]), |rows, files| (Kind::End, form::end_bytes(rows, files)));
    let rows = || (Kind::Rows, one.clone());
    let path = |path: &str| {
        // Field 1 is the path, field 2 the bytes.
        (Kind::File, [&[10, path.len() as u8][..], path.as_bytes(), &[18, 0]].concat())
    };
    let newer = [form::head_bytes(&head(1)), vec![8, 9, 16, 9]].concat();
    for (parts, said) in [
        (vec![begin(0)], "holds no rows"),
        (vec![begin(1), rows(), rows()], "more rows"),
        (vec![begin(2), rows(), end(1, 0)], "before all rows"),
        (vec![begin(2), rows(), path("lictree.toml")], "something is missing"),
        (vec![begin(1), rows(), end(1, 1)], "something is missing"),
        (vec![begin(1), begin(1)], "another place"),
        (vec![rows()], "another place"),
        (vec![begin(1), rows(), end(1, 0), end(1, 0)], "behind its end"),
        (vec![begin(1), rows(), path("../x")], "no path"),
        (vec![begin(1), rows(), path("/etc/x")], "no path"),
        (vec![begin(1), rows(), path("identity/.x")], "no path"),
        (vec![begin(1), rows(), path("a/b/c/d/e")], "no path"),
        (vec![begin(1), rows(), path("")], "no path"),
        (vec![(Kind::Head, newer)], "format 9"),
        (vec![(Kind::Head, vec![8, 1, 16, 1])], "no server"),
        (vec![begin(1), (Kind::Rows, vec![10, 2, 8, 0xff])], "a row"),
        (
            vec![begin(9_999), (Kind::Rows, list(&vec![row("", ""); ROWS_PER_FRAME_MAX + 1]))],
            "4097",
        ),
    ] {
        let found = refused(&parts);
        assert!(found.contains(said), "{found:?} and not {said:?}");
    }
    let error = KeptFile::new("x", vec![0; FILE_BYTES_MAX + 1]).unwrap_err();
    assert!(error.contains("1048577"), "{error}");
}

#[test]
fn a_length_that_lies_is_refused_before_anything_is_set_aside() {
    let bytes = [MAGIC, &[Kind::Head as u8, 0xff, 0xff, 0xff, 0xff]].concat();
    assert!(read(&bytes, 64).unwrap_err().to_string().contains("4294967295"));
}

#[test]
fn a_piece_is_full_by_its_bytes_and_by_its_rows() {
    let mut piece = RowsPiece::default();
    assert!(piece.is_empty() && !piece.is_full());
    piece.put(1, b"k", &[0; 300 << 10]);
    assert!(piece.is_full());
    let mut piece = RowsPiece::default();
    (1..ROWS_PER_FRAME_MAX).for_each(|_| piece.put(1, b"k", b""));
    assert!(!piece.is_full());
    piece.put(1, b"k", b"");
    assert!(piece.is_full());
}

#[test]
fn a_picture_stays_as_it_is_while_more_is_written() {
    let disk = LossyDisk::new();
    create_on(FolderFiles::on(&disk), &head(1).folder).unwrap();
    let (_, mut rows, _) = open_on(FolderFiles::on(&disk), &StoreLimits::default()).unwrap();
    let saved = |index, rows| Checkpoint { at: LogPosition { index, term: 1 }, rows };
    rows.checkpoint(&saved(1, vec![row("a", "1"), row("b", "2")]), 1).unwrap();
    let picture = rows.picture().unwrap();
    let gone = RowChange { value: None, ..row("a", "") };
    rows.checkpoint(&saved(2, vec![gone, row("b", "3"), row("c", "4")]), 2).unwrap();

    assert_eq!((picture.at().index, picture.rows()), (1, 2));
    assert_eq!(picture.folder(), &head(1).folder);
    let mut found = Vec::new();
    let take = |table, key: &[u8], value: &[u8]| {
        found.push(RowChange { table, key: key.to_vec(), value: Some(value.to_vec()) });
        ControlFlow::Continue(())
    };
    assert!(picture.load(take).unwrap().is_continue());
    assert_eq!(found, [row("a", "1"), row("b", "2")]);
    let mut taken = 0;
    let stopped = picture.load(|_, _, _| {
        taken += 1;
        ControlFlow::Break(())
    });
    assert_eq!((stopped.unwrap(), taken), (ControlFlow::Break(()), 1));
    // A server that stops does not wait for whoever looks at a picture.
    drop(rows);
    let closed = picture.load(|_, _, _| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(closed, StoreError::Closed { .. }), "{closed}");
}

/// Backups that lie somewhere must stay readable.
#[test]
fn the_bytes_stay_as_they_are() {
    let written = [("relay".to_string(), frames().concat())];
    for (file, name, bytes) in crate::record::golden::hold("backup", "files", &written) {
        let (parts, _) = read(&bytes, 64).unwrap_or_else(|error| panic!("{file} {name}: {error}"));
        assert_eq!(parts.len(), 6, "{file} {name}");
    }
}
