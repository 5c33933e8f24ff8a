//! Where memory is not measured.

/// What a function makes, and nothing said of its memory.
pub fn peak<T>(make: impl FnOnce() -> T) -> (T, usize) {
    (make(), 0)
}
