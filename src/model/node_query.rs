//! How people list discovered nodes: which, in what order, and from where on.

use super::device::{DeviceId, DeviceState};
use super::name::ServerName;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFilter {
    /// Any of these; empty means all.
    pub managing_sources: Vec<ServerName>,
    pub state: Option<DeviceState>,
    /// Part of the host name, of an address or of the MAC; large and small letters are the same.
    pub text: Option<String>,
    /// Only what was seen at this moment or later.
    pub seen_since: Option<Timestamp>,
    /// Only what was not seen at this moment or later.
    pub seen_before: Option<Timestamp>,
}

/// One page of the nodes that a filter lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeQuery {
    pub filter: NodeFilter,
    pub sort: NodeSort,
    /// Only what comes behind this place (the `next` of the page before).
    pub after: Option<NodeCursor>,
    /// At most this many; the server's own limit holds too.
    pub limit: usize,
}

/// What nodes are sorted by; those that are alike in it by their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeSort {
    #[default]
    Id,
    /// Newest first.
    LastSeen,
    /// Those without a name last.
    Name,
    /// By the first address; those without one last.
    Address,
}

impl NodeSort {
    /// The word for it, as the API and the command line spell it.
    pub fn word(self) -> &'static str {
        match self {
            NodeSort::Id => "id",
            NodeSort::LastSeen => "last-seen",
            NodeSort::Name => "name",
            NodeSort::Address => "address",
        }
    }
}

impl FromStr for NodeSort {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let all = [NodeSort::Id, NodeSort::LastSeen, NodeSort::Name, NodeSort::Address];
        let named = all.into_iter().find(|sort| sort.word() == text);
        named.ok_or_else(|| "there are `id`, `last-seen`, `name` and `address`".to_string())
    }
}

/// A place in a sorted list of nodes. It stays where it is when its node changes or goes: what it
/// was sorted by is part of it.
///
/// As text `d:17`, `d:17@seen:1732790000000`, `d:17@name:press-7` or `d:17@address:10.0.0.7`; what
/// there is none of is left empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeCursor {
    pub id: DeviceId,
    /// Nothing: where the node stands now.
    pub key: Option<CursorKey>,
}

/// What the node of a cursor was sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorKey {
    Seen(Timestamp),
    Name(Option<String>),
    Address(Option<IpAddr>),
}

impl CursorKey {
    /// Which order it is a place of.
    pub fn sort(&self) -> NodeSort {
        match self {
            CursorKey::Seen(_) => NodeSort::LastSeen,
            CursorKey::Name(_) => NodeSort::Name,
            CursorKey::Address(_) => NodeSort::Address,
        }
    }
}

/// Why a text is no place in a list of nodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place in a list of nodes; take the `next` of the page before, or an id")]
pub struct NodeCursorError(String);

impl FromStr for NodeCursor {
    type Err = NodeCursorError;
    fn from_str(text: &str) -> Result<Self, NodeCursorError> {
        let wrong = || NodeCursorError(text.chars().take(80).collect());
        let (id, key) = match text.split_once('@') {
            Some((id, key)) => (id, Some(read_key(key).ok_or_else(wrong)?)),
            None => (text, None),
        };
        Ok(NodeCursor { id: id.parse().map_err(|_| wrong())?, key })
    }
}

fn read_key(text: &str) -> Option<CursorKey> {
    let (sort, value) = text.split_once(':')?;
    let some = Some(value).filter(|value| !value.is_empty());
    match sort {
        "seen" => some?.parse().ok().map(|ms| CursorKey::Seen(Timestamp(ms))),
        "name" => Some(CursorKey::Name(some.map(str::to_string))),
        "address" => match some {
            Some(address) => address.parse().ok().map(|address| CursorKey::Address(Some(address))),
            None => Some(CursorKey::Address(None)),
        },
        _ => None,
    }
}

impl fmt::Display for NodeCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)?;
        match &self.key {
            None => Ok(()),
            Some(CursorKey::Seen(at)) => write!(f, "@seen:{}", at.0),
            Some(CursorKey::Name(name)) => {
                write!(f, "@name:{}", name.as_deref().unwrap_or_default())
            }
            Some(CursorKey::Address(Some(address))) => write!(f, "@address:{address}"),
            Some(CursorKey::Address(None)) => write!(f, "@address:"),
        }
    }
}

impl TryFrom<String> for NodeCursor {
    type Error = NodeCursorError;
    fn try_from(text: String) -> Result<Self, NodeCursorError> {
        text.parse()
    }
}

impl From<NodeCursor> for String {
    fn from(cursor: NodeCursor) -> String {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        for text in [
            "d:17",
            "d:17@seen:1732790000000",
            "d:17@name:press-7.example",
            "d:17@name:",
            "d:17@address:10.0.0.7",
            "d:17@address:2001:db8::7",
            "d:17@address:",
        ] {
            assert_eq!(text.parse::<NodeCursor>().unwrap().to_string(), text);
        }
        for text in ["", "d", "d:17@", "d:17@seen:", "d:17@seen:-1", "d:17@size:3", "@name:x"] {
            assert!(text.parse::<NodeCursor>().is_err(), "{text:?} was taken");
        }
    }
}
