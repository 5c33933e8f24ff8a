//! `lictree join CODE --to HOST:PORT`: a new server comes into the tree.
//!
//! ```text
//!   key made here ─► the called server is of the code's tree? ─► proof, request ─► certificate
//!                         │ no: nothing was said                     │ waits: asked again
//!                         ▼                                          ▼
//!                    refused, exit 1                  folder, identity, configuration
//! ```
//! In a folder that has a server of that name already only its identity is replaced: its state, and
//! with it its licenses and devices, stays. So a server whose certificate has ended comes back.

use crate::daemon::settings::identity_dir;
use crate::edge::codes;
use crate::edge::founding::{CONFIG_NAME, ServerPlan};
use crate::edge::private_file;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::enrolment::{CertificateAnswer, Grant};
use crate::model::name::ServerName;
use crate::net::{Identity, NetError, NetLimits, join as call};
use crate::wire::WireLimits;
use crate::wire::join::{
    JoinCode, JoinRequest, decode_join_reply, encode_join_request, proof, proof_key,
};
use crate::wire::license_file::VendorPublicKey;
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a server that waits for approval asks again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The code that `server invite` printed.
    code: String,
    /// Where the parent listens.
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// The new server's data folder; named after it, here, when left out.
    #[arg(long, value_name = "DIR")]
    at: Option<PathBuf>,
    /// Address and UDP port where servers below are to call; a relay without one has none below.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A vendor's public key, as `vendor keygen` wrote it into FILE.pub.
    #[arg(long, value_name = "KEY")]
    vendor_key: Vec<VendorPublicKey>,
    /// How long to wait for approval, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    wait: u64,
}

/// What came of all calls: the identity, and whom it is for.
struct Joined {
    identity: Identity,
    grant: Grant,
}

pub(super) async fn run(arguments: Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let code: JoinCode = arguments.code.parse().map_err(|error| {
        let message = format!("this is no code: {error}");
        refused(codes::JOIN_CODE, message, "paste the whole line that `server invite` printed")
    })?;
    let joined = ask(&code, &arguments, terminal).await?;
    let Grant { tree, name, parent, .. } = &joined.grant;
    let folder = arguments.at.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    check_place(&folder, name)?;
    let plan = ServerPlan {
        tree: tree.clone(),
        name: name.clone(),
        listen: arguments.listen.map(|listen| listen.to_string()),
        parent: Some((parent.clone(), arguments.to.clone())),
        vendor_keys: arguments.vendor_key,
    };
    let config = folder.join(CONFIG_NAME);
    joined.identity.save(&identity_dir(&folder)).map_err(|error| {
        refused(codes::NOT_FOUNDED, error.to_string(), "put that right and have a new code made")
    })?;
    let back = config.exists();
    if !back {
        private_file::create(&config, &plan.configuration()).map_err(|error| {
            let message = format!("cannot write {}: {error}", config.display());
            refused(codes::NOT_FOUNDED, message, "put that right and have a new code made")
        })?;
    }
    let config = config.display().to_string();
    let answer = json!({ "tree": tree, "name": name, "parent": parent, "config": config });
    let what = if back { "is back in" } else { "has joined" };
    let text = format!(
        "{name} {what} the tree {tree}, below {parent}\nstart it: lictree serve --config {config}\n"
    );
    terminal.show(&answer, |_, _| text)
}

/// Calls until there is a certificate, or a refusal.
async fn ask(code: &JoinCode, to: &Arguments, terminal: &Terminal) -> Result<Joined, Failure> {
    let made = Identity::request().map_err(|error| {
        refused(codes::NOT_FOUNDED, error.to_string(), "the system made no key; try again")
    })?;
    let mut waited = Duration::ZERO;
    loop {
        let (answer, authorities) = once(code, &to.to, &made.request).await?;
        match answer {
            CertificateAnswer::Granted(grant) => {
                let chain = vec![grant.certificate.clone()];
                let identity = Identity::assemble(made.key, chain, authorities);
                let identity = identity.map_err(|error| {
                    let message = format!("the certificate that came is of no use: {error}");
                    refused(codes::JOIN_OTHER, message, "have a new code made")
                })?;
                return Ok(Joined { identity, grant: *grant });
            }
            CertificateAnswer::Waiting if waited >= Duration::from_secs(to.wait * 60) => {
                let message = "nobody has approved this server yet".to_string();
                let hint = "at the primary: lictree server approve NAME; then join again";
                return Err(refused(codes::JOIN_WAITS, message, hint));
            }
            CertificateAnswer::Waiting => {
                if waited.is_zero() {
                    terminal
                        .note("waiting for approval; at the primary: lictree server invitations\n");
                }
                tokio::time::sleep(ASK_AGAIN).await;
                waited += ASK_AGAIN;
            }
            CertificateAnswer::Refused(refusal) => return Err(refusal.into()),
        }
    }
}

/// One call: what was answered, and the authorities of the pins.
async fn once(
    code: &JoinCode,
    to: &str,
    request: &[u8],
) -> Result<(CertificateAnswer, Vec<Vec<u8>>), Failure> {
    let address = lookup(to).await?;
    let key = proof_key(&code.secret);
    let say = |exporter: [u8; 32]| {
        let proof = proof(&key, &exporter, request);
        let request = request.to_vec();
        encode_join_request(&JoinRequest { invite: code.invite, request, proof })
    };
    let reply = call(address, &code.pins, &NetLimits::default(), say).await.map_err(|error| {
        let code = match error {
            NetError::NotPinned { .. } => codes::JOIN_OTHER,
            _ => codes::JOIN_UNREACHABLE,
        };
        let hint = "check --to, and that the parent runs and is the one the code is for";
        refused(code, error.to_string(), hint)
    })?;
    let answer = decode_join_reply(&reply.bytes, &WireLimits::default()).map_err(|error| {
        refused(codes::JOIN_OTHER, error.to_string(), "update the older of the two servers")
    })?;
    Ok((answer, reply.authorities))
}

async fn lookup(to: &str) -> Result<SocketAddr, Failure> {
    let unknown = |why: String| {
        let hint = "give the parent's host and UDP port: --to HOST:PORT";
        refused(codes::JOIN_UNREACHABLE, format!("cannot look up {to}: {why}"), hint)
    };
    let found = tokio::net::lookup_host(to).await.map_err(|error| unknown(error.to_string()))?;
    found.into_iter().next().ok_or_else(|| unknown("it has no address".to_string()))
}

/// An empty place, or one of a server of that name.
fn check_place(folder: &Path, name: &ServerName) -> Result<(), Failure> {
    let identity = identity_dir(folder);
    let taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(_) => true,
    };
    let text = std::fs::read_to_string(folder.join(CONFIG_NAME)).unwrap_or_default();
    let line = format!("name = \"{name}\"");
    let own = identity.exists() && text.lines().any(|found| found.trim() == line);
    if !taken || own {
        return Ok(());
    }
    let message = format!("{} holds something else than the server {name}", folder.display());
    let hint = "name another folder: --at DIR; the code still serves this key only, so have a new \
                one made";
    Err(refused(codes::NOT_FOUNDED, message, hint))
}

fn refused(code: &'static str, message: String, hint: &str) -> Failure {
    Failure::new(Exit::Refused, code, message, hint)
}
