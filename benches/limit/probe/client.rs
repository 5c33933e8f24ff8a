//! The asking end: every connection keeps its requests outstanding until the time is over.

use super::{ANSWER_BYTES, Case, REQUEST_BYTES, Sockets, tls};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each request waited, in nanoseconds, and how long it took until all were answered.
pub async fn ask(
    case: &Case,
    server: SocketAddr,
    folder: &Path,
    time: Duration,
) -> (Vec<u64>, Duration) {
    let endpoints = match case.sockets {
        Sockets::Shared => 1,
        Sockets::Own => case.connections,
    };
    let endpoints: Vec<Endpoint> = (0..endpoints).map(|_| endpoint(folder)).collect();
    let mut asking = Vec::new();
    for number in 0..case.connections {
        let endpoint = &endpoints[number % endpoints.len()];
        let connection = endpoint.connect(server, tls::NAME).unwrap().await.unwrap();
        let (send, receive) = connection.open_bi().await.unwrap();
        let mut one = Asking { _connection: connection, send, receive, number: 0 };
        // The first request opens the stream at the server, and warms everything up.
        one.keep(1, Instant::now()).await;
        asking.push(one);
    }
    let (begun, outstanding) = (Instant::now(), case.outstanding);
    let tasks = asking.into_iter().map(|mut one| {
        tokio::spawn(async move { (one.keep(outstanding, begun + time).await, one) })
    });
    let tasks: Vec<_> = tasks.collect();
    let (mut waits, mut asked) = (Vec::new(), Vec::new());
    for task in tasks {
        let (some, one) = task.await.unwrap();
        waits.extend(some);
        asked.push(one);
    }
    (waits, begun.elapsed())
}

fn endpoint(folder: &Path) -> Endpoint {
    let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    endpoint.set_default_client_config(tls::client(folder));
    endpoint
}

struct Asking {
    /// Held, or its streams would end.
    _connection: Connection,
    send: SendStream,
    receive: RecvStream,
    number: u64,
}

impl Asking {
    /// Asks at least once; answers the time that each request waited.
    async fn keep(&mut self, outstanding: usize, until: Instant) -> Vec<u64> {
        let (mut waits, mut come) = (Vec::new(), Vec::new());
        let mut sent: VecDeque<Instant> = VecDeque::new();
        loop {
            let now = Instant::now();
            let mut requests = Vec::new();
            while sent.len() < outstanding && (now < until || waits.is_empty()) {
                self.number += 1;
                requests.extend_from_slice(&self.number.to_le_bytes());
                requests.resize(requests.len() + REQUEST_BYTES - 8, 0x5a);
                sent.push_back(now);
            }
            if !requests.is_empty() {
                self.send.write_all(&requests).await.unwrap();
            }
            if sent.is_empty() {
                return waits;
            }
            let chunk = self.receive.read_chunk(usize::MAX, true).await.unwrap().unwrap();
            come.extend_from_slice(&chunk.bytes);
            let answers = come.len() / ANSWER_BYTES;
            come.drain(..answers * ANSWER_BYTES);
            let now = Instant::now();
            let answered = sent.drain(..answers);
            waits.extend(answered.map(|at| (now - at).as_nanos() as u64));
        }
    }
}
