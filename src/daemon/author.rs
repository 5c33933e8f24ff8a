//! Letters that go up, and words of the primary, are signed by their authors, and judged by
//! everybody who has them from another server (I7).
//!
//! ```text
//!   west: a letter, signed ──► north: from west itself, as TLS has proven ──┐ passed on as it is
//!                                                                           ▼
//!              hq: is that certificate of the tree, and west's? has its key signed this letter?
//!
//!   hq: so many are yours ───► north: from hq itself ───────────────────────┐ passed on as it is
//!                                                                           ▼
//!              west: is that certificate of the tree's primary? has its key signed this letter?
//! ```
//! So a relay between can hold letters up, and neither alter nor invent one. That it is said twice,
//! or late, changes nothing anyway. What holders say down, and neighbours to each other, is not
//! signed: those between are of the same range.
//!
//! Certificates may have ended, by as much as clocks may differ: how long a server is let in is for
//! its parent to see. Denials outlive certificates by as much, so an old key proves nothing.

use crate::daemon::clock::wall;
use crate::daemon::keyring::Keyring;
use crate::model::enrolment::CLOCKS_DIFFER;
use crate::model::holding::Role;
use crate::model::letter::{Address, Letter, Signature};
use crate::net::{Identity, Peer, Purpose, Signer};
use crate::wire::signed_bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Signs a letter of this server's own where it has to be; any other stays as it is.
pub fn sign(letter: &mut Letter, identity: &Identity) {
    let own = match letter.to {
        // Nobody is above the primary whose word it could pass on.
        Address::Below(_) => identity.peer().role == Role::Primary,
        _ => letter.route.first() == Some(identity.name()),
    };
    if letter.signature.is_some() || !own {
        return;
    }
    if let Some(bytes) = signed_bytes(letter) {
        letter.signature = Some(Box::new(Signature {
            certificate: identity.certificate().to_vec(),
            bytes: identity.signed_by_me(Purpose::Letter, &bytes),
        }));
    }
}

/// Judges letters; remembers the certificates that were found good.
pub(super) struct Authors {
    keyring: Arc<Keyring>,
    /// At most so many are remembered.
    known_max: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Whose authorities have proven them.
    by: Option<Arc<Identity>>,
    /// By their certificates.
    signers: BTreeMap<Vec<u8>, Signer>,
}

impl Authors {
    pub(super) fn new(keyring: Arc<Keyring>, known_max: usize) -> Authors {
        Authors { keyring, known_max, known: Mutex::default() }
    }

    /// Whether a letter is taken that came `from` a neighbour: it was written by the server that it
    /// names as its author, or by the primary, and that one is not shut out. Whoever passes on a
    /// word of one that was shut out a moment ago may not know that yet. Why it is not the
    /// author's, if it is not.
    pub(super) fn judge(&self, letter: &Letter, from: &Peer) -> Result<bool, String> {
        let author = match (&letter.to, letter.route.as_slice()) {
            // TLS has proven these.
            (Address::Below(_), _) if from.role == Role::Primary => return Ok(true),
            (Address::Primary | Address::Holder(_) | Address::Above(_), [] | [_]) => {
                return Ok(true);
            }
            (Address::Below(_), _) => None,
            (_, route) => route.first(),
        };
        let Some(bytes) = signed_bytes(letter) else { return Ok(true) };
        let Some(signature) = &letter.signature else { return Err("it is not signed".to_string()) };
        let signer = self.signer(&signature.certificate)?;
        let peer = signer.peer();
        let is_of = |peer: &Peer| match author {
            Some(author) => peer.name == *author,
            None => peer.role == Role::Primary,
        };
        if peer.tree != *self.keyring.identity().tree() || !is_of(peer) {
            return Err(format!("its certificate is of {} in the tree {}", peer.name, peer.tree));
        }
        if !signer.has_signed(Purpose::Letter, &bytes, &signature.bytes) {
            return Err(format!("the key of {} has not signed it", peer.name));
        }
        let has_ended = wall() > peer.expires.after(CLOCKS_DIFFER);
        Ok(!has_ended && !self.keyring.denials().is_denied(peer))
    }

    /// Whom a certificate of this tree's authorities names.
    fn signer(&self, certificate: &[u8]) -> Result<Signer, String> {
        let identity = self.keyring.identity();
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = lock();
        // What others have proven than the very authorities that are believed now is void.
        if !known.by.as_ref().is_some_and(|by| Arc::ptr_eq(by, &identity)) {
            *known = Known { by: Some(identity.clone()), signers: BTreeMap::new() };
        }
        if let Some(signer) = known.signers.get(certificate) {
            return Ok(signer.clone());
        }
        drop(known);
        let signer = Signer::proven(certificate, identity.authorities(), None)?;
        let mut known = lock();
        if known.signers.len() >= self.known_max {
            known.signers.clear();
        }
        // Unless others are believed by now.
        if known.by.as_ref().is_some_and(|by| Arc::ptr_eq(by, &identity)) {
            known.signers.insert(certificate.to_vec(), signer.clone());
        }
        Ok(signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::edge::{AttachId, Level};
    use crate::model::enrolment::{Denial, Trust};
    use crate::model::letter::Body;
    use crate::model::name::ServerName;
    use crate::model::time::Timestamp;
    use crate::net::Authority;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    struct Tree {
        _folder: tempfile::TempDir,
        authority: Authority,
        keyring: Arc<Keyring>,
        authors: Authors,
        /// Whom every letter comes from.
        north: Peer,
    }

    impl Tree {
        fn new() -> Tree {
            let folder = tempfile::tempdir().unwrap();
            let authority = Authority::create(&"acme".parse().unwrap(), NOW).unwrap();
            let own = issued(&authority, "here");
            own.save(&folder.path().join("identity")).unwrap();
            let keyring = Arc::new(Keyring::open(folder.path(), own).unwrap());
            let authors = Authors::new(keyring.clone(), 2);
            let north = issued(&authority, "north").peer().clone();
            Tree { _folder: folder, authority, keyring, authors, north }
        }

        fn judge(&self, letter: &Letter) -> Result<bool, String> {
            self.authors.judge(letter, &self.north)
        }

        fn primary(&self) -> Identity {
            self.authority.issue(Role::Primary, &name("hq"), NOW, WEEK).unwrap()
        }
    }

    fn issued(authority: &Authority, name: &str) -> Identity {
        authority.issue(Role::Relay, &name.parse().unwrap(), NOW, WEEK).unwrap()
    }

    fn name(text: &str) -> ServerName {
        text.parse().unwrap()
    }

    fn letter(author: &str) -> Letter {
        let route = vec![name(author), name("north")];
        Letter::new(Address::Primary, route, Body::AttachHello)
    }

    /// As west sends it, and north passes it on.
    fn signed(author: &Identity) -> Letter {
        let mut letter = letter(author.name().as_str());
        sign(&mut letter, author);
        letter
    }

    #[test]
    fn what_its_author_has_signed_is_taken_wherever_it_went() {
        let tree = Tree::new();
        let mut letter = signed(&issued(&tree.authority, "west"));
        assert_eq!(tree.judge(&letter), Ok(true));
        letter.route.push(name("mid"));
        assert_eq!(tree.judge(&letter), Ok(true));
        // A second certificate of the same server, and more servers than are remembered.
        for author in ["west", "south", "east", "west"] {
            let letter = signed(&issued(&tree.authority, author));
            assert_eq!(tree.judge(&letter), Ok(true));
        }
    }

    #[test]
    fn what_was_altered_or_invented_on_the_way_is_not_taken() {
        let tree = Tree::new();
        let west = issued(&tree.authority, "west");
        let judge = |letter: &Letter| tree.judge(letter).unwrap_err();
        let other_body = Letter { body: Body::Resume { way: 0 }, ..signed(&west) };
        assert!(judge(&other_body).contains("the key of west has not signed"));
        let to = Address::Above(name("mid"));
        assert!(judge(&Letter { to, ..signed(&west) }).contains("has not signed"));
        assert_eq!(judge(&letter("west")), "it is not signed");
        // Signed by the server that passed it on.
        let mut of_north = letter("west");
        of_north.signature = signed(&issued(&tree.authority, "north")).signature;
        assert!(judge(&of_north).contains("its certificate is of north"));
        // By a key that has the name of west in another tree of the same name.
        let other = Authority::create(&"acme".parse().unwrap(), NOW).unwrap();
        assert_eq!(tree.judge(&signed(&west)), Ok(true));
        judge(&signed(&issued(&other, "west")));
    }

    /// That so many licenses are here's.
    fn word_down() -> Letter {
        let (attach, product) = (AttachId { counter: 1, random: 1 }, "node".parse().unwrap());
        let level = Level { granted: 5, ..Level::default() };
        let body = Body::Level { attach, product, level };
        Letter::new(Address::Below(name("here")), Vec::new(), body)
    }

    #[test]
    fn what_the_primary_says_is_taken_from_its_key_only() {
        let tree = Tree::new();
        let hq = tree.primary();
        let mut letter = word_down();
        assert_eq!(tree.judge(&letter).unwrap_err(), "it is not signed");
        assert_eq!(tree.authors.judge(&letter, hq.peer()), Ok(true), "TLS has proven it");
        // Whoever passes it on does not sign it.
        sign(&mut letter, &issued(&tree.authority, "north"));
        assert_eq!(letter.signature, None);
        sign(&mut letter, &hq);
        assert_eq!(tree.judge(&letter), Ok(true));
        let to = Address::Below(name("west"));
        let to_another = Letter { to, ..letter.clone() };
        assert!(tree.judge(&to_another).unwrap_err().contains("the key of hq has not signed"));
        let Body::Level { attach, product, level } = letter.body.clone() else { panic!() };
        let level = Level { granted: 6, ..level };
        let more = Letter { body: Body::Level { attach, product, level }, ..letter.clone() };
        assert!(tree.judge(&more).unwrap_err().contains("the key of hq has not signed"));
        // A relay has a key too, and signs what it likes with it.
        let north = issued(&tree.authority, "north");
        let bytes = north.signed_by_me(Purpose::Letter, &signed_bytes(&letter).unwrap());
        let certificate = north.certificate().to_vec();
        letter.signature = Some(Box::new(Signature { certificate, bytes }));
        assert!(tree.judge(&letter).unwrap_err().contains("its certificate is of north"));
    }

    #[test]
    fn what_holders_say_down_is_not_signed() {
        let tree = Tree::new();
        let body = Body::YieldBooked { product: "node".parse().unwrap(), cycle: 1 };
        let mut letter = Letter { body, ..word_down() };
        assert_eq!(tree.judge(&letter), Ok(true));
        sign(&mut letter, &tree.primary());
        assert_eq!(letter.signature, None);
    }

    #[test]
    fn who_is_removed_or_of_a_forgotten_authority_writes_no_more() {
        let tree = Tree::new();
        let letter = signed(&issued(&tree.authority, "west"));
        assert_eq!(tree.judge(&letter), Ok(true));
        let until = NOW.after(Duration::from_secs(86_400));
        let denial = Denial { upto: 0, until, lost: false };
        let mut trust = Trust { denied: [(name("west"), denial)].into(), ..Trust::default() };
        tree.keyring.believe(&trust, NOW).unwrap();
        assert_eq!(tree.judge(&letter), Ok(false));
        trust.denied.clear();
        tree.keyring.believe(&trust, NOW).unwrap();
        assert_eq!(tree.judge(&letter), Ok(true));
        let newer = Authority::create(&"acme".parse().unwrap(), NOW).unwrap();
        let own = tree.keyring.identity().authorities()[0].to_vec();
        let both = [own, newer.certificate().to_vec()];
        trust.authorities = both.to_vec();
        tree.keyring.believe(&trust, NOW).unwrap();
        assert_eq!(tree.judge(&letter), Ok(true));
        assert_eq!(tree.judge(&signed(&issued(&newer, "west"))), Ok(true));
        trust.authorities = both[1..].to_vec();
        tree.keyring.believe(&trust, NOW).unwrap();
        tree.judge(&letter).unwrap_err();
    }

    #[test]
    fn a_key_whose_certificate_ended_long_ago_proves_nothing() {
        let tree = Tree::new();
        let day = Duration::from_secs(86_400);
        let ends = |days_ago: u32| {
            let begin = Timestamp(wall().0 - u64::from(days_ago + 1) * 86_400_000);
            tree.authority.issue(Role::Relay, &name("west"), begin, day).unwrap()
        };
        assert_eq!(tree.judge(&signed(&ends(1))), Ok(true));
        assert_eq!(tree.judge(&signed(&ends(3))), Ok(false));
    }

    #[test]
    fn what_a_neighbour_says_itself_is_not_signed_for_it() {
        let tree = Tree::new();
        let own = Letter { route: vec![name("west")], ..letter("west") };
        assert_eq!(tree.judge(&own), Ok(true));
        let mut to_neighbour = Letter::to_neighbour(Body::Resume { way: 0 });
        sign(&mut to_neighbour, &tree.keyring.identity());
        assert_eq!(to_neighbour.signature, None);
        let mut passed_on = letter("west");
        sign(&mut passed_on, &tree.keyring.identity());
        assert_eq!(passed_on.signature, None);
    }
}
