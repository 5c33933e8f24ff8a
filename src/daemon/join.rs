//! A call of somebody who has a code: its request to the server, the answer back.

use crate::daemon::port::Port;
use crate::model::enrolment::{CertificateAnswer, CertificateAsk, JoinAsk};
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Request};
use crate::net::JoinCall;
use crate::wire::join::{decode_join_request, encode_join_reply};

/// Answers one call. Its number and its time are bounded by the listener.
pub(super) async fn answer(port: &Port, call: JoinCall) {
    let remote = call.remote;
    let answer = match decode_join_request(&call.request) {
        Ok(request) => {
            let ask = JoinAsk {
                invite: request.invite,
                exporter: call.exporter,
                request: request.request,
                had: request.had,
                proof: request.proof,
            };
            ask_server(port, ask).await
        }
        Err(error) => refused(format!("the request cannot be read: {error}")),
    };
    match &answer {
        CertificateAnswer::Granted(grant) => {
            tracing::info!(%remote, name = %grant.name, "a server has joined");
        }
        CertificateAnswer::Waiting => tracing::info!(%remote, "a server waits for approval"),
        // Strangers must not fill the log; the event log of the primary has a line of it.
        CertificateAnswer::Refused(refusal) => {
            tracing::debug!(%remote, "a server was not let in: {refusal}");
        }
    }
    if let Err(error) = call.answer(encode_join_reply(&answer)) {
        tracing::info!(%remote, "whoever called to join did not wait for the answer: {error}");
    }
}

async fn ask_server(port: &Port, ask: JoinAsk) -> CertificateAnswer {
    match port.ask(Request::Certificate(CertificateAsk::Join(ask))).await {
        Ok(Answer::Certificate(answer)) => answer,
        Ok(Answer::Refused(refusal)) => CertificateAnswer::Refused(refusal),
        Ok(_) => refused("the server answered something else".to_string()),
        Err(error) => refused(error.to_string()),
    }
}

fn refused(why: String) -> CertificateAnswer {
    CertificateAnswer::Refused(Refusal::new("LT0418", why, "try again in a moment"))
}
