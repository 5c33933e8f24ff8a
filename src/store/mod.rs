//! Placeholder of `store`; filled by its first slice.
