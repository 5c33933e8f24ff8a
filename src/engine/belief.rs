//! What is believed of a word from a neighbour: whether its author can have said it, from there,
//! and whether there is room for it (I7).
//!
//! What may be late, doubled, or of somebody who has just moved is not heard, and no more. What
//! nobody honest can have said leaves a line that names its author, and the child that it came by:
//! either may be the one that lies.

use super::Engine;
use crate::model::account::PackPart;
use crate::model::edge::Level;
use crate::model::letter::{Body, Letter, LinkId};
use crate::model::name::{ProductName, ServerName};
use crate::model::recovery::RecoveryWord;
use crate::model::refusal::Refusal;
use crate::model::time::Timestamp;

impl Engine {
    /// Whether a letter that goes up comes from where its author is.
    ///
    /// A server speaks for those below it and for nobody else: whoever is a child here, or was
    /// heard through another child a moment ago, is not below this one (I7). One that moved is
    /// believed when its old place has been silent for two of its intervals.
    pub(super) fn is_in_its_place(
        &mut self,
        link: LinkId,
        letter: &Letter,
        now: Timestamp,
    ) -> bool {
        let Some(author) = letter.route.first() else { return false };
        if letter.route.contains(self.state.name()) {
            self.refuse_link(link, "a letter that has passed this server already");
            return false;
        }
        if !self.came_this_way(link, &letter.route, now) {
            return false;
        }
        if let Body::Presence(presence) = &letter.body {
            let parent = letter.route.get(1).unwrap_or(self.state.name());
            if presence.name != *author || presence.parent != *parent {
                let (name, claimed) = (&presence.name, &presence.parent);
                let refusal = Refusal::new(
                    "LT0426",
                    format!("{author} below {parent} claims to be {name} below {claimed}"),
                    format!("look at the server {author}; it lies or is damaged"),
                );
                self.note_refusal("place.refused", &refusal, now);
                self.refuse_link(link, "a presence that is not of the server it came from");
                return false;
            }
        }
        match self.links.way_down(author) {
            Some(way) if way != link => {
                let moved = !self.links.is_child(author) && !self.is_online(author, now);
                moved && matches!(letter.body, Body::Presence(_))
            }
            Some(_) => true,
            // The first word of a server is that it is there.
            None => matches!(letter.body, Body::Presence(_)),
        }
    }

    /// Whether those that passed a letter on are known to be below that child, each of them once:
    /// by its route an account goes with the uses of every server on it.
    fn came_this_way(&mut self, link: LinkId, route: &[ServerName], now: Timestamp) -> bool {
        let Some((author, passed)) = route.split_first() else { return false };
        let again = (1..route.len()).find(|at| route[..*at].contains(&route[*at]));
        if let Some(at) = again {
            let what = format!("says that {} passed a letter on twice", route[at]);
            self.refuse_word("place.refused", link, author, &what, now);
            return false;
        }
        for server in passed {
            match self.links.way_down(server) {
                Some(way) if way == link => {}
                // It says that it is there itself, before those below it are passed on.
                None => return false,
                Some(_) => {
                    let what =
                        format!("says that it is below {server}, which is elsewhere or has moved");
                    self.refuse_word("place.refused", link, author, &what, now);
                    return false;
                }
            }
        }
        true
    }

    pub(super) fn note_too_deep(&mut self, link: LinkId, letter: &Letter, now: Timestamp) {
        let (Some(author), Some(parent)) = (letter.route.first(), letter.route.get(1)) else {
            return;
        };
        let (found, max) = (letter.route.len() + 1, self.tuning.depth_max);
        let by = self.by_way_of(link, author);
        let refusal = Refusal::new(
            "LT0412",
            format!("{author} below {parent} is on level {found}{by}; {max} are allowed"),
            "choose another parent, or raise depth_max in [limits]",
        );
        self.note_refusal("place.refused", &refusal, now);
    }

    /// A word that cannot be true: its author is named, and nothing of it is taken. The child that
    /// passed it on may be honest, so it is not cut off.
    pub(super) fn refuse_word(
        &mut self,
        kind: &str,
        link: LinkId,
        author: &ServerName,
        what: &str,
        now: Timestamp,
    ) {
        let by = self.by_way_of(link, author);
        let refusal = Refusal::new(
            "LT0436",
            format!("{author} {what}{by}"),
            format!("look at the server {author}; it lies or is damaged"),
        );
        self.note_refusal(kind, &refusal, now);
    }

    /// The same from above; whoever wrote it, the parent has passed it on.
    pub(super) fn refuse_word_down(&mut self, now: Timestamp) {
        let Some(parent) = self.links.parent().cloned() else { return };
        let refusal = Refusal::new(
            "LT0436",
            format!("{parent} says, or passes on, that more came back than was ever given (R7)"),
            format!("look at the server {parent}; it lies or is damaged, or one above it"),
        );
        self.note_refusal("word.refused", &refusal, now);
    }

    fn by_way_of(&self, link: LinkId, author: &ServerName) -> String {
        let child = self.links.child(link).filter(|child| *child != author);
        child.map_or(String::new(), |child| format!(", by way of {child}"))
    }

    /// Whether what a server below speaks of is known here, or may still become known: names that
    /// others make up must not fill this server.
    pub(super) fn has_room_for(&self, author: &ServerName, body: &Body) -> bool {
        let product = match body {
            Body::Wishes { product, wishes, .. } => {
                let Some(ledger) = self.state.ledgers.get(product) else {
                    return self.state.ledgers.len() < self.tuning.products_max;
                };
                return ledger.entries_of(author) + wishes.len() <= self.entries_max();
            }
            Body::TakeOver { product, .. } | Body::HandoverBooked { product, .. } => product,
            Body::Yield(part) | Body::Recovery(RecoveryWord::Statement { part, .. }) => {
                return self.has_room_for_pack(part);
            }
            _ => return true,
        };
        self.has_to_do_with(product)
    }

    /// Whoever holds a product has a ledger of it, and the primary one of all that it gave.
    fn has_to_do_with(&self, product: &ProductName) -> bool {
        self.state.ledgers.contains_key(product) || self.state.holdings.contains_key(product)
    }

    fn has_room_for_pack(&self, part: &PackPart) -> bool {
        let product = &part.piece.product;
        let Some(ledger) = self.state.ledgers.get(product) else {
            return self.has_to_do_with(product);
        };
        let (accounts, below) = (&part.piece.accounts, &part.piece.below);
        let fits = |known: usize, more: usize| known + more <= self.tuning.servers_max;
        let few = |origin: &ServerName, more: usize| {
            ledger.entries_of(origin) + more <= self.entries_max()
        };
        fits(ledger.accounts().count(), accounts.len())
            && fits(ledger.below.len(), below.len())
            && accounts.iter().all(|account| few(&account.origin, account.entries.len()))
    }

    /// Twice what a site may have: answers it does not ask for any more are forgotten.
    fn entries_max(&self) -> usize {
        2 * self.tuning.devices_max
    }
}

/// Whether what a relay is told of its counts can be (I4).
pub(super) fn is_possible_below(body: &Body) -> bool {
    let is_possible = |level: &Level| level.returned_seen <= level.granted;
    match body {
        Body::Level { level, .. } => is_possible(level),
        Body::Attached { levels, .. } => levels.iter().all(|(_, level)| is_possible(level)),
        _ => true,
    }
}

/// Why nobody honest says this to a server above.
pub(super) fn impossible(author: &ServerName, body: &Body) -> Option<String> {
    let part = match body {
        Body::Yield(part) | Body::Recovery(RecoveryWord::Statement { part, .. }) => part,
        Body::Presence(_)
        | Body::AttachHello
        | Body::AttachRequest { .. }
        | Body::EdgeReport { .. }
        | Body::Wishes { .. }
        | Body::TakeOver { .. }
        | Body::HandoverBooked { .. }
        | Body::CertificateAsk { .. }
        | Body::Claim { .. }
        | Body::MoveAsk(_)
        | Body::Heads { .. }
        | Body::Recovery(
            RecoveryWord::RowsAsk { .. }
            | RecoveryWord::BelowAsk { .. }
            | RecoveryWord::Registered { .. },
        ) => return None,
        _ => return Some("says what goes down and never up".to_string()),
    };
    let PackPart { part, parts, piece } = part;
    if part >= parts {
        return Some(format!("sends part {part} of a pack of {parts} parts"));
    }
    let giver = [&piece.giver, &piece.relay].into_iter().find(|server| *server != author);
    giver.map(|giver| format!("gives back in the name of {giver}"))
}
