//! Sends first packets of connections that never come about.
//!
//! Each is an Initial as a client of this tree would send it, its ClientHello whole and its seal
//! right, under connection ids of its own; it costs the server as much as a first packet can. What
//! the server answers, its Retry above all, is never read: the sender might be anybody.

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::{cipher_suite::TLS13_AES_128_GCM_SHA256, default_provider};
use rustls::quic::{ClientConnection, Suite, Version};
use rustls::version::TLS13;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The first argument of the child.
const FLOOD: &str = "flood";
const PACKET_BYTES: usize = 1_200;
const SEAL_BYTES: usize = 16;
const ID_BYTES: usize = 8;
/// The addresses it sends from, each in a network of its own.
const SOURCES: u32 = 64;

pub struct Child {
    child: std::process::Child,
}

impl Child {
    /// Begins to send so many packets a second, or as many as it can.
    pub fn start(target: SocketAddr, rate: Option<u64>) -> Child {
        let child = Command::new(std::env::current_exe().unwrap())
            .arg(FLOOD)
            .arg(target.to_string())
            .arg(rate.unwrap_or(0).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Child { child }
    }

    /// Ends it. How many packets it sent.
    pub fn stop(mut self) -> u64 {
        drop(self.child.stdin.take());
        let mut line = String::new();
        BufReader::new(self.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        self.child.wait().unwrap();
        line.trim().parse().unwrap()
    }
}

/// In the child: sends until its standard input ends. Whether this is the child.
pub fn flood_if_asked() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(FLOOD) {
        return false;
    }
    let mut number = || arguments.next().expect("the parent names the target and the rate");
    let (target, rate) = (number().parse().unwrap(), number().parse().unwrap());
    let enough = Arc::new(AtomicBool::new(false));
    let ended = enough.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ended.store(true, Ordering::Relaxed);
    });
    println!("{}", flood(target, rate, &enough));
    true
}

fn flood(target: SocketAddr, rate: u64, enough: &AtomicBool) -> u64 {
    let own = |n: u32| SocketAddr::from((Ipv4Addr::from_bits(0x7f7f_0001 + (n << 8)), 0));
    let sockets: Vec<UdpSocket> = (0..SOURCES).map(|n| UdpSocket::bind(own(n)).unwrap()).collect();
    let hello = ClientHello::new();
    let (begun, mut sent) = (Instant::now(), 0_u64);
    while !enough.load(Ordering::Relaxed) {
        let due = begun.elapsed().as_nanos() as u64 * rate / 1_000_000_000;
        if rate > 0 && sent >= due {
            std::thread::park_timeout(Duration::from_millis(1));
            continue;
        }
        let packet = hello.packet(sent);
        // What finds no room is lost, as on any way.
        let _ = sockets[(sent % u64::from(SOURCES)) as usize].send_to(&packet, target);
        sent += 1;
    }
    sent
}

/// What the first packets say, all the same.
struct ClientHello {
    suite: Suite,
    own_id: [u8; ID_BYTES],
    bytes: Vec<u8>,
}

impl ClientHello {
    fn new() -> ClientHello {
        let own_id = *b"stranger";
        // The one transport parameter that must be there: initial_source_connection_id.
        let params = [&[0x0f, ID_BYTES as u8][..], &own_id].concat();
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"lictree/1".to_vec()];
        let name = "lictree".try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(tls), Version::V1, name, params).unwrap();
        let mut bytes = Vec::new();
        assert!(client.write_hs(&mut bytes).is_none());
        let suite = TLS13_AES_128_GCM_SHA256.tls13().and_then(|suite| suite.quic_suite());
        ClientHello { suite: suite.unwrap(), own_id, bytes }
    }

    /// A packet of 1,200 bytes to a connection id of its own (RFC 9000, 17.2.2; RFC 9001, 5).
    fn packet(&self, number: u64) -> Vec<u8> {
        let seed = number.wrapping_add(std::process::id().into());
        let their_id = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed << 32)).to_be_bytes();
        // Initial, four bytes of packet number; version 1; both ids; no token.
        let mut packet = vec![0xc3, 0, 0, 0, 1, ID_BYTES as u8];
        packet.extend_from_slice(&their_id);
        packet.push(ID_BYTES as u8);
        packet.extend_from_slice(&self.own_id);
        packet.push(0);
        let rest = PACKET_BYTES - packet.len() - 2;
        packet.extend_from_slice(&(0x4000 | rest as u16).to_be_bytes());
        let number_at = packet.len();
        packet.extend_from_slice(&[0; 4]);
        let payload_at = packet.len();
        // One CRYPTO frame at offset 0, then padding.
        packet.extend_from_slice(&[0x06, 0x00]);
        packet.extend_from_slice(&(0x4000 | self.bytes.len() as u16).to_be_bytes());
        packet.extend_from_slice(&self.bytes);
        packet.resize(PACKET_BYTES - SEAL_BYTES, 0);
        let keys = self.suite.keys(&their_id, rustls::Side::Client, Version::V1).local;
        let (header, payload) = packet.split_at_mut(payload_at);
        let seal = keys.packet.encrypt_in_place(0, header, payload).unwrap();
        packet.extend_from_slice(seal.as_ref());
        let (head, sealed) = packet.split_at_mut(payload_at);
        let (first, numbered) = head.split_at_mut(number_at);
        let sample = &sealed[..keys.header.sample_len()];
        keys.header.encrypt_in_place(sample, &mut first[0], numbered).unwrap();
        packet
    }
}
