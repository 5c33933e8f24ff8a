//! What the text cases ask about enrolments: invitations, certificates, removals, trust.

use crate::tree::{Tree, refused};
use lictree::model::enrolment::{
    Approval, CertificateAnswer, CertificateAsk, Credentials, InviteId, JoinAsk, RenewAsk,
};
use lictree::model::name::ServerName;
use lictree::model::request::{Answer, Doing, Invitation, Request};
use lictree::server::input::Input;
use lictree::simulator::authority;
use std::time::Duration;

/// One hour, as the command line has it.
const LIFE: Duration = Duration::from_secs(3_600);

impl Tree {
    /// Nothing when the command is not about enrolments.
    pub fn run_enrolment(&mut self, words: &[&str]) -> Option<String> {
        Some(match words {
            ["invite", place] => self.invite(place, Approval::NotNeeded, false),
            ["invite", place, "force"] => self.invite(place, Approval::NotNeeded, true),
            ["invite", place, "approval"] => self.invite(place, Approval::Awaited, false),
            ["join", at, name, key] => self.join(at, name, key, true),
            ["join", at, name, key, "wrong"] => self.join(at, name, key, false),
            ["renew", at, certificate, key] => self.renew(at, certificate, key),
            ["approve", name] => self.say(Request::Approve(server(name))),
            ["uninvite", name] => self.say(Request::Uninvite(server(name))),
            ["remove", name] => self.say(remove(name, Doing::Do)),
            ["remove", name, "force"] => self.say(remove(name, Doing::Force)),
            ["title", name, title @ ..] => {
                self.say(Request::Entitle { name: server(name), title: title.join(" ") })
            }
            ["rotate"] => self.rotate(Doing::Do),
            ["rotate", "force"] => self.rotate(Doing::Force),
            ["invitations"] => self.invitations(),
            ["trust", at] => self.trust(at),
            ["standing"] => self.standing(),
            ["happened", at, kind] => self.happened(at, kind),
            _ => return None,
        })
    }

    fn say(&mut self, request: Request) -> String {
        match self.ask("a", request) {
            Answer::Done => "done".to_string(),
            other => refused(other),
        }
    }

    fn rotate(&mut self, doing: Doing) -> String {
        match self.ask("a", Request::RotateAuthority { doing }) {
            Answer::Rotation(_) => "done".to_string(),
            other => refused(other),
        }
    }

    fn invite(&mut self, place: &str, approval: Approval, forced: bool) -> String {
        let (name, parent) = place.split_once('<').unwrap();
        let number = self.invites.len() as u8 + 1;
        let (id, proof_key) = (InviteId(u64::from(number)), [number; 32]);
        let invitation = Invitation {
            id,
            name: server(name),
            parent: server(parent),
            proof_key,
            life: LIFE,
            approval,
            replaces: false,
            forced,
        };
        match self.ask("a", Request::Invite(invitation)) {
            Answer::Invited(view) => {
                self.invites.insert(name.to_string(), number);
                view.state
            }
            other => refused(other),
        }
    }

    fn join(&mut self, at: &str, name: &str, key: &str, right: bool) -> String {
        let number = self.invites.get(name).copied().unwrap_or(99);
        let proof_key = [number; 32];
        let proof = if right { authority::proof(&proof_key) } else { [0; 32] };
        let request = authority::request(key.parse().unwrap());
        let invite = InviteId(u64::from(number));
        let ask = JoinAsk { invite, exporter: [3; 32], request, had: 0, proof };
        self.certificate(at, CertificateAsk::Join(ask))
    }

    /// From now on it shows the certificate that it was granted.
    pub(crate) fn prove(&mut self, name: &ServerName) {
        let now = self.now();
        let (Some(server), Some(enrolment)) =
            (self.servers.get_mut(name), self.enrolments.get(name))
        else {
            return;
        };
        let credentials = Credentials { enrolment: *enrolment, ..Credentials::default() };
        server.handle(now, Input::Credentials { credentials, authorities: Vec::new() });
    }

    fn renew(&mut self, at: &str, certificate: &str, key: &str) -> String {
        let ask = RenewAsk {
            certificate: certificate.replace('/', " ").into_bytes(),
            request: authority::request(key.parse().unwrap()),
            signature: Vec::new(),
        };
        self.certificate(at, CertificateAsk::Renew(ask))
    }

    fn certificate(&mut self, at: &str, ask: CertificateAsk) -> String {
        match self.ask(at, Request::Certificate(ask)) {
            Answer::Certificate(CertificateAnswer::Granted(grant)) => {
                self.enrolments.insert(grant.name.clone(), grant.enrolment);
                self.prove(&grant.name);
                let certificate = String::from_utf8_lossy(&grant.certificate).into_owned();
                format!("{} below {}: {certificate}", grant.name, grant.parent)
            }
            Answer::Certificate(CertificateAnswer::Waiting) => "waits for approval".to_string(),
            Answer::Certificate(CertificateAnswer::Refused(refusal)) => {
                format!("refused {refusal}")
            }
            other => refused(other),
        }
    }

    fn invitations(&mut self) -> String {
        match self.ask("a", Request::Invitations) {
            Answer::Invitations(views) => views
                .iter()
                .map(|view| format!("{} below {}: {}\n", view.name, view.parent, view.state))
                .collect(),
            other => refused(other),
        }
    }

    /// Every server's standing and title, as the primary lists them.
    fn standing(&mut self) -> String {
        match self.ask("a", Request::Servers) {
            Answer::Servers(view) => view
                .servers
                .iter()
                .map(|server| format!("{} {} {}\n", server.name, server.standing, server.title))
                .collect(),
            other => refused(other),
        }
    }

    fn trust(&mut self, at: &str) -> String {
        let sealed = self.state(at).trust.clone();
        let trust = sealed.trust;
        let denied = trust.denied.iter().map(|(name, denial)| format!(" {name}<={}", denial.upto));
        let (authorities, issuer) = (trust.authorities.len(), trust.issuer);
        let denied: String = denied.collect();
        format!("version {}, {authorities} authorities, issuer {issuer}:{denied}", trust.version)
    }

    fn happened(&mut self, at: &str, kind: &str) -> String {
        match self.ask(at, Request::Events { after: 0, limit: 1_000 }) {
            Answer::Events(events) => events
                .iter()
                .filter(|event| event.kind.starts_with(kind))
                .map(|event| format!("{}: {}\n", event.kind, event.text))
                .collect(),
            other => refused(other),
        }
    }
}

fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

fn remove(name: &str, doing: Doing) -> Request {
    Request::Remove { name: server(name), doing }
}
