//! A wire that is tapped: it stands between a relay and its parent, passes on what each says, keeps
//! it, and says it again when it is told to.
//!
//! ```text
//!   relay ──► [ as the parent │ kept: every frame, both ways │ as the relay ] ──► parent
//!                  ▲                        │                       ▲
//!                  └──────── again ◄────────┴──────► again ─────────┘
//! ```
//! Nobody but a test has the keys of both ends. What can be done with them to two servers is more
//! than anybody on the way can do.

use crate::site::Site;
use lictree::model::name::ServerName;
use lictree::net::{
    Arrival, CloseCode, Connection, Denials, Dialer, FrameReceiver, FrameSender, Identity,
    Listener, NetLimits,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// When frames are said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// On the connection there is.
    Now,
    /// On the next connection, which is made for it, right behind the greeting.
    Anew,
}

/// A frame as it went over the wire.
#[derive(Clone, Debug)]
pub struct Kept {
    pub way: Way,
    pub frame: Vec<u8>,
}

struct Again {
    when: When,
    way: Way,
    frames: Vec<Vec<u8>>,
    /// Told once all are on their way.
    said: oneshot::Sender<()>,
}

/// A tapped wire. Dropped, it is cut.
pub struct Tap {
    address: SocketAddr,
    kept: Arc<Mutex<Vec<Kept>>>,
    again: mpsc::Sender<Again>,
    /// Dropped with the rest; that ends the thread of the wire.
    _end: oneshot::Sender<()>,
}

impl Tap {
    /// Between `relay` and the server `parent`, which listens at `to`.
    pub fn between(site: &Site, relay: &str, parent: &str, to: SocketAddr) -> Tap {
        let (again, told) = mpsc::channel(1);
        let (_end, ended) = oneshot::channel::<()>();
        let (bound, listens) = oneshot::channel();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let ends = Ends {
            as_parent: site.identity(parent),
            as_relay: site.identity(relay),
            parent: parent.parse().unwrap(),
            to,
            kept: kept.clone(),
        };
        let carried = async move {
            let here = "127.0.0.1:0".parse().unwrap();
            let listener = Listener::bind(here, &ends.as_parent, &Denials::default(), limits());
            let listener = listener.unwrap();
            bound.send(listener.local_address().unwrap()).unwrap();
            tokio::select! {
                () = ends.serve(listener, told) => {}
                _ = ended => {}
            }
        };
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(carried);
        });
        Tap { address: listens.blocking_recv().unwrap(), kept, again, _end }
    }

    /// Where the relay is to call.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that went over so far, in order; what was said again is not among it.
    pub fn kept(&self) -> Vec<Kept> {
        self.kept.lock().unwrap().clone()
    }

    /// Says frames again, all at once.
    pub fn say_again(&self, when: When, way: Way, frames: Vec<Vec<u8>>) {
        let (said, all_said) = oneshot::channel();
        self.again.blocking_send(Again { when, way, frames, said }).unwrap();
        all_said.blocking_recv().unwrap();
    }
}

struct Ends {
    as_parent: Identity,
    as_relay: Identity,
    parent: ServerName,
    to: SocketAddr,
    kept: Arc<Mutex<Vec<Kept>>>,
}

/// As the daemon has them, with room for everything at once.
fn limits() -> NetLimits {
    NetLimits { frame_bytes_max: 1 << 20, send_queue_bytes_max: 64 << 20, ..NetLimits::default() }
}

impl Ends {
    /// One pair of connections after the other. Either ends with the other.
    async fn serve(self, mut listener: Listener, mut told: mpsc::Receiver<Again>) {
        let mut next = None;
        loop {
            let Some(arrival) = listener.accept().await else { return };
            let Arrival::Connected(below) = arrival else { continue };
            let dialer =
                Dialer::toward(self.to, &self.as_relay, &Denials::default(), limits()).unwrap();
            let Ok(above) = dialer.dial(self.to, &self.parent).await else { continue };
            next = self.carry(below, above, &mut told, next).await;
        }
    }

    /// Carries both ways; returns what is to be said on the next connection.
    async fn carry(
        &self,
        below: Connection,
        above: Connection,
        told: &mut mpsc::Receiver<Again>,
        next: Option<Again>,
    ) -> Option<Again> {
        let Connection { link: to_relay, sender: down, receiver: mut from_relay } = below;
        let Connection { link: to_parent, sender: up, receiver: mut from_parent } = above;
        // The greetings go first, whatever is to follow them.
        let greeted = async {
            self.pass(Way::Up, &mut from_relay, &up).await?;
            self.pass(Way::Down, &mut from_parent, &down).await
        };
        if greeted.await.is_none() {
            return next;
        }
        if let Some(again) = next {
            say(again, &up, &down);
        }
        let whole = loop {
            let went_on = tokio::select! {
                passed = self.pass(Way::Up, &mut from_relay, &up) => passed,
                passed = self.pass(Way::Down, &mut from_parent, &down) => passed,
                Some(again) = told.recv() => match again.when {
                    When::Now => {
                        say(again, &up, &down);
                        Some(())
                    }
                    When::Anew => break Some(again),
                },
            };
            if went_on.is_none() {
                break None;
            }
        };
        for link in [to_relay, to_parent] {
            link.close(CloseCode::DONE, "the tap begins anew");
        }
        whole
    }

    /// What one read brings; nothing when the connection has ended.
    async fn pass(&self, way: Way, from: &mut FrameReceiver, to: &FrameSender) -> Option<()> {
        let batch = from.receive().await.ok()?;
        for frame in batch.iter() {
            self.kept.lock().unwrap().push(Kept { way, frame: frame.to_vec() });
            to.try_send(frame).ok()?;
        }
        Some(())
    }
}

fn say(again: Again, up: &FrameSender, down: &FrameSender) {
    let sender = match again.way {
        Way::Up => up,
        Way::Down => down,
    };
    for frame in &again.frames {
        // One that was cut off has heard enough.
        let _ = sender.try_send(frame);
    }
    let _ = again.said.send(());
}
