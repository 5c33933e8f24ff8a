//! lictree: a license server for organisations with many sites.
//!
//! One primary and any number of relays form a tree that counts together: never one license too
//! many, whatever crashes or is cut off. Start with `ARCHITECTURE.md`; the folders below stand in
//! the order in which they may name each other (`tests/tidy.rs` holds it).

pub mod model;

pub mod engine;
pub mod group;
pub mod net;
pub mod record;
pub mod store;
pub mod wire;

pub mod server;

pub mod client;
pub mod daemon;
pub mod simulator;

pub mod edge;
