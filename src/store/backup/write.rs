//! Frames in order, for whoever makes a backup.
//!
//! Two write it, one behind the other: the server the head and the rows, and the command that asked
//! it the files, which it reads itself, and the end.

use crate::store::backup::form::{end_bytes, file_bytes, head_bytes, put_row};
use crate::store::backup::frame::{Kind, framed};
use crate::store::backup::{
    BackupHead, BackupReader, KeptFile, MAGIC, PIECE_BYTES, ROWS_PER_FRAME_MAX,
};

/// Makes the bytes of a backup, part by part.
#[derive(Debug)]
pub struct BackupWriter {
    frames: u64,
    rows: u64,
    files: u64,
}

impl BackupWriter {
    /// And what a backup begins with.
    pub fn begin(head: &BackupHead) -> (BackupWriter, Vec<u8>) {
        let mut writer = BackupWriter { frames: 0, rows: 0, files: 0 };
        let head = writer.framed(Kind::Head, &head_bytes(head));
        (writer, [MAGIC, &head].concat())
    }

    /// Goes on behind what was read so far.
    pub fn behind(reader: &BackupReader) -> BackupWriter {
        let (frames, rows, files) = reader.counts();
        BackupWriter { frames, rows, files }
    }

    pub fn rows(&mut self, piece: &RowsPiece) -> Vec<u8> {
        self.rows += piece.rows as u64;
        self.framed(Kind::Rows, &piece.list)
    }

    pub fn file(&mut self, file: &KeptFile) -> Vec<u8> {
        self.files += 1;
        self.framed(Kind::File, &file_bytes(file))
    }

    /// Without this it is no backup.
    pub fn end(mut self) -> Vec<u8> {
        let end = end_bytes(self.rows, self.files);
        self.framed(Kind::End, &end)
    }

    fn framed(&mut self, kind: Kind, body: &[u8]) -> Vec<u8> {
        let frame = framed(kind, self.frames, body);
        self.frames += 1;
        frame
    }
}

/// Rows for one frame.
#[derive(Debug, Default)]
pub struct RowsPiece {
    list: Vec<u8>,
    rows: usize,
}

impl RowsPiece {
    pub fn put(&mut self, table: u8, key: &[u8], value: &[u8]) {
        put_row(&mut self.list, table, key, value);
        self.rows += 1;
    }

    /// Whether another row belongs into the next piece.
    pub fn is_full(&self) -> bool {
        self.list.len() >= PIECE_BYTES || self.rows >= ROWS_PER_FRAME_MAX
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}
