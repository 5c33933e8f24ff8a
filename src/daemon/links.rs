//! All connections to neighbours that the server knows of, by number.
//!
//! Sending never waits: a peer that reads more slowly than letters arise is cut off, and what it
//! missed is said again when it is back.

use crate::daemon::keyring::{Keyring, NotLetIn};
use crate::daemon::pace::{HeldUp, Paces};
use crate::model::letter::{Letter, LinkId};
use crate::model::name::ServerName;
use crate::model::time::duration_ms;
use crate::model::view::NeighbourView;
use crate::net::{CloseCode, FrameSender, SendError};
use crate::server::input::Side;
use crate::wire;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The reasons for an end that `net` does not know.
pub(super) mod close_code {
    use crate::net::CloseCode;

    /// Its first frame is no greeting, or one of another server than its certificate's.
    pub(crate) const NO_HELLO: CloseCode = CloseCode(CloseCode::FIRST_FREE.0);
    /// No version is spoken by both.
    pub(crate) const VERSION: CloseCode = CloseCode(CloseCode::FIRST_FREE.0 + 1);
    /// A frame is no letter.
    pub(crate) const UNREADABLE: CloseCode = CloseCode(CloseCode::FIRST_FREE.0 + 2);
    /// It broke a rule of what servers say to each other.
    pub(crate) const RULE_BROKEN: CloseCode = CloseCode(CloseCode::FIRST_FREE.0 + 3);
    /// The same server has connected anew.
    pub(crate) const REPLACED: CloseCode = CloseCode(CloseCode::FIRST_FREE.0 + 4);
    /// The peer was removed from the tree.
    pub(crate) const REMOVED: CloseCode = CloseCode(CloseCode::FIRST_FREE.0 + 5);
    /// A certificate, its own or the peer's, has ended or given way to a new one.
    pub(crate) const CERTIFICATE: CloseCode = CloseCode(CloseCode::FIRST_FREE.0 + 6);
    /// It connects more often than its pace allows.
    pub(crate) const TOO_OFTEN: CloseCode = CloseCode(CloseCode::FIRST_FREE.0 + 8);
    /// The server that closes it is being stopped.
    pub(crate) const STOPPING: CloseCode = CloseCode(CloseCode::FIRST_FREE.0 + 7);
}

/// With what code and words one is cut off who may not stay.
pub(super) fn farewell(why: NotLetIn) -> (CloseCode, &'static str) {
    match why {
        NotLetIn::Removed => (close_code::REMOVED, "it was removed from the tree"),
        NotLetIn::Forgotten => {
            (close_code::CERTIFICATE, "the authority of its certificate is believed no more")
        }
    }
}

struct OpenLink {
    peer: ServerName,
    side: Side,
    sender: FrameSender,
    /// Where the peer was last seen.
    address: SocketAddr,
}

#[derive(Default)]
pub(super) struct Links {
    open: BTreeMap<LinkId, OpenLink>,
}

impl Links {
    pub(super) fn has(&self, link: LinkId) -> bool {
        self.open.contains_key(&link)
    }

    pub(super) fn open(
        &mut self,
        link: LinkId,
        peer: &ServerName,
        side: Side,
        sender: FrameSender,
    ) {
        tracing::info!(%peer, side = side_word(side), address = %sender.link().remote_address(),
            "connected");
        let address = sender.link().remote_address();
        self.open.insert(link, OpenLink { peer: peer.clone(), side, sender, address });
    }

    /// What each neighbour takes.
    pub(super) fn usage(&self, paces: &Paces) -> Vec<NeighbourView> {
        let view = |open: &OpenLink| {
            let (frames, bytes) = open.sender.queued();
            let HeldUp { refused, letters, length } = paces.held_up(&open.peer);
            NeighbourView {
                name: open.peer.clone(),
                side: side_word(open.side).to_string(),
                address: open.address.to_string(),
                queued_frames: frames as u64,
                queued_bytes: bytes as u64,
                held_up: letters,
                held_up_ms: duration_ms(length),
                connections_refused: refused,
            }
        };
        self.open.values().map(view).collect()
    }

    /// Where a peer is now, if that is another place than before.
    pub(super) fn moved(&mut self, link: LinkId) -> Option<String> {
        let open = self.open.get_mut(&link)?;
        let now = open.sender.link().remote_address();
        let moved = std::mem::replace(&mut open.address, now) != now;
        moved.then(|| now.to_string())
    }

    /// Ends every connection that may not stay.
    pub(super) fn close_refused(&mut self, keyring: &Keyring) -> Vec<LinkId> {
        let judged = self.open.iter().filter_map(|(link, open)| {
            let why = keyring.judge(open.sender.link())?;
            Some((*link, why))
        });
        let fallen: Vec<(LinkId, NotLetIn)> = judged.collect();
        for (link, why) in &fallen {
            let (code, words) = farewell(*why);
            self.end(*link, code, words);
        }
        fallen.into_iter().map(|(link, _)| link).collect()
    }

    /// Ends the connection that this server had so far, if any.
    pub(super) fn displaced_by(&mut self, peer: &ServerName, side: Side) -> Option<LinkId> {
        let same = |open: &OpenLink| open.peer == *peer && open.side == side;
        let link = *self.open.iter().find(|(_, open)| same(open))?.0;
        self.end(link, close_code::REPLACED, "the same server has connected anew")
    }

    /// Sends a letter, or ends the link and returns it.
    pub(super) fn send(&mut self, link: LinkId, letter: &Letter) -> Option<LinkId> {
        let open = self.open.get(&link)?;
        match open.sender.try_send(wire::encode_letter(letter)) {
            Ok(()) => None,
            // A new connection would not make it shorter; all other letters still pass.
            Err(error @ SendError::TooLong { .. }) => {
                tracing::error!(peer = %open.peer, "a letter was left out: {error}");
                None
            }
            Err(error) => self.end(link, CloseCode::SEND_QUEUE_FULL, &error.to_string()),
        }
    }

    /// Ends a link whose peer broke a rule.
    pub(super) fn close(&mut self, link: LinkId, why: &str) -> Option<LinkId> {
        self.end(link, close_code::RULE_BROKEN, why)
    }

    pub(super) fn close_all(&mut self, code: CloseCode, why: &str) {
        for open in std::mem::take(&mut self.open).into_values() {
            open.sender.link().close(code, why);
        }
    }

    /// The link is down already; whether it was still known.
    pub(super) fn forget(&mut self, link: LinkId) -> bool {
        self.open.remove(&link).is_some()
    }

    fn end(&mut self, link: LinkId, code: CloseCode, why: &str) -> Option<LinkId> {
        let OpenLink { peer, side, sender, .. } = self.open.remove(&link)?;
        tracing::warn!(%peer, side = side_word(side), why, "connection ended here");
        sender.link().close(code, why);
        Some(link)
    }
}

pub(super) fn side_word(side: Side) -> &'static str {
    match side {
        Side::Above => "parent",
        Side::Below => "child",
    }
}
