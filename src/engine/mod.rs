//! Every decision a license server takes. No IO, no clock, no randomness.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod range;
