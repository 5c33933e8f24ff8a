//! What is read from, and put into, a server's certificate.
//!
//! ```text
//!   lictree://TREE/primary/NAME              the primary
//!   lictree://TREE/server/NAME               a relay made ready by `init` or `up`: enrolment 0
//!   lictree://TREE/server/NAME/enrolment/N   joined by a code, for the N-th time of that name
//!   lictree://TREE/authority                 who issues them
//! ```
//!
//! The one source of a server's name is that URI among the certificate's subject alternative
//! names: exactly one URI, nothing else counts. The DNS name [`DNS_NAME`] is the same in every
//! certificate; TLS libraries want one.

use crate::model::holding::Role;
use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::net::public_key::{PublicKey, sha256};
use std::fmt;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The DNS name that every server's certificate carries.
pub(crate) const DNS_NAME: &str = "lictree";

const SCHEME: &str = "lictree://";
const ENROLMENT: &str = "/enrolment/";

/// The SHA-256 of a server's certificate: tells two certificates of one name apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    pub(crate) fn of(certificate: &[u8]) -> Fingerprint {
        Fingerprint(sha256(certificate))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who stands at the other end of a connection, as it has proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub tree: TreeName,
    pub name: ServerName,
    /// What it may say to those below it depends on this.
    pub role: Role,
    /// How many times a server of this name has joined by a code; 0 for one made ready by hand.
    pub enrolment: u64,
    /// The last moment at which it proves anything. No connection should outlive it.
    pub expires: Timestamp,
    pub fingerprint: Fingerprint,
}

impl Peer {
    /// Who a certificate (DER) names; the text says what is wrong with it. Proves nothing.
    pub fn named_by(certificate: &[u8]) -> Result<Peer, String> {
        read_server(certificate).map(|facts| facts.peer)
    }
}

/// The facts of a server's certificate that decide anything here.
pub(crate) struct ServerCertificate {
    pub peer: Peer,
    pub not_before: Timestamp,
    pub public_key: PublicKey,
}

/// The facts of an authority's certificate.
pub(crate) struct AuthorityCertificate {
    pub tree: TreeName,
    pub public_key: PublicKey,
    /// It is signed by its own key, as one that an authority has made.
    pub by_itself: bool,
}

/// The name of a server, as its certificate carries it.
pub(crate) fn server_uri(tree: &TreeName, role: Role, name: &ServerName, enrolment: u64) -> String {
    let server = format!("{SCHEME}{tree}/{}/{name}", role_word(role));
    if enrolment == 0 { server } else { format!("{server}{ENROLMENT}{enrolment}") }
}

/// The name of a tree's authority, as its certificate carries it.
pub(crate) fn authority_uri(tree: &TreeName) -> String {
    format!("{SCHEME}{tree}/authority")
}

/// Reads a server's certificate; the text says what is wrong with it. Proves nothing.
pub(crate) fn read_server(der: &[u8]) -> Result<ServerCertificate, String> {
    let certificate = parse(der)?;
    let uri = only_uri(&certificate)?;
    let (tree, role, name, enrolment) = server_of(uri).ok_or_else(|| not_a_name(uri))?;
    let time = |at: x509_parser::time::ASN1Time| {
        Timestamp(u64::try_from(at.timestamp()).unwrap_or(0).saturating_mul(1000))
    };
    let validity = certificate.validity();
    Ok(ServerCertificate {
        peer: Peer {
            tree,
            name,
            role,
            enrolment,
            expires: time(validity.not_after),
            fingerprint: Fingerprint::of(der),
        },
        not_before: time(validity.not_before),
        public_key: PublicKey::of(certificate.public_key().raw),
    })
}

/// Reads the certificate of an authority. Proves nothing.
pub(crate) fn read_authority(der: &[u8]) -> Result<AuthorityCertificate, String> {
    let certificate = parse(der)?;
    let uri = only_uri(&certificate)?;
    let tree = uri.strip_prefix(SCHEME).and_then(|rest| rest.strip_suffix("/authority"));
    let tree = tree.and_then(|tree| tree.parse().ok()).ok_or_else(|| not_a_name(uri))?;
    let public_key = PublicKey::of(certificate.public_key().raw);
    let (signed, signature) = (certificate.tbs_certificate.as_ref(), &certificate.signature_value);
    let by_itself = public_key.has_signed(signed, &signature.data);
    Ok(AuthorityCertificate { tree, public_key, by_itself })
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok((_, _)) => Err("not a certificate: other bytes follow it".to_string()),
        Err(error) => Err(format!("not a certificate: {error}")),
    }
}

fn only_uri<'a>(certificate: &'a X509Certificate<'a>) -> Result<&'a str, String> {
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let mut uris = names.into_iter().flat_map(|names| &names.value.general_names).filter_map(
        |name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        },
    );
    match (uris.next(), uris.next()) {
        (Some(uri), None) => Ok(uri),
        (None, _) => Err("it carries no URI".to_string()),
        (Some(_), Some(_)) => Err("it carries more than one URI".to_string()),
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Relay => "server",
    }
}

fn server_of(uri: &str) -> Option<(TreeName, Role, ServerName, u64)> {
    let (tree, rest) = uri.strip_prefix(SCHEME)?.split_once('/')?;
    let (word, rest) = rest.split_once('/')?;
    let role = [Role::Primary, Role::Relay].into_iter().find(|role| role_word(*role) == word)?;
    let (name, enrolment) = match rest.split_once(ENROLMENT) {
        Some((name, number)) => (name, enrolment_of(number)?),
        None => (rest, 0),
    };
    Some((tree.parse().ok()?, role, name.parse().ok()?, enrolment))
}

/// A number has one spelling, so that two texts are never the same enrolment.
fn enrolment_of(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

fn not_a_name(uri: &str) -> String {
    format!(
        "{:?} is not the name of a server or authority",
        crate::net::error::plain_text(uri.as_bytes())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_a_server_of_a_tree_or_nothing() {
        let (tree, name): (TreeName, ServerName) =
            ("acme".parse().unwrap(), "west.1".parse().unwrap());
        let both = [Role::Primary, Role::Relay];
        for (role, enrolment) in [0, 1, 10, u64::MAX].iter().flat_map(|n| both.map(|r| (r, *n))) {
            let uri = server_uri(&tree, role, &name, enrolment);
            let found = Some((tree.clone(), role, name.clone(), enrolment));
            assert_eq!(server_of(&uri), found, "{uri}");
        }
        let uri = |role, enrolment| server_uri(&tree, role, &name, enrolment);
        assert_eq!(uri(Role::Relay, 0), "lictree://acme/server/west.1");
        assert_eq!(uri(Role::Relay, 7), "lictree://acme/server/west.1/enrolment/7");
        assert_eq!(uri(Role::Primary, 0), "lictree://acme/primary/west.1");
        for bad in [
            "lictree://acme/server/",
            "lictree:///server/a",
            "lictree://acme/server/a/b",
            "lictree://acme/server/*",
            "lictree://acme/server/a/enrolment/",
            "lictree://acme/server/a/enrolment/0",
            "lictree://acme/server/a/enrolment/01",
            "lictree://acme/server/a/enrolment/+1",
            "lictree://acme/server/a/enrolment/ 1",
            "lictree://acme/server/a/enrolment/1/",
            "lictree://acme/server/a/enrolment/1/enrolment/1",
            "lictree://acme/server/a/enrolment/0x1",
            "lictree://acme/server/a/enrolment/18446744073709551616",
            "lictree://acme/server//enrolment/1",
            "lictree://acme/server/a/enrolment",
            "lictree://acme/authority",
            "lictree://acme/Primary/a",
            "lictree://acme/server/primary/a",
            "lictree://acme//a",
            "LICTREE://acme/server/a",
            "https://acme/server/a",
            "",
        ] {
            assert_eq!(server_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_are_refused() {
        for bad in [&b""[..], b"-----BEGIN", &[0x30, 0x82, 0xff, 0xff], &[0u8; 100]] {
            assert!(read_server(bad).is_err());
            assert!(read_authority(bad).is_err());
        }
    }
}
