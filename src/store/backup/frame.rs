//! Bytes to frames and back.

use crate::store::backup::{BackupError, FRAME_BYTES_MAX, MAGIC};
use crate::store::value::{CHECKSUM_LEN, place, seal, unseal};

/// What a frame holds; the numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Head = 1,
    Rows = 2,
    File = 3,
    End = 4,
}

impl Kind {
    pub(super) fn of(byte: u8) -> Option<Kind> {
        [Kind::Head, Kind::Rows, Kind::File, Kind::End].into_iter().find(|k| *k as u8 == byte)
    }
}

const HEAD_LEN: usize = 5;

fn key(kind: Kind, number: u64) -> Vec<u8> {
    [&[kind as u8][..], &number.to_le_bytes()].concat()
}

/// The frame with this number, from 0 on.
pub(super) fn framed(kind: Kind, number: u64, body: &[u8]) -> Vec<u8> {
    let sealed = seal(place::BACKUP, &key(kind, number), &[body]);
    // Longer than 4 GiB is no frame: whoever reads it has a bound far below.
    let len = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
    [&[kind as u8][..], &len.to_le_bytes(), &sealed].concat()
}

/// Takes bytes as they come and gives frames. Keeps one frame at most, and what was fed last.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// What of `bytes` is done with.
    done: usize,
    /// Where the next byte stands in the whole.
    at: u64,
    /// How many frames there were.
    pub(super) number: u64,
    begun: bool,
}

/// A frame, and where in the whole it stands.
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) at: u64,
    pub(super) body: Vec<u8>,
}

impl Frames {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.done);
        self.done = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes came so far.
    pub(super) fn fed(&self) -> u64 {
        self.at + self.rest().len() as u64
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Whether everything that came is done with.
    pub(super) fn is_empty(&self) -> bool {
        self.begun && self.rest().is_empty()
    }

    /// The next frame that is whole; nothing when it takes more bytes.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, BackupError> {
        if !self.begun {
            let rest = self.rest();
            let known = rest.len().min(MAGIC.len());
            if rest[..known] != MAGIC[..known] {
                return Err(BackupError::Other);
            }
            if known < MAGIC.len() {
                return Ok(None);
            }
            self.begun = true;
            self.pass(MAGIC.len());
        }
        let at = self.at;
        let Some((head, rest)) = self.rest().split_first_chunk::<HEAD_LEN>() else {
            return Ok(None);
        };
        let [kind, len @ ..] = *head;
        let Some(kind) = Kind::of(kind) else {
            return Err(BackupError::damaged(at, "what stands here is no part of a backup"));
        };
        let len = usize::try_from(u32::from_le_bytes(len)).unwrap_or(usize::MAX);
        if !(CHECKSUM_LEN..=FRAME_BYTES_MAX).contains(&len) {
            let found = format!("a part of {len} bytes, and at most {FRAME_BYTES_MAX} can be");
            return Err(BackupError::damaged(at, found));
        }
        let Some(sealed) = rest.get(..len) else { return Ok(None) };
        let Some(body) = unseal(place::BACKUP, &key(kind, self.number), sealed) else {
            return Err(BackupError::damaged(at, "the checksum of what stands here is wrong"));
        };
        let body = body.to_vec();
        self.number += 1;
        self.pass(HEAD_LEN + len);
        Ok(Some(Frame { kind, at, body }))
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.done..]
    }

    fn pass(&mut self, bytes: usize) {
        self.done += bytes;
        self.at += bytes as u64;
    }
}
