//! What a server tells the service manager that started it: ready, still alive, stopping.
//!
//! ```text
//!   systemd ── NOTIFY_SOCKET, WATCHDOG_USEC ──► this process
//!      ▲                                           │  READY=1     once it answers requests
//!      └───────────── datagrams ───────────────────┤  WATCHDOG=1  after the owner answered a ping
//!                                                  └  STOPPING=1  once it was told to end
//! ```
//!
//! The ping goes through the inbox of the owner like any request, so a server whose owner hangs is
//! restarted although its other tasks still run. Where nobody waits for notifications, nothing of
//! this happens.

use crate::daemon::port::Port;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// A manager that does not read holds the server up for so long at most, each time.
const SEND_WITHIN: Duration = Duration::from_millis(200);
/// The shortest pause between two pings, whatever the manager asks for.
const PAUSE_SHORTEST: Duration = Duration::from_millis(10);

/// The way to the service manager, where there is one.
pub struct Notifier {
    manager: Option<UnixDatagram>,
    /// Without word for so long, the manager restarts this process.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment of this process says. What it says wrongly is told in the log.
    pub fn from_environment() -> Notifier {
        let text = |name: &str| std::env::var(name).ok();
        let (usec, pid) = (text("WATCHDOG_USEC"), text("WATCHDOG_PID"));
        let watchdog = watchdog(usec.as_deref(), pid.as_deref(), std::process::id());
        let Some(place) = std::env::var_os("NOTIFY_SOCKET").filter(|place| !place.is_empty())
        else {
            return Notifier { manager: None, watchdog: None };
        };
        match connected(&place) {
            Ok(socket) => Notifier { manager: Some(socket), watchdog },
            Err(error) => {
                tracing::warn!(NOTIFY_SOCKET = ?place, "the service manager is not told: {error}");
                Notifier { manager: None, watchdog: None }
            }
        }
    }

    /// The server answers requests.
    pub fn ready(&self, status: &str) {
        self.tell("READY=1\n", status);
    }

    /// The server was told to end, and has begun to.
    pub fn stopping(&self, status: &str) {
        self.tell("STOPPING=1\n", status);
    }

    /// A line for `systemctl status`.
    pub fn status(&self, status: &str) {
        self.tell("", status);
    }

    /// Says that the server is alive, as long as it is, twice in the time that the manager waits.
    pub async fn watch(&self, port: &Port) -> Infallible {
        let Some(within) = self.watchdog else { return std::future::pending().await };
        let mut moments = interval((within / 2).max(PAUSE_SHORTEST));
        // After a late answer there is nothing to catch up on.
        moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            moments.tick().await;
            if port.ping().await.is_err() {
                // The owner has ended; its end is told by whoever holds it.
                return std::future::pending().await;
            }
            self.send("WATCHDOG=1\n");
        }
    }

    fn tell(&self, state: &str, status: &str) {
        // A line end would begin another assignment.
        let plain: String = status.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.send(&format!("{state}STATUS={plain}\n"));
    }

    fn send(&self, text: &str) {
        let Some(manager) = &self.manager else { return };
        if let Err(error) = manager.send(text.as_bytes()) {
            tracing::warn!("the service manager was not told {}: {error}", text.trim_end());
        }
    }
}

/// A socket that speaks to the manager at `place`: a path, or `@` and an abstract name.
fn connected(place: &OsStr) -> io::Result<UnixDatagram> {
    let address = match place.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(place)?,
        _ => {
            let why = "it is neither an absolute path nor `@` and a name";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(SEND_WITHIN))?;
    Ok(socket)
}

/// How long the manager waits for a sign of life of the process `own`.
fn watchdog(usec: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    // Meant for a process that started this one.
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let usec = usec?.parse().ok().filter(|usec| *usec > 0)?;
    Some(Duration::from_micros(usec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn told(manager: &UnixDatagram) -> String {
        let mut bytes = [0; 4_096];
        let length = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    fn stage(folder: &Path, watchdog: Option<Duration>) -> (UnixDatagram, Notifier) {
        let path = folder.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        (manager, Notifier { manager: Some(connected(path.as_os_str()).unwrap()), watchdog })
    }

    #[test]
    fn what_is_told_is_one_assignment_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let (manager, notifier) = stage(folder.path(), None);
        notifier.ready("server hq\nSTOPPING=1");
        assert_eq!(told(&manager), "READY=1\nSTATUS=server hq STOPPING=1\n");
        notifier.stopping("SIGTERM");
        assert_eq!(told(&manager), "STOPPING=1\nSTATUS=SIGTERM\n");
        drop(manager);
        // A manager that is gone is no reason to end.
        notifier.status("still there");
    }

    #[tokio::test]
    async fn a_sign_of_life_follows_only_an_answer_of_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let (manager, notifier) = stage(folder.path(), Some(Duration::from_millis(20)));
        let (port, mut twin) = Port::with_twin(Duration::from_secs(20));
        let watched = async { match notifier.watch(&port).await {} };
        let looked = async {
            for _ in 0..3 {
                let ping = twin.ping().await.unwrap();
                // Whoever watches has had a turn since it asked.
                tokio::task::yield_now().await;
                let nothing = manager.recv(&mut [0; 64]).unwrap_err();
                assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
                ping.send(()).unwrap();
                tokio::task::yield_now().await;
                assert_eq!(told(&manager), "WATCHDOG=1\n");
            }
        };
        tokio::select! {
            biased;
            () = watched => {}
            () = looked => {}
        }
    }

    #[test]
    fn a_watchdog_of_another_process_or_without_time_is_none() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(watchdog(Some("1000000"), None, 7), second);
        assert_eq!(watchdog(Some("1000000"), Some("7"), 7), second);
        assert_eq!(watchdog(Some("1000000"), Some("8"), 7), None);
        assert_eq!(watchdog(Some("1000000"), Some("x"), 7), None);
        assert_eq!(watchdog(Some("0"), None, 7), None);
        assert_eq!(watchdog(Some("soon"), None, 7), None);
        assert_eq!(watchdog(None, None, 7), None);
    }

    #[test]
    fn a_place_that_is_no_socket_is_refused() {
        for place in ["relative", "vsock:2:1234", "/nowhere/at/all", "@nobody listens here"] {
            assert!(connected(OsStr::new(place)).is_err(), "{place}");
        }
    }
}
