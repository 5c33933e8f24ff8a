//! Who comes into the tree, who is shut out, and by which certificates.
//!
//! A code is made here: its secret is drawn, what the server must keep is derived from it, and the
//! secret goes to whoever asked and nowhere else.

use crate::client::contract::{DoingBody, DoingWord, InviteBody, InviteList, Invited, TitleBody};
use crate::edge::api::failure::Failure;
use crate::edge::api::read::Named;
use crate::edge::api::{Api, read};
use crate::edge::codes;
use crate::model::enrolment::{Approval, InviteId};
use crate::model::holding::Role;
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Doing, Invitation, Request};
use crate::model::view::{InviteView, LostView, RotationView};
use crate::net::Identity;
use crate::wire::join::{JoinCode, SECRET_LEN, proof_key};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The server's word on a name that is not below it.
const NO_SUCH_SERVER: &str = "LT0207";
/// How often is looked whether a new authority is booked.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a certificate that came may take until it is in use.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn invite(State(api): State<Api>, body: Body) -> Result<Json<Invited>, Failure> {
    let InviteBody { name, parent, life_s, approval, replaces, force } =
        body_of(&api, body).await?;
    let life = Duration::from_secs(life_s);
    let longest = api.0.limits.invite_life_max;
    if life.is_zero() || life > longest {
        return Err(unlikely_life(life_s, longest));
    }
    let pins = api.pins()?;
    // Without a lock: whoever invites the same name at the same moment is told of none.
    let replaced = open_of(&api, &name).await?;
    let drawn: [u8; 8] = random()?;
    let secret: [u8; SECRET_LEN] = random()?;
    let invite = InviteId(u64::from_be_bytes(drawn));
    let invitation = Invitation {
        id: invite,
        name,
        parent,
        proof_key: proof_key(&secret),
        life,
        approval: if approval { Approval::Awaited } else { Approval::NotNeeded },
        replaces,
        forced: force,
    };
    match api.ask(Request::Invite(invitation)).await? {
        Answer::Invited(invitation) => {
            let code = JoinCode { invite, secret, pins }.to_string();
            Ok(Json(Invited { code, invitation, approval, replaced }))
        }
        _ => Err(Failure::Unexpected),
    }
}

fn unlikely_life(life_s: u64, longest: Duration) -> Failure {
    let most_s = longest.as_secs();
    let message = format!("a code lives for 1 to {most_s} s, not for {life_s} s");
    let hint = format!(
        "give `--life` in minutes, 1 to {}; the most is invite_life_max_s in [times]",
        most_s / 60
    );
    Failure::OutOfBounds(Refusal::new(codes::REQUEST_UNREADABLE, message, hint))
}

/// The invitation of this name that a new one makes void.
async fn open_of(api: &Api, name: &ServerName) -> Result<Option<InviteView>, Failure> {
    let all = match api.ask(Request::Invitations).await {
        Ok(Answer::Invitations(all)) => all,
        // Whoever may not look may not invite; that is said of the invitation itself.
        Err(Failure::Refused(_)) => return Ok(None),
        Ok(_) => return Err(Failure::Unexpected),
        Err(failure) => return Err(failure),
    };
    let open = |state: &str| ["open", "waits for approval", "approved"].contains(&state);
    Ok(all.into_iter().find(|one| one.name == *name && open(&one.state)))
}

pub(super) async fn invitations(State(api): State<Api>) -> Result<Json<InviteList>, Failure> {
    match api.ask(Request::Invitations).await? {
        Answer::Invitations(invitations) => Ok(Json(InviteList { invitations })),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn uninvite(
    State(api): State<Api>,
    Named(name): Named,
) -> Result<Json<Value>, Failure> {
    done(&api, Request::Uninvite(read::part(&name)?)).await
}

pub(super) async fn approve(
    State(api): State<Api>,
    Named(name): Named,
) -> Result<Json<Value>, Failure> {
    done(&api, Request::Approve(read::part(&name)?)).await
}

pub(super) async fn remove(
    State(api): State<Api>,
    Named(name): Named,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let DoingBody { doing } = body_of(&api, body).await?;
    let name: ServerName = read::part(&name)?;
    let refused =
        match done(&api, Request::Remove { name: name.clone(), doing: doing.into() }).await {
            Err(Failure::Refused(refusal)) if refusal.code == NO_SUCH_SERVER => refusal,
            answer => return answer,
        };
    match is_here(&api, &name).await? {
        true => Err(itself(&name)),
        false => Err(Failure::Refused(refused)),
    }
}

pub(super) async fn lose(
    State(api): State<Api>,
    Named(name): Named,
    body: Body,
) -> Result<Json<LostView>, Failure> {
    let DoingBody { doing } = body_of(&api, body).await?;
    match api.ask(Request::Lose { name: read::part(&name)?, doing: doing.into() }).await? {
        Answer::Lost(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

async fn is_here(api: &Api, name: &ServerName) -> Result<bool, Failure> {
    match api.ask(Request::Status).await? {
        Answer::Status(status) => Ok(status.role == Role::Primary && status.name == *name),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn entitle(
    State(api): State<Api>,
    Named(name): Named,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let TitleBody { title } = body_of(&api, body).await?;
    done(&api, Request::Entitle { name: read::part(&name)?, title }).await
}

/// A primary that is asked to shut itself out is told that it is one.
fn itself(name: &ServerName) -> Failure {
    let message = format!("{name} is the primary; a primary is not removed");
    let hint = "name a relay: lictree server list; to end the tree, stop its servers";
    Failure::Refused(Refusal::new(codes::PRIMARY_STAYS, message, hint))
}

/// How far a change of authority is; with `do` and `force` its next step, once it is booked.
pub(super) async fn rotate(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<RotationView>, Failure> {
    let DoingBody { doing } = body_of(&api, body).await?;
    if doing == DoingWord::Preview {
        return Ok(Json(rotation(&api, Doing::Preview).await?));
    }
    let until = tokio::time::Instant::now() + api.0.port.patience();
    let before = rotation(&api, Doing::Preview).await?.trust;
    let mut now = rotation(&api, doing.into()).await?;
    // A new authority is made beside the server; the answer to the ask does not wait for it.
    while now.trust == before && tokio::time::Instant::now() < until {
        tokio::time::sleep(LOOK_AGAIN).await;
        now = rotation(&api, Doing::Preview).await?;
    }
    Ok(Json(now))
}

/// Begins a recovery: somebody knows that the data of this server was set back.
pub(super) async fn begin_recovery(State(api): State<Api>) -> Result<Json<Value>, Failure> {
    done(&api, Request::BeginRecovery).await
}

/// Ends a recovery without those who have not said what they use.
pub(super) async fn end_recovery(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let DoingBody { doing } = body_of(&api, body).await?;
    done(&api, Request::EndRecovery { doing: doing.into() }).await
}

async fn rotation(api: &Api, doing: Doing) -> Result<RotationView, Failure> {
    match api.ask(Request::RotateAuthority { doing }).await? {
        Answer::Rotation(view) => Ok(view),
        _ => Err(Failure::Unexpected),
    }
}

/// This server asks for a new certificate now.
pub(super) async fn renew(State(api): State<Api>) -> Result<Json<Value>, Failure> {
    let keyring = api.0.keyring.as_ref().ok_or(Failure::Stopping)?;
    let (mut changes, present) = (keyring.changes(), keyring.identity());
    keyring.renew_now();
    // The identity changes with the authorities, too: only another certificate is a new one.
    let new = |now: &Arc<Identity>| now.certificate() != present.certificate();
    // The ask itself may take as long as the port waits, and then the certificate is written.
    let within = api.0.port.patience() + WRITTEN_WITHIN;
    let renewed = matches!(tokio::time::timeout(within, changes.wait_for(new)).await, Ok(Ok(_)));
    let (before, expires) = (present.expires(), keyring.identity().expires());
    Ok(Json(json!({ "renewed": renewed, "before": before, "expires": expires })))
}

async fn done(api: &Api, request: Request) -> Result<Json<Value>, Failure> {
    match api.ask(request).await? {
        Answer::Done => Ok(Json(json!({ "done": true }))),
        _ => Err(Failure::Unexpected),
    }
}

async fn body_of<T: DeserializeOwned>(api: &Api, body: Body) -> Result<T, Failure> {
    let limits = &api.0.limits;
    let bytes = read::bytes(body, limits.body_bytes_max as u64, limits.body_timeout).await?;
    read::json(&bytes)
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    crate::daemon::fill_random(&mut bytes).map_err(|_| Failure::Stopping)?;
    Ok(bytes)
}
