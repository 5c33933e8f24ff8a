//! Chance from the operating system.

use crate::daemon::DaemonError;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// Fills a short secret with random bytes of the kernel's.
///
/// # Errors
/// The kernel gives none.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), DaemonError> {
    for piece in bytes.chunks_mut(8) {
        piece.copy_from_slice(&random_bits()?.to_le_bytes()[..piece.len()]);
    }
    Ok(())
}

/// 64 random bits of the kernel's.
///
/// Not of the TLS library's: its first draw in a process takes tens of milliseconds, and a server
/// should not wait for that before it serves.
pub(super) fn random_bits() -> Result<u64, DaemonError> {
    let mut bytes = [0; 8];
    loop {
        // So few bytes are given whole or not at all.
        match getrandom(&mut bytes, GetRandomFlags::empty()) {
            Ok(8) => return Ok(u64::from_le_bytes(bytes)),
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return Err(DaemonError::NoEntropy),
        }
    }
}
