//! Devices that move to another server's site: managed there first, given up here after
//! (safety.md 1.9).

use super::account::WishNumber;
use super::device::{DeviceId, DeviceNumber};
use super::discovery::MacAddress;
use super::name::ServerName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where a device goes: `d`, the server that is to manage it, or `d:4`, a node there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Goal {
    pub server: ServerName,
    /// Without one: whichever node there has a MAC of the device that names a machine.
    pub node: Option<DeviceNumber>,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => f.pad(&format!("{}:{node}", self.server)),
            None => f.pad(self.server.as_str()),
        }
    }
}

/// Why a text says no place to go to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a server nor a node; write d, or d:17")]
pub struct GoalError(pub String);

impl FromStr for Goal {
    type Err = GoalError;
    fn from_str(text: &str) -> Result<Self, GoalError> {
        let wrong = || GoalError(text.chars().take(80).collect());
        if text.contains(':') {
            let id: DeviceId = text.parse().map_err(|_| wrong())?;
            return Ok(Goal { server: id.managing_source, node: Some(id.number) });
        }
        Ok(Goal { server: text.parse().map_err(|_| wrong())?, node: None })
    }
}

impl TryFrom<String> for Goal {
    type Error = GoalError;
    fn try_from(text: String) -> Result<Self, GoalError> {
        text.parse()
    }
}

impl From<Goal> for String {
    fn from(goal: Goal) -> String {
        goal.to_string()
    }
}

/// A device is given up as soon as its goal manages it. Its row says where it goes
/// ([`super::device::Device::goal`]); the number is kept only at the managing source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenMove {
    pub goal: Goal,
    /// Of the same row of numbers as the wishes: no other move of this server ever has it.
    pub number: WishNumber,
}

/// What becomes of a device that moves; all at its managing source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MovingCommand {
    /// From now on it waits to be managed there; in place of an earlier goal.
    Begin { device: DeviceNumber, goal: Goal },
    /// It stays.
    Cancel { device: DeviceNumber },
    /// Its goal manages it as this node: it is given up, if it still waits for just that.
    Reached { device: DeviceNumber, number: WishNumber, node: DeviceNumber },
}

/// One device that waits, as its managing source asks after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    pub number: WishNumber,
    /// Of a row that says that it moves; the answer waits until the primary has it.
    pub device: DeviceNumber,
    pub version: u64,
    /// Its MACs that name a machine; none where the node is named.
    pub macs: Vec<MacAddress>,
    pub node: Option<DeviceNumber>,
}

/// "Are these managed by that server?"
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveAsk {
    /// A number of the author's, the same in the answer.
    pub ticket: u64,
    /// Of the author's rows.
    pub incarnation: u64,
    pub server: ServerName,
    /// Look at the nodes behind this one.
    pub after: DeviceNumber,
    pub sought: Vec<Sought>,
}

/// What the primary's rows say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveAnswer {
    pub ticket: u64,
    pub server: ServerName,
    /// Whether a server of that name is in the tree.
    pub known: bool,
    /// Only the nodes up to here were looked at.
    pub next: Option<DeviceNumber>,
    /// Those that are managed, each once.
    pub reached: Vec<Reached>,
    /// Those whose goal is a node that is not there, or is another machine by its MACs.
    pub missing: Vec<Reached>,
}

/// The device of a move, and the node it is managed as, or was to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub number: WishNumber,
    pub node: DeviceNumber,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_a_server_or_a_node_there() {
        for text in ["d", "d:4", "site-7.west"] {
            assert_eq!(text.parse::<Goal>().map(String::from), Ok(text.to_string()));
        }
        for text in ["", "d:", "d:x", ":4", "D", "d:4:5", "d 4"] {
            assert_eq!(text.parse::<Goal>(), Err(GoalError(text.to_string())));
        }
    }
}
