//! What servers and joiners send.

use super::{Bound, assert_sayable};
use lictree::net::FrameBuffer;
use lictree::wire::join::{
    decode_join_reply, decode_join_request, encode_join_reply, encode_join_request,
};
use lictree::wire::{
    Frame, WireLimits, decode_frame, decode_hello, encode_frame, encode_hello, encode_letter,
};

/// What the specification grants to readers of what others send.
const SENT: Bound = Bound { times: 4, plus: 64 << 10 };

/// A first byte that says in which pieces the rest comes, and a stream of frames.
pub fn frames(bytes: &[u8]) -> bool {
    const MOST: u32 = 4_096;
    let Some((piece, stream)) = bytes.split_first() else { return false };
    let cut = SENT.hold(bytes, || taken(stream, usize::from(*piece).max(1), MOST));
    let whole = taken(stream, usize::MAX, MOST);
    assert_eq!(cut, whole, "how a stream is cut must not matter");
    let (frames, end) = whole;
    let mut again: Vec<u8> = Vec::new();
    for frame in &frames {
        again.extend((frame.len() as u32).to_le_bytes());
        again.extend(frame);
    }
    assert!(stream.starts_with(&again), "the frames are not what came");
    assert!(end != "nothing" || again.len() == stream.len());
    !frames.is_empty()
}

/// All frames, and what ended them.
fn taken(stream: &[u8], piece: usize, most: u32) -> (Vec<Vec<u8>>, String) {
    let mut buffer = FrameBuffer::new(most);
    let (mut frames, mut rest) = (Vec::new(), stream);
    loop {
        match buffer.take_whole() {
            Ok(Some(batch)) => {
                assert_eq!(batch.iter().count(), batch.count());
                frames.extend(batch.iter().map(<[u8]>::to_vec));
            }
            Ok(None) if rest.is_empty() => return (frames, buffer.end().to_string()),
            Ok(None) => {
                let (next, more) = rest.split_at(piece.min(rest.len()));
                buffer.push(next);
                rest = more;
            }
            Err(error) => {
                assert_sayable(&error);
                return (frames, error.to_string());
            }
        }
    }
}

/// One frame with whatever is in it.
pub fn letter(bytes: &[u8]) -> bool {
    let limits = WireLimits::default();
    match SENT.hold(bytes, || decode_frame(bytes, &limits)) {
        Ok(frame) => {
            let again = encode_frame(&frame);
            if let Frame::Letter(letter) = &frame {
                assert_eq!(encode_letter(letter), again);
            }
            let read = decode_frame(&again, &limits);
            assert_eq!(read.as_ref(), Ok(&frame));
            assert_eq!(encode_frame(&frame), again);
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}

/// The inside of a greeting.
pub fn hello(bytes: &[u8]) -> bool {
    let limits = WireLimits::default();
    let mut framed = vec![1 << 3 | 2];
    let mut len = bytes.len();
    while len >= 0x80 {
        framed.push(len as u8 | 0x80);
        len >>= 7;
    }
    framed.push(len as u8);
    framed.extend(bytes);
    match SENT.hold(&framed, || decode_hello(&framed, &limits)) {
        Ok(hello) => {
            assert_eq!(decode_hello(&encode_hello(&hello), &limits), Ok(hello));
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}

pub fn join_request(bytes: &[u8]) -> bool {
    match SENT.hold(bytes, || decode_join_request(bytes)) {
        Ok(request) => {
            assert_eq!(decode_join_request(&encode_join_request(&request)), Ok(request));
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}

pub fn join_reply(bytes: &[u8]) -> bool {
    let limits = WireLimits::default();
    match SENT.hold(bytes, || decode_join_reply(bytes, &limits)) {
        Ok(answer) => {
            assert_eq!(decode_join_reply(&encode_join_reply(&answer), &limits), Ok(answer));
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}
