//! What handshakes alone take: QUIC with certificates on both sides and no product behind it.
//!
//! ```text
//!   this process                         this program again, a child
//!   net::Dialer ── TLS 1.3, mTLS ──► quinn, rustls' own verifier of clients
//!   n of them   ── "LTC1" ─────────►
//!               ◄───────── "LTC1" ──   the caller knows only now that it was let in
//! ```
//!
//! The calling side is the product's own, so both runs pay the same for it. The settings are those
//! of `src/net`; there are no limits, no Retry, no denials, no name is read from a certificate.

use crate::measure;
use crate::product::Site;
use crate::product::primary::PRIMARY;
use crate::relay::{Callers, Pauses};
use crate::storm::{Storm, Watch};
use crate::tls;
use lictree::model::name::ServerName;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::task::JoinSet;

/// The first argument of the child.
const SERVE: &str = "serve-bare";
const PROTOCOL: &str = "lictree/1";
const GREETING: &[u8; 4] = b"LTC1";

/// All call at once, until every one is let in.
pub async fn storm(site: &Site, callers: &Callers, room: usize) -> Storm {
    let mut server = start(&site.data_dir().join("identity"), room);
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address: SocketAddr = line.trim().parse().unwrap();
    let watch = Watch::start(server.id());
    let mut calls = JoinSet::new();
    for (number, dialer) in callers.dialers.iter().enumerate() {
        let dialer = dialer.clone();
        calls.spawn(async move {
            let parent: ServerName = PRIMARY.parse().unwrap();
            let (mut pauses, mut failed) = (Pauses::new(number), 0);
            loop {
                match dialer.dial(address, &parent).await {
                    Ok(connection) => return (connection, failed),
                    Err(_) => failed += 1,
                }
                measure::pause(pauses.next()).await;
            }
        });
    }
    let made = calls.join_all().await;
    let storm = watch.stop(made.iter().map(|(_, failed)| failed).sum());
    drop(server.stdin.take());
    server.wait().unwrap();
    storm
}

fn start(identity: &Path, room: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .arg(SERVE)
        .arg(identity)
        .arg(room.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// In the child: serves until its standard input ends. Whether this is the child.
pub fn serve_if_asked() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(SERVE) {
        return false;
    }
    let mut next = || arguments.next().expect("the parent names the folder and the room");
    let (folder, room) = (next(), next().parse().unwrap());
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    measure::runtime().block_on(serve(folder.as_ref(), room));
    true
}

async fn serve(identity: &Path, room: usize) {
    let mut authorities = RootCertStore::empty();
    let certificate = |file: &str| CertificateDer::from_pem_file(identity.join(file)).unwrap();
    authorities.add(certificate("ca.pem")).unwrap();
    let files = tls::Files {
        authorities: Arc::new(authorities),
        chain: vec![certificate("identity.pem")],
        key: PrivateKeyDer::from_pem_file(identity.join("identity.key")).unwrap(),
    };
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    if room > 0 {
        set_socket_recv_buffer_size(&socket, room).unwrap();
    }
    let (own, runtime) = (Default::default(), Arc::new(quinn::TokioRuntime));
    let settings = Some(tls::answering(files, PROTOCOL));
    let endpoint = quinn::Endpoint::new(own, settings, socket, runtime).unwrap();
    println!("{}", endpoint.local_addr().unwrap());
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            let Ok((mut send, mut receive)) = connection.accept_bi().await else { return };
            let mut greeting = [0; GREETING.len()];
            if receive.read_exact(&mut greeting).await.is_ok() && greeting == *GREETING {
                let _ = send.write_all(&greeting).await;
                connection.closed().await;
            }
        });
    }
}
