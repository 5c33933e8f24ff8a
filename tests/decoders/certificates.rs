//! What peers and joiners show of themselves.

use super::{Bound, assert_sayable, text_of};
use lictree::model::holding::Role;
use lictree::model::time::Timestamp;
use lictree::net::{Authority, Peer, authority_print, check_seal};
use rcgen::{CertificateParams, KeyPair, SanType};
use std::sync::LazyLock;
use std::time::Duration;

const DER: Bound = Bound { times: 64, plus: 64 << 10 };
const NOON: Timestamp = Timestamp(1_800_014_400_000);

/// A certificate of a server, or of an authority. The first byte is that of a signature.
pub fn certificate(bytes: &[u8]) -> bool {
    let taken = match DER.hold(bytes, || Peer::named_by(bytes)) {
        Ok(peer) => {
            assert!(!peer.name.as_str().is_empty() && !peer.tree.as_str().is_empty());
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    };
    let authority = DER.hold(bytes, || authority_print(bytes)).is_some();
    assert!(!(taken && authority), "one certificate is a server's and an authority's");
    assert!(!check_seal(&[bytes], b"said", bytes), "nobody has signed this");
    taken || authority
}

/// What a joiner asks a certificate with.
pub fn request(bytes: &[u8]) -> bool {
    static AUTHORITY: LazyLock<Authority> =
        LazyLock::new(|| Authority::create(&"acme".parse().unwrap(), NOON).unwrap());
    let (authority, name) = (&*AUTHORITY, "west".parse().unwrap());
    let life = Duration::from_secs(3_600);
    match authority.certify(bytes, (Role::Relay, &name, 3), NOON, life) {
        Ok(certified) => {
            let peer = Peer::named_by(&certified.chain[0]).unwrap();
            assert_eq!((peer.name, peer.enrolment, &peer.tree), (name, 3, authority.tree()));
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}

/// A URI in a certificate that is good otherwise.
pub fn name(bytes: &[u8]) -> bool {
    static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().unwrap());
    let Some(uri) = text_of(bytes).and_then(|text| text.try_into().ok()) else { return false };
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(uri)];
    let Ok(made) = params.self_signed(&*KEY) else { return false };
    match Peer::named_by(made.der()) {
        Ok(Peer { tree, name, role, enrolment, .. }) => {
            let word = if role == Role::Primary { "primary" } else { "server" };
            let plain = format!("lictree://{tree}/{word}/{name}");
            let again = match enrolment {
                0 => plain,
                number => format!("{plain}/enrolment/{number}"),
            };
            assert_eq!(again.as_bytes(), bytes, "a server has one name");
            true
        }
        Err(error) => {
            assert_sayable(error);
            authority_print(made.der()).is_some()
        }
    }
}
