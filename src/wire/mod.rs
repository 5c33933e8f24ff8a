//! Placeholder of `wire`; filled by its first slice.
