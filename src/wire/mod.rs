//! What servers say to each other as bytes and back, and the license file.
//!
//! ```text
//!   frame (net carries it; one tagged message)
//!    ├─ 1 Hello    the first frame both ways: who, and which versions
//!    └─ 2 Letter   everything else: address, route, body
//! ```
//!
//! Letters are prost messages with hand-written field numbers; what they share with the log is the
//! same form (docs/decisions/0004). The rules of `record` hold here too: fields are only added,
//! numbers stay, zero of an enum is refused. And what comes from another server is bounded:
//!
//! - No bytes make reading panic; whatever is wrong with them is a [`WireError`].
//! - Every list is counted in its bytes and paid for out of [`WireLimits`] before memory is set
//!   aside for it. No single allocation exceeds four times the frame and 64 KiB; by the default
//!   limits the worst frame (a pack whose routes are all as long as can be) takes 3 MiB in all.
//! - A kind of frame, address or body that this version does not know is
//!   [`WireError::Unsupported`]: it is left out, and the connection stays.
//! - Names are checked when they are read; there is no letter with a name that is none.

pub mod join;
pub mod license_file;

mod attach_request;
mod body;
mod error;
mod frame;
mod hello;
mod letter;
mod limits;

#[cfg(test)]
mod tests;

pub use error::WireError;
pub use frame::{
    Frame, decode_frame, decode_hello, decode_letter, encode_frame, encode_hello, encode_letter,
};
pub use hello::{CAPABILITIES, Hello, Incompatible, PROTOCOL_MAX, PROTOCOL_MIN, agree};
pub use letter::signed_bytes;
pub use limits::WireLimits;
