//! Placeholder of `net`; filled by its first slice.
