//! Joining: how one who has no certificate yet asks a server for one, over ALPN `lictree-join/1`.
//!
//! ```text
//!   who joins (has a code: pins, secret)              any server of the tree
//!     ── TLS 1.3, no certificate ────────────────────►
//!     ◄── its certificate, and its authorities ───────  is one of them pinned? did it issue
//!     │                                                 that certificate? else: the end
//!     ── one stream: request, soon ──────────────────►  rate per address, few at once
//!     ◄───────────────────────────────────── answer ──  whoever accepts gives it
//! ```
//!
//! - `ask`: the side that joins. `call`: the side that is asked.
//! - `rate`: how often one address may call. `places`: how many call at once.
//! - `frame`: the one frame each way.
//!
//! Invariants: a server that has not proven to be of the tree learns nothing of the request; a
//! caller costs a bounded piece of memory for a bounded time.

mod ask;
mod call;
mod frame;
mod places;
mod rate;

pub use ask::{JoinReply, join};
pub use call::JoinCall;
pub(crate) use call::{JoinDoor, Joining};

/// The bytes that both ends of a connection derive from it, and nobody else.
const EXPORTER_BYTES: usize = 32;
const EXPORTER_LABEL: &[u8] = b"EXPORTER lictree join";

fn exporter(quic: &quinn::Connection) -> Result<[u8; EXPORTER_BYTES], String> {
    let mut bytes = [0; EXPORTER_BYTES];
    quic.export_keying_material(&mut bytes, EXPORTER_LABEL, b"")
        .map_err(|error| format!("the connection gives no exporter: {error:?}"))?;
    Ok(bytes)
}
