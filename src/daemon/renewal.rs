//! A new certificate in time: asked for with a new key somewhere between 60 and 80 % of the life
//! of the present one, at once where another authority issues by now or it does not name the
//! primary as such, and when a person asks.

use crate::daemon::keyring::Keyring;
use crate::daemon::port::Port;
use crate::model::enrolment::{CertificateAnswer, CertificateAsk, RenewAsk};
use crate::model::holding::Role;
use crate::model::request::{Answer, Request};
use crate::model::time::Timestamp;
use crate::net::{Identity, Purpose};
use std::sync::Arc;
use std::time::Duration;

/// Renews the certificates of one server.
pub(super) struct Renewal {
    pub(super) keyring: Arc<Keyring>,
    pub(super) role: Role,
    pub(super) port: Port,
    /// Pauses after a try that failed.
    pub(super) retry: Duration,
    /// 64 random bits: where in its span a renewal lies.
    pub(super) chance: u64,
    pub(super) now: fn() -> Timestamp,
}

impl Renewal {
    /// Runs until it is dropped.
    pub(super) async fn keep(self) {
        let (mut asked, mut issuers) = (self.keyring.renewals(), self.keyring.issuers());
        asked.mark_unchanged();
        let mut turn = 0;
        loop {
            let wait = self.wait(turn);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = asked.changed() => {}
                _ = issuers.changed() => {
                    if self.keyring.is_of_issuer() {
                        continue;
                    }
                }
            }
            turn += 1;
            while let Err(why) = self.renew().await {
                tracing::warn!("no new certificate: {why}; trying again");
                tokio::time::sleep(self.retry).await;
            }
        }
    }

    /// Until the next renewal.
    fn wait(&self, turn: u64) -> Duration {
        let identity = self.keyring.identity();
        let lacks_role = self.role == Role::Primary && identity.peer().role != Role::Primary;
        if lacks_role || !self.keyring.is_of_issuer() {
            return Duration::ZERO;
        }
        // Made while the clock was ahead: of no use until then.
        if identity.not_before() > (self.now)() {
            return Duration::ZERO;
        }
        let draw = self.chance.wrapping_add(turn).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        due(&identity, draw as f64 / f64::from(1_u32 << 24)).since((self.now)())
    }

    async fn renew(&self) -> Result<(), String> {
        let made = Identity::request().map_err(|error| error.to_string())?;
        let present = self.keyring.identity();
        let ask = RenewAsk {
            certificate: present.certificate().to_vec(),
            signature: present.signed_by_me(Purpose::Renewal, &made.request),
            request: made.request,
        };
        let request = Request::Certificate(CertificateAsk::Renew(ask));
        let answer = self.port.ask(request).await.map_err(|error| error.to_string())?;
        let grant = match answer {
            Answer::Certificate(CertificateAnswer::Granted(grant)) => grant,
            Answer::Certificate(CertificateAnswer::Refused(refusal)) | Answer::Refused(refusal) => {
                return Err(format!("{refusal}; {}", refusal.hint));
            }
            _ => return Err("the server answered something else".to_string()),
        };
        // The authorities may have changed meanwhile: the newest are believed.
        let present = self.keyring.identity();
        let authorities = present.authorities().iter().map(|der| der.to_vec()).collect();
        let identity = Identity::assemble(made.key, vec![grant.certificate], authorities)
            .map_err(|error| error.to_string())?;
        if (identity.name(), identity.tree()) != (present.name(), present.tree()) {
            return Err("the certificate that came is of another server".to_string());
        }
        let expires = identity.expires();
        self.keyring.replace(identity).map_err(|error| error.to_string())?;
        tracing::info!(expires = %expires.calendar(), "this server has a new certificate");
        Ok(())
    }
}

/// The moment of a renewal: at `share` of the span between 60 and 80 % of the certificate's life.
fn due(identity: &Identity, share: f64) -> Timestamp {
    let life = identity.expires().since(identity.not_before());
    identity.not_before().after(life.mul_f64(0.6 + 0.2 * share))
}
