//! A tree begins: a primary with a license, and servers that join it, each on a host of its own.

use crate::lan::Lan;
use crate::patience::until;
use crate::server::{Server, code_of};
use std::path::Path;

/// A primary with a vendor's key that runs, and nobody below.
pub fn primary(lan: &mut Lan, folder: &Path) -> Server {
    let mut hq = founded(lan, folder);
    hq.start();
    hq
}

/// The same before its first start.
pub fn founded(lan: &mut Lan, folder: &Path) -> Server {
    let host = lan.host(1);
    let hq = Server::at(host, folder.join("hq"));
    let key = folder.join("vendor.key").display().to_string();
    assert_eq!(hq.run(&["vendor", "keygen", "--out", &key]).exit, 0);
    let public = std::fs::read_to_string(format!("{key}.pub")).unwrap();
    let public = public.trim().to_string();
    let (at, listen) = (hq.folder.display().to_string(), format!("{}:4747", hq.host.address));
    let init = ["init", "primary", "hq", "--tree", "acme", "--at", &at, "--listen", &listen];
    let made = hq.run(&[&init[..], &["--vendor-key", &public]].concat());
    assert_eq!(made.exit, 0, "{made:?}");
    hq
}

/// Invites a server and lets it join on a host of its own.
pub fn join(lan: &mut Lan, hq: &Server, name: &str, parent: (&str, &Server), number: u8) -> Server {
    let code = code_of(&hq.done(&format!("server invite {name} --parent {}", parent.0)));
    let mut server = Server::at(lan.host(number), hq.folder.with_file_name(name));
    enter(&server, &code, &format!("{}:4747", parent.1.host.address));
    server.start();
    until("the primary hears of it", || match hq.row(name)? {
        row if row["online"] == true => Ok(()),
        row => Err(row.to_string()),
    });
    server
}

/// Joins with a code; `to` is where the parent is called.
#[track_caller]
pub fn enter(server: &Server, code: &str, to: &str) {
    let (at, listen) = (server.folder.display().to_string(), "0.0.0.0:4747");
    let joined = server.run(&["join", code, "--to", to, "--at", &at, "--listen", listen]);
    assert_eq!(joined.exit, 0, "{joined:?}");
}

/// Issues a license and registers it at the primary.
pub fn register(hq: &Server, count: u32) {
    let folder = hq.folder.parent().unwrap();
    let (key, file) = (folder.join("vendor.key"), folder.join("license.txt"));
    let (key, file) = (key.display().to_string(), file.display().to_string());
    let count = count.to_string();
    let issue = ["vendor", "issue", "--key", &key, "--product", "inventory", "--count", &count];
    assert_eq!(hq.run(&[&issue[..], &["--out", &file]].concat()).exit, 0);
    hq.done(&format!("license register {file}"));
}
