//! Two data folders of one server: a copy of its machine, or a folder that was replaced.

use crate::tree::{Tree, refused};
use lictree::model::name::ServerName;
use lictree::model::request::{Answer, Doing, Request};

impl Tree {
    pub fn run_twins(&mut self, words: &[&str]) -> Option<String> {
        match words {
            ["aside", server] => self.aside(&server.parse().unwrap()),
            ["swap", server] => {
                let server = server.parse().unwrap();
                self.exchange(&server);
                self.restart(&server);
                self.settle();
            }
            ["copy", server] => self.copy(&server.parse().unwrap()),
            ["back-up", server, copy] => self.disks.back_up(&server.parse().unwrap(), copy),
            ["restore", server, copy] => {
                let server = server.parse().unwrap();
                self.disks.restore(&server, copy);
                self.start_unproven(&server);
            }
            ["start-unproven", server] => self.start_unproven(&server.parse().unwrap()),
            ["wake", server] => {
                let server = server.parse().unwrap();
                self.exchange(&server);
                self.connect_all(&server);
                self.settle();
            }
            ["recovery", server] => return Some(self.recovery(server)),
            ["begin", server] => return Some(self.done(server, Request::BeginRecovery)),
            ["end", server] => {
                return Some(self.done(server, Request::EndRecovery { doing: Doing::Do }));
            }
            ["end", server, "force"] => {
                return Some(self.done(server, Request::EndRecovery { doing: Doing::Force }));
            }
            _ => return None,
        }
        Some(String::new())
    }

    fn done(&mut self, server: &str, request: Request) -> String {
        match self.ask(server, request) {
            Answer::Done => "done".to_string(),
            other => refused(other),
        }
    }

    /// What a recovery waits for.
    fn recovery(&mut self, server: &str) -> String {
        let Answer::Recovery(view) = self.ask(server, Request::Recovery) else { panic!("no view") };
        let Some(state) = view.recovery else { return "none".to_string() };
        let mut text = if state.forced { "forced" } else { "open" }.to_string();
        for awaited in state.awaits {
            let product = awaited.product.map_or(String::new(), |product| format!(" {product}"));
            let server = awaited.server.map_or(String::new(), |server| format!(" of {server}"));
            text += &format!("\n{}{product}{server}", awaited.what);
        }
        text
    }

    /// The server is stopped and kept, and its oldest copy, with nothing in it, takes its place.
    fn aside(&mut self, name: &ServerName) {
        self.part(|end, _| end == name);
        self.settle();
        let kept = self.servers.remove(name).unwrap();
        self.aside.insert(name.clone(), kept);
        self.disks.put_aside(name);
        self.unproven.insert(name.clone());
        self.restart(name);
        self.settle();
    }

    /// A copy of its machine is started in its place, with all that it knows; it goes on as well.
    fn copy(&mut self, name: &ServerName) {
        self.part(|end, _| end == name);
        self.settle();
        let kept = self.servers.remove(name).unwrap();
        self.aside.insert(name.clone(), kept);
        self.disks.copy(name);
        self.restart(name);
        self.settle();
    }

    /// A start that no witness proves: from a backup, or in another place.
    fn start_unproven(&mut self, name: &ServerName) {
        self.unproven.insert(name.clone());
        self.restart(name);
        self.settle();
    }

    /// The one that was kept is there in the place of the other, which is kept.
    fn exchange(&mut self, name: &ServerName) {
        self.part(|end, _| end == name);
        self.settle();
        let kept = self.aside.remove(name).unwrap();
        let other = self.servers.insert(name.clone(), kept).unwrap();
        self.aside.insert(name.clone(), other);
        self.disks.swap(name);
    }
}
