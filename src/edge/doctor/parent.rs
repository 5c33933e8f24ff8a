//! Whether the server above can be found, answers, and takes this identity.

use crate::daemon::settings::Parent;
use crate::edge::config::{Configuration, Limits};
use crate::edge::doctor::{About, Finding, line};
use crate::model::name::ServerName;
use crate::net::{Identity, NetError, Refusal, Side};
use crate::wire::Hello;
use std::net::SocketAddr;
use std::time::Duration;

/// How long the system's look-up of a name may take.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(5);

/// What was found, and the parent's greeting if there was one.
pub(super) async fn look(
    configuration: Option<&Configuration>,
    identity: Option<&Identity>,
    limits: &Limits,
) -> (Finding, Option<Hello>) {
    let about = About::Parent;
    let Some(configuration) = configuration else {
        return (Finding::skipped(about, "see configuration"), None);
    };
    let Some(Parent { name, address: text }) = &configuration.parent else {
        return (Finding::skipped(about, "this is the primary: nobody stands above it"), None);
    };
    let address = match address(text).await {
        Ok(address) => address,
        Err(why) => {
            let remedy =
                "correct `address` in [parent], or the system's names: `getent hosts NAME`";
            return (
                Finding::bad(about, format!("{text} cannot be looked up: {why}"), remedy),
                None,
            );
        }
    };
    let Some(identity) = identity else {
        let called = if *text == address.to_string() { "" } else { &format!(" is {address}") };
        let text = format!("{text}{called}; not called without an identity: see certificate");
        return (Finding::skipped(about, text), None);
    };
    match line::call(address, name, identity, limits).await {
        Ok(heard) => {
            let ms = heard.after.as_millis();
            let text = format!("{name} answers at {address} and takes this identity ({ms} ms)");
            (Finding::ok(about, text), heard.greeting)
        }
        Err(error) => {
            let text = format!("{name} at {address}: {error}");
            (Finding::bad(about, text, remedy(&error, &configuration.name)), None)
        }
    }
}

async fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let found = tokio::time::timeout(LOOK_UP_WITHIN, tokio::net::lookup_host(text)).await;
    let found = found.map_err(|_| format!("no answer within {LOOK_UP_WITHIN:?}"))?;
    found.map_err(|error| error.to_string())?.next().ok_or_else(|| "no address".to_string())
}

fn remedy(error: &NetError, me: &ServerName) -> String {
    let again = |why: &str| {
        format!(
            "{why}: at the primary `lictree server invite {me} --parent SERVER`, then stop this \
             server and `lictree join CODE --to HOST:PORT --at` its data folder; what it holds \
             stays"
        )
    };
    let plain = match error {
        NetError::Unreachable { .. } | NetError::TooSlow { .. } => {
            "does the parent run, and does it listen there? Let UDP pass on the way"
        }
        NetError::Refused { why: Refusal::OtherName { .. }, .. } => {
            "another server of the tree answers there: correct `name` or `address` in [parent]"
        }
        NetError::Refused { why: Refusal::Denied, by: Side::Peer } => {
            return again(
                "this server was removed, or another disk runs as it, or it was given up (what to \
                 do then: lictree explain LT0235). If it was removed and is to come back",
            );
        }
        NetError::Refused { why: Refusal::Denied, by: Side::Here } => {
            "the parent was removed from the tree, or has joined anew and not been started since"
        }
        NetError::Refused { why: Refusal::OtherTree { .. }, .. } => {
            "the two are of different trees: have an identity of the parent's tree issued, or \
             correct `address` in [parent]"
        }
        NetError::Refused { why: Refusal::OtherAuthority, .. } => {
            return again(
                "the two are of different trees: correct `address` in [parent]; or this server was \
                 left behind when the authority changed: it joins again",
            );
        }
        NetError::Refused { why: Refusal::Expired, by: Side::Peer } => {
            return again("put both clocks right; if its certificate has ended, it joins again");
        }
        NetError::Refused { why: Refusal::Expired, by: Side::Here } => {
            "put both clocks right; if the parent's certificate has ended, it has to join again"
        }
        _ => "look at the parent's log, and at this machine's network",
    };
    plain.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_shut_out_or_left_behind_is_told_how_to_come_back() {
        let told = |by, why| remedy(&NetError::Refused { by, why }, &"west".parse().unwrap());
        for why in [Refusal::Denied, Refusal::OtherAuthority, Refusal::Expired] {
            let told = told(Side::Peer, why);
            assert!(told.contains("lictree server invite west"), "{told}");
            assert!(told.contains("lictree join CODE"), "{told}");
        }
        assert!(told(Side::Here, Refusal::Denied).starts_with("the parent was removed"));
    }
}
