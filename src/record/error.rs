//! Why bytes are not the value they should be.

use crate::model::license::LicenseError;
use crate::model::name::NameError;
use prost::DecodeError;

/// What was read, and what was found instead.
///
/// On a server's own disk each of these means that the bytes were damaged, or that a newer version
/// wrote them: start the version that wrote them, or bring the data back from a copy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("reading {what}: {source}")]
    Broken { what: &'static str, source: DecodeError },
    #[error("reading {what}: its bytes end inside a field, or hold a field of no known kind")]
    Torn { what: &'static str },
    #[error("reading {what}: there is no {field}, which it cannot be without")]
    Missing { what: &'static str, field: &'static str },
    #[error("reading {what}: {found} stands for nothing this version knows; a newer one wrote it")]
    Unknown { what: &'static str, found: u64 },
    #[error("reading {what}: {source}")]
    Name { what: &'static str, source: NameError },
    #[error("reading {what}: {source}")]
    License { what: &'static str, source: LicenseError },
    #[error("reading {what}: its columns hold different numbers of values")]
    Columns { what: &'static str },
    #[error("reading {what}: device {device} stands out of order, or twice")]
    Order { what: &'static str, device: u64 },
    #[error("reading {what}: {found} is more than the {max} that fit")]
    TooLarge { what: &'static str, found: u64, max: u64 },
    #[error("a message holds {found} {what} where {max} more are allowed; send fewer in one")]
    TooMany { what: &'static str, found: usize, max: usize },
    #[error("table {table} is none this version knows; a newer one wrote it")]
    UnknownTable { table: u8 },
    #[error("table {table} ({name}): the key {key:02x?} is none of its keys")]
    Key { table: u8, name: &'static str, key: Vec<u8> },
    #[error("table {table}: the row was removed, so there is no value to read")]
    Removed { table: u8 },
}
