//! Placeholder of `daemon`; filled by its first slice.
