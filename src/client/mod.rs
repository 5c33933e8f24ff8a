//! Placeholder of `client`; filled by its first slice.
