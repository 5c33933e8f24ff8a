//! Recovery: how a server whose data may not be its newest comes to be right again (safety.md R5,
//! R10).
//!
//! ```text
//!   the primary                       relay r, set back                     servers below r
//!      ◄── AttachRequest{former} ───  Begin: another data set, no uses counted, nothing granted
//!      ─── Attached{levels} ───────►  the counts are the primary's
//!      ◄── RowsAsk ─────────────────
//!      ─── Rows ───────────────────►  TakeBack: devices as the primary last knew them
//!      ◄── BelowAsk, Below ─────────► who is below
//!                                     ─── RollCall{number, products} ──────►
//!                                     ◄── Statement: what I use there ─────  State: durable first
//!                                     Book: in the ledger; ─── Stated ─────►
//!      ◄── Statement ────────────────  where r shares, to the holder above it
//!                                     End, when all have answered: uses are granted again
//! ```
//! Until the end nothing is granted and nothing is given back; devices that are managed stay so.

use super::account::{Pack, PackPart, WishNumber};
use super::device::DeviceNumber;
use super::license::Serial;
use super::name::{ProductName, ServerName};
use super::report::ReportRow;
use super::row::Enrolment;
use super::time::Timestamp;

/// Durable at the server that recovers, until it is right again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    pub since: Timestamp,
    /// What was found, for people.
    pub why: String,
    /// The data set that the tree knew it by. 0 where that goes on, and only uses that were on
    /// their way here are not known.
    pub former: u64,
    /// An operator ended it although servers below had not said what they use: what they say is
    /// still booked, and uses are granted meanwhile.
    pub forced: bool,
    /// Its rows are its newest: all were taken back; or it recovers because another instance of it
    /// ran too, and takes none back that may be the other's.
    pub keeps_rows: bool,
}

/// What becomes of a recovery; a change of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoveryCommand {
    /// Another data set begins, of which nothing was said yet. `incarnation` is drawn; with 0 the
    /// data set goes on ([`Recovery::former`]).
    Begin { why: String, incarnation: u64, keeps_rows: bool },
    /// The primary's rows of own devices, for the numbers after one and up to another.
    TakeBack(RowsBack),
    /// Below: what is wished from now on is newer than what is stated to this roll call.
    State { call: u64, to: Option<ServerName>, products: Vec<ProductName> },
    /// The holder above knows this server as a holder of the product: it becomes one again, and
    /// calls those below.
    Hold { product: ProductName },
    /// A statement to this roll call, with the way that it came.
    Book { call: u64, pack: Pack, route: Vec<ServerName> },
    /// All is known; or an operator says so, who knows that these are missing.
    End { missing: Vec<ServerName> },
    /// Primary: a server is there that joined after the copy, or joined again.
    Meet { name: ServerName, parent: ServerName, incarnation: u64, enrolment: Enrolment },
    /// The holders above know what is used here, under this enrolment and on this way: since
    /// another server was lost, or since this one came to its place.
    Stated { enrolment: u64, way: u64 },
}

/// Rows of the former data set as the primary has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsBack {
    /// The data set that asked for them.
    pub data: u64,
    pub after: DeviceNumber,
    /// Without one, to the end.
    pub upto: Option<DeviceNumber>,
    /// Everything up to this version is in the primary's rows, or was deleted.
    pub have: u64,
    /// No row was changed later, on this page and all others; 0 where the primary does not say it.
    pub newest: u64,
    pub rows: Vec<ReportRow>,
}

/// A server above asks who uses what of its licenses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollCall {
    pub server: ServerName,
    /// Never the same twice, and never [`NO_CALL`].
    pub number: u64,
    pub products: Vec<ProductName>,
    /// Which license files are registered there is not known either: whoever answers claims them
    /// again before it states anything.
    pub licenses: bool,
}

/// The number of a statement that nobody called for: of one that shares and was set back.
pub const NO_CALL: u64 = 0;

/// What servers say to each other of recoveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoveryWord {
    /// Down, to a neighbour: all roll calls above it that are open.
    RollCalls(Vec<RollCall>),
    /// Up, to who called, or to the holder of the product. The pack's giver is the author, its
    /// cycle the number of the statement; its account is there if the author shares with who is
    /// meant, and `below` says whether it holds itself.
    Statement { call: u64, part: PackPart },
    /// Down to the author: it is booked.
    Stated { product: ProductName, call: u64, number: WishNumber },
    /// Down to the author, instead: you hold that product yourself, and with you are the uses of
    /// those below you.
    YouHold { product: ProductName },
    /// Up to the primary.
    RowsAsk { data: u64, former: u64, after: DeviceNumber },
    /// Down to who asked.
    Rows(RowsBack),
    /// Up to the primary: who is below me, in the order of their names?
    BelowAsk { after: Option<ServerName> },
    /// Down to who asked; `more` of them come behind these.
    Below { after: Option<ServerName>, servers: Vec<ServerName>, more: bool },
    /// Up to the primary that was set back: these license files are registered here. Answered for
    /// each as a claim is.
    Registered { serials: Vec<Serial> },
}
