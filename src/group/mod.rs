//! Placeholder of `group`; filled by its first slice.
