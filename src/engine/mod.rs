//! Placeholder of `engine`; filled by its first slice.
