//! Frames: one tagged message each.
//!
//! ```text
//!   oneof frame { Hello hello = 1; Letter letter = 2; }
//! ```

use crate::model::letter::Letter;
use crate::record::RecordError;
use crate::record::field::{Field, Fields, number_len, put_number};
use crate::wire::error::WireError;
use crate::wire::hello::{Hello, HelloForm};
use crate::wire::letter::{LetterForm, read_letter};
use crate::wire::limits::WireLimits;
use prost::Message;

const HELLO: u32 = 1;
const LETTER: u32 = 2;

/// What one frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Hello(Hello),
    Letter(Letter),
}

/// A frame as bytes.
pub fn encode_frame(frame: &Frame) -> Vec<u8> {
    match frame {
        Frame::Hello(hello) => encode_hello(hello),
        Frame::Letter(letter) => encode_letter(letter),
    }
}

/// A greeting as the bytes of a frame.
pub fn encode_hello(hello: &Hello) -> Vec<u8> {
    tagged(HELLO, &HelloForm::of(hello))
}

/// A letter as the bytes of a frame. Equal letters have equal bytes.
pub fn encode_letter(letter: &Letter) -> Vec<u8> {
    tagged(LETTER, &LetterForm::of(letter))
}

fn tagged(tag: u32, message: &impl Message) -> Vec<u8> {
    let len = message.encoded_len();
    let mut bytes = Vec::with_capacity(1 + number_len(len as u64) + len);
    put_number(&mut bytes, u64::from(tag) << 3 | 2);
    put_number(&mut bytes, len as u64);
    message.encode_raw(&mut bytes);
    bytes
}

/// What such bytes say.
pub fn decode_frame(bytes: &[u8], limits: &WireLimits) -> Result<Frame, WireError> {
    within("a frame", bytes, limits.frame_len_max)?;
    let mut unknown = None;
    for field in Fields::of("a frame", bytes) {
        match field? {
            (HELLO, Field::Bytes(hello)) => {
                within("a greeting", hello, limits.hello_len_max)?;
                return Ok(Frame::Hello(HelloForm::read(hello, limits)?));
            }
            (LETTER, Field::Bytes(letter)) => {
                return Ok(Frame::Letter(read_letter(letter, limits)?));
            }
            (HELLO | LETTER, _) => return Err(RecordError::Torn { what: "a frame" }.into()),
            (number, _) => unknown = unknown.or(Some(number)),
        }
    }
    Err(match unknown {
        Some(number) => WireError::Unsupported { what: "a frame", number },
        None => WireError::Empty,
    })
}

/// The letter of such bytes.
pub fn decode_letter(bytes: &[u8], limits: &WireLimits) -> Result<Letter, WireError> {
    match decode_frame(bytes, limits)? {
        Frame::Letter(letter) => Ok(letter),
        Frame::Hello(_) => Err(WireError::Other { expected: "a letter", found: "a greeting" }),
    }
}

/// The greeting of such bytes.
pub fn decode_hello(bytes: &[u8], limits: &WireLimits) -> Result<Hello, WireError> {
    match decode_frame(bytes, limits)? {
        Frame::Hello(hello) => Ok(hello),
        Frame::Letter(_) => Err(WireError::Other { expected: "a greeting", found: "a letter" }),
    }
}

fn within(what: &'static str, bytes: &[u8], max: usize) -> Result<(), WireError> {
    match bytes.len() {
        found if found > max => Err(WireError::TooLong { what, found, max }),
        _ => Ok(()),
    }
}
