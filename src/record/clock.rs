//! Forms of license time and of what is thought of a clock.

use crate::model::clock::{ClockStanding, SeenTime};
use crate::model::command::Command;
use crate::model::time::Timestamp;
use crate::record::error::RecordError;
use crate::record::form::{Form, need};
use crate::record::number::{Numbered, numbered};
use crate::record::room::Room;
use prost::Message;

numbered!(ClockStanding, "the standing of a clock": Right = 1, SetBack = 2, SetForward = 3);

/// A standing where older versions wrote nothing, and the right one still is nothing.
pub fn standing_number(standing: ClockStanding) -> u32 {
    if standing == ClockStanding::Right { 0 } else { standing.number() }
}

pub fn standing(number: u32) -> Result<ClockStanding, RecordError> {
    if number == 0 { Ok(ClockStanding::Right) } else { Numbered::numbered(number) }
}

#[derive(Clone, PartialEq, Message)]
pub struct SeenTimeForm {
    #[prost(uint64, tag = "1")]
    license_ms: u64,
    #[prost(uint32, tag = "2")]
    standing: u32,
}

impl Form for SeenTimeForm {
    type Value = SeenTime;
    const WHAT: &'static str = "license time";

    fn of(seen: &SeenTime) -> Self {
        SeenTimeForm { license_ms: seen.license.0, standing: standing_number(seen.standing) }
    }

    fn value(self, _: &mut Room) -> Result<SeenTime, RecordError> {
        Ok(SeenTime { license: Timestamp(self.license_ms), standing: standing(self.standing)? })
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct SeeTimeForm {
    #[prost(message, optional, tag = "1")]
    seen: Option<SeenTimeForm>,
    #[prost(uint64, tag = "2")]
    wall_ms: u64,
}

impl SeeTimeForm {
    pub fn of(seen: &SeenTime, wall: Timestamp) -> SeeTimeForm {
        SeeTimeForm { seen: Some(SeenTimeForm::of(seen)), wall_ms: wall.0 }
    }

    pub fn value(self, room: &mut Room) -> Result<Command, RecordError> {
        let seen = need("a command to see the time", self.seen, room)?;
        Ok(Command::SeeTime { seen, wall: Timestamp(self.wall_ms) })
    }
}
