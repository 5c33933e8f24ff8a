//! Who comes into the tree, who is shut out, and by which certificates.
//!
//! A code is made here: its secret is drawn, what the server must keep is derived from it, and the
//! secret goes to whoever asked and nowhere else.

use crate::client::contract::{DoingBody, InviteBody, InviteList, Invited, TitleBody};
use crate::edge::api::failure::Failure;
use crate::edge::api::{Api, read};
use crate::model::enrolment::{Approval, InviteId};
use crate::model::request::{Answer, Invitation, Request};
use crate::model::view::RotationView;
use crate::wire::join::{JoinCode, SECRET_LEN, proof_key};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) async fn invite(State(api): State<Api>, body: Body) -> Result<Json<Invited>, Failure> {
    let InviteBody { name, parent, life_s, approval } = body_of(&api, body).await?;
    let life = Duration::from_secs(life_s);
    let longest = api.0.limits.invite_life_max;
    if life.is_zero() || life > longest {
        let what = format!(
            "a code lives for 1 to {} s (invite_life_max_s), not for {life_s} s",
            longest.as_secs()
        );
        return Err(Failure::Unreadable(what));
    }
    let drawn: [u8; 8] = random()?;
    let secret: [u8; SECRET_LEN] = random()?;
    let (invite, pins) = (InviteId(u64::from_be_bytes(drawn)), api.pins()?);
    let invitation = Invitation {
        id: invite,
        name,
        parent,
        proof_key: proof_key(&secret),
        life,
        approval: if approval { Approval::Awaited } else { Approval::NotNeeded },
    };
    match api.ask(Request::Invite(invitation)).await? {
        Answer::Invited(invitation) => {
            let code = JoinCode { invite, secret, pins }.to_string();
            Ok(Json(Invited { code, invitation }))
        }
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn invitations(State(api): State<Api>) -> Result<Json<InviteList>, Failure> {
    match api.ask(Request::Invitations).await? {
        Answer::Invitations(invitations) => Ok(Json(InviteList { invitations })),
        _ => Err(Failure::Unexpected),
    }
}

pub(super) async fn uninvite(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Failure> {
    done(&api, Request::Uninvite(read::part(&name)?)).await
}

pub(super) async fn approve(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Failure> {
    done(&api, Request::Approve(read::part(&name)?)).await
}

pub(super) async fn remove(
    State(api): State<Api>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let DoingBody { doing } = body_of(&api, body).await?;
    done(&api, Request::Remove { name: read::part(&name)?, doing: doing.into() }).await
}

pub(super) async fn entitle(
    State(api): State<Api>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let TitleBody { title } = body_of(&api, body).await?;
    done(&api, Request::Entitle { name: read::part(&name)?, title }).await
}

/// How far a change of authority is; with `do` and `force` its next step.
pub(super) async fn rotate(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<RotationView>, Failure> {
    let DoingBody { doing } = body_of(&api, body).await?;
    match api.ask(Request::RotateAuthority { doing: doing.into() }).await? {
        Answer::Rotation(view) => Ok(Json(view)),
        _ => Err(Failure::Unexpected),
    }
}

/// This server asks for a new certificate now.
pub(super) async fn renew(State(api): State<Api>) -> Result<Json<Value>, Failure> {
    let keyring = api.0.keyring.as_ref().ok_or(Failure::Stopping)?;
    let (mut changes, before) = (keyring.changes(), keyring.identity().expires());
    keyring.renew_now();
    // Whether it came is told; why not stands in the server's log.
    let came = tokio::time::timeout(api.0.port.patience(), changes.changed()).await;
    let expires = keyring.identity().expires();
    Ok(Json(json!({ "renewed": came.is_ok(), "before": before, "expires": expires })))
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
