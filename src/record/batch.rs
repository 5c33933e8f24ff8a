//! One entry of the log.
//!
//! ```text
//!   message Batch { uint64 at = 1; repeated Command command = 2; }
//! ```
//! Walked by hand: prost would copy each command before it is read, and could not say which
//! command it does not know.

use crate::model::command::{Command, CommandBatch};
use crate::model::time::Timestamp;
use crate::record::command::CommandForm;
use crate::record::error::RecordError;
use crate::record::field::{Field, Fields, number_len, put_number};
use crate::record::form::{Form, read};
use crate::record::room::Room;
use prost::Message;

const AT: u32 = 1;
const COMMAND: u32 = 2;
const AT_KEY: u64 = (AT as u64) << 3;
const COMMAND_KEY: u64 = (COMMAND as u64) << 3 | 2;

const WHAT: &str = "a log entry";

/// A batch as bytes. Equal batches have equal bytes, and no batch has none: an empty log entry is a
/// new leader's first one.
pub fn encode_batch(batch: &CommandBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_number(&mut bytes, AT_KEY);
    put_number(&mut bytes, batch.at.0);
    for command in &batch.commands {
        let form = CommandForm::of(command);
        let len = form.encoded_len();
        bytes.reserve(1 + number_len(len as u64) + len);
        put_number(&mut bytes, COMMAND_KEY);
        put_number(&mut bytes, len as u64);
        form.encode_raw(&mut bytes);
    }
    bytes
}

/// The batch of such bytes.
///
/// A command that this version does not know makes the whole batch an error: whoever applies a log
/// stops there, because leaving one out would make two members differ.
pub fn decode_batch(bytes: &[u8]) -> Result<CommandBatch, RecordError> {
    let mut batch = CommandBatch::default();
    let room = &mut Room::boundless();
    for field in Fields::of(WHAT, bytes) {
        match field? {
            (AT, Field::Number(at)) => batch.at = Timestamp(at),
            (COMMAND, Field::Bytes(command)) => {
                batch.commands.push(decode_command(command, room)?);
            }
            (AT | COMMAND, _) => return Err(RecordError::Torn { what: WHAT }),
            _ => {}
        }
    }
    Ok(batch)
}

fn decode_command(bytes: &[u8], room: &mut Room) -> Result<Command, RecordError> {
    match read::<CommandForm>(bytes, room) {
        Err(RecordError::Missing { what, .. }) if what == CommandForm::WHAT => {
            // Nothing that prost knew was in it: say which number was.
            let found = Fields::of(what, bytes).next().transpose()?.map_or(0, |(number, _)| number);
            Err(RecordError::Unknown { what, found: u64::from(found) })
        }
        read => read,
    }
}
