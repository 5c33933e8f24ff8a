//! The end that makes connections: a child calls its parent.

use crate::model::name::ServerName;
use crate::net::certificate::DNS_NAME;
use crate::net::greeting::{self, GREETING};
use crate::net::{
    CloseCode, Connection, Denials, Identity, NetError, NetLimits, Peer, Refusal, Side, tls,
};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Makes connections as one identity, all from one UDP socket.
pub struct Dialer {
    endpoint: quinn::Endpoint,
    config: quinn::ClientConfig,
    own: Peer,
    denials: Denials,
    limits: NetLimits,
}

impl Dialer {
    /// Takes a UDP socket of the family of `target`, on a port that the system chooses. No
    /// server is accepted whom `denials` name by then. Must be called inside the runtime.
    pub fn toward(
        target: SocketAddr,
        identity: &Identity,
        denials: &Denials,
        limits: NetLimits,
    ) -> Result<Dialer, NetError> {
        let any = match target {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        Dialer::bind(any, identity, denials, limits)
    }

    /// Takes the UDP socket `local`, for machines where the way out matters.
    pub fn bind(
        local: SocketAddr,
        identity: &Identity,
        denials: &Denials,
        limits: NetLimits,
    ) -> Result<Dialer, NetError> {
        limits.check()?;
        let config = tls::client_config(identity, denials, &limits)?;
        let endpoint = quinn::Endpoint::client(local)
            .map_err(|source| NetError::Bind { address: local, source })?;
        let (own, denials) = (identity.peer().clone(), denials.clone());
        Ok(Dialer { endpoint, config, own, denials, limits })
    }

    /// Connects to `address` and expects the server `expected` of the own tree there.
    ///
    /// Who refuses with [`Refusal::Denied`] has proven before that it is that server.
    ///
    /// Ends within `handshake_timeout`. May be dropped at any await; the attempt then ends.
    pub async fn dial(
        &self,
        address: SocketAddr,
        expected: &ServerName,
    ) -> Result<Connection, NetError> {
        let after = self.limits.handshake_timeout;
        let deadline = Instant::now() + after;
        let quic = timeout_at(deadline, self.shake_hands(address, after))
            .await
            .unwrap_or(Err(NetError::Unreachable { address, after }))?;
        let lost = |error| NetError::from_handshake(error, address, after);
        timeout_at(deadline, self.enter(quic, expected, lost))
            .await
            .unwrap_or(Err(NetError::TooSlow { address, after }))
    }

    /// Closes every connection it made, and waits at most `within` until their peers have been
    /// told. Merely dropping it leaves them open.
    pub async fn close(self, code: CloseCode, reason: &str, within: Duration) {
        self.endpoint.close(code.0.into(), reason.as_bytes());
        // Peers that cannot be told find out by their idle timeout.
        let _ = tokio::time::timeout(within, self.endpoint.wait_idle()).await;
    }

    async fn shake_hands(
        &self,
        address: SocketAddr,
        after: Duration,
    ) -> Result<quinn::Connection, NetError> {
        self.endpoint
            .connect_with(self.config.clone(), address, DNS_NAME)
            .map_err(|error| NetError::Address { address, why: error.to_string() })?
            .await
            .map_err(|error| match NetError::from_handshake(error, address, after) {
                // Anybody on the way can say so before the other side has proven who it is.
                NetError::Refused { by: Side::Peer, why: Refusal::Denied } => {
                    NetError::Broken("somebody unproven says that the certificate is denied".into())
                }
                error => error,
            })
    }

    async fn enter(
        &self,
        quic: quinn::Connection,
        expected: &ServerName,
        lost: impl Fn(quinn::ConnectionError) -> NetError,
    ) -> Result<Connection, NetError> {
        let peer =
            self.checked_peer(&quic, expected).map_err(|why| greeting::refuse(&quic, why))?;
        let (mut send, mut receive) = quic.open_bi().await.map_err(&lost)?;
        if send.write_all(&GREETING).await.is_err() {
            return Err(lost(quic.closed().await));
        }
        greeting::read(&quic, &mut receive, lost).await?;
        greeting::check_denials(&peer, &self.denials)
            .map_err(|why| greeting::refuse(&quic, why))?;
        Ok(Connection::start(quic, peer, send, receive, &self.limits, None))
    }

    fn checked_peer(
        &self,
        quic: &quinn::Connection,
        expected: &ServerName,
    ) -> Result<Peer, Refusal> {
        let peer = greeting::proven_peer(quic, &self.own.tree)?;
        if peer.name != *expected {
            return Err(Refusal::OtherName { expected: expected.clone(), found: peer.name });
        }
        Ok(peer)
    }
}
