//! Two data folders of one server: a copy of its machine, or a folder that was replaced.

use crate::tree::Tree;
use lictree::model::name::ServerName;

impl Tree {
    pub fn run_twins(&mut self, words: &[&str]) -> Option<String> {
        match words {
            ["aside", server] => self.aside(&server.parse().unwrap()),
            ["swap", server] => self.swap(&server.parse().unwrap()),
            _ => return None,
        }
        Some(String::new())
    }

    /// The server is stopped and kept, and its oldest copy, with nothing in it, takes its place.
    fn aside(&mut self, name: &ServerName) {
        self.part(|end, _| end == name);
        self.settle();
        let kept = self.servers.remove(name).unwrap();
        self.aside.insert(name.clone(), kept);
        self.unproven.insert(name.clone());
        self.restart(name);
        self.settle();
    }

    /// The one that was kept is started in the place of the other, which is kept.
    fn swap(&mut self, name: &ServerName) {
        self.part(|end, _| end == name);
        self.settle();
        let kept = self.aside.remove(name).unwrap();
        let other = self.servers.insert(name.clone(), kept).unwrap();
        self.aside.insert(name.clone(), other);
        self.connect_all(name);
        self.settle();
    }
}
