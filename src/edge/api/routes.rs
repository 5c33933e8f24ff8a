//! The routes of the API: a line an operation, put where the table of permissions says.
//!
//! There is no other way to a route, so none is without a row that says who may ask.

use crate::edge::api::{
    Api, backups, duplicates, enrolment, failure, holdings, imports, lacking, licenses, limits,
    moves, nodes, position, scans, views,
};
use crate::engine::permission::{Method, Operation, Row, TABLE};
use axum::Router;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter, on};

/// Answers what the table has; all else is told that it does not exist.
pub(super) fn router(api: Api) -> Router {
    let all = TABLE.iter().fold(Router::new(), |all, row| all.route(row.path, route(row)));
    all.fallback(failure::no_such_path)
        .method_not_allowed_fallback(failure::no_such_path)
        .layer(middleware::from_fn(position::told))
        .with_state(api)
}

fn route(row: &Row) -> MethodRouter<Api> {
    let by = match row.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
    };
    match row.operation {
        Operation::ShowStatus => on(by, views::status),
        Operation::ShowAudit => on(by, views::audit),
        Operation::ShowRecovery => on(by, views::recovery),
        Operation::BeginRecovery => on(by, enrolment::begin_recovery),
        Operation::EndRecovery => on(by, enrolment::end_recovery),
        Operation::AcceptClock => on(by, views::accept_clock),
        Operation::CreateBackup => on(by, backups::create),
        Operation::ListLicenses => on(by, licenses::list),
        Operation::RegisterLicense => on(by, licenses::register),
        Operation::SetHolding => on(by, holdings::set),
        Operation::ListServers => on(by, views::servers),
        Operation::ShowServer => on(by, views::server),
        Operation::ListRanges => on(by, views::ranges),
        Operation::ShowRange => on(by, views::range),
        Operation::ListNodes => on(by, nodes::list),
        Operation::ShowLacking => on(by, lacking::show),
        Operation::ListDuplicates => on(by, duplicates::show),
        Operation::CountNodes => on(by, nodes::count),
        Operation::ShowNode => on(by, nodes::show),
        Operation::ManageNodes => on(by, nodes::manage),
        Operation::IgnoreNodes => on(by, nodes::ignore),
        Operation::DeleteNodes => on(by, nodes::delete),
        Operation::MergeNodes => on(by, nodes::merge),
        Operation::MoveNode => on(by, moves::begin),
        Operation::ImportNodes => on(by, imports::import),
        Operation::ListEvents => on(by, views::events),
        Operation::ShowLimits => on(by, limits::show),
        Operation::Invite => on(by, enrolment::invite),
        Operation::Invitations => on(by, enrolment::invitations),
        Operation::Uninvite => on(by, enrolment::uninvite),
        Operation::Approve => on(by, enrolment::approve),
        Operation::RemoveServer => on(by, enrolment::remove),
        Operation::LoseServer => on(by, enrolment::lose),
        Operation::EntitleServer => on(by, enrolment::entitle),
        Operation::RotateAuthority => on(by, enrolment::rotate),
        Operation::RenewCertificate => on(by, enrolment::renew),
        Operation::RunScan => on(by, scans::run),
        Operation::ListScans => on(by, scans::list),
        Operation::ShowScan => on(by, scans::show),
        Operation::PauseScan => on(by, scans::pause),
        Operation::ResumeScan => on(by, scans::resume),
        Operation::StopScan => on(by, scans::stop),
    }
}
