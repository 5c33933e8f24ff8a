//! What servers say to each other.
//!
//! Asks go up, decisions come down, reports go up; nothing goes sideways. Every letter may be lost,
//! doubled or late: whoever needs an answer repeats, and a repeat does nothing.

use super::account::{PackPart, Wish, WishNumber, WishVerdict};
use super::clock::ClockStanding;
use super::edge::{AttachId, DataSet, EdgeReport, Level};
use super::enrolment::{CertificateAnswer, CertificateAsk, Credentials, SealedTrust};
use super::license::Serial;
use super::moving::{MoveAnswer, MoveAsk};
use super::name::{ProductName, ServerName};
use super::reconcile::Reconcile;
use super::recovery::RecoveryWord;
use super::refusal::Refusal;
use super::report::{Head, ReportBatch, StreamId, Table};
use super::time::Timestamp;

/// One connection to a neighbour. Never used twice within one start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Whom a letter is for, as seen from the server that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The server at the other end of the link.
    Neighbour,
    /// Up to the primary.
    Primary,
    /// Up to the nearest server that does more than share for this product.
    Holder(ProductName),
    /// Up to the server of this name.
    Above(ServerName),
    /// Down to the server of this name.
    Below(ServerName),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub to: Address,
    /// Letters that go up: the servers it has passed, its author first.
    pub route: Vec<ServerName>,
    pub body: Body,
    /// Of the author, once it has left there: letters that go up, and words of the primary.
    pub signature: Option<Box<Signature>>,
}

/// What proves that the author of a letter wrote it: those between can hold it up, and neither
/// alter nor invent one (I7). Only `net` understands these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Of the author, in DER.
    pub certificate: Vec<u8>,
    pub bytes: Vec<u8>,
}

impl Letter {
    /// Not signed yet.
    pub fn new(to: Address, route: Vec<ServerName>, body: Body) -> Letter {
        Letter { to, route, body, signature: None }
    }

    pub fn to_neighbour(body: Body) -> Letter {
        Letter::new(Address::Neighbour, Vec::new(), body)
    }
}

/// One figure per stream of a server: everything up to here exists.
pub type Versions = Vec<(Table, u64)>;

/// "I am here", sent by every relay at start and then once an interval; noted by every server it
/// passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    pub name: ServerName,
    pub parent: ServerName,
    pub incarnation: u64,
    /// A server is offline strictly after two of these without word.
    pub interval_ms: u64,
    pub versions: Versions,
    pub software: String,
    /// The version of the trust it holds.
    pub trust: u64,
    pub credentials: Credentials,
    /// Its clock when it said this, and how long others have kept it since.
    pub clock: Timestamp,
    /// What it thinks of its machine's clock.
    pub standing: ClockStanding,
    pub kept_ms: u64,
    /// Where its parent sees it; empty until the parent passed it on.
    pub address: String,
    /// Its data may not be its newest, and it has not heard from all who know better.
    pub recovers: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Up.
    Presence(Presence),
    /// Down, to a neighbour: the way up is open again; say what has no answer yet. With the way
    /// down from the primary to here, as [`Body::Heard`] says it.
    Resume {
        way: u64,
    },
    /// Down, to a neighbour: what the clock shows here, whether the way up is open, which version
    /// of the trust is held here, license time here, and a number for the way down from the primary
    /// to here (zero: it is not known yet). An answer to each presence; said too when the way is
    /// lost, or is another.
    Heard {
        clock: Timestamp,
        open: bool,
        trust: u64,
        license: Timestamp,
        way: u64,
    },
    /// Down, to a neighbour: the sharing source for what you do not hold yourself.
    Sources(Vec<(ProductName, ServerName)>),
    /// The same, of a server that has not heard itself who holds what: more may be held above.
    SourcesSoFar(Vec<(ProductName, ServerName)>),

    // Attaching (R3, R4): hello ─► ◄─ challenge, request ─► ◄─ attached, or refused
    AttachHello,
    Challenge {
        nonce: u64,
    },
    AttachRequest {
        nonce: u64,
        data: DataSet,
        versions: Versions,
        edges: Vec<(ProductName, EdgeReport)>,
    },
    Attached {
        nonce: u64,
        /// The data set that asked: another of the same server takes no answer to it for its own.
        data: u64,
        attach: AttachId,
        levels: Vec<(ProductName, Level)>,
        /// How many data sets the relay had before this one, at least.
        generation: u64,
    },
    /// The relay's word cannot be true; nothing of it was taken.
    AttachRefused {
        nonce: u64,
        refusal: Refusal,
    },

    // The escrow edge
    Level {
        attach: AttachId,
        product: ProductName,
        level: Level,
    },
    EdgeReport {
        attach: AttachId,
        product: ProductName,
        report: EdgeReport,
    },

    // Uses
    Wishes {
        product: ProductName,
        floor: WishNumber,
        wishes: Vec<Wish>,
    },
    Verdicts {
        product: ProductName,
        verdicts: Vec<WishVerdict>,
    },

    // Uses that travel with counts
    TakeOver {
        product: ProductName,
        cycle: u64,
    },
    Handover(PackPart),
    HandoverBooked {
        product: ProductName,
        cycle: u64,
    },
    Yield(PackPart),
    YieldBooked {
        product: ProductName,
        cycle: u64,
    },

    // Reports
    ReportOffer {
        stream: StreamId,
        incarnation: u64,
        version: u64,
    },
    Report(ReportBatch),
    /// `have`: what the neighbour has. `settled`: what the primary has, as far as is known.
    ReportAck {
        stream: StreamId,
        incarnation: u64,
        have: u64,
        settled: u64,
    },

    /// Up to the primary: what the author's own rows are; each word has a number above the one
    /// before.
    Heads {
        number: u64,
        heads: Vec<(Table, Head)>,
    },

    /// Up and down, to a neighbour: whether rows silently differ.
    Reconcile(Reconcile),

    // Certificates and trust
    /// Up to the primary; `ticket` is a number of the author's.
    CertificateAsk {
        ticket: u64,
        ask: CertificateAsk,
    },
    /// Down to the author.
    CertificateAnswer {
        ticket: u64,
        answer: CertificateAnswer,
    },
    /// Down, to a neighbour.
    Trust(SealedTrust),
    // Serials, each registered at one server of the tree
    /// Up: the author wants to register this one.
    Claim {
        serial: Serial,
    },
    /// Down: whose it is; nobody's where the primary takes no more claims.
    Claimed {
        serial: Serial,
        by: Option<ServerName>,
    },

    // Devices that move
    /// Up to the primary: which of these are managed there by now?
    MoveAsk(MoveAsk),
    /// Down to the author: these are.
    MoveAnswer(MoveAnswer),

    // Servers that were set back
    Recovery(RecoveryWord),
}

impl Body {
    /// Down: whether only the primary says this. What holders say goes to those who share with
    /// them, and those between are of the same range.
    pub fn is_of_the_primary(&self) -> bool {
        match self {
            Body::Challenge { .. }
            | Body::Attached { .. }
            | Body::AttachRefused { .. }
            | Body::Level { .. }
            | Body::CertificateAnswer { .. }
            | Body::Claimed { .. }
            | Body::MoveAnswer(_) => true,
            Body::Recovery(word) => {
                matches!(word, RecoveryWord::Rows(_) | RecoveryWord::Below { .. })
            }
            _ => false,
        }
    }
}
