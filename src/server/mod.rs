//! Placeholder of `server`; filled by its first slice.
