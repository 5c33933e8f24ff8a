//! The bodies that both sides of the socket speak, besides the views of `model`.
//!
//! Unknown fields of a body sent to a server are refused: a misspelt field must not do less than
//! was meant. Unknown fields of an answer are passed over: a newer server may say more.

pub use crate::client::scan::{PlannedScan, ScanBody, ScanList, ScanMethod, ScanState, ScanView};
use crate::model::count::LicenseCount;
use crate::model::device::DeviceId;
use crate::model::moving::Goal;
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::request::{DeviceOutcome, Doing, HoldingChange, HoldingVerb};
use crate::model::time::Timestamp;
use crate::model::view::{EventView, InviteView, LicenseView, NodeView};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// In the head of an answer: all entries of the server's log up to this index are in the answer,
/// and none behind.
pub const LOG_INDEX: &str = "lictree-log-index";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseList {
    pub licenses: Vec<LicenseView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventList {
    pub events: Vec<EventView>,
}

/// What became of the devices that were asked for, in the order of the asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceOutcomes {
    pub devices: Vec<DeviceOutcome>,
}

/// The body of every answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    pub error: Refusal,
}

/// Which devices to manage, to ignore or to delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceList {
    pub devices: Vec<DeviceId>,
    /// Only for `manage`; without it: the only product there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductName>,
}

/// Which nodes are one machine: the others go into the kept one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergeBody {
    pub keep: DeviceId,
    pub others: Vec<DeviceId>,
    /// Only say whether they could be merged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check: bool,
}

/// A node goes to another server's site, or stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveBody {
    pub device: DeviceId,
    /// A server, or a node there; without one `cancel` is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Goal>,
    #[serde(default)]
    pub cancel: bool,
}

/// How many licenses ranges lack for what was discovered in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LackingView {
    pub as_of: Timestamp,
    pub ranges: Vec<LackingRange>,
    /// Of all these ranges.
    pub lacking: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LackingRange {
    pub product: ProductName,
    /// The sharing source.
    pub source: ServerName,
    pub discovered: u64,
    /// Those of them whose MAC is that of another node of the range, counted or managed.
    pub duplicates: u64,
    pub remaining: LicenseCount,
    pub lacking: u64,
    /// How many of the discovered each server of the range found.
    pub by: Vec<LackingSource>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LackingSource {
    pub managing_source: ServerName,
    pub discovered: u64,
}

/// Nodes that are likely one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicatesView {
    pub groups: Vec<DuplicateGroup>,
    /// How many groups there are, shown or not.
    pub total: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateGroup {
    pub alike: Alike,
    /// The MAC, name or address: the first that just these have in common.
    pub value: String,
    /// How many more of that kind just these have in common.
    pub more_values: u64,
    /// How many nodes have it; of many only the first are shown.
    pub count: u64,
    pub nodes: Vec<NodeView>,
}

/// What makes nodes likely one machine (JP1-53), the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alike {
    /// One that names a machine.
    Mac,
    /// Large and small letters are the same.
    Name,
    /// Private networks overlap: alone it says little of nodes of two servers.
    Address,
}

impl Alike {
    pub const ALL: [Alike; 3] = [Alike::Mac, Alike::Name, Alike::Address];

    pub fn word(self) -> &'static str {
        match self {
            Alike::Mac => "mac",
            Alike::Name => "name",
            Alike::Address => "address",
        }
    }
}

impl FromStr for Alike {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let named = Alike::ALL.into_iter().find(|alike| alike.word() == text);
        named.ok_or_else(|| "there are `mac`, `name` and `address`".to_string())
    }
}

/// A change of a holding option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldingBody {
    pub relay: ServerName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductName>,
    pub verb: Verb,
    /// With `distribute` only, and always there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<LicenseCount>,
    #[serde(default)]
    pub doing: DoingWord,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    Distribute,
    Withdraw,
    Authorize,
    Deauthorize,
}

/// Who is to come into the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InviteBody {
    pub name: ServerName,
    pub parent: ServerName,
    /// How long the code lives, in seconds; an hour when left out.
    #[serde(default = "hour_s")]
    pub life_s: u64,
    /// Whether an operator must approve before a certificate is given.
    #[serde(default)]
    pub approval: bool,
    /// Whether it is for a server of the tree whose disk is lost: on an empty one it takes up what
    /// the tree knows of it.
    #[serde(default)]
    pub replaces: bool,
    /// Whether a server of the tree may move although uses of it stay counted where they are.
    #[serde(default)]
    pub force: bool,
}

fn hour_s() -> u64 {
    3_600
}

/// An invitation with its code, which is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    pub code: String,
    pub invitation: InviteView,
    /// Whether an operator must approve before a certificate is given.
    #[serde(default)]
    pub approval: bool,
    /// The invitation of the same name that is void by this one.
    #[serde(default)]
    pub replaced: Option<InviteView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteList {
    pub invitations: Vec<InviteView>,
}

/// How far to go; only a look when left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoingBody {
    #[serde(default)]
    pub doing: DoingWord,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TitleBody {
    pub title: String,
}

/// The words for [`Doing`]; the careful one is what is meant without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DoingWord {
    #[default]
    Preview,
    Do,
    Force,
}

impl From<DoingWord> for Doing {
    fn from(word: DoingWord) -> Doing {
        match word {
            DoingWord::Preview => Doing::Preview,
            DoingWord::Do => Doing::Do,
            DoingWord::Force => Doing::Force,
        }
    }
}

impl From<Doing> for DoingWord {
    fn from(doing: Doing) -> DoingWord {
        match doing {
            Doing::Preview => DoingWord::Preview,
            Doing::Do => DoingWord::Do,
            Doing::Force => DoingWord::Force,
        }
    }
}

impl From<&HoldingChange> for HoldingBody {
    fn from(change: &HoldingChange) -> HoldingBody {
        let (verb, count) = match change.verb {
            HoldingVerb::Distribute(count) => (Verb::Distribute, Some(count)),
            HoldingVerb::Withdraw => (Verb::Withdraw, None),
            HoldingVerb::Authorize => (Verb::Authorize, None),
            HoldingVerb::Deauthorize => (Verb::Deauthorize, None),
        };
        let doing = change.doing.into();
        let (relay, product) = (change.relay.clone(), change.product.clone());
        HoldingBody { relay, product, verb, count, doing }
    }
}

impl TryFrom<HoldingBody> for HoldingChange {
    type Error = &'static str;

    fn try_from(body: HoldingBody) -> Result<HoldingChange, &'static str> {
        let verb = match (body.verb, body.count) {
            (Verb::Distribute, Some(count)) => HoldingVerb::Distribute(count),
            (Verb::Distribute, None) => return Err("`distribute` needs a `count`"),
            (_, Some(_)) => return Err("only `distribute` has a `count`"),
            (Verb::Withdraw, None) => HoldingVerb::Withdraw,
            (Verb::Authorize, None) => HoldingVerb::Authorize,
            (Verb::Deauthorize, None) => HoldingVerb::Deauthorize,
        };
        let doing = body.doing.into();
        Ok(HoldingChange { product: body.product, relay: body.relay, verb, doing })
    }
}

/// How an imported file is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportFormat {
    /// Whichever its first lines say.
    #[default]
    Auto,
    /// `nmap -oX`.
    #[serde(alias = "nmap")]
    NmapXml,
    /// What systems and network devices print of their ARP tables, several one after another if
    /// need be: `arp -a`, `-n`, `-v` of Linux, BSD, macOS, AIX, Windows; Cisco, Arista, Huawei,
    /// Juniper, MikroTik.
    Arp,
    /// `ip neigh` of Linux.
    IpNeigh,
    /// `show cdp neighbors detail`.
    Cdp,
    /// `show lldp neighbors detail`, `lldpcli show neighbors details`.
    Lldp,
    /// A list with named columns: `mac`, `ip address`, `host name` and the like.
    Csv,
}

impl ImportFormat {
    /// Each with its name on the command line.
    pub const ALL: [(ImportFormat, &'static str); 7] = [
        (ImportFormat::Auto, "auto"),
        (ImportFormat::NmapXml, "nmap-xml"),
        (ImportFormat::Arp, "arp"),
        (ImportFormat::IpNeigh, "ip-neigh"),
        (ImportFormat::Cdp, "cdp"),
        (ImportFormat::Lldp, "lldp"),
        (ImportFormat::Csv, "csv"),
    ];
}

impl fmt::Display for ImportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ImportFormat::ALL.iter().find(|(format, _)| format == self);
        f.pad(name.map_or("", |(_, name)| *name))
    }
}

impl FromStr for ImportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<ImportFormat, String> {
        let text = if text == "nmap" { "nmap-xml" } else { text };
        let known = ImportFormat::ALL.iter().find(|(_, name)| *name == text);
        known.map(|(format, _)| *format).ok_or_else(|| {
            let names = ImportFormat::ALL.map(|(_, name)| name).join(", ");
            format!("{text:?} is no format; there are {names}")
        })
    }
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOutcome {
    /// How it was read; never `auto`.
    pub format: ImportFormat,
    /// Rows or hosts seen, the skipped ones among them.
    pub rows: u64,
    /// Machines that were not known before.
    pub new: u64,
    /// Machines that were known.
    pub known: u64,
    /// Rows left out, all of them counted and the first of them listed.
    pub skipped_total: u64,
    pub skipped: Vec<SkippedRow>,
    /// Host names left out because they are not plain, too long or too many.
    pub names_refused: u64,
    /// The lines of the first of them.
    #[serde(default)]
    pub names_refused_at: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRow {
    /// Counted from 1.
    pub line: u64,
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(verb: HoldingVerb, doing: Doing) -> HoldingChange {
        let relay = "d".parse().unwrap();
        HoldingChange { product: Some("inventory".parse().unwrap()), relay, verb, doing }
    }

    #[test]
    fn every_change_survives_the_socket() {
        let verbs = [
            HoldingVerb::Distribute(LicenseCount(10)),
            HoldingVerb::Withdraw,
            HoldingVerb::Authorize,
            HoldingVerb::Deauthorize,
        ];
        for verb in verbs {
            for doing in [Doing::Preview, Doing::Do, Doing::Force] {
                let sent = serde_json::to_string(&HoldingBody::from(&change(verb, doing))).unwrap();
                let come: HoldingBody = serde_json::from_str(&sent).unwrap();
                assert_eq!(HoldingChange::try_from(come), Ok(change(verb, doing)));
            }
        }
    }

    #[test]
    fn a_body_that_says_too_little_or_too_much_is_refused() {
        let read = |text: &str| -> Result<HoldingChange, String> {
            let body: HoldingBody = serde_json::from_str(text).map_err(|e| e.to_string())?;
            HoldingChange::try_from(body).map_err(str::to_string)
        };
        assert!(read(r#"{"relay":"d","verb":"distribute"}"#).unwrap_err().contains("count"));
        assert!(read(r#"{"relay":"d","verb":"withdraw","count":1}"#).is_err());
        assert!(read(r#"{"relay":"d","verb":"withdraw","forced":true}"#).is_err());
        let careful = read(r#"{"relay":"d","verb":"withdraw"}"#).unwrap();
        assert_eq!(careful.doing, Doing::Preview);
    }
}
