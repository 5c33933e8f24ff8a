//! What a stranger finds: one UDP port at a server with servers below, none that answers elsewhere.

use crate::founding::{join, primary};
use crate::lan::{Host, Lan};

/// Local ports in a table of `/proc/net`, those that are bound or listen.
fn ports(host: &Host, table: &str) -> Vec<u16> {
    let file = format!("/proc/net/{table}");
    let shown = host.command("cat").arg(file).output().unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    let local = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // 0A is listening; UDP has no such state.
        let open = table.starts_with("udp") || words.get(3) == Some(&"0A");
        let port = words.get(1).and_then(|address| address.rsplit(':').next());
        port.filter(|_| open).and_then(|port| u16::from_str_radix(port, 16).ok())
    };
    text.lines().skip(1).filter_map(local).collect()
}

/// Beginnings of packets that open a connection and are none: of another version, of this one with
/// nonsense in it.
const OPENING: &str = "b'\\xff'*8,b'\\xc3\\x00\\x00\\x00\\x01'";
/// Beginnings of packets of a connection that nobody here knows. QUIC ends such a connection with
/// a reset (RFC 9000, 10.3), so that a peer of an earlier start need not wait for its timeout: a
/// packet that is shorter than what it answers, and says nothing.
const ESTABLISHED: &str = "b'\\x40',b'\\x41\\x00',b'\\x00'*8,b'GET / HTTP/1.0'";

/// Sends packets of a stranger to a port of `to`, and says how many bytes came back, those left out
/// that name the versions of QUIC spoken here (RFC 9000, 6).
fn answered(from: &Host, to: &str, port: u16, heads: &str) -> usize {
    let script = format!(
        "import os,socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.settimeout(0.3)\n\
         for head in ({heads}):\n  \
         for size in (20,60,200,1200): s.sendto(head+os.urandom(size),('{to}',{port}))\n\
         n=0\ntry:\n  while True:\n    r=s.recv(65536)\n    \
         n+=0 if r[0]&128 and r[1:5]==bytes(4) else len(r)\n\
         except TimeoutError: pass\nprint(n)\n"
    );
    let done = from.command("python3").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    said.trim().parse().unwrap_or_else(|_| panic!("{said}{:?}", done.stderr))
}

#[test]
fn a_stranger_finds_one_port_and_no_word() {
    let Some(mut lan) = Lan::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hq = primary(&mut lan, folder.path());
    let leaf = {
        let code = crate::server::code_of(&hq.done("server invite leaf --parent hq"));
        let mut leaf = crate::server::Server::at(lan.host(3), folder.path().join("leaf"));
        let (at, to) = (leaf.folder.display().to_string(), format!("{}:4747", hq.host.address));
        assert_eq!(leaf.run(&["join", &code, "--to", &to, "--at", &at]).exit, 0);
        leaf.start();
        leaf
    };
    let west = join(&mut lan, &hq, "west", ("hq", &hq), 2);
    let stranger = lan.host(9);
    for table in ["tcp", "tcp6"] {
        for server in [&hq, &west, &leaf] {
            let open = ports(&server.host, table);
            assert!(open.is_empty(), "{table} of {}: {open:?}", server.folder.display());
        }
    }
    assert_eq!(ports(&hq.host, "udp"), [4747]);
    for server in [&hq, &west, &leaf] {
        let open = ports(&server.host, "udp").into_iter().chain(ports(&server.host, "udp6"));
        for port in open {
            let (to, name) = (&server.host.address, server.folder.display());
            let bytes = answered(&stranger, to, port, OPENING);
            assert_eq!(bytes, 0, "port {port} of {name} answered a stranger");
            let bytes = answered(&stranger, to, port, ESTABLISHED);
            assert!(bytes < 200, "port {port} of {name} answered with {bytes} bytes");
        }
    }
}
