//! The samples of license time.

use crate::model::clock::{ClockStanding, SeenTime};
use crate::model::command::Command;
use crate::model::row::ServerRow;
use crate::model::time::Timestamp;

pub fn seen_time() -> SeenTime {
    SeenTime { license: Timestamp(1_795_000_000_000), standing: ClockStanding::SetBack }
}

pub fn server_row(before: ServerRow) -> ServerRow {
    ServerRow { seen_time: seen_time(), ..before }
}

pub fn commands() -> [(&'static str, Command); 2] {
    let wall = Timestamp(1_794_000_000_000);
    let right = SeenTime { standing: ClockStanding::Right, ..seen_time() };
    [
        ("see-time", Command::SeeTime { seen: right, wall }),
        ("see-time-set-back", Command::SeeTime { seen: seen_time(), wall }),
    ]
}
