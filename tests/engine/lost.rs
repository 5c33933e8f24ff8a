//! Disks that are lost: another one takes their place, or nothing does.

use crate::tree::{Tree, refused};
use lictree::model::enrolment::{Approval, CertificateAnswer, CertificateAsk, InviteId, JoinAsk};
use lictree::model::name::ServerName;
use lictree::model::request::{Answer, Doing, Invitation, Request};
use lictree::simulator::authority;
use std::time::Duration;

impl Tree {
    pub fn run_lost(&mut self, words: &[&str]) -> Option<String> {
        Some(match words {
            ["replace", server] => self.replace(&server.parse().unwrap()),
            ["gone", server] => self.gone(&server.parse().unwrap()),
            ["lose", server] => self.lose(server, Doing::Do),
            ["lose", server, "preview"] => self.lose(server, Doing::Preview),
            ["lose", server, "force"] => self.lose(server, Doing::Force),
            ["place", server, "below", parent] => {
                self.place(&server.parse().unwrap(), parent.parse().unwrap())
            }
            _ => return None,
        })
    }

    /// A code is made for it and used, and it starts on an empty disk as that says.
    fn replace(&mut self, name: &ServerName) -> String {
        let number = 100 + self.invites.len() as u8;
        self.invites.insert(format!("{name} again {number}"), number);
        let parent = self.parents.get(name).cloned().unwrap_or(name.clone());
        let invitation = Invitation {
            id: InviteId(u64::from(number)),
            name: name.clone(),
            parent: parent.clone(),
            proof_key: [number; 32],
            life: Duration::from_secs(3_600),
            approval: Approval::NotNeeded,
            replaces: true,
            forced: false,
        };
        let invited = self.ask("a", Request::Invite(invitation));
        let Answer::Invited(_) = invited else { return refused(invited) };
        let (invite, proof) = (InviteId(u64::from(number)), authority::proof(&[number; 32]));
        let request = authority::request(number);
        let ask = JoinAsk { invite, exporter: [3; 32], request, had: 0, proof };
        let joined = self.ask(parent.as_str(), Request::Certificate(CertificateAsk::Join(ask)));
        let Answer::Certificate(CertificateAnswer::Granted(grant)) = joined else {
            return refused(joined);
        };
        self.enrolments.insert(name.clone(), grant.enrolment);
        self.part(|end, _| end == name);
        self.servers.remove(name);
        self.foundings.get_mut(name).unwrap().incarnation = grant.former;
        self.unproven.insert(name.clone());
        self.restart(name);
        self.settle();
        format!("enrolment {}", grant.enrolment)
    }

    /// It stops, for good.
    fn gone(&mut self, name: &ServerName) -> String {
        self.part(|end, other| end == name || other == name);
        self.settle();
        self.servers.remove(name);
        String::new()
    }

    fn lose(&mut self, name: &str, doing: Doing) -> String {
        match self.ask("a", Request::Lose { name: name.parse().unwrap(), doing }) {
            Answer::Lost(view) => {
                let counts = view.counts.iter().map(|count| {
                    let (held, registered) = (count.held, count.registered);
                    format!("{} {held}/{registered}/{}\n", count.product, count.managed)
                });
                let serials = view.serials.iter().map(|serial| format!("{}\n", serial.as_str()));
                counts.chain(serials).collect()
            }
            other => refused(other),
        }
    }

    /// It calls another server from now on.
    fn place(&mut self, name: &ServerName, parent: ServerName) -> String {
        self.parents.insert(name.clone(), parent);
        self.part(|end, _| end == name);
        self.connect_all(name);
        self.settle();
        String::new()
    }
}
