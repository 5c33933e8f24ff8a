//! Placeholder of `record`; filled by its first slice.
