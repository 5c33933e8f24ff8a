//! One connection by this server's identity, made only to hear who is at the other end.

use crate::edge::config::Limits;
use crate::model::name::ServerName;
use crate::net::{CloseCode, Connection, Denials, Dialer, Identity, NetError};
use crate::wire::{Hello, decode_hello};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long the end waits for the other side to be told.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// What a call brought.
pub(super) struct Heard {
    /// From the first packet until both sides had accepted each other.
    pub(super) after: Duration,
    /// The other side's greeting, if it came in time and can be read.
    pub(super) greeting: Option<Hello>,
}

/// Calls `expected` at `address`, hears its greeting and hangs up without one of its own: to the
/// other side this is nobody's connection, and no open one ends because of it.
pub(super) async fn call(
    address: SocketAddr,
    expected: &ServerName,
    identity: &Identity,
    limits: &Limits,
) -> Result<Heard, NetError> {
    let dialer = Dialer::toward(address, identity, &Denials::default(), limits.net.clone())?;
    let begun = Instant::now();
    let dialed = dialer.dial(address, expected).await;
    let after = begun.elapsed();
    let heard = match dialed {
        Ok(connection) => Ok(Heard { after, greeting: greeting(connection, limits).await }),
        Err(error) => Err(error),
    };
    dialer.close(CloseCode::DONE, "a doctor only looked", CLOSE_WITHIN).await;
    heard
}

async fn greeting(mut connection: Connection, limits: &Limits) -> Option<Hello> {
    let within = limits.daemon.hello_timeout;
    let come = tokio::time::timeout(within, connection.receiver.receive()).await;
    let heard = come.ok().and_then(Result::ok);
    let first = heard.as_ref().and_then(|batch| batch.iter().next());
    let hello = first.and_then(|frame| decode_hello(frame, &limits.wire).ok());
    connection.link.close(CloseCode::DONE, "a doctor only looked");
    hello
}
