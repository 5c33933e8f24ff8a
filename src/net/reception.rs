//! Two protocols on one port: who calls decides by ALPN what is asked of them and shown to them.
//!
//! ```text
//!   ALPN offered        the caller's certificate    shown to the caller
//!   lictree/1           must be there               the server's own certificate
//!   lictree-join/1      is not asked for            that, and all authorities it believes
//!   both                as for lictree/1
//!   neither             the handshake fails
//! ```
//!
//! TLS asks its two questions, which certificate to show and whether to ask for one, at different
//! places. So that both answers are of one caller, every handshake has a [`Caller`] of its own.
//! Until a caller has said otherwise, it is one who must show a certificate.

use crate::net::denials::{UnlessDenied, judges_signatures_as};
use crate::net::{Denials, Identity, NetError, NetLimits, tls};
use quinn::crypto::rustls::QuicServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{DistinguishedName, Error};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a listener answers, with its current identity.
pub(crate) struct Reception {
    /// Serves lictree/1 only; the rest of it counts for every handshake.
    plain: quinn::ServerConfig,
    shown: Arc<Shown>,
}

/// What all handshakes have in common.
#[derive(Debug)]
struct Shown {
    cryptography: Arc<CryptoProvider>,
    /// Judges the certificates of those who must show one.
    verifier: UnlessDenied<dyn ClientCertVerifier>,
    /// The server's own certificate.
    own: Arc<CertifiedKey>,
    /// That, and all authorities the server believes.
    with_authorities: Arc<CertifiedKey>,
}

impl Reception {
    pub(crate) fn new(
        identity: &Identity,
        denials: &Denials,
        limits: &NetLimits,
    ) -> Result<Reception, NetError> {
        let cryptography = tls::cryptography();
        let certified = |chain: Vec<CertificateDer<'static>>| {
            let certified = CertifiedKey::from_der(chain, tls::key_of(identity), &cryptography);
            certified.map(Arc::new).map_err(tls::fault)
        };
        let shown = Shown {
            verifier: UnlessDenied {
                denials: denials.clone(),
                inner: tls::client_verifier(identity.authorities())?,
            },
            own: certified(identity.chain().to_vec())?,
            with_authorities: certified([identity.chain(), identity.authorities()].concat())?,
            cryptography,
        };
        let plain = tls::server_config(identity, denials, limits)?;
        Ok(Reception { plain, shown: Arc::new(shown) })
    }

    /// Serves lictree/1 only. For the endpoint, so that what is not met serves nothing else.
    pub(crate) fn plain(&self) -> quinn::ServerConfig {
        self.plain.clone()
    }

    /// The settings for one handshake that begins.
    pub(crate) fn meet(&self) -> Result<Arc<quinn::ServerConfig>, NetError> {
        let joins = AtomicBool::new(false);
        let caller = Arc::new(Caller { shown: self.shown.clone(), joins });
        let mut tls = rustls::ServerConfig::builder_with_provider(self.shown.cryptography.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(tls::fault)?
            .with_client_cert_verifier(caller.clone())
            .with_cert_resolver(caller);
        // The first of these that the caller offers, too, is spoken.
        tls.alpn_protocols = vec![tls::ALPN.to_vec(), tls::JOIN_ALPN.to_vec()];
        tls::resume_nothing(&mut tls);
        let crypto = QuicServerConfig::try_from(tls).map_err(tls::fault)?;
        let mut config = self.plain.clone();
        config.crypto = Arc::new(crypto);
        Ok(Arc::new(config))
    }
}

/// One handshake.
#[derive(Debug)]
struct Caller {
    shown: Arc<Shown>,
    /// The caller speaks lictree-join/1 and cannot speak lictree/1.
    joins: AtomicBool,
}

impl Caller {
    fn joins(&self) -> bool {
        self.joins.load(Ordering::Relaxed)
    }
}

impl ResolvesServerCert for Caller {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offers = |ours: &[u8]| hello.alpn().is_some_and(|mut all| all.any(|one| one == ours));
        let joins = offers(tls::JOIN_ALPN) && !offers(tls::ALPN);
        self.joins.store(joins, Ordering::Relaxed);
        Some(if joins { self.shown.with_authorities.clone() } else { self.shown.own.clone() })
    }
}

impl ClientCertVerifier for Caller {
    fn offer_client_auth(&self) -> bool {
        !self.joins()
    }

    fn client_auth_mandatory(&self) -> bool {
        !self.joins()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.shown.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.shown.verifier.verify_client_cert(leaf, between, now)
    }

    judges_signatures_as!(self, self.shown.verifier);
}
