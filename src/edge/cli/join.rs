//! `lictree join CODE --to HOST:PORT`: a new server comes into the tree.
//!
//! ```text
//!   key made and kept ─► the called server is of the code's tree? ─► proof, request ─► certificate
//!                            │ no: nothing was said                     │ waits: asked again
//!                            ▼                                          ▼
//!                       refused, exit 1                  folder, identity, configuration
//! ```
//! The same line given again goes on where the last one stopped (`edge::joining`).
//!
//! In a folder that has a server of that name already only its identity is replaced: its state, and
//! with it its licenses and devices, stays. So a server whose certificate has ended comes back. One
//! of another tree does not, whatever its name: it is known by the authorities that it believes.

use crate::client::Client;
use crate::daemon::settings::{identity_dir, state_dir};
use crate::daemon::start::make_state;
use crate::edge::codes;
use crate::edge::founding::{CONFIG_NAME, ServerPlan};
use crate::edge::joining::JoiningKey;
use crate::edge::private_file;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::vendor_key::read_public_keys;
use crate::model::enrolment::{CertificateAnswer, Grant};
use crate::model::name::ServerName;
use crate::net::{Identity, NetError, NetLimits, authority_print, join as call};
use crate::wire::WireLimits;
use crate::wire::join::{
    JoinCode, JoinRequest, decode_join_reply, encode_join_request, proof, proof_key,
};
use clap::Args;
use serde_json::json;
use std::fs;
use std::io::{BufRead, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

const SAME_LINE: &str = "put that right, and give the same line again";
const WHOM_TO_CALL: &str = "check --to, and that the parent runs and is the one the code is for";

/// What is read of a code that comes over standard input; a code has fewer bytes.
const CODE_BYTES_MAX: u64 = 4_096;
/// In place of a code: it comes over standard input.
const FROM_INPUT: &str = "-";

/// How often a server that waits for approval asks again: no more often than one address may.
const ASK_AGAIN: Duration = Duration::from_secs(20);
/// Refusals after which a code is of no use; after any other the same line may help later.
const FOR_GOOD: [&str; 3] = ["LT0413", "LT0414", "LT0416"];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The code that `server invite` printed; `-` reads it from standard input, so that it stands
    /// in no list of processes.
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
    /// A vendor's public key: the line itself, or the file FILE.pub that `vendor keygen` wrote.
    #[arg(long, value_name = "KEY")]
    vendor_key: Vec<String>,
    /// How long to wait for approval, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    wait: u64,
    /// The tree exchanged its authority while the server of this folder was away: take the code,
    /// though the server believes none of the authorities in it. Never for another tree.
    #[arg(long)]
    new_authority: bool,
}

/// What came of all calls: the identity, and whom it is for.
struct Joined {
    identity: Identity,
    grant: Grant,
}

pub(super) async fn run(arguments: Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let code = match arguments.code.as_str() {
        FROM_INPUT => parsed(&first_line(std::io::stdin().lock())?)?,
        code => parsed(code)?,
    };
    let vendor_keys = read_public_keys(&arguments.vendor_key)?;
    if let Some(folder) = &arguments.at {
        check_named_place(folder)?;
        check_server(folder, &code, arguments.new_authority).await?;
    }
    let key = JoiningKey::of(code.invite, arguments.at.as_deref()).map_err(|error| {
        let message = format!("cannot make the folder: {error}");
        refused(codes::NOT_FOUNDED, message, "name one that you may make: --at DIR")
    })?;
    let joined = match ask(&code, &key, &arguments, terminal).await {
        Ok(joined) => joined,
        Err(NotJoined::ForNow(failure)) => return Err(failure),
        Err(NotJoined::ForGood(failure)) => {
            key.forget();
            return Err(failure);
        }
    };
    let Grant { tree, name, parent, .. } = &joined.grant;
    let folder = arguments.at.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    check_place(&folder, &joined.grant, &key)?;
    check_server(&folder, &code, arguments.new_authority).await?;
    let plan = ServerPlan {
        tree: tree.clone(),
        name: name.clone(),
        listen: arguments.listen.map(|listen| listen.to_string()),
        parent: Some((parent.clone(), arguments.to.clone())),
        vendor_keys,
    };
    let config = folder.join(CONFIG_NAME);
    joined
        .identity
        .save(&identity_dir(&folder))
        .map_err(|error| refused(codes::NOT_FOUNDED, error.to_string(), SAME_LINE))?;
    take_place(&folder, &joined.grant)?;
    let back = config.exists();
    if !back {
        private_file::create(&config, &plan.configuration()).map_err(|error| {
            let message = format!("cannot write {}: {error}", config.display());
            refused(codes::NOT_FOUNDED, message, SAME_LINE)
        })?;
    }
    key.forget();
    let first = moved(&config, parent, &arguments.to);
    let config = config.display().to_string();
    let answer = json!({ "tree": tree, "name": name, "parent": parent, "config": config });
    let what = if back { "is back in" } else { "has joined" };
    let text = format!(
        "{name} {what} the tree {tree}, below {parent}\n{first}start it: lictree serve --config \
         {config}\n"
    );
    terminal.show(&answer, |_, _| text)
}

fn parsed(code: &str) -> Result<JoinCode, Failure> {
    code.parse().map_err(|error| {
        let message = format!("this is no code: {error}");
        refused(codes::JOIN_CODE, message, "paste the whole line that `server invite` printed")
    })
}

/// The first line, without the space around it.
fn first_line(input: impl BufRead) -> Result<String, Failure> {
    let no_code = |message: String| {
        let hint = "give the code alone on one line: lictree join - --to HOST:PORT < FILE";
        refused(codes::JOIN_CODE, message, hint)
    };
    let mut line = Vec::new();
    let read = input.take(CODE_BYTES_MAX + 1).read_until(b'\n', &mut line);
    read.map_err(|error| no_code(format!("cannot read a code from standard input: {error}")))?;
    if line.len() as u64 > CODE_BYTES_MAX {
        let message =
            format!("the first line of standard input has more than {CODE_BYTES_MAX} bytes");
        return Err(no_code(message));
    }
    match String::from_utf8_lossy(&line).trim() {
        "" => Err(no_code("there is no code on standard input: its first line is empty".into())),
        code => Ok(code.to_string()),
    }
}

/// Why there is no certificate.
enum NotJoined {
    /// The same line may help later.
    ForNow(Failure),
    /// The code is of no use here, or was never seen by anybody.
    ForGood(Failure),
}

/// Calls until there is a certificate, or a refusal.
async fn ask(
    code: &JoinCode,
    key: &JoiningKey,
    to: &Arguments,
    terminal: &Terminal,
) -> Result<Joined, NotJoined> {
    let made = key.request().map_err(|error| {
        let hint = format!("remove {} and have a new code made", key.path().display());
        NotJoined::ForNow(refused(codes::NOT_FOUNDED, error.to_string(), &hint))
    })?;
    let wait = Duration::from_secs(to.wait.saturating_mul(60));
    let had = to.at.as_deref().map_or(0, enrolment_in);
    let mut waited = Duration::ZERO;
    loop {
        let (answer, authorities) = match once(code, &to.to, (&made.request, had)).await {
            // It waits already: a parent that is away, or is asked too often, is asked again.
            Err(NotJoined::ForNow(_)) if !waited.is_zero() && waited < wait => {
                (CertificateAnswer::Waiting, Vec::new())
            }
            other => other?,
        };
        match answer {
            CertificateAnswer::Granted(grant) => {
                let chain = vec![grant.certificate.clone()];
                let identity = Identity::assemble(made.key, chain, authorities);
                let identity = identity.map_err(|error| {
                    let message = format!("the certificate that came is of no use: {error}");
                    let hint = "have a new code made";
                    NotJoined::ForGood(refused(codes::JOIN_OTHER, message, hint))
                })?;
                return Ok(Joined { identity, grant: *grant });
            }
            CertificateAnswer::Waiting if waited >= wait => {
                let message = "nobody has approved this server yet".to_string();
                let hint = "at the primary: lictree server approve NAME; then here the same line \
                            again";
                return Err(NotJoined::ForNow(refused(codes::JOIN_WAITS, message, hint)));
            }
            CertificateAnswer::Waiting => {
                if waited.is_zero() {
                    terminal.note(&format!(
                        "waiting for approval of the key {}\nat the primary, where `lictree server \
                         invitations` shows the same key: lictree server approve NAME\n",
                        made.key.print()
                    ));
                }
                tokio::time::sleep(ASK_AGAIN).await;
                waited += ASK_AGAIN;
            }
            CertificateAnswer::Refused(refusal) if FOR_GOOD.contains(&refusal.code.as_str()) => {
                return Err(NotJoined::ForGood(refusal.into()));
            }
            CertificateAnswer::Refused(refusal) => {
                return Err(NotJoined::ForNow(refusal.into()));
            }
        }
    }
}

/// One call: what was answered, and the authorities of the pins.
async fn once(
    code: &JoinCode,
    to: &str,
    (request, had): (&[u8], u64),
) -> Result<(CertificateAnswer, Vec<Vec<u8>>), NotJoined> {
    let key = proof_key(&code.secret);
    let mut failed = None;
    // A name may have addresses by which the parent is not reached from here.
    for address in lookup(to).await.map_err(NotJoined::ForNow)? {
        let say = |exporter: [u8; 32]| {
            let proof = proof(&key, &exporter, (request, had));
            let request = request.to_vec();
            encode_join_request(&JoinRequest { invite: code.invite, request, had, proof })
        };
        match call(address, &code.pins, &NetLimits::default(), say).await {
            Ok(reply) => {
                let answer = decode_join_reply(&reply.bytes, &WireLimits::default());
                let answer = answer.map_err(|error| {
                    let hint = "update the older of the two servers";
                    NotJoined::ForNow(refused(codes::JOIN_OTHER, error.to_string(), hint))
                })?;
                return Ok((answer, reply.authorities));
            }
            Err(error) => failed = Some(error),
        }
    }
    let said = failed.as_ref().map_or(format!("{to} has no address"), NetError::to_string);
    Err(match failed {
        Some(NetError::NotPinned { .. }) => {
            NotJoined::ForGood(refused(codes::JOIN_OTHER, said, WHOM_TO_CALL))
        }
        _ => NotJoined::ForNow(refused(codes::JOIN_UNREACHABLE, said, WHOM_TO_CALL)),
    })
}

async fn lookup(to: &str) -> Result<Vec<SocketAddr>, Failure> {
    let found = tokio::net::lookup_host(to).await.map_err(|error| {
        let hint = "give the parent's host and UDP port: --to HOST:PORT";
        refused(codes::JOIN_UNREACHABLE, format!("cannot look up {to}: {error}"), hint)
    })?;
    Ok(found.collect())
}

/// A folder that was named must not belong to somebody else: seen before anybody is called.
fn check_named_place(folder: &Path) -> Result<(), Failure> {
    let other = |entry: &fs::DirEntry| !JoiningKey::is_one(&entry.path());
    let taken = match fs::read_dir(folder) {
        Ok(mut entries) => entries.any(|entry| entry.as_ref().is_ok_and(other)),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(_) => true,
    };
    let joining = fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| JoiningKey::is_one(&entry.path())))
    });
    // What an earlier try left lies beside its key.
    let known = identity_dir(folder).exists() && (folder.join(CONFIG_NAME).exists() || joining);
    if !taken || known {
        return Ok(());
    }
    let message = format!("{} holds something else than a server", folder.display());
    Err(refused(codes::NOT_FOUNDED, message, "name another folder: --at DIR"))
}

/// A server that is here gets another identity: it must stand still, and be of the code's tree.
async fn check_server(folder: &Path, code: &JoinCode, new_authority: bool) -> Result<(), Failure> {
    let shown = folder.display();
    if UnixStream::connect(Client::of_data_dir(folder).socket()).await.is_ok() {
        let message = format!("the server of {shown} runs, so its identity is not replaced");
        return Err(refused(codes::SERVED, message, "stop it, and give the same line again"));
    }
    if new_authority || is_of_tree(folder, code) {
        return Ok(());
    }
    let message = format!("the server of {shown} believes none of the authorities in the code");
    let hint = "for another tree name an empty folder: --at DIR; if it is the same tree, whose \
                authority was exchanged while this server was away: the same line with \
                --new-authority";
    Err(refused(codes::OTHER_TREE, message, hint))
}

/// The enrolment of the identity in a folder; 0 without one.
fn enrolment_in(folder: &Path) -> u64 {
    Identity::read(&identity_dir(folder)).map_or(0, |identity| identity.peer().enrolment)
}

/// Whether the server of a folder believes an authority that is in the code. No server, and one
/// whose identity cannot be read, is of any tree.
fn is_of_tree(folder: &Path, code: &JoinCode) -> bool {
    let Ok(identity) = Identity::read(&identity_dir(folder)) else { return true };
    let mut prints = identity.authorities().iter().filter_map(|der| authority_print(der));
    prints.any(|print| code.pins.contains(&print.0))
}

/// An empty place, or one of that server.
fn check_place(folder: &Path, grant: &Grant, key: &JoiningKey) -> Result<(), Failure> {
    let Grant { tree, name, enrolment, certificate, .. } = grant;
    let known = Identity::read(&identity_dir(folder)).ok();
    let other = known.filter(|known| known.certificate() != certificate.as_slice());
    if other.is_some_and(|other| other.peer().enrolment >= *enrolment) {
        let message = format!("the primary took {name} for new, and {} is not", folder.display());
        let hint = format!("have a new code made, and name the folder: --at {}", folder.display());
        return Err(refused(codes::JOIN_OTHER, message, &hint));
    }
    let text = fs::read_to_string(folder.join(CONFIG_NAME)).unwrap_or_default();
    let says = |line: String| text.lines().any(|found| found.trim() == line);
    let own = says(format!("tree = \"{tree}\""))
        && says(format!("name = \"{name}\""))
        && says("role = \"relay\"".to_string());
    if own || (!folder.join(CONFIG_NAME).exists() && check_named_place(folder).is_ok()) {
        return Ok(());
    }
    let folder = folder.display();
    let message = format!("{folder} holds something else than the server {name} of {tree}");
    let key = key.path().display();
    let hint = format!("move {key} into another folder, and give the same line with --at of that");
    Err(refused(codes::NOT_FOUNDED, message, &hint))
}

/// The place of a server whose disk is lost is taken on an empty one; state that is here stays.
fn take_place(folder: &Path, grant: &Grant) -> Result<(), Failure> {
    if grant.former == 0 || state_dir(folder).exists() {
        return Ok(());
    }
    make_state(folder, &grant.tree, &grant.name, grant.former)
        .map_err(|error| refused(codes::NOT_FOUNDED, error.to_string(), SAME_LINE))
}

/// What to change in the configuration of a server that comes back below another one.
fn moved(config: &Path, parent: &ServerName, to: &str) -> String {
    let text = fs::read_to_string(config).unwrap_or_default();
    let line = format!("name = \"{parent}\"");
    match text.lines().any(|found| found.trim() == line) {
        true => String::new(),
        false => format!(
            "first change [parent] in {}: name = \"{parent}\", address = \"{to}\"\n",
            config.display()
        ),
    }
}

fn refused(code: &'static str, message: String, hint: &str) -> Failure {
    Failure::new(Exit::Refused, code, message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::enrolment::InviteId;
    use crate::model::holding::Role;
    use crate::model::time::Timestamp;
    use crate::net::Authority;
    use tokio::net::UnixListener;

    fn code_of(authorities: &[&Authority]) -> JoinCode {
        let pins = authorities.iter().map(|one| one.print().0).collect();
        JoinCode { invite: InviteId(1), secret: [7; 16], pins }
    }

    async fn code_of_refusal(folder: &Path, code: &JoinCode, new_authority: bool) -> String {
        let checked = check_server(folder, code, new_authority).await;
        checked.err().map_or(String::new(), |failure| failure.code)
    }

    const NOW: Timestamp = Timestamp(1_800_014_400_000);

    /// By a primary that forgot the server, where nobody named the folder that it has.
    #[test]
    fn a_number_that_the_folder_had_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (tree, name) = ("acme".parse().unwrap(), "west".parse().unwrap());
        let authority = Authority::create(&tree, NOW).unwrap();
        let week = Duration::from_secs(7 * 86_400);
        let [had, other] = [0; 2].map(|_| authority.issue(Role::Relay, &name, NOW, week).unwrap());
        had.save(&identity_dir(folder)).unwrap();
        let config = "tree = \"acme\"\nname = \"west\"\nrole = \"relay\"\n";
        fs::write(folder.join(CONFIG_NAME), config).unwrap();
        let key = JoiningKey::of(InviteId(1), Some(folder)).unwrap();
        let code = |identity: &Identity, enrolment| {
            let certificate = identity.certificate().to_vec();
            let (tree, name, parent) = (tree.clone(), name.clone(), "hq".parse().unwrap());
            let grant = Grant { tree, name, parent, enrolment, certificate, former: 0 };
            check_place(folder, &grant, &key).err().map_or(String::new(), |failure| failure.code)
        };
        assert_eq!(code(&other, had.peer().enrolment), codes::JOIN_OTHER);
        assert_eq!(code(&other, had.peer().enrolment + 1), "");
        // The same line again.
        assert_eq!(code(&had, had.peer().enrolment), "");
    }

    #[tokio::test]
    async fn a_server_of_another_tree_keeps_its_identity() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let tree = "acme".parse().unwrap();
        let [old, new, other] = [0; 3].map(|_| Authority::create(&tree, NOW).unwrap());
        assert_eq!(code_of_refusal(folder, &code_of(&[&other]), false).await, "");

        let week = Duration::from_secs(7 * 86_400);
        let identity = old.issue(Role::Relay, &"west".parse().unwrap(), NOW, week).unwrap();
        let der = |authority: &Authority| authority.certificate().to_vec();
        identity.save(&identity_dir(folder)).unwrap();
        // While authorities change, and after one was exchanged without it.
        assert_eq!(code_of_refusal(folder, &code_of(&[&old, &new]), false).await, "");
        assert_eq!(code_of_refusal(folder, &code_of(&[&new]), false).await, "LT0449");
        assert_eq!(code_of_refusal(folder, &code_of(&[&new]), true).await, "");

        let believing = identity.with_authorities(vec![der(&old), der(&new)]).unwrap();
        believing.save(&identity_dir(folder)).unwrap();
        assert_eq!(code_of_refusal(folder, &code_of(&[&new]), false).await, "");
        assert_eq!(code_of_refusal(folder, &code_of(&[&other]), false).await, "LT0449");
    }

    #[tokio::test]
    async fn a_server_that_runs_keeps_its_identity() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let code = JoinCode { invite: InviteId(1), secret: [7; 16], pins: Vec::new() };
        let socket = Client::of_data_dir(folder).socket().to_path_buf();
        let listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(code_of_refusal(folder, &code, true).await, "LT0501");
        // A socket that a crash has left is nobody's.
        drop(listener);
        assert!(socket.exists());
        assert_eq!(code_of_refusal(folder, &code, false).await, "");
    }

    #[test]
    fn a_code_is_the_first_line_of_the_input_and_no_more_is_read_than_a_code_may_have() {
        let read = |input: &[u8]| first_line(input).map_err(|failure| format!("{failure:?}"));
        assert_eq!(read(b" LTJ1-abc \r\nmore\n").unwrap(), "LTJ1-abc");
        assert_eq!(read(b"LTJ1-abc").unwrap(), "LTJ1-abc");
        for nothing in [&b""[..], b"\n", b"  \t\nLTJ1-abc\n"] {
            let said = read(nothing).unwrap_err();
            assert!(said.contains(codes::JOIN_CODE) && said.contains("empty"), "{said}");
        }
        assert!(read(&[b'x'; 4_097]).unwrap_err().contains("4096"));
        // It ends however much there is.
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        assert!(first_line(endless).is_err());
    }
}
