//! Requests over QUIC, answered when they are durable, and nothing else.
//!
//! ```text
//!   clients (this process)            server (this program again, a child)
//!   n connections ── 100 bytes each ──► one thread ─► queue ─► committer thread
//!   m outstanding ◄── 32 bytes each ──── one writer per stream ◄─┘ all that waits: one redb commit
//! ```
//!
//! Certificates on both sides, TLS 1.3, the transport settings of `src/net`. No decision, no
//! state, no index: what a license server does comes on top of this.

mod client;
mod server;
mod tls;

use crate::measure::{self, Run};
use std::time::Duration;

/// The first argument of the child.
const SERVE: &str = "serve-limit";
const RUN_TIME: Duration = Duration::from_secs(2);

/// Every request and every answer begins with its number.
const REQUEST_BYTES: usize = 100;
const ANSWER_BYTES: usize = 32;

/// Where the clients' connections come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sockets {
    /// All from one UDP socket: packets of several connections share system calls.
    Shared,
    /// Each from its own, as those of separate servers do.
    Own,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub connections: usize,
    pub outstanding: usize,
    pub sockets: Sockets,
}

pub const CASES: &[Case] = &[
    Case { connections: 1, outstanding: 1, sockets: Sockets::Own },
    Case { connections: 64, outstanding: 16, sockets: Sockets::Own },
    Case { connections: 64, outstanding: 16, sockets: Sockets::Shared },
];

impl Case {
    pub fn name(&self) -> String {
        let Case { connections, outstanding, .. } = self;
        let from = match (self.sockets, connections) {
            (_, 1) => "",
            (Sockets::Own, _) => ", a socket each",
            (Sockets::Shared, _) => ", one socket",
        };
        format!("limit: redb, {connections} x {outstanding}{from}")
    }

    /// Measures it once, with a fresh server and a fresh database.
    pub fn run(&self) -> Run {
        let folder = measure::folder();
        tls::make_certificates(folder.path());
        let server = server::Child::start(folder.path());
        let cpu_before = measure::processor_time(server.process());
        let (waits, elapsed) = measure::runtime()
            .block_on(async { client::ask(self, server.address(), folder.path(), RUN_TIME).await });
        let cpu = measure::processor_time(server.process()) - cpu_before;
        Run::of(waits, elapsed, cpu)
    }
}

/// In the child: serves until its standard input ends. Whether this is the child.
pub fn serve_if_asked() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(SERVE) {
        return false;
    }
    let folder = arguments.next().expect("the parent names the folder");
    server::serve(folder.as_ref());
    true
}
