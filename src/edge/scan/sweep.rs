//! Echo requests to all addresses of a segment, in steps, and whoever answers.

use crate::edge::scan::icmp::{Cookies, Echo};
use crate::edge::scan::pace::Pace;
use crate::edge::scan::segment::Targets;
use rustix::io::Errno;
use rustix::net::AddressFamily;
use std::collections::BTreeSet;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Requests sent in one step, and so before answers are looked at.
pub(super) const STEP_MAX: usize = 128;
/// Packets read at once; more than one step can bring.
const READ_MAX: usize = 4 * STEP_MAX;
/// How often a request is tried again that finds no room.
const TRIES: u32 = 100;
/// The pause of the kernel's own when its queues or its table of neighbours are full.
const FULL_PAUSE: Duration = Duration::from_millis(50);

/// Sockets for the families that there are addresses of.
pub(super) struct Asker {
    four: Option<Echo>,
    six: Option<Echo>,
    cookies: Cookies,
}

impl Asker {
    /// Whatever can be opened, and why the rest cannot.
    pub(super) fn open(targets: &Targets) -> (Asker, Vec<io::Error>) {
        let (four, six) = targets.families();
        let mut errors = Vec::new();
        let mut open = |wanted: bool, family| {
            let opened = wanted.then(|| Echo::open(family)).transpose();
            opened.unwrap_or_else(|error| {
                errors.push(error);
                None
            })
        };
        let four = open(four, AddressFamily::INET);
        let six = open(six, AddressFamily::INET6);
        (Asker { four, six, cookies: Cookies::new() }, errors)
    }

    /// Whether there is a socket for this address.
    pub(super) fn reaches(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(_) => self.four.is_some(),
            IpAddr::V6(_) => self.six.is_some(),
        }
    }

    /// Sends one request, waiting a while for room.
    pub(super) async fn ask(&mut self, address: IpAddr) -> io::Result<()> {
        let echo = match address {
            IpAddr::V4(_) => self.four.as_mut(),
            IpAddr::V6(_) => self.six.as_mut(),
        };
        let Some(echo) = echo else { return Ok(()) };
        let mut last = Ok(());
        for _ in 0..TRIES {
            last = echo.send(address, &self.cookies);
            match &last {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Woken or not, it is tried again.
                    let _ = timeout(FULL_PAUSE, echo.room()).await;
                }
                Err(error) if Errno::from_io_error(error) == Some(Errno::NOBUFS) => {
                    sleep(FULL_PAUSE).await;
                }
                _ => return last,
            }
        }
        last
    }

    /// Whoever answered until now.
    pub(super) fn read(&self, alive: &mut impl FnMut(IpAddr)) {
        for echo in [&self.four, &self.six].into_iter().flatten() {
            echo.read(&self.cookies, READ_MAX, alive);
        }
    }

    /// Whoever answers until then.
    pub(super) async fn linger(&self, until: Instant, alive: &mut impl FnMut(IpAddr)) {
        let ready = || async {
            tokio::select! {
                ready = some(self.four.as_ref()) => ready,
                ready = some(self.six.as_ref()) => ready,
            }
        };
        while let Ok(Ok(())) = timeout_at(until, ready()).await {
            self.read(alive);
        }
    }
}

async fn some(echo: Option<&Echo>) -> io::Result<()> {
    match echo {
        Some(echo) => echo.ready().await,
        None => pending().await,
    }
}

/// What a sweep of echo requests came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echoes {
    pub sent: u64,
    pub alive: BTreeSet<IpAddr>,
    /// From the first request to the last.
    pub took: Duration,
}

/// Asks every address once at this rate, and listens for `wait` after the last: the sweep alone,
/// without a server, for measuring.
///
/// # Errors
/// Why there is no socket for it, or a request cannot leave.
pub async fn sweep_echoes(
    targets: &Targets,
    per_second: u32,
    wait: Duration,
) -> io::Result<Echoes> {
    let (mut asker, errors) = Asker::open(targets);
    if let Some(error) = errors.into_iter().next() {
        return Err(error);
    }
    let mut alive = BTreeSet::new();
    let mut found = |address| {
        alive.insert(address);
    };
    let begun = Instant::now();
    let mut pace = Pace::new(per_second, begun);
    let mut addresses = targets.addresses();
    let mut left = targets.count();
    while left > 0 {
        let granted = pace.take(STEP_MAX.min(usize::try_from(left).unwrap_or(STEP_MAX))).await;
        for address in addresses.by_ref().take(granted) {
            asker.ask(address).await?;
            left -= 1;
        }
        asker.read(&mut found);
    }
    let took = begun.elapsed();
    asker.linger(Instant::now() + wait, &mut found).await;
    Ok(Echoes { sent: targets.count(), alive, took })
}
