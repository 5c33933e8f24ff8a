//! The one frame that goes each way when somebody joins.
//!
//! ```text
//!   LL LL LL LL  frame bytes …  end of the stream
//!   └ u32 little-endian: length of the frame, 1 to join_bytes_max
//! ```

use crate::net::SendError;
use crate::net::frame::LEN_BYTES;
use quinn::{ReadError, ReadExactError, RecvStream};

/// Why what came is no such frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("a frame of {found} bytes was announced, at most {allowed} are allowed")]
    TooLong { found: u32, allowed: u32 },
    #[error("a frame without bytes was announced")]
    Empty,
    #[error("the stream ended within the frame")]
    Cut,
    #[error("more followed than one frame")]
    More,
    #[error("the connection ended: {0}")]
    Lost(quinn::ConnectionError),
}

/// Reads a frame and the end of the stream. A length is judged before memory is taken for it.
pub(super) async fn read(stream: &mut RecvStream, allowed: u32) -> Result<Vec<u8>, Fault> {
    let mut len = [0; LEN_BYTES];
    stream.read_exact(&mut len).await.map_err(cut)?;
    let found = match u32::from_le_bytes(len) {
        0 => return Err(Fault::Empty),
        found if found > allowed => return Err(Fault::TooLong { found, allowed }),
        found => found,
    };
    let mut frame = vec![0; found as usize];
    stream.read_exact(&mut frame).await.map_err(cut)?;
    match stream.read(&mut [0]).await {
        Ok(None) => Ok(frame),
        Ok(Some(_)) => Err(Fault::More),
        Err(error) => Err(lost(error)),
    }
}

fn cut(error: ReadExactError) -> Fault {
    match error {
        ReadExactError::FinishedEarly(_) => Fault::Cut,
        ReadExactError::ReadError(error) => lost(error),
    }
}

fn lost(error: ReadError) -> Fault {
    match error {
        ReadError::ConnectionLost(error) => Fault::Lost(error),
        // A stream that was reset has no end.
        _ => Fault::Cut,
    }
}

/// Length and frame as they go onto the stream.
pub(super) fn made(frame: &[u8], allowed: u32) -> Result<Vec<u8>, SendError> {
    match u32::try_from(frame.len()) {
        Ok(0) => Err(SendError::Empty),
        Ok(len) if len <= allowed => Ok([&len.to_le_bytes()[..], frame].concat()),
        _ => Err(SendError::TooLong { found: frame.len(), allowed }),
    }
}
