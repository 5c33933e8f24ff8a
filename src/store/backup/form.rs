//! The bodies of frames.

use crate::model::holding::Role;
use crate::model::log::{LogPosition, RowChange};
use crate::model::text::is_invisible;
use crate::model::time::Timestamp;
use crate::record::RecordError;
use crate::record::form::{items, put_item};
use crate::store::FolderMeta;
use crate::store::backup::frame::Kind;
use crate::store::backup::{
    BackupError, BackupHead, FORMAT, KeptFile, LOWEST_READER, Part, ROWS_PER_FRAME_MAX,
    SOFTWARE_BYTES_MAX,
};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct HeadForm {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(uint32, tag = "2")]
    lowest_reader: u32,
    /// As it lies in the stores.
    #[prost(bytes = "vec", tag = "3")]
    folder: Vec<u8>,
    #[prost(uint32, tag = "4")]
    role: u32,
    #[prost(uint64, tag = "5")]
    taken_at_ms: u64,
    #[prost(uint64, tag = "6")]
    index: u64,
    #[prost(uint64, tag = "7")]
    term: u64,
    #[prost(uint64, tag = "8")]
    rows: u64,
    #[prost(string, tag = "9")]
    software: String,
}

#[derive(Clone, PartialEq, Message)]
struct RowForm {
    #[prost(uint32, tag = "1")]
    table: u32,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct FileForm {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(bytes = "vec", tag = "2")]
    bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct EndForm {
    #[prost(uint64, tag = "1")]
    rows: u64,
    #[prost(uint64, tag = "2")]
    files: u64,
}

const PRIMARY: u32 = 1;
const RELAY: u32 = 2;

fn decoded<F: Message + Default>(what: &str, at: u64, body: &[u8]) -> Result<F, BackupError> {
    F::decode(body).map_err(|error| BackupError::damaged(at, format!("{what}: {error}")))
}

pub(super) fn head_bytes(head: &BackupHead) -> Vec<u8> {
    let BackupHead { folder, role, taken_at, at, rows, software } = head;
    HeadForm {
        format: FORMAT,
        lowest_reader: LOWEST_READER,
        folder: folder.to_bytes(),
        role: match role {
            Role::Primary => PRIMARY,
            Role::Relay => RELAY,
        },
        taken_at_ms: taken_at.0,
        index: at.index,
        term: at.term,
        rows: *rows,
        software: software.clone(),
    }
    .encode_to_vec()
}

/// What a frame holds whose checksum is right, wherever it stands.
pub(super) fn part(kind: Kind, at: u64, body: &[u8]) -> Result<Part, BackupError> {
    Ok(match kind {
        Kind::Head => Part::Head(head(at, body)?),
        Kind::Rows => Part::Rows(rows(at, body)?),
        Kind::File => Part::File(file(at, body)?),
        Kind::End => {
            let EndForm { rows, files } = decoded("its end", at, body)?;
            Part::End { rows, files }
        }
    })
}

fn head(at: u64, body: &[u8]) -> Result<BackupHead, BackupError> {
    let form: HeadForm = decoded("its head", at, body)?;
    if form.lowest_reader > FORMAT {
        let HeadForm { format: found, lowest_reader, .. } = form;
        return Err(BackupError::Newer { found, lowest_reader, ours: FORMAT });
    }
    let damaged = |found: &str| BackupError::damaged(at, found);
    let folder = FolderMeta::from_bytes(&form.folder).ok_or(damaged("it names no server"))?;
    let role = match form.role {
        PRIMARY => Role::Primary,
        RELAY => Role::Relay,
        _ => return Err(damaged("its server is neither a primary nor a relay")),
    };
    let software = form.software;
    if software.len() > SOFTWARE_BYTES_MAX || software.contains(is_invisible) {
        return Err(damaged("it does not say what wrote it"));
    }
    if form.rows == 0 {
        return Err(damaged("it holds no rows, so there is nothing to bring back"));
    }
    Ok(BackupHead {
        folder,
        role,
        taken_at: Timestamp(form.taken_at_ms),
        at: LogPosition { index: form.index, term: form.term },
        rows: form.rows,
        software,
    })
}

/// Appends one row to the list that is the body of a frame.
pub(super) fn put_row(list: &mut Vec<u8>, table: u8, key: &[u8], value: &[u8]) {
    let (table, key, value) = (u32::from(table), key.to_vec(), value.to_vec());
    put_item(list, &RowForm { table, key, value });
}

fn rows(at: u64, body: &[u8]) -> Result<Vec<RowChange>, BackupError> {
    const WHAT: &str = "some rows";
    let unread = |error: RecordError| BackupError::unread(at, &error);
    // Counted before anything is set aside for them.
    let counted = |count: usize, item: Result<&[u8], RecordError>| item.map(|_| count + 1);
    let count = items(WHAT, body).try_fold(0, counted).map_err(unread)?;
    if count > ROWS_PER_FRAME_MAX {
        let found = format!("{count} rows in one part, and at most {ROWS_PER_FRAME_MAX} can be");
        return Err(BackupError::damaged(at, found));
    }
    let mut rows = Vec::new();
    for item in items(WHAT, body) {
        let row: RowForm = decoded("a row", at, item.map_err(unread)?)?;
        let Ok(table) = u8::try_from(row.table) else {
            return Err(BackupError::damaged(at, "a row of a table that cannot be"));
        };
        rows.push(RowChange { table, key: row.key, value: Some(row.value) });
    }
    Ok(rows)
}

pub(super) fn file_bytes(file: &KeptFile) -> Vec<u8> {
    FileForm { path: file.path.clone(), bytes: file.bytes.clone() }.encode_to_vec()
}

fn file(at: u64, body: &[u8]) -> Result<KeptFile, BackupError> {
    let FileForm { path, bytes } = decoded("a file", at, body)?;
    KeptFile::new(&path, bytes).map_err(|found| BackupError::damaged(at, found))
}

pub(super) fn end_bytes(rows: u64, files: u64) -> Vec<u8> {
    EndForm { rows, files }.encode_to_vec()
}
