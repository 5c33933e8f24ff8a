//! The UDP port where children call: free, or held by this very server.

use crate::edge::config::{Configuration, Limits};
use crate::edge::doctor::{About, Finding, line};
use crate::model::view::StatusView;
use crate::net::{Identity, NetError, Refusal};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

pub(super) async fn look(
    configuration: Option<&Configuration>,
    identity: Option<&Identity>,
    status: Option<&StatusView>,
    limits: &Limits,
) -> Finding {
    let about = About::Port;
    let Some(configuration) = configuration else {
        return Finding::skipped(about, "see configuration");
    };
    let Some(listen) = configuration.listen else {
        return Finding::skipped(about, "this server does not listen: none stands below it");
    };
    if listen.port() == 0 {
        return Finding::skipped(about, format!("{listen}: the system chooses a port"));
    }
    let runs = status.is_some();
    match UdpSocket::bind(listen) {
        Ok(_) if runs => {
            let text = format!("{listen} is free, although the server runs");
            let remedy = "it was started with another `listen`: restart it";
            Finding::bad(about, text, remedy)
        }
        Ok(_) => Finding::ok(about, format!("{listen} is free for the server")),
        Err(error) if error.kind() != ErrorKind::AddrInUse => {
            let remedy = "correct `listen`: an address of this machine, `ip addr`";
            Finding::bad(about, format!("{listen} cannot be had: {error}"), remedy)
        }
        Err(_) if !runs => {
            let text =
                format!("{listen} is held by another program, or by a server without a socket");
            Finding::bad(about, text, who_holds(listen))
        }
        Err(_) => match identity {
            Some(identity) => held(listen, configuration, identity, limits).await,
            None => unproven(listen),
        },
    }
}

fn who_holds(listen: SocketAddr) -> String {
    format!("see who holds it: `ss -ulpn 'sport = :{}'`", listen.port())
}

/// The server runs and the port is held; that the two belong together shows only to whoever may
/// call with an identity that is valid.
fn unproven(listen: SocketAddr) -> Finding {
    let text = format!(
        "{listen} is held while the server runs, most likely by it; it is not called without a \
         valid identity: see certificate"
    );
    Finding::skipped(About::Port, text)
}

/// The port is held. That is right where a call there is answered by this very server.
async fn held(
    listen: SocketAddr,
    configuration: &Configuration,
    identity: &Identity,
    limits: &Limits,
) -> Finding {
    let about = About::Port;
    let name = &configuration.name;
    match line::call(reachable(listen), name, identity, limits).await {
        Ok(_) => Finding::ok(about, format!("{name} answers at {listen}")),
        // Whoever judges certificates of this tree is one of its servers.
        Err(NetError::Refused { by, why: why @ (Refusal::Expired | Refusal::Denied) }) => {
            let text = format!("a server of this tree answers at {listen}, but {by}: {why}");
            Finding::bad(about, text, "see certificate and parent")
        }
        Err(error) => {
            let text = format!("{listen} is held, but not by this server: {error}");
            Finding::bad(about, text, who_holds(listen))
        }
    }
}

/// The address to call where one listens at every address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_called_at_this_machine() {
        let called = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(called("[::]:7"), "[::1]:7");
        assert_eq!(called("0.0.0.0:7"), "127.0.0.1:7");
        assert_eq!(called("127.0.0.3:7"), "127.0.0.3:7");
    }
}
