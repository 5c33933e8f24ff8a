//! Calls to join that are of no use, a thousand of them: one code is void, nothing else is hurt.

use crate::figures::{events, figures};
use crate::raw::{JoinTry, say_again, try_to_join};
use crate::site::{Process, Site, eventually, lictree, outcome, run};
use crate::tree::online;
use lictree::client::contract::InviteBody;
use lictree::model::enrolment::{CertificateAnswer, InviteId};
use lictree::model::name::ServerName;
use lictree::net::Identity;
use lictree::wire::join::JoinCode;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// As `joins_per_address_per_minute` has it.
const CALLS_PER_ADDRESS: usize = 5;
/// So many calls may be under way at once.
const JOINS_MAX: u32 = 16;

/// A primary that can let others in.
fn primary(site: &Site, more: &str) -> Process {
    let config = site.primary("hq");
    site.authority.save(&site.data_dir("hq").join("authority")).unwrap();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}{more}")).unwrap();
    Process::start(&config)
}

fn invite(hq: &Process, name: &str, life_s: u64) -> String {
    let body = InviteBody {
        name: name.parse().unwrap(),
        parent: "hq".parse().unwrap(),
        life_s,
        approval: false,
        replaces: false,
        force: false,
    };
    run(hq.client().invite(&body)).unwrap().code
}

fn state_of(hq: &Process, name: &str) -> (String, u32) {
    let list = run(hq.client().invitations()).unwrap().invitations;
    let of = list.into_iter().find(|one| one.name.as_str() == name).unwrap();
    (of.state, of.failures)
}

/// `lictree join`; exit code and standard error.
fn join(site: &Site, code: &str, to: SocketAddr, at: &str) -> (i32, String) {
    let at = site.data_dir(at).display().to_string();
    let command = lictree(&["join", code, "--to", &to.to_string(), "--at", &at, "--json"]);
    let (exit, _, err) = outcome(command);
    (exit, err)
}

fn made(site: &Site, name: &str) -> bool {
    let folder: PathBuf = site.data_dir(name);
    folder.exists()
}

fn code_of(answer: &CertificateAnswer) -> String {
    match answer {
        CertificateAnswer::Refused(refusal) => refusal.code.clone(),
        other => format!("{other:?}"),
    }
}

fn members(hq: &Process) -> Vec<ServerName> {
    let view = run(hq.client().servers()).unwrap();
    view.servers.into_iter().map(|server| server.name).collect()
}

/// What a process has of memory, in KiB.
fn memory_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Every other one guesses the number of an invitation, too; `number` makes each try its own.
fn wrong(number: usize, code: &JoinCode, request: &[u8]) -> JoinTry {
    let mut code = code.clone();
    code.secret[..8].copy_from_slice(&(number as u64 + 1).to_le_bytes());
    if number >= CALLS_PER_ADDRESS && number.is_multiple_of(2) {
        code.invite = InviteId(code.invite.0.wrapping_add(number as u64));
    }
    let [.., third, fourth] = (number / CALLS_PER_ADDRESS + 2).to_be_bytes();
    let from = Ipv4Addr::new(127, 0, third, fourth);
    JoinTry { from, code, request: request.to_vec() }
}

/// Needs all of 127/8 on the loopback, as Linux has it. The log of the server goes into a pipe of
/// 64 KiB that nobody empties: a line for each try would fill it, and the server would stand still.
#[test]
fn a_thousand_wrong_proofs_void_one_code_and_hurt_nothing_else() {
    let site = Site::new();
    let hq = primary(&site, "");
    let (text, other) = (invite(&hq, "west", 3_600), invite(&hq, "east", 3_600));
    let code: JoinCode = text.parse().unwrap();
    let request = Identity::request().unwrap().request;
    let before = memory_kib(&hq);
    let mut answers = run(async {
        let mut answers: BTreeMap<String, u32> = BTreeMap::new();
        for number in 0..1_000 {
            let answer = try_to_join(hq.address(), &wrong(number, &code, &request)).await;
            let (_, answer) = answer.unwrap_or_else(|end| panic!("try {number}: {end}"));
            *answers.entry(code_of(&answer)).or_default() += 1;
        }
        answers
    });
    // A try that is judged while the fifth is being booked is one more.
    let wrong_proofs = answers.remove("LT0415").unwrap();
    assert!((5..=5 + JOINS_MAX).contains(&wrong_proofs), "{wrong_proofs} wrong proofs");
    let expected = [("LT0413", 497), ("LT0416", 503 - wrong_proofs)];
    assert_eq!(answers, expected.map(|(code, count)| (code.to_string(), count)).into());
    // An address that has had its calls is not even heard.
    let spent = run(try_to_join(hq.address(), &wrong(999, &code, &request)));
    assert!(spent.as_ref().is_err_and(|why| why.contains("too often")), "{spent:?}");

    assert_eq!(state_of(&hq, "west"), ("void".to_string(), 5));
    let (exit, err) = join(&site, &text, hq.address(), "west");
    assert!(exit == 1 && err.contains("LT0416"), "the right secret comes too late: {err}");
    assert_eq!(state_of(&hq, "east"), ("open".to_string(), 0));
    let (exit, err) = join(&site, &other, hq.address(), "east");
    assert_eq!(exit, 0, "{err}");
    assert!(!made(&site, "west") && made(&site, "east"));

    let grown = memory_kib(&hq).saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB more than before");
    let events = run(hq.client().events(0, 1_000)).unwrap();
    let about = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!(about("join.void"), 1);
    assert!((1..=40).contains(&about("join.refused")), "{}", about("join.refused"));
    assert!(events.iter().any(|event| event.text.contains("LT0415")), "{events:?}");
    assert!(!members(&hq).contains(&"west".parse().unwrap()));
    hq.stop();
}

#[test]
fn a_code_whose_time_is_over_or_that_was_withdrawn_is_refused_and_told() {
    let site = Site::new();
    let hq = primary(&site, "refusals_noted_interval_ms = 1\n");
    let short = invite(&hq, "west", 1);
    eventually(
        "the time of the code is over",
        || run(hq.client().invitations()),
        |list| list.invitations.iter().all(|one| one.state == "expired"),
    );
    let (exit, err) = join(&site, &short, hq.address(), "west");
    assert!(exit == 1 && err.contains("LT0413"), "{err}");
    let code = invite(&hq, "west", 60);
    run(hq.client().uninvite(&"west".parse().unwrap())).unwrap();
    let (exit, err) = join(&site, &code, hq.address(), "west");
    assert!(exit == 1 && err.contains("LT0413"), "{err}");
    assert!(!made(&site, "west"));
    assert_eq!(members(&hq).len(), 1);
    let told = |(kind, text): &&(String, String)| kind == "join.refused" && text.contains("LT0413");
    eventually(
        "both are told",
        || Ok(events(&hq)),
        |events| events.iter().filter(told).count() == 2,
    );
}

/// A proof is of one call; what a call had said is of no use on the next.
#[test]
fn a_request_to_join_that_is_said_again_enrols_nobody() {
    let site = Site::new();
    let hq = primary(&site, "");
    let code: JoinCode = invite(&hq, "west", 3_600).parse().unwrap();
    let request = Identity::request().unwrap().request;
    let it = JoinTry { from: HOME, code, request };
    let (said, answer) = run(try_to_join(hq.address(), &it)).unwrap();
    let CertificateAnswer::Granted(grant) = answer else { panic!("{answer:?}") };
    assert_eq!((grant.name.as_str(), grant.enrolment), ("west", 1));
    let enrolled = || {
        let view = run(hq.client().server(&"west".parse().unwrap())).unwrap();
        let list = run(hq.client().invitations()).unwrap().invitations;
        (view.certificate, list.iter().map(|one| (one.key.clone(), one.state.clone())).collect())
    };
    let before: (_, Vec<_>) = enrolled();
    for from in 2..6 {
        let from = Ipv4Addr::new(127, 0, 0, from);
        let again = run(say_again(from, hq.address(), &said)).unwrap();
        assert_eq!(code_of(&again), "LT0415");
    }
    let after = enrolled();
    assert_eq!(after, before);
    // The same key asking anew, with a proof of its own, is answered as before.
    let (_, again) = run(try_to_join(hq.address(), &it)).unwrap();
    assert_eq!(again, CertificateAnswer::Granted(grant));
    assert_eq!(enrolled(), before);
    let events = run(hq.client().events(0, 1_000)).unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == "server.joined").count(), 1);
    hq.stop();
}

/// Two levels, one server below each parent, 63 bytes of names: whether somebody is invited there
/// or comes with a certificate that was made by hand.
#[test]
fn what_is_beyond_the_limits_of_the_tree_is_not_let_in_and_told() {
    let site = Site::new();
    let limits = "refusals_noted_interval_ms = 1\n[limits]\ndepth_max = 2\nchildren_max = 1\n\
                  path_bytes_max = 63\n";
    let hq = primary(&site, limits);
    let west = Process::start(&site.relay("west", "hq", hq.address()));
    online(&hq, &["west"]);
    let before = figures(&hq).unwrap();
    for (name, parent, what) in
        [("deep", "west", "3 levels"), ("east", "hq", "2 servers below one parent")]
    {
        let body = InviteBody {
            name: name.parse().unwrap(),
            parent: parent.parse().unwrap(),
            life_s: 60,
            approval: false,
            replaces: false,
            force: false,
        };
        let error = run(hq.client().invite(&body)).unwrap_err();
        assert!(error.code() == "LT0412" && error.to_string().contains(what), "{error}");
    }
    assert!(run(hq.client().invitations()).unwrap().invitations.is_empty());
    let _deep = Process::start(&site.relay("deep", "west", west.address()));
    let _east = Process::start(&site.relay("east", "hq", hq.address()));
    for what in ["deep below west is on level 3", "2 servers below one parent"] {
        let told = |events: &Vec<(String, String)>| {
            events.iter().any(|(_, text)| text.contains("LT0412") && text.contains(what))
        };
        eventually(what, || Ok(events(&hq)), told);
    }
    assert_eq!(figures(&hq).unwrap(), before);
    // Who is where it may be stays.
    online(&hq, &["west"]);
    assert!(run(west.client().status()).unwrap().connected);
    hq.stop();
}
