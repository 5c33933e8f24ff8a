//! The way up: calls the parent, and calls again whenever the connection is no more.

use crate::daemon::keyring::Keyring;
use crate::daemon::link::{self, Hall, LinkEnd};
use crate::daemon::links::close_code::{CERTIFICATE, STOPPING};
use crate::daemon::refused;
use crate::daemon::settings::{DaemonLimits, Parent};
use crate::model::refusal;
use crate::net::{self, Closed, Connection, Dialer, NetError, NetLimits, ReceiveError, Refusal};
use crate::server::input::Side;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A caller of one parent.
pub(super) struct Uplink {
    pub(super) parent: Parent,
    pub(super) keyring: Arc<Keyring>,
    pub(super) net: NetLimits,
    pub(super) hall: Arc<Hall>,
    pub(super) pauses: Pauses,
    /// Calls so far: the next one goes to the next of the parent's addresses.
    pub(super) calls: usize,
}

impl Uplink {
    /// Keeps a connection to the parent for as long as it is polled.
    pub(super) async fn keep(mut self) {
        let mut said = String::new();
        loop {
            let Some(why) = self.once().await else {
                // This server stops, and nobody is called any more.
                return std::future::pending().await;
            };
            // A parent that is away for long is told of once, not at every try.
            if why.words != said {
                tracing::warn!(parent = %self.parent.name, address = %self.parent.address,
                    "no connection to the parent: {}; trying again", why.words);
                why.refusal.into_iter().for_each(|refusal| self.hall.tell_of(refusal));
                if why.is_denied && !self.keyring.is_outdated() {
                    self.hall.tell_shut_out(self.parent.name.clone()).await;
                }
                said = why.words;
            }
            tokio::time::sleep(self.pauses.next()).await;
        }
    }

    /// One connection, from the call to its end, and why it ended; nothing where this server stops.
    async fn once(&mut self) -> Option<Why> {
        let dialed = self.dial().await;
        self.calls = self.calls.wrapping_add(1);
        match dialed {
            Ok(connection) => {
                let made = Instant::now();
                let (line, mut changes) = (connection.link.clone(), self.keyring.changes());
                let carried = link::carry(&self.hall, connection, Side::Above);
                tokio::pin!(carried);
                let end = tokio::select! {
                    end = &mut carried => end,
                    _ = changes.changed() => {
                        line.close(CERTIFICATE, "a new certificate is here");
                        carried.await
                    }
                };
                self.pauses.lived(made.elapsed());
                in_words(&end).map(Why::of)
            }
            Err(why) => Some(why),
        }
    }

    async fn dial(&self) -> Result<Connection, Why> {
        let address = self.address().await.map_err(Why::of)?;
        let text = |error: NetError| match error {
            // A parent that stops turns calls away in the same way as one with too many of them.
            NetError::Refused { by: net::Side::Peer, why: Refusal::Busy(_) } => Why::of(
                "it takes no calls at present: it is stopping, or has too many of them".to_string(),
            ),
            error => {
                let refusal = refused::parent(&self.parent.name, &error);
                let is_denied = is_denied(&error);
                Why { words: error.to_string(), refusal, is_denied }
            }
        };
        let (identity, denials) = (self.keyring.identity(), self.keyring.denials());
        let dialer = Dialer::toward(address, &identity, denials, self.net.clone()).map_err(text)?;
        dialer.dial(address, &self.parent.name).await.map_err(text)
    }

    async fn address(&self) -> Result<SocketAddr, String> {
        let text = &self.parent.address;
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        let found = tokio::net::lookup_host(text).await;
        let found = found.map_err(|error| format!("cannot look up {text}: {error}"))?;
        let addresses: Vec<SocketAddr> = found.collect();
        let turn = self.calls.checked_rem(addresses.len()).unwrap_or(0);
        addresses.get(turn).copied().ok_or_else(|| format!("{text} has no address"))
    }
}

/// Why there is no connection; and where the parent was refused here, that for the event log.
struct Why {
    words: String,
    refusal: Option<refusal::Refusal>,
    /// The parent says that this server's enrolment is denied.
    is_denied: bool,
}

impl Why {
    fn of(words: String) -> Why {
        Why { words, refusal: None, is_denied: false }
    }
}

/// Whether the parent, proven to be it, says that this server's enrolment is denied.
fn is_denied(error: &NetError) -> bool {
    matches!(error, NetError::Refused { by: net::Side::Peer, why: Refusal::Denied })
}

/// Why a connection is no more; nothing where this server ended it to stop.
fn in_words(end: &LinkEnd) -> Option<String> {
    match end {
        LinkEnd::Stopping
        | LinkEnd::Lost(ReceiveError::Closed(Closed::Here { code: STOPPING, .. })) => None,
        LinkEnd::Lost(ReceiveError::Closed(Closed::ByPeer { code: STOPPING, .. })) => {
            Some("it is stopping".to_string())
        }
        end => Some(end.to_string()),
    }
}

/// Pauses that double up to a longest one, each cut by chance so that a thousand children of a
/// parent that was restarted do not call at once.
#[derive(Debug)]
pub(super) struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
    chance: u64,
}

impl Pauses {
    pub(super) fn new(limits: &DaemonLimits, chance: u64) -> Pauses {
        let DaemonLimits { redial_first: first, redial_longest: longest, .. } = *limits;
        Pauses { first, longest, next: first, chance }
    }

    /// Between half and the whole of the current pause.
    pub(super) fn next(&mut self) -> Duration {
        // Knuth's multiplicative congruence: any spread will do here.
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let share = (self.chance >> 40) as u32;
        let half = self.next / 2;
        let pause = half + half.mul_f64(f64::from(share) / f64::from(1_u32 << 24));
        self.next = (self.next * 2).min(self.longest);
        pause
    }

    /// A connection lived for so long. A long life forgives what was before; one that ends at
    /// once must not lead to calls without pause.
    pub(super) fn lived(&mut self, life: Duration) {
        if life >= self.longest {
            self.next = self.first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_start_anew_after_a_long_life() {
        let mut pauses = Pauses::new(&DaemonLimits::default(), 7);
        let mut expected = 100;
        for _ in 0..10 {
            let pause = pauses.next().as_millis();
            assert!((expected / 2..=expected).contains(&pause), "{pause} of {expected}");
            expected = (expected * 2).min(5_000);
        }
        pauses.lived(Duration::from_millis(10));
        assert!(pauses.next() >= Duration::from_millis(2_500));
        pauses.lived(Duration::from_secs(60));
        assert!(pauses.next() <= Duration::from_millis(100));
    }

    #[test]
    fn the_end_of_a_server_is_no_failure_of_its_own() {
        let reason = || "a reason".to_string();
        let lost = |closed| LinkEnd::Lost(ReceiveError::Closed(closed));
        let here = lost(Closed::Here { code: STOPPING, reason: reason() });
        assert_eq!((in_words(&here), in_words(&LinkEnd::Stopping)), (None, None));
        let there = lost(Closed::ByPeer { code: STOPPING, reason: reason() });
        assert_eq!(in_words(&there).unwrap(), "it is stopping");
        let other = lost(Closed::ByPeer { code: net::CloseCode::DONE, reason: reason() });
        assert!(in_words(&other).unwrap().contains("a reason"));
    }

    #[test]
    fn two_children_do_not_call_at_the_same_moments() {
        let limits = DaemonLimits::default();
        let (mut one, mut two) = (Pauses::new(&limits, 1), Pauses::new(&limits, 2));
        let equal = (0..20).filter(|_| one.next() == two.next()).count();
        assert!(equal < 5, "{equal} of 20 pauses are equal");
    }
}
