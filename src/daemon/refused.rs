//! Callers and neighbours that were refused, in words and with a code for the event log.
//!
//! Only what this server refused is told: not what came to nothing on its way, and not that it had
//! too much to do at the moment.

use crate::daemon::link::LinkEnd;
use crate::daemon::links::close_code::RULE_BROKEN;
use crate::model::letter::Letter;
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::net::{self, Closed, NetError, ReceiveError, Refused, Side};

/// A certificate that is not good here.
const CERTIFICATE: &str = "LT0438";
/// A letter that was not written by the server that it names.
const LETTER: &str = "LT0447";
/// Anything else that a server of lictree does not say.
const SPEECH: &str = "LT0439";

/// Somebody who called and was not let in.
pub(super) fn call(refused: &Refused) -> Option<Refusal> {
    let (code, why) = reason(&refused.error)?;
    let hint = match code {
        CERTIFICATE => {
            "if that is a server of this tree: lictree doctor there; or let it join anew"
        }
        _ => "look at what runs at that address",
    };
    Some(Refusal::new(code, format!("a call from {} was refused: {why}", refused.remote), hint))
}

/// A parent that is not the one it should be.
pub(super) fn parent(name: &impl std::fmt::Display, error: &NetError) -> Option<Refusal> {
    let (code, why) = reason(error)?;
    let hint = "check `[parent]` in the configuration, and what runs at that address";
    Some(Refusal::new(
        code,
        format!("whoever answers as the parent {name} was refused: {why}"),
        hint,
    ))
}

/// A neighbour that was cut off.
pub(super) fn neighbour(name: &impl std::fmt::Display, end: &LinkEnd) -> Option<Refusal> {
    let why = match end {
        LinkEnd::NoHello(_)
        | LinkEnd::OtherName { .. }
        | LinkEnd::Version(_)
        | LinkEnd::Unreadable(_)
        | LinkEnd::NotSealed
        | LinkEnd::TooOften
        | LinkEnd::Lost(ReceiveError::TooLong { .. } | ReceiveError::Empty) => end.to_string(),
        LinkEnd::Lost(ReceiveError::Closed(Closed::Here { code: RULE_BROKEN, reason })) => {
            reason.clone()
        }
        _ => return None,
    };
    let hint = format!("look at the server {name}: is its version newer, or is its key stolen?");
    Some(Refusal::new(SPEECH, format!("the neighbour {name} was cut off: {why}"), hint))
}

/// A letter that came by way of a neighbour and is not its author's.
pub(super) fn letter(letter: &Letter, by: &ServerName, why: &str) -> Refusal {
    let author = letter.route.first().map_or("the primary".to_string(), ToString::to_string);
    let hint =
        format!("look at {by}, and at the servers between it and {author}: one of them lies");
    Refusal::new(
        LETTER,
        format!("a letter in the name of {author} came by way of {by}: {why}"),
        hint,
    )
}

fn reason(error: &NetError) -> Option<(&'static str, &net::Refusal)> {
    let NetError::Refused { by: Side::Here, why } = error else { return None };
    let code = match why {
        net::Refusal::NoCertificate
        | net::Refusal::OtherAuthority
        | net::Refusal::Expired
        | net::Refusal::BadCertificate(_)
        | net::Refusal::NoName(_)
        | net::Refusal::OtherTree { .. }
        | net::Refusal::OtherName { .. }
        | net::Refusal::Denied => CERTIFICATE,
        net::Refusal::OtherProtocol
        | net::Refusal::NoGreeting
        | net::Refusal::TooOften
        | net::Refusal::BadJoin(_) => SPEECH,
        net::Refusal::NotAnswered | net::Refusal::Busy(_) | net::Refusal::Told { .. } => {
            return None;
        }
    };
    Some((code, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::CloseCode;

    #[test]
    fn what_was_refused_here_is_told_and_what_just_failed_is_not() {
        let told = |by, why| {
            let error = NetError::Refused { by, why };
            call(&Refused { remote: "127.0.0.1:1".parse().unwrap(), error }).map(|told| told.code)
        };
        assert_eq!(told(Side::Here, net::Refusal::Expired).as_deref(), Some(CERTIFICATE));
        assert_eq!(told(Side::Here, net::Refusal::NoGreeting).as_deref(), Some(SPEECH));
        assert_eq!(told(Side::Here, net::Refusal::Busy("9 calls".to_string())), None);
        assert_eq!(told(Side::Peer, net::Refusal::Expired), None);
    }

    #[test]
    fn a_neighbour_that_broke_a_rule_is_told_of_and_one_that_left_is_not() {
        let here = |code| Closed::Here { code, reason: "it lied".to_string() };
        let told = |code| neighbour(&"west", &LinkEnd::Lost(here(code).into()));
        assert_eq!(told(CloseCode::DONE), None);
        assert_eq!(neighbour(&"west", &LinkEnd::Stopping), None);
        let refusal = told(RULE_BROKEN).unwrap();
        assert_eq!(refusal.code, SPEECH);
        assert!(refusal.message.contains("west was cut off: it lied"), "{refusal}");
    }
}
