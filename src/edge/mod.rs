//! Placeholder of `edge`; filled by its first slice.

pub mod import;
