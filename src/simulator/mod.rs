//! Placeholder of `simulator`; filled by its first slice.
