//! What is read from, and put into, a server's certificate.
//!
//! The one source of a server's name is the URI `lictree://TREE/server/NAME` among the
//! certificate's subject alternative names: exactly one URI, nothing else counts. The DNS name
//! [`DNS_NAME`] is the same in every certificate; TLS libraries want one.

use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use std::fmt;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The DNS name that every server's certificate carries.
pub(crate) const DNS_NAME: &str = "lictree";

const SCHEME: &str = "lictree://";

/// The SHA-256 of a server's certificate: tells two certificates of one name apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    pub(crate) fn of(certificate: &[u8]) -> Fingerprint {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Fingerprint(bytes)
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
    pub fingerprint: Fingerprint,
}

/// The facts of a server's certificate that decide anything here.
pub(crate) struct ServerCertificate {
    pub peer: Peer,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// The public key as it stands in the certificate.
    pub public_key: Vec<u8>,
}

/// The name of a server, as its certificate carries it.
pub(crate) fn server_uri(tree: &TreeName, name: &ServerName) -> String {
    format!("{SCHEME}{tree}/server/{name}")
}

/// The name of a tree's authority, as its certificate carries it.
pub(crate) fn authority_uri(tree: &TreeName) -> String {
    format!("{SCHEME}{tree}/authority")
}

/// Reads a server's certificate; the text says what is wrong with it. Proves nothing.
pub(crate) fn read_server(der: &[u8]) -> Result<ServerCertificate, String> {
    let certificate = parse(der)?;
    let uri = only_uri(&certificate)?;
    let (tree, name) = server_of(uri).ok_or_else(|| not_a_name(uri))?;
    let time = |at: x509_parser::time::ASN1Time| {
        Timestamp(u64::try_from(at.timestamp()).unwrap_or(0).saturating_mul(1000))
    };
    let validity = certificate.validity();
    Ok(ServerCertificate {
        peer: Peer { tree, name, fingerprint: Fingerprint::of(der) },
        not_before: time(validity.not_before),
        not_after: time(validity.not_after),
        public_key: certificate.public_key().raw.to_vec(),
    })
}

/// Reads the certificate of an authority: its tree and its public key.
pub(crate) fn read_authority(der: &[u8]) -> Result<(TreeName, Vec<u8>), String> {
    let certificate = parse(der)?;
    let uri = only_uri(&certificate)?;
    let tree = uri.strip_prefix(SCHEME).and_then(|rest| rest.strip_suffix("/authority"));
    let tree = tree.and_then(|tree| tree.parse().ok()).ok_or_else(|| not_a_name(uri))?;
    Ok((tree, certificate.public_key().raw.to_vec()))
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => Ok(certificate),
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

fn server_of(uri: &str) -> Option<(TreeName, ServerName)> {
    let (tree, name) = uri.strip_prefix(SCHEME)?.split_once("/server/")?;
    Some((tree.parse().ok()?, name.parse().ok()?))
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
        assert_eq!(server_of(&server_uri(&tree, &name)), Some((tree, name)));
        for bad in [
            "lictree://acme/server/",
            "lictree:///server/a",
            "lictree://acme/server/a/b",
            "lictree://acme/server/*",
            "lictree://acme/authority",
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
