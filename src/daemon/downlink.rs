//! The way down: takes the calls of children.

use crate::daemon::join;
use crate::daemon::keyring::Keyring;
use crate::daemon::link::{self, Hall};
use crate::daemon::links::close_code;
use crate::daemon::port::Port;
use crate::daemon::refused;
use crate::net::{Arrival, Listener, Refused};
use crate::server::input::Side;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Strangers are told of this often at most; in between they are counted.
const STRANGERS_INTERVAL: Duration = Duration::from_secs(1);
/// How long the end waits for children to be told.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// Takes calls until `stop`. The number of links is bounded by the listener.
pub(super) async fn take_calls(
    mut listener: Listener,
    hall: Arc<Hall>,
    port: Port,
    keyring: Arc<Keyring>,
    stop: CancellationToken,
) {
    let mut changes = keyring.changes();
    let mut links = JoinSet::new();
    let mut strangers = Strangers::default();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = links.join_next() => {}
            Ok(()) = changes.changed() => {
                if let Err(error) = listener.renew(&keyring.identity()) {
                    tracing::error!("children are still shown the old certificate: {error}");
                }
            }
            arrival = listener.accept() => match arrival {
                Some(Arrival::Connected(connection)) => {
                    let hall = hall.clone();
                    links.spawn(async move {
                        drop(link::carry(&hall, connection, Side::Below).await);
                    });
                }
                Some(Arrival::Join(call)) => {
                    let port = port.clone();
                    links.spawn(async move { join::answer(&port, call).await });
                }
                Some(Arrival::Refused(refused)) => {
                    if let Some(refusal) = refused::call(&refused) {
                        hall.tell_of(refusal);
                    }
                    strangers.tell(&refused);
                }
                None => break,
            },
        }
    }
    listener.close(close_code::STOPPING, "this server stops", CLOSE_WITHIN).await;
}

/// Keeps strangers from filling the log.
#[derive(Default)]
struct Strangers {
    told: Option<Instant>,
    untold: u64,
}

impl Strangers {
    fn tell(&mut self, refused: &Refused) {
        if self.told.is_some_and(|told| told.elapsed() < STRANGERS_INTERVAL) {
            self.untold += 1;
            return;
        }
        let Refused { remote, error } = refused;
        tracing::warn!(%remote, untold = self.untold, "a call was not taken: {error}");
        *self = Strangers { told: Some(Instant::now()), untold: 0 };
    }
}
