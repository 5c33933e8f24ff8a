//! The one patience of all tests: a condition is looked at until it holds, or until this long.

use std::time::{Duration, Instant};

/// How long a test waits for what must come. Long, because only failures wait it out.
pub const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Looks until `look` finds something; fails with what was seen last.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if begun.elapsed() > PATIENCE => {
                panic!("{what}: not within {PATIENCE:?}; last seen: {seen}")
            }
            Err(_) => std::thread::sleep(LOOK_AGAIN),
        }
    }
}
