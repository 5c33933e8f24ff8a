//! Names and routes.

use crate::model::name::{NameError, ServerName};
use crate::record::error::RecordError;
use crate::record::room::{Part, Room};
use std::str::FromStr;

/// Stands between the servers of a route; no name has it in it.
const STEP: char = '/';

/// A name that must be there.
pub fn name<N: FromStr<Err = NameError>>(what: &'static str, text: &str) -> Result<N, RecordError> {
    text.parse().map_err(|source| RecordError::Name { what, source })
}

/// `e/d/c`; nothing for no servers.
pub fn route_text(route: &[ServerName]) -> String {
    let mut text = String::with_capacity(route_len(route));
    for (at, server) in route.iter().enumerate() {
        if at > 0 {
            text.push(STEP);
        }
        text.push_str(server.as_str());
    }
    text
}

/// At least the bytes of [`route_text`], at most one more.
pub fn route_len(route: &[ServerName]) -> usize {
    route.iter().map(|server| server.as_str().len() + 1).sum()
}

/// The servers of a route, in their order.
pub fn route(
    what: &'static str,
    text: &str,
    room: &mut Room,
) -> Result<Vec<ServerName>, RecordError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let count = text.bytes().filter(|byte| *byte == STEP as u8).count() + 1;
    if count > room.depth_max {
        let max = room.depth_max;
        return Err(RecordError::TooMany { what: "servers in one route", found: count, max });
    }
    room.take(Part::Names, count)?;
    let mut servers = Vec::with_capacity(count);
    for server in text.split(STEP) {
        servers.push(name(what, server)?);
    }
    Ok(servers)
}
