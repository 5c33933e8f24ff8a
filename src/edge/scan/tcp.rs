//! Whether somebody answers at a port: a connection made, or refused by whoever is there.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpSocket;

/// What a try to connect says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Alive,
    Nothing,
    /// This machine has no socket left for it, may not use one, or has no way there.
    NotAsked,
}

/// Tries to connect, and ends the connection at once with a reset: the other end need not wait for
/// anything, and no port here stays taken.
pub async fn knock(address: IpAddr, port: u16, within: Duration) -> Heard {
    let socket = match address {
        IpAddr::V4(_) => TcpSocket::new_v4(),
        IpAddr::V6(_) => TcpSocket::new_v6(),
    };
    let Ok(socket) = socket else { return Heard::NotAsked };
    // Without it the connection ends as every other one.
    let _ = socket.set_zero_linger();
    let tried = socket.connect(SocketAddr::new(address, port));
    match tokio::time::timeout(within, tried).await {
        Ok(Ok(_)) => Heard::Alive,
        Ok(Err(error)) => said_by(&error),
        Err(_) => Heard::Nothing,
    }
}

fn said_by(error: &io::Error) -> Heard {
    use io::ErrorKind as Kind;
    match error.kind() {
        // Only the machine itself refuses and resets.
        Kind::ConnectionRefused | Kind::ConnectionReset => Heard::Alive,
        Kind::PermissionDenied | Kind::AddrNotAvailable => Heard::NotAsked,
        // Of a machine that is off a router says that the machine cannot be reached.
        Kind::NetworkUnreachable => Heard::NotAsked,
        _ => Heard::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const WITHIN: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn an_open_port_and_a_refusal_are_both_an_answer() {
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let listener = TcpListener::bind((here, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(knock(here, port, WITHIN).await, Heard::Alive);
        drop(listener);
        assert_eq!(knock(here, port, WITHIN).await, Heard::Alive);
    }

    #[test]
    fn who_cannot_be_reached_says_nothing() {
        use io::ErrorKind as Kind;
        for kind in [Kind::HostUnreachable, Kind::TimedOut] {
            assert_eq!(said_by(&kind.into()), Heard::Nothing);
        }
    }

    #[test]
    fn where_there_is_no_way_nobody_was_asked() {
        use io::ErrorKind as Kind;
        for kind in [Kind::PermissionDenied, Kind::NetworkUnreachable] {
            assert_eq!(said_by(&kind.into()), Heard::NotAsked);
        }
    }
}
