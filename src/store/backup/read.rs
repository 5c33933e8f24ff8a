//! Frames in order, for whoever reads a backup: a file that may be anybody's.

use crate::model::log::RowChange;
use crate::store::backup::frame::{Frame, Frames, Kind};
use crate::store::backup::{BackupError, BackupHead, FILES_BYTES_MAX, FILES_MAX, KeptFile, form};

/// What a backup consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Head(BackupHead),
    Rows(Vec<RowChange>),
    File(KeptFile),
    /// Everything came; this many there were.
    End {
        rows: u64,
        files: u64,
    },
}

/// One part by the number of its kind and its body, as it stands behind a checksum that is right.
/// Whether it may stand where it does is not asked.
pub fn decode_part(kind: u8, body: &[u8]) -> Result<Part, BackupError> {
    match Kind::of(kind) {
        Some(kind) => form::part(kind, 0, body),
        None => Err(BackupError::damaged(0, "it is of no kind that is known")),
    }
}

/// What a backup held that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    pub bytes: u64,
    pub rows: u64,
    pub files: u64,
}

/// Takes the bytes of a backup as they come and gives its parts, each of them checked.
///
/// ```text
///   feed(bytes) ─► next, next, … until nothing ─► feed … ─► finish
/// ```
/// Keeps one part at most ([`super::FRAME_BYTES_MAX`]) and what was fed last. After an error it is
/// of no use.
#[derive(Debug, Default)]
pub struct BackupReader {
    frames: Frames,
    /// Rows that should come.
    announced: Option<u64>,
    rows: u64,
    files: u64,
    files_bytes: usize,
    ended: bool,
}

impl BackupReader {
    pub fn new() -> BackupReader {
        BackupReader::default()
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.frames.feed(bytes);
    }

    /// The next part that is whole; nothing when it takes more bytes.
    pub fn next_part(&mut self) -> Result<Option<Part>, BackupError> {
        if self.ended && !self.frames.is_empty() {
            let at = self.frames.at();
            return Err(BackupError::damaged(at, "something stands behind its end"));
        }
        let Some(frame) = self.frames.next()? else { return Ok(None) };
        let Frame { kind, at, body } = frame;
        let part = form::part(kind, at, &body)?;
        self.judge(&part).map_err(|found| BackupError::damaged(at, found))?;
        Ok(Some(part))
    }

    /// Whether a part may stand here.
    fn judge(&mut self, part: &Part) -> Result<(), String> {
        match (part, self.announced) {
            (Part::Head(head), None) => self.announced = Some(head.rows),
            (Part::Rows(rows), Some(announced)) if self.files == 0 => {
                self.rows += rows.len() as u64;
                if self.rows > announced {
                    return Err(format!("more rows than the {announced} it begins with"));
                }
            }
            (Part::File(file), Some(_)) if self.has_all_rows() => {
                self.files += 1;
                self.files_bytes += file.bytes().len();
                if self.files > FILES_MAX as u64 || self.files_bytes > FILES_BYTES_MAX {
                    let most = format!("at most {FILES_MAX}, with {FILES_BYTES_MAX} bytes in all");
                    return Err(format!("too many files; {most}"));
                }
            }
            (Part::End { rows, files }, Some(_)) if (*rows, *files) == (self.rows, self.files) => {
                if !self.has_all_rows() {
                    return Err("it ends before all rows came".to_string());
                }
                self.ended = true;
            }
            _ => return Err("this belongs to another place, or something is missing".to_string()),
        }
        Ok(())
    }

    /// Whether all rows came that were announced.
    pub fn has_all_rows(&self) -> bool {
        self.announced == Some(self.rows)
    }

    /// Whether a part is begun and not whole.
    pub fn is_inside(&self) -> bool {
        !self.frames.is_empty()
    }

    /// How many bytes came so far.
    pub fn fed(&self) -> u64 {
        self.frames.fed()
    }

    /// To be called where the input ends.
    ///
    /// # Errors
    /// It is not whole.
    pub fn finish(&self) -> Result<Whole, BackupError> {
        let bytes = self.fed();
        match self.ended && self.frames.is_empty() {
            true => Ok(Whole { bytes, rows: self.rows, files: self.files }),
            false => Err(BackupError::CutOff { bytes }),
        }
    }

    pub(super) fn counts(&self) -> (u64, u64, u64) {
        (self.frames.number, self.rows, self.files)
    }
}
