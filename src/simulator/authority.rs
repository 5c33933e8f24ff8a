//! An authority without cryptography, for the simulator and for tests of the engine: it tells a
//! right proof from a wrong one, and says of every key and certificate whose it is.

use crate::model::enrolment::{
    Certified, CertifyJob, Issued, JoinAsk, KeyPrint, PROOF_LEN, RenewAsk, SealedTrust, Trust,
};
use crate::model::name::ServerName;
use crate::model::time::Timestamp;
use std::time::Duration;

/// What a toy request asks for: a certificate for this key.
pub fn request(key: u8) -> Vec<u8> {
    vec![key; 32]
}

/// What a toy proof is over: nothing; it is the proof key itself.
pub fn proof(proof_key: &[u8; PROOF_LEN]) -> [u8; PROOF_LEN] {
    *proof_key
}

/// The certificate of the authority that a tree begins with.
pub const FIRST: &[u8] = &[1];

/// The toy certificate of a server: by the first authority unless it says otherwise.
pub fn certificate(
    name: &ServerName,
    enrolment: u64,
    request: &[u8],
    issuer: Option<&[u8]>,
) -> Vec<u8> {
    let key = request.first().copied().unwrap_or_default();
    let by = issuer.filter(|issuer| *issuer != FIRST).and_then(|issuer| issuer.first());
    let by = by.map_or(String::new(), |by| format!(" by {by}"));
    format!("{name} {enrolment} {key}{by}").into_bytes()
}

/// The authority that issued a toy certificate.
pub fn issuer_of(certificate: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(certificate);
    let by = text.split_once(" by ").and_then(|(_, by)| by.parse().ok());
    by.map_or(FIRST.to_vec(), |by: u8| vec![by])
}

/// One authority more than these; none stands for the first one.
pub fn one_more(present: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut all = if present.is_empty() { vec![FIRST.to_vec()] } else { present.to_vec() };
    let last = all.iter().flatten().max().copied().unwrap_or_default();
    all.push(vec![last.wrapping_add(1)]);
    all
}

/// Does what an authority does, at once.
pub fn certify(job: &CertifyJob, life: Duration, now: Timestamp) -> Certified {
    match job {
        CertifyJob::Join { ask, proof_key, name, enrolment, issuer } => {
            let JoinAsk { request, proof, .. } = ask;
            match proof == proof_key {
                true => issue(name, *enrolment, (request, issuer.as_deref()), now.after(life)),
                false => Certified::WrongProof,
            }
        }
        CertifyJob::Renew { ask, name, enrolment, issuer } => {
            let RenewAsk { certificate, request, .. } = ask;
            let own = format!("{name} {enrolment} ");
            match certificate.starts_with(own.as_bytes()) {
                true => issue(name, *enrolment, (request, issuer.as_deref()), now.after(life)),
                false => Certified::Refused("the certificate is of another server".to_string()),
            }
        }
        CertifyJob::Seal { trust, issuer } => {
            let seal = seal(trust, issuer.as_deref());
            Certified::Sealed(SealedTrust { trust: trust.clone(), seal })
        }
        CertifyJob::NewAuthority => Certified::Authorities(one_more(&[])),
    }
}

/// The toy seal.
pub fn seal(trust: &Trust, by: Option<&[u8]>) -> Vec<u8> {
    [&trust.version.to_be_bytes(), by.unwrap_or(FIRST)].concat()
}

fn issue(
    name: &ServerName,
    enrolment: u64,
    (request, issuer): (&[u8], Option<&[u8]>),
    expires: Timestamp,
) -> Certified {
    let mut key = [0; 32];
    key.iter_mut().zip(request).for_each(|(to, from)| *to = *from);
    let certificate = certificate(name, enrolment, request, issuer);
    Certified::Issued(Issued { key: KeyPrint(key), expires, certificate })
}
