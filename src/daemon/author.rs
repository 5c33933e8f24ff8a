//! Letters that go up are signed by their authors, and judged by everybody who has them from
//! another server (I7).
//!
//! ```text
//!   west: a letter, signed ──► north: from west itself, as TLS has proven ──┐ passed on as it is
//!                                                                           ▼
//!              hq: is that certificate of the tree, and west's? has its key signed this letter?
//! ```
//! So a relay between can hold letters up, and neither alter nor invent one. That it is said twice,
//! or late, changes nothing anyway. Letters that come down, and those of neighbours to each other,
//! are not signed.
//!
//! Certificates may have ended, by as much as clocks may differ: how long a server is let in is for
//! its parent to see. Denials outlive certificates by as much, so an old key proves nothing.

use crate::daemon::clock::wall;
use crate::daemon::keyring::Keyring;
use crate::model::enrolment::CLOCKS_DIFFER;
use crate::model::letter::{Letter, Signature};
use crate::model::name::ServerName;
use crate::net::{Identity, Purpose, Signer};
use crate::wire::signed_bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Signs a letter of this server's own that goes up; any other stays as it is.
pub fn sign(letter: &mut Letter, identity: &Identity) {
    if letter.signature.is_some() || letter.route.first() != Some(identity.name()) {
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
    authors: BTreeMap<ServerName, Author>,
}

#[derive(Clone)]
struct Author {
    certificate: Vec<u8>,
    signer: Signer,
}

impl Authors {
    pub(super) fn new(keyring: Arc<Keyring>, known_max: usize) -> Authors {
        Authors { keyring, known_max, known: Mutex::default() }
    }

    /// Whether a letter is taken: it was written by the server that it names as its author, and
    /// that one is not shut out. Whoever passes on a word of one that was shut out a moment ago may
    /// not know that yet. Why it is not the author's, if it is not.
    pub(super) fn judge(&self, letter: &Letter) -> Result<bool, String> {
        let [author, _, ..] = letter.route.as_slice() else { return Ok(true) };
        let Some(bytes) = signed_bytes(letter) else { return Ok(true) };
        let Some(signature) = &letter.signature else { return Err("it is not signed".to_string()) };
        let signer = self.signer(author, &signature.certificate)?;
        if !signer.has_signed(Purpose::Letter, &bytes, &signature.bytes) {
            return Err(format!("the key of {author} has not signed it"));
        }
        let has_ended = wall() > signer.peer().expires.after(CLOCKS_DIFFER);
        Ok(!has_ended && !self.keyring.denials().is_denied(signer.peer()))
    }

    fn signer(&self, author: &ServerName, certificate: &[u8]) -> Result<Signer, String> {
        let identity = self.keyring.identity();
        if let Some(signer) = self.remembered(&identity, author, certificate) {
            return Ok(signer);
        }
        let signer = Signer::proven(certificate, identity.authorities(), None)?;
        let peer = signer.peer();
        if (&peer.tree, &peer.name) != (identity.tree(), author) {
            return Err(format!("its certificate is of {} in the tree {}", peer.name, peer.tree));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.authors.len() >= self.known_max {
            known.authors.clear();
        }
        let certificate = certificate.to_vec();
        known.authors.insert(author.clone(), Author { certificate, signer: signer.clone() });
        Ok(signer)
    }

    /// One that was proven by the very authorities that are believed now.
    fn remembered(
        &self,
        identity: &Arc<Identity>,
        author: &ServerName,
        certificate: &[u8],
    ) -> Option<Signer> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.by.as_ref().is_some_and(|by| Arc::ptr_eq(by, identity)) {
            *known = Known { by: Some(identity.clone()), authors: BTreeMap::new() };
        }
        let found = known.authors.get(author).filter(|known| known.certificate == certificate);
        found.map(|known| known.signer.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::enrolment::{Denial, Trust};
    use crate::model::letter::{Address, Body};
    use crate::model::time::Timestamp;
    use crate::net::Authority;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    struct Tree {
        _folder: tempfile::TempDir,
        authority: Authority,
        keyring: Arc<Keyring>,
        authors: Authors,
    }

    impl Tree {
        fn new() -> Tree {
            let folder = tempfile::tempdir().unwrap();
            let authority = Authority::create(&"acme".parse().unwrap(), NOW).unwrap();
            let own = issued(&authority, "hq");
            own.save(&folder.path().join("identity")).unwrap();
            let keyring = Arc::new(Keyring::open(folder.path(), own).unwrap());
            let authors = Authors::new(keyring.clone(), 2);
            Tree { _folder: folder, authority, keyring, authors }
        }
    }

    fn issued(authority: &Authority, name: &str) -> Identity {
        let week = Duration::from_secs(7 * 86_400);
        authority.issue(&name.parse().unwrap(), NOW, week).unwrap()
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
        assert_eq!(tree.authors.judge(&letter), Ok(true));
        letter.route.push(name("mid"));
        assert_eq!(tree.authors.judge(&letter), Ok(true));
        // A second certificate of the same server, and more servers than are remembered.
        for author in ["west", "south", "east", "west"] {
            let letter = signed(&issued(&tree.authority, author));
            assert_eq!(tree.authors.judge(&letter), Ok(true));
        }
    }

    #[test]
    fn what_was_altered_or_invented_on_the_way_is_not_taken() {
        let tree = Tree::new();
        let west = issued(&tree.authority, "west");
        let judge = |letter: &Letter| tree.authors.judge(letter).unwrap_err();
        let other_body = Letter { body: Body::Resume, ..signed(&west) };
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
        assert_eq!(tree.authors.judge(&signed(&west)), Ok(true));
        judge(&signed(&issued(&other, "west")));
    }

    #[test]
    fn who_is_removed_or_of_a_forgotten_authority_writes_no_more() {
        let tree = Tree::new();
        let letter = signed(&issued(&tree.authority, "west"));
        assert_eq!(tree.authors.judge(&letter), Ok(true));
        let until = NOW.after(Duration::from_secs(86_400));
        let denial = Denial { upto: 0, until, lost: false };
        let mut trust = Trust { denied: [(name("west"), denial)].into(), ..Trust::default() };
        tree.keyring.believe(&trust, NOW).unwrap();
        assert_eq!(tree.authors.judge(&letter), Ok(false));
        trust.denied.clear();
        tree.keyring.believe(&trust, NOW).unwrap();
        assert_eq!(tree.authors.judge(&letter), Ok(true));
        let newer = Authority::create(&"acme".parse().unwrap(), NOW).unwrap();
        let own = tree.keyring.identity().authorities()[0].to_vec();
        let both = [own, newer.certificate().to_vec()];
        trust.authorities = both.to_vec();
        tree.keyring.believe(&trust, NOW).unwrap();
        assert_eq!(tree.authors.judge(&letter), Ok(true));
        assert_eq!(tree.authors.judge(&signed(&issued(&newer, "west"))), Ok(true));
        trust.authorities = both[1..].to_vec();
        tree.keyring.believe(&trust, NOW).unwrap();
        tree.authors.judge(&letter).unwrap_err();
    }

    #[test]
    fn a_key_whose_certificate_ended_long_ago_proves_nothing() {
        let tree = Tree::new();
        let day = Duration::from_secs(86_400);
        let ends = |days_ago: u32| {
            let begin = Timestamp(wall().0 - u64::from(days_ago + 1) * 86_400_000);
            tree.authority.issue(&name("west"), begin, day).unwrap()
        };
        assert_eq!(tree.authors.judge(&signed(&ends(1))), Ok(true));
        assert_eq!(tree.authors.judge(&signed(&ends(3))), Ok(false));
    }

    #[test]
    fn what_a_neighbour_says_itself_is_not_signed_for_it() {
        let tree = Tree::new();
        let own = Letter { route: vec![name("west")], ..letter("west") };
        assert_eq!(tree.authors.judge(&own), Ok(true));
        let mut to_neighbour = Letter::to_neighbour(Body::Resume);
        sign(&mut to_neighbour, &tree.keyring.identity());
        assert_eq!(to_neighbour.signature, None);
        let mut passed_on = letter("west");
        sign(&mut passed_on, &tree.keyring.identity());
        assert_eq!(passed_on.signature, None);
    }
}
