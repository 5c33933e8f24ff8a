//! The server's share of a backup: head and rows.

use crate::daemon::DaemonError;
use crate::store::RowsPicture;
use crate::store::backup::{BackupHead, BackupWriter, RowsPiece};
use std::ops::ControlFlow;

/// Gives the first part of a backup to `take`, piece by piece, until it has enough. Blocks; needs
/// one piece of memory, a quarter of a MiB or one row that is longer.
///
/// # Errors
/// The rows cannot be read; what `take` got is worth nothing then.
pub fn pour(
    picture: &RowsPicture,
    head: &BackupHead,
    mut take: impl FnMut(Vec<u8>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, DaemonError> {
    let (mut writer, beginning) = BackupWriter::begin(head);
    if take(beginning).is_break() {
        return Ok(ControlFlow::Break(()));
    }
    let mut piece = RowsPiece::default();
    let poured = picture.load(|table, key, value| {
        piece.put(table, key, value);
        if !piece.is_full() {
            return ControlFlow::Continue(());
        }
        take(writer.rows(&std::mem::take(&mut piece)))
    })?;
    if poured.is_break() || piece.is_empty() {
        return Ok(poured);
    }
    Ok(take(writer.rows(&piece)))
}
