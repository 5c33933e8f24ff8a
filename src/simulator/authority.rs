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

/// The toy certificate of a server.
pub fn certificate(name: &ServerName, enrolment: u64, request: &[u8]) -> Vec<u8> {
    let key = request.first().copied().unwrap_or_default();
    format!("{name} {enrolment} {key}").into_bytes()
}

/// Does what an authority does, at once.
pub fn certify(job: &CertifyJob, life: Duration, now: Timestamp) -> Certified {
    match job {
        CertifyJob::Join { ask, proof_key, name, enrolment, .. } => {
            let JoinAsk { request, proof, .. } = ask;
            match proof == proof_key {
                true => issue(name, *enrolment, request, now.after(life)),
                false => Certified::WrongProof,
            }
        }
        CertifyJob::Renew { ask, name, enrolment, .. } => {
            let RenewAsk { certificate, request, .. } = ask;
            let own = format!("{name} {enrolment} ");
            match certificate.starts_with(own.as_bytes()) {
                true => issue(name, *enrolment, request, now.after(life)),
                false => Certified::Refused("the certificate is of another server".to_string()),
            }
        }
        CertifyJob::Seal { trust, .. } => {
            Certified::Sealed(SealedTrust { trust: trust.clone(), seal: seal(trust) })
        }
        CertifyJob::NewAuthority => Certified::Authorities(vec![vec![1], vec![2]]),
    }
}

/// The toy seal.
pub fn seal(trust: &Trust) -> Vec<u8> {
    trust.version.to_be_bytes().to_vec()
}

fn issue(name: &ServerName, enrolment: u64, request: &[u8], expires: Timestamp) -> Certified {
    let mut key = [0; 32];
    key.iter_mut().zip(request).for_each(|(to, from)| *to = *from);
    let certificate = certificate(name, enrolment, request);
    Certified::Issued(Issued { key: KeyPrint(key), expires, certificate })
}
