//! How much one frame may hold.

use crate::record::room::Room;

/// Limits on what is read from another server. Senders stay below them by their own tuning; a
/// letter above them is refused whole. Memory for a list is set aside once it is counted: the
/// limits are such that lists of empty items, two bytes each, stay within four times the frame and
/// 64 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes of one frame. 1 MiB.
    pub frame_len_max: usize,
    /// Bytes of one greeting. 4 KiB.
    pub hello_len_max: usize,
    /// Accounts in one letter of a pack, whole or in part. 900.
    pub accounts_max: usize,
    /// Entries of all accounts of one letter. 4,096.
    pub entries_max: usize,
    /// Lower holders in one letter of a pack. 1,300.
    pub lower_max: usize,
    /// Servers in all routes of one letter. 65,536.
    pub names_max: usize,
    /// Products that one letter speaks of. 1,000.
    pub products_max: usize,
    /// Rows of one report letter. 512.
    pub rows_max: usize,
    /// Devices that move, in one letter. 512.
    pub moves_max: usize,
    /// Wishes or verdicts of one letter. 4,096.
    pub wishes_max: usize,
    /// Servers in one route. 64.
    pub depth_max: usize,
    /// Bytes of a host name, or of the name of a software. 1,024.
    pub text_len_max: usize,
}

impl Default for WireLimits {
    fn default() -> WireLimits {
        WireLimits {
            frame_len_max: 1 << 20,
            hello_len_max: 4 << 10,
            accounts_max: 900,
            entries_max: 4_096,
            lower_max: 1_300,
            names_max: 65_536,
            products_max: 1_000,
            rows_max: 512,
            moves_max: 512,
            wishes_max: 4_096,
            depth_max: 64,
            text_len_max: 1_024,
        }
    }
}

impl WireLimits {
    /// The room of one letter.
    pub(super) fn room(&self) -> Room {
        Room {
            accounts: self.accounts_max,
            entries: self.entries_max,
            lower: self.lower_max,
            names: self.names_max,
            products: self.products_max,
            rows: self.rows_max,
            moves: self.moves_max,
            wishes: self.wishes_max,
            depth_max: self.depth_max,
            text_len_max: self.text_len_max,
        }
    }
}
