//! The loop that feeds inputs to a server and carries out its effects; start and stop.
//!
//! ```text
//!   API ──Port──────────┐ asked             ┌─► log thread    append, one sync for what waits
//!   uplink, one task ───┤ letters, up, down │      └─ progress ─┐
//!   downlinks, a task ──┼──► inbox ──► Owner┼─► rows thread   checkpoint
//!   each ◄─frames───────┘    (bounded)  │   │      └─ progress ─┤
//!      ▲                                │   └─► answers to who  │
//!      └────────── try_send ◄───────────┘       asked           └──► Owner
//! ```
//!
//! - `settings`: what a daemon is told; `start`: from a data folder to a running server.
//! - `owner`: the one task that holds `server::Server`. `port`: how requests reach it.
//! - `keyring`: what it proves itself with, as of now; `renewal`: in time a new certificate.
//! - `author`: who wrote a letter that others passed on.
//! - `registrar`: the authority's key, at the primary; `join`: calls of those who have a code.
//! - `backup`: a server's state and files as one file, and a data folder made of it.
//! - `disk`: the threads of log and rows; `room`: whether there is any left; `witness`: whether a
//!   folder is the newest there was. `clock`, `entropy`: time and chance as values.
//! - `link`: one connection, both ways; `pace`: how fast it may be; `links`: all of them; `uplink`,
//!   `downlink`: how they come.
//! - `refused`: those who are not let in or are cut off, in words for the event log.
//!
//! Invariants: only the owner touches the server. Nobody whom the owner waits for waits for the
//! owner: disk threads report through a watch, links are sent to without waiting. A failed write
//! ends the process; nothing is tried twice on a disk but a write that found no room, once, when
//! the reserve is gone (`store`).

pub mod settings;
pub mod start;

pub mod author;
pub mod backup;
pub mod keyring;
pub mod pace;
pub mod port;
pub mod registrar;

mod clock;
mod disk;
mod entropy;
mod error;
mod owner;

mod downlink;
mod join;
mod link;
mod links;
mod refused;
mod renewal;
pub mod room;
mod uplink;
mod witness;

pub use clock::wall;
pub use entropy::fill_random;
pub use error::DaemonError;
