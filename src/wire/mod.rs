//! Placeholder of `wire`; filled by its first slice.

pub mod license_file;
