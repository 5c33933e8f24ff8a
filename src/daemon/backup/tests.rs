//! Folders that come back, and what does not become one.

use crate::daemon::backup::{
    BackupHead, BackupReader, BackupWriter, KeptFile, NotKept, NotRestored, kept_files, pour,
    restore,
};
use crate::daemon::settings::state_dir;
use crate::daemon::witness::{Found, Witness};
use crate::model::holding::Role;
use crate::model::log::{Checkpoint, LogPosition, RowChange};
use crate::model::time::Timestamp;
use crate::record::{encode_row, sample};
use crate::store::{
    FolderFiles, FolderMeta, LossyDisk, RowStore, RowsPicture, StoreLimits, create_on, open,
    open_on,
};
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const AT: LogPosition = LogPosition { index: 412, term: 3 };

fn folder() -> FolderMeta {
    let (tree, server) = ("acme".parse().unwrap(), "west".parse().unwrap());
    FolderMeta { tree, server, incarnation: 7 }
}

/// Some rows as a server has them, in their order.
fn rows() -> Vec<RowChange> {
    let rows = sample::rows().into_iter().map(|(_, key, row)| encode_row(&key, Some(&row)));
    let by_key: BTreeMap<_, _> = rows.map(|row| ((row.table, row.key.clone()), row)).collect();
    by_key.into_values().collect()
}

/// What a picture is of must be open.
fn picture(rows: Vec<RowChange>) -> (RowStore, RowsPicture) {
    let disk = LossyDisk::new();
    create_on(FolderFiles::on(&disk), &folder()).unwrap();
    let (_, mut kept, _) = open_on(FolderFiles::on(&disk), &StoreLimits::default()).unwrap();
    kept.checkpoint(&Checkpoint { at: AT, rows }, AT.index).unwrap();
    let picture = kept.picture().unwrap();
    (kept, picture)
}

fn backup_of(rows: Vec<RowChange>, files: &[(&str, &str)]) -> Vec<u8> {
    let (_kept, picture) = picture(rows);
    let head = BackupHead {
        folder: picture.folder().clone(),
        role: Role::Relay,
        taken_at: Timestamp(1_800_000_000_000),
        at: picture.at(),
        rows: picture.rows(),
        software: "lictree test".to_string(),
    };
    let mut bytes = Vec::new();
    let poured = pour(&picture, &head, |piece| {
        bytes.extend(piece);
        ControlFlow::Continue(())
    });
    assert!(poured.unwrap().is_continue());
    let mut reader = BackupReader::new();
    reader.feed(&bytes);
    while reader.next_part().unwrap().is_some() {}
    let mut writer = BackupWriter::behind(&reader);
    for (path, text) in files {
        let file = KeptFile::new(path, text.as_bytes().to_vec()).unwrap();
        bytes.extend(writer.file(&file));
    }
    bytes.extend(writer.end());
    bytes
}

const FILES: [(&str, &str); 3] = [
    ("authority/2/ca.key", "key of an authority"),
    ("identity/identity.key", "key"),
    ("lictree.toml", "name = \"west\""),
];

fn restored(bytes: &[u8], dir: &Path) -> Result<(), NotRestored> {
    restore(bytes, dir, |_| {}).map(|_| ())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_folder_comes_back_with_its_rows_and_files_for_its_user_alone() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("west");
    let mut told = 0;
    let bytes = backup_of(rows(), &FILES);
    let made = restore(&bytes[..], &dir, |bytes| told = bytes).unwrap();
    assert_eq!((told, made.whole.bytes), (bytes.len() as u64, bytes.len() as u64));
    assert!(made.has_config);
    for (path, text) in FILES {
        assert_eq!(fs::read_to_string(dir.join(path)).unwrap(), text);
        assert_eq!(mode(&dir.join(path)), 0o600, "{path}");
    }
    for folder in ["", "state", "identity", "authority", "authority/2"] {
        assert_eq!(mode(&dir.join(folder)), 0o700, "{folder:?}");
    }
    // A state that is lost from now on is missed.
    assert!(dir.join("state.made").exists());
    let (_, _, found) = open(&state_dir(&dir), &StoreLimits::default()).unwrap();
    assert_eq!((found.rows.at, found.cut, found.rows.rows), (AT, AT, rows()));
    assert_eq!((found.hard_state.term, found.hard_state.commit), (AT.term, AT.index));
    assert!(found.entries.is_empty());
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

/// Whatever was put back with it: the newest backup, with the witness that fits it to the letter.
#[test]
fn no_witness_proves_a_folder_that_was_restored() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("west");
    let bytes = backup_of(rows(), &FILES);
    let witness = |known, is_new| Witness::open(None, &dir, known, is_new).unwrap();
    let incarnation = || {
        let (_, _, found) = open(&state_dir(&dir), &StoreLimits::default()).unwrap();
        found.folder.incarnation
    };
    restored(&bytes, &dir).unwrap();
    let first = incarnation();
    assert_eq!(witness((first, AT.index), false).1, Found::Nothing);
    fs::remove_file(place.path().join("west.witness")).unwrap();

    let mut before = witness((folder().incarnation, AT.index), true).0;
    before.advance(AT.index);
    assert_eq!(witness((folder().incarnation, AT.index), false).1, Found::Proven);
    assert_eq!(witness((first, AT.index), false).1, Found::Another);
    // It stays so until it is durable that the server recovers; then it is a folder like others.
    assert_eq!(witness((first, AT.index), false).1, Found::Another);
    let (mut recovers, _) = witness((first, AT.index), false);
    recovers.follow();
    recovers.advance(AT.index + 2);
    assert_eq!(witness((first, AT.index + 2), false).1, Found::Proven);
    // The same backup a second time: it knows nothing of the first time.
    fs::remove_dir_all(&dir).unwrap();
    restored(&bytes, &dir).unwrap();
    assert_ne!(incarnation(), first);
    assert_eq!(witness((incarnation(), AT.index), false).1, Found::Another);
}

#[test]
fn of_what_is_not_whole_nothing_is_made() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("west");
    let bytes = backup_of(rows(), &FILES);
    let ends = [0, 10, 40, bytes.len() / 2, bytes.len() - 40, bytes.len() - 1];
    for end in ends {
        let error = restored(&bytes[..end], &dir).unwrap_err();
        assert!(matches!(error, NotRestored::Backup(_)), "{end}: {error}");
    }
    let stranger = backup_of(rows(), &[("state.made", "x")]);
    let error = restored(&stranger, &dir).unwrap_err();
    assert!(matches!(error, NotRestored::Stranger(_)), "{error}");
    let twice = backup_of(rows(), &[("lictree.toml", "x"), ("lictree.toml", "y")]);
    assert!(matches!(restored(&twice, &dir).unwrap_err(), NotRestored::Place { .. }));
    let unknown = RowChange { table: 250, key: vec![1], value: Some(vec![1]) };
    let newer = backup_of([rows(), vec![unknown]].concat(), &FILES);
    assert!(matches!(restored(&newer, &dir).unwrap_err(), NotRestored::Row(_)));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_holds_anything_is_left_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let (dir, bytes) = (place.path().join("west"), backup_of(rows(), &FILES));
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("x"), "mine").unwrap();
    assert!(matches!(restored(&bytes, &dir).unwrap_err(), NotRestored::NotEmpty(_)));
    assert_eq!(fs::read_to_string(dir.join("x")).unwrap(), "mine");
    fs::remove_file(dir.join("x")).unwrap();
    // What a try left that was broken off is in nobody's way.
    fs::create_dir(place.path().join("west.restoring")).unwrap();
    fs::write(place.path().join("west.restoring/old"), "").unwrap();
    restored(&bytes, &dir).unwrap();
    assert!(!dir.join("old").exists());
    let served = open(&state_dir(&dir), &StoreLimits::default()).unwrap();
    assert!(matches!(restored(&bytes, &dir).unwrap_err(), NotRestored::NotEmpty(_)));
    drop(served);
    assert!(matches!(restored(&bytes, Path::new("/")).unwrap_err(), NotRestored::NotEmpty(_)));
    let nowhere = restored(&bytes, &place.path().join("no/west")).unwrap_err();
    assert!(matches!(nowhere, NotRestored::Place { .. }), "{nowhere}");
}

/// A row that comes twice makes up the number of one that is missing.
#[test]
fn rows_are_counted_where_they_lie() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("west");
    let (_kept, picture) = picture(rows());
    let head = BackupHead {
        folder: folder(),
        role: Role::Relay,
        taken_at: Timestamp(0),
        at: AT,
        rows: picture.rows() * 2,
        software: String::new(),
    };
    let mut poured = Vec::new();
    let _ = pour(&picture, &head, |piece| {
        poured.push(piece);
        ControlFlow::Continue(())
    });
    let mut reader = BackupReader::new();
    reader.feed(&poured.concat());
    while reader.next_part().unwrap().is_some() {}
    // The same rows once more, and a right end.
    let mut again = crate::store::backup::RowsPiece::default();
    for row in rows() {
        again.put(row.table, &row.key, row.value.as_ref().unwrap());
    }
    let mut writer = BackupWriter::behind(&reader);
    let bytes = [poured.concat(), writer.rows(&again), writer.end()].concat();
    let error = restored(&bytes, &dir).unwrap_err();
    assert!(matches!(error, NotRestored::Rows { .. }), "{error}");
    assert!(!dir.exists());
}

#[test]
fn identity_authority_and_configuration_are_kept_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("hq");
    for folder in ["identity", "authority/2/deeper", "state"] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let missing = kept_files(&dir, None).unwrap_err();
    assert!(matches!(missing, NotKept::NoServer { .. }), "{missing}");
    for path in [
        "identity/identity.key",
        "identity/identity.key.partial",
        "identity/.hidden",
        "identity/notes~",
        "authority/ca.key",
        "authority/2/ca.key",
        "authority/2/deeper/x",
        "state/rows.redb",
        "state.made",
        "newest.witness",
        "lictree.sock",
    ] {
        fs::write(dir.join(path), path).unwrap();
    }
    let paths = |config: Option<&Path>| -> Vec<String> {
        let kept = kept_files(&dir, config).unwrap();
        kept.iter().map(|file| file.path().to_string()).collect()
    };
    let ours = ["authority/2/ca.key", "authority/ca.key", "identity/identity.key"];
    assert_eq!(paths(None), ours);
    fs::write(dir.join("lictree.toml"), "own").unwrap();
    assert_eq!(paths(None).last().unwrap(), "lictree.toml");
    let named = place.path().join("hq.toml");
    assert!(matches!(kept_files(&dir, Some(&named)), Err(NotKept::Unread { .. })));
    fs::write(&named, "named").unwrap();
    let kept = kept_files(&dir, Some(&named)).unwrap();
    assert_eq!((kept[3].path(), kept[3].bytes()), ("lictree.toml", &b"named"[..]));
    fs::write(dir.join("identity/large"), vec![0; (1 << 20) + 1]).unwrap();
    assert!(matches!(kept_files(&dir, None), Err(NotKept::Unfit { .. })));
}
