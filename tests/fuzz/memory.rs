//! How much memory a reader sets aside.

/// What a function makes, and the most bytes that it held at once on its way.
pub fn peak<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let mut made = None;
    let seen = allocation_counter::measure(|| made = Some(make()));
    let peak = usize::try_from(seen.bytes_max).unwrap_or(usize::MAX);
    MOST.set(MOST.get().max(peak));
    (made.expect("it was made a line above"), peak)
}

thread_local! {
    static MOST: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The most since the last time somebody asked on this thread.
pub fn most() -> usize {
    MOST.take()
}
