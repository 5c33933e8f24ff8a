//! Who may ask what: one table, a line an operation (JP1-04, JP1-31, JP1-32, JP1-44).
//!
//! ```text
//!   row ─┬─► edge::api makes its route of method and path
//!        └─► Engine::request refuses whoever is not listed
//! ```
//!
//! A new request is a line here, one in `operation`, one in `edge/api/routes.rs` and one in the
//! matrix below. What depends on figures (whose range, whose device) is checked where it is
//! decided.

use crate::model::holding::Role;
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::request::Request;
use Party::{Operator, RelayOperator};

/// Who may ask for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Whoever may use the socket of the primary.
    Operator,
    /// Whoever may use the socket of a relay.
    RelayOperator,
    /// A relay, over its connection. Servers write letters and ask for no operation so far; what a
    /// letter may say follows from the side it comes from (`tree`).
    Relay,
    /// The primary, likewise.
    Primary,
}

impl Party {
    pub const ALL: [Party; 4] = [Operator, RelayOperator, Party::Relay, Party::Primary];

    /// The one who asks at the socket of a server.
    pub fn at_socket_of(role: Role) -> Party {
        match role {
            Role::Primary => Operator,
            Role::Relay => RelayOperator,
        }
    }
}

/// How the API is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
}

/// One operation: how it is asked for, and by whom it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub operation: Operation,
    /// A stable word for people and logs.
    pub name: &'static str,
    pub method: Method,
    /// With `{…}` where a part of it is a name.
    pub path: &'static str,
    pub parties: &'static [Party],
}

const OPERATORS: &[Party] = &[Operator, RelayOperator];
const PRIMARY_ONLY: &[Party] = &[Operator];

macro_rules! operations {
    ($($operation:ident $name:literal $method:ident $path:literal $parties:ident;)*) => {
        /// What can be asked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Operation { $($operation),* }

        /// The table.
        pub const TABLE: &[Row] = &[$(Row {
            operation: Operation::$operation,
            name: $name,
            method: Method::$method,
            path: $path,
            parties: $parties,
        }),*];
    };
}

#[rustfmt::skip]
operations! {
    ShowStatus      "status.show"      Get  "/v1/status"          OPERATORS;
    ShowAudit       "audit.show"       Get  "/v1/audit"           PRIMARY_ONLY;
    ShowRecovery    "recovery.show"    Get  "/v1/recovery"        OPERATORS;
    BeginRecovery   "recovery.begin"   Post "/v1/recovery/begin"  OPERATORS;
    EndRecovery     "recovery.end"     Post "/v1/recovery/end"    OPERATORS;
    AcceptClock     "clock.accept"     Post "/v1/clock/accept"    OPERATORS;
    CreateBackup    "backup.create"    Post "/v1/backup"          OPERATORS;
    ListLicenses    "license.list"     Get  "/v1/licenses"        OPERATORS;
    RegisterLicense "license.register" Post "/v1/licenses"        OPERATORS;
    SetHolding      "holding.set"      Post "/v1/holdings"        PRIMARY_ONLY;
    ListServers     "server.list"      Get  "/v1/servers"         OPERATORS;
    ShowServer      "server.show"      Get  "/v1/servers/{name}"  OPERATORS;
    ListRanges      "range.list"       Get  "/v1/ranges"          OPERATORS;
    ShowRange       "range.show"       Get  "/v1/ranges/{source}" OPERATORS;
    ListNodes       "node.list"        Get  "/v1/nodes"           OPERATORS;
    ShowLacking     "range.lacking"    Get  "/v1/lacking"         OPERATORS;
    ListDuplicates  "node.duplicates"  Get  "/v1/node-duplicates" OPERATORS;
    CountNodes      "node.count"       Get  "/v1/node-count"      OPERATORS;
    ShowNode        "node.show"        Get  "/v1/nodes/{id}"      OPERATORS;
    ManageNodes     "node.manage"      Post "/v1/nodes/manage"    OPERATORS;
    IgnoreNodes     "node.ignore"      Post "/v1/nodes/ignore"    OPERATORS;
    DeleteNodes     "node.delete"      Post "/v1/nodes/delete"    OPERATORS;
    MergeNodes      "node.merge"       Post "/v1/nodes/merge"     OPERATORS;
    MoveNode        "node.move"        Post "/v1/nodes/move"      OPERATORS;
    ImportNodes     "node.import"      Post "/v1/imports"         OPERATORS;
    ListEvents      "event.list"       Get  "/v1/events"          OPERATORS;
    ShowLimits      "limits.show"      Get  "/v1/limits"          OPERATORS;
    Invite          "server.invite"    Post "/v1/invitations"     PRIMARY_ONLY;
    Invitations     "server.invitations" Get "/v1/invitations"    PRIMARY_ONLY;
    Uninvite        "server.uninvite"  Post "/v1/invitations/{name}/withdraw" PRIMARY_ONLY;
    Approve         "server.approve"   Post "/v1/invitations/{name}/approve"  PRIMARY_ONLY;
    RemoveServer    "server.remove"    Post "/v1/servers/{name}/remove" PRIMARY_ONLY;
    LoseServer      "server.lost"      Post "/v1/servers/{name}/lost"   PRIMARY_ONLY;
    EntitleServer   "server.rename"    Post "/v1/servers/{name}/title"  PRIMARY_ONLY;
    RotateAuthority "authority.rotate" Post "/v1/authority/rotate" PRIMARY_ONLY;
    RenewCertificate "certificate.renew" Post "/v1/certificate/renew" OPERATORS;
    RunScan         "scan.run"         Post "/v1/scans"              OPERATORS;
    ListScans       "scan.list"        Get  "/v1/scans"              OPERATORS;
    ShowScan        "scan.show"        Get  "/v1/scans/{id}"         OPERATORS;
    PauseScan       "scan.pause"       Post "/v1/scans/{id}/pause"   OPERATORS;
    ResumeScan      "scan.resume"      Post "/v1/scans/{id}/resume"  OPERATORS;
    StopScan        "scan.stop"        Post "/v1/scans/{id}/stop"    OPERATORS;
}

/// Which operation a request is; nothing for what only the server's own daemon asks.
pub fn operation(request: &Request) -> Option<Operation> {
    Some(match request {
        Request::Status => Operation::ShowStatus,
        Request::Audit => Operation::ShowAudit,
        Request::Recovery => Operation::ShowRecovery,
        Request::BeginRecovery => Operation::BeginRecovery,
        Request::EndRecovery { .. } => Operation::EndRecovery,
        Request::AcceptClock => Operation::AcceptClock,
        Request::Licenses => Operation::ListLicenses,
        Request::RegisterLicense(_) => Operation::RegisterLicense,
        Request::SetHolding(_) => Operation::SetHolding,
        Request::Servers => Operation::ListServers,
        Request::Server(_) => Operation::ShowServer,
        Request::Ranges => Operation::ListRanges,
        Request::Range(_) => Operation::ShowRange,
        Request::Nodes(_) => Operation::ListNodes,
        Request::CountNodes { .. } => Operation::CountNodes,
        Request::Node(_) => Operation::ShowNode,
        Request::Manage { .. } => Operation::ManageNodes,
        Request::Ignore { .. } => Operation::IgnoreNodes,
        Request::Delete { .. } => Operation::DeleteNodes,
        Request::Unite { .. } | Request::MayUnite { .. } => Operation::MergeNodes,
        Request::Move { .. } => Operation::MoveNode,
        Request::Import { .. } => Operation::ImportNodes,
        Request::Events { .. } => Operation::ListEvents,
        Request::Invite(_) => Operation::Invite,
        Request::Invitations => Operation::Invitations,
        Request::Uninvite(_) => Operation::Uninvite,
        Request::Approve(_) => Operation::Approve,
        Request::Remove { .. } => Operation::RemoveServer,
        Request::Lose { .. } => Operation::LoseServer,
        Request::Entitle { .. } => Operation::EntitleServer,
        Request::RotateAuthority { .. } => Operation::RotateAuthority,
        // Of somebody who called to join, or of this server itself; judged by its proof.
        Request::Certificate(_) => return None,
        // Of this server's own daemon, which refused it, or was refused.
        Request::CallRefused(_) | Request::ShutOut { .. } => return None,
        // Of this server's own daemon, which runs scans.
        Request::ScanEnded(_) => return None,
        // Refused where it came in, and told to the event log.
        Request::LicenseRefused(_) => Operation::RegisterLicense,
    })
}

impl Operation {
    pub fn row(self) -> &'static Row {
        // The table has its rows in the order of the operations: the same lines make both.
        &TABLE[self as usize]
    }

    pub fn is_for(self, party: Party) -> bool {
        self.row().parties.contains(&party)
    }
}

/// Refuses what whoever has the socket of this server may not ask for.
pub fn permit(role: Role, name: &ServerName, request: &Request) -> Result<(), Refusal> {
    let Some(operation) = operation(request) else { return Ok(()) };
    if operation.is_for(Party::at_socket_of(role)) {
        return Ok(());
    }
    let operation = operation.row().name;
    Err(match role {
        Role::Relay => Refusal::new(
            "LT0601",
            format!("{name} is a relay; {operation} may be asked of the primary only"),
            "run the command with --data of the primary's folder",
        ),
        Role::Primary => Refusal::new(
            "LT0601",
            format!("{name} is the primary; {operation} may be asked of a relay only"),
            "run the command with --data of the relay's folder",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::request::{Doing, HoldingChange, HoldingVerb};
    use std::collections::BTreeSet;

    /// Every cell, an operation a line: operator, relay operator, relay, primary.
    const MATRIX: &str = "\
        status.show yes yes no no
        audit.show yes no no no
        recovery.show yes yes no no
        recovery.begin yes yes no no
        recovery.end yes yes no no
        clock.accept yes yes no no
        backup.create yes yes no no
        license.list yes yes no no
        license.register yes yes no no
        holding.set yes no no no
        server.list yes yes no no
        server.show yes yes no no
        range.list yes yes no no
        range.show yes yes no no
        node.list yes yes no no
        range.lacking yes yes no no
        node.duplicates yes yes no no
        node.count yes yes no no
        node.show yes yes no no
        node.manage yes yes no no
        node.ignore yes yes no no
        node.delete yes yes no no
        node.merge yes yes no no
        node.move yes yes no no
        node.import yes yes no no
        event.list yes yes no no
        limits.show yes yes no no
        server.invite yes no no no
        server.invitations yes no no no
        server.uninvite yes no no no
        server.approve yes no no no
        server.remove yes no no no
        server.lost yes no no no
        server.rename yes no no no
        authority.rotate yes no no no
        certificate.renew yes yes no no
        scan.run yes yes no no
        scan.list yes yes no no
        scan.show yes yes no no
        scan.pause yes yes no no
        scan.resume yes yes no no
        scan.stop yes yes no no";

    #[test]
    fn every_operation_is_for_whom_it_is_meant() {
        let cell = |row: &Row, party| if row.operation.is_for(party) { " yes" } else { " no" };
        let line = |row: &Row| {
            let cells = Party::ALL.map(|party| cell(row, party));
            format!("{}{}", row.name, cells.concat())
        };
        let found: Vec<String> = TABLE.iter().map(line).collect();
        let expected: Vec<&str> = MATRIX.lines().map(str::trim).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_row_is_that_of_its_operation_and_says_what_no_other_says() {
        let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
        for row in TABLE {
            assert_eq!(row.operation.row(), row);
            assert!(names.insert(row.name), "{} comes twice", row.name);
            assert!(places.insert((row.method, row.path)), "{} comes twice", row.path);
            assert!(row.path.starts_with("/v1/"), "{}", row.path);
        }
    }

    #[test]
    fn a_relay_refuses_what_is_for_the_primary_and_the_primary_does_not() {
        let change = HoldingChange {
            product: None,
            relay: "d".parse().unwrap(),
            verb: HoldingVerb::Withdraw,
            doing: Doing::Preview,
        };
        let (name, request) = ("c".parse().unwrap(), Request::SetHolding(change));
        assert_eq!(permit(Role::Primary, &name, &request), Ok(()));
        let refusal = permit(Role::Relay, &name, &request).unwrap_err();
        assert_eq!(refusal.code, "LT0601");
        assert!(refusal.message.contains("c is a relay; holding.set"), "{refusal}");
        assert_eq!(permit(Role::Relay, &name, &Request::Status), Ok(()));
    }
}
