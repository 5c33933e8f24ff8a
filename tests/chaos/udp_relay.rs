//! A road between children and parents, seeded: datagrams are lost, come twice, late, out of turn.
//!
//! ```text
//!   child ──► 10.77.0.2:PORT ──► fate (loss, copies, delay) ──► waits ──► parent
//!     ◄──────── the same, the other way ◄──────────────────────────────────┘
//! ```
//! A thread inside the namespace of a host of its own. The child calls the road's address, and the
//! parent sees the road: each address of a child has a socket of its own towards the parent.

use crate::lan::Host;
use lictree::simulator::entropy::Entropy;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// Larger than any datagram on these links.
const DATAGRAM_MAX: usize = 2_048;
/// Datagrams that wait on one link; more are lost.
const WAITING_MAX: usize = 4_096;
const FOREVER: Duration = Duration::from_secs(86_400);

/// What a link does to datagrams, of thousand, and by how much each may be late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roughness {
    pub lost: u64,
    pub twice: u64,
    /// Each is late by its own draw, so those behind may overtake it.
    pub late_ms_max: u64,
}

/// One link: where the child calls, and where its parent is.
pub struct Link {
    pub port: u16,
    pub parent: SocketAddr,
}

/// The running road. Dropping it ends it.
pub struct UdpRelay {
    links: Vec<Arc<Mutex<Roughness>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl UdpRelay {
    /// Starts on a host; the links are ready when this returns.
    pub fn start(host: &Host, links: &[Link], entropy: &mut Entropy) -> UdpRelay {
        let roughness: Vec<Arc<Mutex<Roughness>>> = links.iter().map(|_| Arc::default()).collect();
        let mut parts = Vec::new();
        for (link, rough) in links.iter().zip(&roughness) {
            let at = format!("{}:{}", host.address, link.port).parse().unwrap();
            parts.push((at, link.parent, rough.clone(), entropy.fork()));
        }
        let namespace = File::open(format!("/run/netns/{}", host.namespace)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, readied) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            // Of this thread only; sockets stay in the namespace they were made in.
            rustix::thread::move_into_link_name_space(namespace.as_fd(), None).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let mut tasks = tokio::task::JoinSet::new();
                for (at, parent, rough, entropy) in parts {
                    let below = Arc::new(UdpSocket::bind::<SocketAddr>(at).await.unwrap());
                    let (heard, hearing) = mpsc::channel(WAITING_MAX);
                    let above = BTreeMap::new();
                    let road = Road { below, parent, rough, entropy, above, heard };
                    tasks.spawn(road.carry(hearing));
                }
                ready.send(()).unwrap();
                // Ends when the sender is dropped, too.
                drop(stopped.await);
            });
        });
        readied.recv().expect("the road's sockets can be bound");
        UdpRelay { links: roughness, stop: Some(stop), thread: Some(thread) }
    }

    pub fn roughen(&self, link: usize, roughness: Roughness) {
        *self.links[link].lock().unwrap() = roughness;
    }
}

impl Drop for UdpRelay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A datagram on its way.
struct Waiting {
    bytes: Arc<[u8]>,
    /// From this child upward, or down to it.
    child: SocketAddr,
    upward: bool,
}

struct Road {
    below: Arc<UdpSocket>,
    parent: SocketAddr,
    rough: Arc<Mutex<Roughness>>,
    entropy: Entropy,
    /// A socket towards the parent for each address of the child.
    above: BTreeMap<SocketAddr, Arc<UdpSocket>>,
    heard: mpsc::Sender<Waiting>,
}

impl Road {
    async fn carry(mut self, mut hearing: mpsc::Receiver<Waiting>) {
        let mut waiting: BTreeMap<(Instant, u64), Waiting> = BTreeMap::new();
        let mut number = 0;
        let mut buffer = [0; DATAGRAM_MAX];
        let below = self.below.clone();
        loop {
            let due = waiting.first_key_value().map(|((at, _), _)| *at);
            let came = async {
                tokio::select! {
                    read = below.recv_from(&mut buffer) => {
                        // What a closed port of the child sent back is no datagram.
                        let (length, child) = read.ok()?;
                        let bytes = Arc::from(&buffer[..length]);
                        Some(Waiting { bytes, child, upward: true })
                    }
                    down = hearing.recv() => down,
                }
            };
            let due = due.unwrap_or_else(|| Instant::now() + FOREVER);
            if let Ok(Some(one)) = timeout_at(due, came).await {
                let Waiting { bytes, child, upward } = one;
                for late in self.fate() {
                    if waiting.len() < WAITING_MAX {
                        number += 1;
                        let copy = Waiting { bytes: bytes.clone(), child, upward };
                        waiting.insert((Instant::now() + late, number), copy);
                    }
                }
            }
            while let Some(first) = waiting.first_entry()
                && first.key().0 <= Instant::now()
            {
                self.send(first.remove()).await;
            }
        }
    }

    /// How late each copy comes; none when it is lost.
    fn fate(&mut self) -> Vec<Duration> {
        let Roughness { lost, twice, late_ms_max } = *self.rough.lock().unwrap();
        if self.entropy.below(1_000) < lost {
            return Vec::new();
        }
        let copies = if self.entropy.below(1_000) < twice { 2 } else { 1 };
        let late = |_| Duration::from_micros(self.entropy.between(0, 1_000 * late_ms_max));
        (0..copies).map(late).collect()
    }

    /// What cannot be sent is lost, as everywhere.
    async fn send(&mut self, one: Waiting) {
        let Waiting { bytes, child, upward } = one;
        if upward {
            drop(self.above(child).await.send(&bytes).await);
        } else {
            drop(self.below.send_to(&bytes, child).await);
        }
    }

    async fn above(&mut self, child: SocketAddr) -> Arc<UdpSocket> {
        if let Some(known) = self.above.get(&child) {
            return known.clone();
        }
        let socket = Arc::new(UdpSocket::bind("0.0.0.0:0").await.unwrap());
        socket.connect(self.parent).await.unwrap();
        self.above.insert(child, socket.clone());
        let (heard, reading) = (self.heard.clone(), socket.clone());
        tokio::spawn(async move {
            let mut buffer = [0; DATAGRAM_MAX];
            while !heard.is_closed() {
                // The parent's port may be closed for a while.
                let Ok(length) = reading.recv(&mut buffer).await else { continue };
                let bytes = Arc::from(&buffer[..length]);
                // A road that is full loses.
                drop(heard.try_send(Waiting { bytes, child, upward: false }));
            }
        });
        socket
    }
}
