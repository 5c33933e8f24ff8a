//! Forms of what is said and kept of devices that move.

use crate::model::device::{DeviceNumber, OTHER_MACS_MAX};
use crate::model::moving::{Goal, MoveAnswer, MoveAsk, MovingCommand, OpenMove, Reached, Sought};
use crate::record::device::{macs, macs_bytes};
use crate::record::error::RecordError;
use crate::record::form::{Form, list, need, read_list};
use crate::record::name::name;
use crate::record::room::{Part, Room};
use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub struct GoalForm {
    #[prost(string, tag = "1")]
    server: String,
    #[prost(uint64, optional, tag = "2")]
    node: Option<u64>,
}

impl Form for GoalForm {
    type Value = Goal;
    const WHAT: &'static str = "where a device goes";

    fn of(goal: &Goal) -> Self {
        GoalForm { server: goal.server.to_string(), node: goal.node.map(|node| node.0) }
    }

    fn value(self, _: &mut Room) -> Result<Goal, RecordError> {
        let server = name(Self::WHAT, &self.server)?;
        Ok(Goal { server, node: self.node.map(DeviceNumber) })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct OpenMoveForm {
    #[prost(message, optional, tag = "1")]
    goal: Option<GoalForm>,
    #[prost(uint64, tag = "2")]
    number: u64,
}

impl Form for OpenMoveForm {
    type Value = OpenMove;
    const WHAT: &'static str = "an open move";

    fn of(moving: &OpenMove) -> Self {
        OpenMoveForm { goal: Some(GoalForm::of(&moving.goal)), number: moving.number }
    }

    fn value(self, room: &mut Room) -> Result<OpenMove, RecordError> {
        Ok(OpenMove { goal: need(Self::WHAT, self.goal, room)?, number: self.number })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct MovingCommandForm {
    #[prost(oneof = "MovingKind", tags = "1, 2, 3")]
    kind: Option<MovingKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum MovingKind {
    #[prost(message, tag = "1")]
    Begin(BeginForm),
    /// The number of a device.
    #[prost(uint64, tag = "2")]
    Cancel(u64),
    #[prost(message, tag = "3")]
    Reached(ReachedByForm),
}

#[derive(Clone, PartialEq, Message)]
struct BeginForm {
    #[prost(uint64, tag = "1")]
    device: u64,
    #[prost(message, optional, tag = "2")]
    goal: Option<GoalForm>,
}

#[derive(Clone, PartialEq, Message)]
struct ReachedByForm {
    #[prost(uint64, tag = "1")]
    device: u64,
    #[prost(uint64, tag = "2")]
    number: u64,
    #[prost(uint64, tag = "3")]
    node: u64,
}

impl Form for MovingCommandForm {
    type Value = MovingCommand;
    const WHAT: &'static str = "a command about a device that moves";

    fn of(command: &MovingCommand) -> Self {
        let kind = match command {
            MovingCommand::Begin { device, goal } => {
                MovingKind::Begin(BeginForm { device: device.0, goal: Some(GoalForm::of(goal)) })
            }
            MovingCommand::Cancel { device } => MovingKind::Cancel(device.0),
            MovingCommand::Reached { device, number, node } => {
                let (device, number, node) = (device.0, *number, node.0);
                MovingKind::Reached(ReachedByForm { device, number, node })
            }
        };
        MovingCommandForm { kind: Some(kind) }
    }

    fn value(self, room: &mut Room) -> Result<MovingCommand, RecordError> {
        let missing = RecordError::Missing { what: Self::WHAT, field: "kind this version knows" };
        Ok(match self.kind.ok_or(missing)? {
            MovingKind::Begin(form) => MovingCommand::Begin {
                device: DeviceNumber(form.device),
                goal: need(Self::WHAT, form.goal, room)?,
            },
            MovingKind::Cancel(device) => MovingCommand::Cancel { device: DeviceNumber(device) },
            MovingKind::Reached(form) => MovingCommand::Reached {
                device: DeviceNumber(form.device),
                number: form.number,
                node: DeviceNumber(form.node),
            },
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct SoughtForm {
    #[prost(uint64, tag = "1")]
    number: u64,
    /// Six bytes each.
    #[prost(bytes = "vec", tag = "2")]
    macs: Vec<u8>,
    #[prost(uint64, optional, tag = "3")]
    node: Option<u64>,
    #[prost(uint64, tag = "4")]
    device: u64,
    #[prost(uint64, tag = "5")]
    version: u64,
}

impl Form for SoughtForm {
    type Value = Sought;
    const WHAT: &'static str = "a device that is asked after";

    fn of(sought: &Sought) -> Self {
        let (macs, node) = (macs_bytes(&sought.macs), sought.node.map(|node| node.0));
        let (number, device, version) = (sought.number, sought.device.0, sought.version);
        SoughtForm { number, macs, node, device, version }
    }

    fn value(self, _: &mut Room) -> Result<Sought, RecordError> {
        let macs = macs(&self.macs)?;
        let (found, max) = (macs.len(), OTHER_MACS_MAX + 1);
        if found > max {
            return Err(RecordError::TooMany { what: "hardware addresses", found, max });
        }
        let (device, version) = (DeviceNumber(self.device), self.version);
        let node = self.node.map(DeviceNumber);
        Ok(Sought { number: self.number, device, version, macs, node })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct MoveAskForm {
    #[prost(fixed64, tag = "1")]
    ticket: u64,
    #[prost(string, tag = "2")]
    server: String,
    #[prost(uint64, tag = "3")]
    after: u64,
    /// A list of [`SoughtForm`].
    #[prost(bytes = "vec", tag = "4")]
    sought: Vec<u8>,
    #[prost(fixed64, tag = "5")]
    incarnation: u64,
}

impl Form for MoveAskForm {
    type Value = MoveAsk;
    const WHAT: &'static str = "an ask after devices that move";

    fn of(ask: &MoveAsk) -> Self {
        MoveAskForm {
            ticket: ask.ticket,
            server: ask.server.to_string(),
            after: ask.after.0,
            sought: list::<SoughtForm>(&ask.sought),
            incarnation: ask.incarnation,
        }
    }

    fn value(self, room: &mut Room) -> Result<MoveAsk, RecordError> {
        Ok(MoveAsk {
            ticket: self.ticket,
            incarnation: self.incarnation,
            server: name(Self::WHAT, &self.server)?,
            after: DeviceNumber(self.after),
            sought: read_list::<SoughtForm>(&self.sought, Part::Moves, room)?,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct ReachedForm {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(uint64, tag = "2")]
    node: u64,
}

impl Form for ReachedForm {
    type Value = Reached;
    const WHAT: &'static str = "a device that is managed at its goal";

    fn of(reached: &Reached) -> Self {
        ReachedForm { number: reached.number, node: reached.node.0 }
    }

    fn value(self, _: &mut Room) -> Result<Reached, RecordError> {
        Ok(Reached { number: self.number, node: DeviceNumber(self.node) })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct MoveAnswerForm {
    #[prost(fixed64, tag = "1")]
    ticket: u64,
    #[prost(string, tag = "2")]
    server: String,
    #[prost(bool, tag = "3")]
    known: bool,
    #[prost(uint64, optional, tag = "4")]
    next: Option<u64>,
    /// A list of [`ReachedForm`].
    #[prost(bytes = "vec", tag = "5")]
    reached: Vec<u8>,
    /// Another one.
    #[prost(bytes = "vec", tag = "6")]
    missing: Vec<u8>,
}

impl Form for MoveAnswerForm {
    type Value = MoveAnswer;
    const WHAT: &'static str = "an answer about devices that move";

    fn of(answer: &MoveAnswer) -> Self {
        MoveAnswerForm {
            ticket: answer.ticket,
            server: answer.server.to_string(),
            known: answer.known,
            next: answer.next.map(|next| next.0),
            reached: list::<ReachedForm>(&answer.reached),
            missing: list::<ReachedForm>(&answer.missing),
        }
    }

    fn value(self, room: &mut Room) -> Result<MoveAnswer, RecordError> {
        Ok(MoveAnswer {
            ticket: self.ticket,
            server: name(Self::WHAT, &self.server)?,
            known: self.known,
            next: self.next.map(DeviceNumber),
            reached: read_list::<ReachedForm>(&self.reached, Part::Moves, room)?,
            missing: read_list::<ReachedForm>(&self.missing, Part::Moves, room)?,
        })
    }
}
