//! Chance from the operating system.

use crate::daemon::DaemonError;

/// 64 random bits.
pub(super) fn random_bits() -> Result<u64, DaemonError> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| DaemonError::NoEntropy)?;
    Ok(u64::from_le_bytes(bytes))
}
