//! Who may ask what where: one table (JP1-04, JP1-31, JP1-32, JP1-44).

use crate::model::holding::Role;
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::request::Request;

/// Where a request may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    Everywhere,
    /// Only at the primary.
    Primary,
}

/// The table. What depends on figures (whose range, whose device) is checked where it is decided.
pub fn place(request: &Request) -> Where {
    match request {
        Request::SetHolding(_) => Where::Primary,
        Request::RegisterLicense(_)
        | Request::Licenses
        | Request::Servers
        | Request::Server(_)
        | Request::Ranges
        | Request::Range(_)
        | Request::Nodes(_)
        | Request::Node(_)
        | Request::Manage { .. }
        | Request::Ignore { .. }
        | Request::Delete { .. }
        | Request::Import { .. }
        | Request::Events { .. }
        | Request::Status => Where::Everywhere,
    }
}

pub fn permit(role: Role, name: &ServerName, request: &Request) -> Result<(), Refusal> {
    if place(request) == Where::Primary && role != Role::Primary {
        return Err(Refusal::new(
            "LT0601",
            format!("{name} is a relay; holding options are set at the primary"),
            "run the command with --data of the primary's folder",
        ));
    }
    Ok(())
}
