//! Greetings: who is there, and in which version both go on.

use crate::model::name::{ServerName, TreeName};
use crate::record::RecordError;
use crate::record::name::name;
use crate::wire::limits::WireLimits;
use prost::Message;

/// The versions of letters that this build reads and writes. The newest rises when a letter changes
/// its meaning; fields and bodies that are only added do not raise it.
pub const PROTOCOL_MIN: u32 = 1;
pub const PROTOCOL_MAX: u32 = 1;

/// What this build can do beyond its protocol version, by names that never change their meaning. A
/// server asks for these before it says something that others may not know yet.
pub const CAPABILITIES: &[&str] = &[];

/// The first frame both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub protocol_min: u32,
    pub protocol_max: u32,
    /// For people: name and version of the program.
    pub software: String,
    pub tree: TreeName,
    pub name: ServerName,
    /// Drawn at random at each start.
    pub boot: u64,
    /// Names of what it can do; unknown ones mean nothing.
    pub capabilities: Vec<String>,
}

impl Hello {
    /// The greeting of this build.
    pub fn of(tree: TreeName, name: ServerName, boot: u64, software: String) -> Hello {
        Hello {
            protocol_min: PROTOCOL_MIN,
            protocol_max: PROTOCOL_MAX,
            software,
            tree,
            name,
            boot,
            capabilities: CAPABILITIES.iter().map(|name| name.to_string()).collect(),
        }
    }
}

/// Two servers speak no common version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "incompatible version: {own} speaks protocol {own_min} to {own_max}, \
     {peer} ({software}) speaks {peer_min} to {peer_max}; update the older one"
)]
pub struct Incompatible {
    pub own: ServerName,
    pub own_min: u32,
    pub own_max: u32,
    pub peer: ServerName,
    pub peer_min: u32,
    pub peer_max: u32,
    /// The peer's.
    pub software: String,
}

/// The version both go on in: the newest that both speak. Both sides find the same.
pub fn agree(own: &Hello, peer: &Hello) -> Result<u32, Incompatible> {
    let newest = own.protocol_max.min(peer.protocol_max);
    if newest >= own.protocol_min.max(peer.protocol_min) {
        return Ok(newest);
    }
    Err(Incompatible {
        own: own.name.clone(),
        own_min: own.protocol_min,
        own_max: own.protocol_max,
        peer: peer.name.clone(),
        peer_min: peer.protocol_min,
        peer_max: peer.protocol_max,
        software: peer.software.clone(),
    })
}

#[derive(Clone, PartialEq, Message)]
pub struct HelloForm {
    #[prost(uint32, tag = "1")]
    protocol_min: u32,
    #[prost(uint32, tag = "2")]
    protocol_max: u32,
    #[prost(string, tag = "3")]
    software: String,
    #[prost(string, tag = "4")]
    tree: String,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(fixed64, tag = "6")]
    boot: u64,
    /// Bounded by the length of a greeting, which is checked before.
    #[prost(string, repeated, tag = "7")]
    capabilities: Vec<String>,
}

impl HelloForm {
    const WHAT: &'static str = "a greeting";

    pub fn of(hello: &Hello) -> HelloForm {
        HelloForm {
            protocol_min: hello.protocol_min,
            protocol_max: hello.protocol_max,
            software: hello.software.clone(),
            tree: hello.tree.to_string(),
            name: hello.name.to_string(),
            boot: hello.boot,
            capabilities: hello.capabilities.clone(),
        }
    }

    pub fn read(bytes: &[u8], limits: &WireLimits) -> Result<Hello, RecordError> {
        let broken = |source| RecordError::Broken { what: Self::WHAT, source };
        let form = HelloForm::decode(bytes).map_err(broken)?;
        Ok(Hello {
            protocol_min: form.protocol_min,
            protocol_max: form.protocol_max,
            software: limits.room().text("the name of a software", form.software)?,
            tree: name(Self::WHAT, &form.tree)?,
            name: name(Self::WHAT, &form.name)?,
            boot: form.boot,
            capabilities: form.capabilities,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(protocol_min: u32, protocol_max: u32) -> Hello {
        let name = "relay-c".parse().unwrap();
        let hello = Hello::of("works".parse().unwrap(), name, 1, "lictree 0.1.0".to_string());
        Hello { protocol_min, protocol_max, ..hello }
    }

    #[test]
    fn both_sides_find_the_newest_common_version() {
        for (a, b, common) in [
            ((1, 1), (1, 1), Some(1)),
            ((1, 2), (1, 1), Some(1)),
            ((2, 4), (3, 9), Some(4)),
            ((1, 1), (2, 3), None),
            ((4, 5), (1, 3), None),
            ((3, 2), (1, 9), None),
        ] {
            let (a, b) = (hello(a.0, a.1), hello(b.0, b.1));
            assert_eq!(agree(&a, &b).ok(), common);
            assert_eq!(agree(&b, &a).ok(), common);
        }
    }

    #[test]
    fn a_refusal_names_both_versions() {
        let text = agree(&hello(1, 1), &hello(2, 3)).unwrap_err().to_string();
        for part in ["1 to 1", "2 to 3", "relay-c", "lictree 0.1.0"] {
            assert!(text.contains(part), "{part} is not in {text:?}");
        }
    }
}
