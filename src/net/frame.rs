//! Frames in a stream of bytes.
//!
//! ```text
//!   LL LL LL LL  frame bytes …   LL LL LL LL  frame bytes …
//!   └ u32 little-endian: length of the frame, 1 to frame_bytes_max
//! ```
//!
//! Invariant: a length is judged before anything is kept for its frame, so what is buffered
//! is at most one unfinished frame and what one read brought.

use crate::net::ReceiveError;

/// The bytes of a length.
pub(crate) const LEN_BYTES: usize = 4;

/// What has come of a stream and was not handed out yet.
#[derive(Debug)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    frame_bytes_max: u32,
}

impl FrameBuffer {
    /// Nothing so far; frames of up to so many bytes may come.
    pub fn new(frame_bytes_max: u32) -> FrameBuffer {
        FrameBuffer { bytes: Vec::new(), frame_bytes_max }
    }

    /// Takes what was read next.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// Splits the whole frames off; the beginning of the next one stays. Says what is wrong
    /// with the next frame once those before it were handed out.
    ///
    /// # Errors
    /// The next frame has no bytes, or more than may come.
    pub fn take_whole(&mut self) -> Result<Option<FrameBatch>, ReceiveError> {
        let (mut end, mut count) = (0, 0);
        loop {
            match next_end(&self.bytes[end..], self.frame_bytes_max) {
                Ok(Some(len)) => (end, count) = (end + len, count + 1),
                Err(error) if count == 0 => return Err(error),
                Ok(None) | Err(_) => break,
            }
        }
        if count == 0 {
            return Ok(None);
        }
        let begun = self.bytes.split_off(end);
        let bytes = std::mem::replace(&mut self.bytes, begun);
        Ok(Some(FrameBatch { bytes, count }))
    }

    /// What it means that the stream ends here.
    pub fn end(&self) -> ReceiveError {
        match self.bytes.len() {
            0 => ReceiveError::Finished,
            begun => ReceiveError::Cut(begun),
        }
    }
}

/// Where the first frame of `bytes` ends, when it is whole.
fn next_end(bytes: &[u8], allowed: u32) -> Result<Option<usize>, ReceiveError> {
    match bytes.first_chunk().map(|head| u32::from_le_bytes(*head)) {
        None => Ok(None),
        Some(0) => Err(ReceiveError::Empty),
        Some(found) if found > allowed => Err(ReceiveError::TooLong { found, allowed }),
        Some(found) => {
            let end = LEN_BYTES + found as usize;
            Ok((bytes.len() >= end).then_some(end))
        }
    }
}

/// Whole frames that came together, in order, in one piece of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameBatch {
    /// Lengths and frames as they came; every frame is whole.
    bytes: Vec<u8>,
    count: usize,
}

impl FrameBatch {
    /// How many frames; at least one.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The frames, first come first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (head, after) = rest.split_first_chunk()?;
            let (frame, next) = after.split_at_checked(u32::from_le_bytes(*head) as usize)?;
            rest = next;
            Some(frame)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::any;

    const ALLOWED: u32 = 40;

    /// Feeds `stream` in `pieces` and returns all frames, and what ended them.
    fn taken(stream: &[u8], pieces: &[usize]) -> (Vec<Vec<u8>>, ReceiveError) {
        let mut buffer = FrameBuffer::new(ALLOWED);
        let (mut frames, mut rest) = (Vec::new(), stream);
        let mut lens = pieces.iter().copied().chain(std::iter::repeat(usize::MAX));
        loop {
            match buffer.take_whole() {
                Ok(Some(batch)) => {
                    assert_eq!(batch.iter().count(), batch.count());
                    frames.extend(batch.iter().map(<[u8]>::to_vec));
                }
                Ok(None) if rest.is_empty() => return (frames, buffer.end()),
                Ok(None) => {
                    let (piece, more) = rest.split_at(lens.next().unwrap().min(rest.len()));
                    buffer.push(piece);
                    rest = more;
                    assert!(buffer.bytes.len() < LEN_BYTES + ALLOWED as usize + piece.len());
                }
                Err(error) => return (frames, error),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn frames_do_not_depend_on_how_they_are_cut(
            sent in vec(vec(any::<u8>(), 1..=ALLOWED as usize), 0..30),
            pieces in vec(1_usize..60, 0..60),
        ) {
            let stream: Vec<u8> = sent
                .iter()
                .flat_map(|frame| [&(frame.len() as u32).to_le_bytes()[..], frame].concat())
                .collect();
            assert_eq!(taken(&stream, &pieces), (sent, ReceiveError::Finished));
        }

        #[test]
        fn any_bytes_end_the_same_way_however_they_are_cut(
            stream in vec(0_u8..3, 0..200),
            pieces in vec(1_usize..20, 0..40),
        ) {
            assert_eq!(taken(&stream, &pieces), taken(&stream, &[]));
        }
    }
}
