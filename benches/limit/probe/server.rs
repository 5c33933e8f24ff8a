//! The answering end, a process of its own.

use super::{ANSWER_BYTES, REQUEST_BYTES, SERVE, tls};
use crate::measure;
use quinn::{Endpoint, RecvStream, SendStream};
use redb::{Database, TableDefinition};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc as queue;
use tokio::sync::mpsc;

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");

/// More than all requests that can be outstanding: nothing here ever waits for room.
const WAITING_MAX: usize = 4_096;

/// What one read brought, on its way to the disk and back.
struct Job {
    records: Vec<u8>,
    answer_to: mpsc::Sender<Vec<u8>>,
}

pub struct Child {
    child: std::process::Child,
    address: SocketAddr,
}

impl Child {
    pub fn start(folder: &Path) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(SERVE)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Child { child, address: line.trim().parse().unwrap() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

pub fn serve(folder: &Path) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let database = Database::create(folder.join("records.redb")).unwrap();
    let (to_disk, jobs) = queue::sync_channel(WAITING_MAX);
    std::thread::spawn(move || commit(&database, &jobs));
    measure::runtime().block_on(async {
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = Endpoint::server(tls::server(folder), own).unwrap();
        println!("{}", endpoint.local_addr().unwrap());
        while let Some(incoming) = endpoint.accept().await {
            let to_disk = to_disk.clone();
            tokio::spawn(async move {
                let Ok(connection) = incoming.await else { return };
                let Ok((send, receive)) = connection.accept_bi().await else { return };
                let (answer_to, answers) = mpsc::channel(WAITING_MAX);
                tokio::spawn(write(send, answers));
                read(receive, to_disk, answer_to).await;
            });
        }
    });
}

/// Group commit: all that waits, one transaction, then every answer.
fn commit(database: &Database, jobs: &queue::Receiver<Job>) {
    let mut number = 0_u64;
    while let Ok(first) = jobs.recv() {
        let group: Vec<Job> = std::iter::once(first).chain(jobs.try_iter()).collect();
        let transaction = database.begin_write().unwrap();
        let mut table = transaction.open_table(RECORDS).unwrap();
        for record in group.iter().flat_map(|job| job.records.chunks_exact(REQUEST_BYTES)) {
            table.insert(number, record).unwrap();
            number += 1;
        }
        drop(table);
        transaction.commit().unwrap();
        for job in group {
            // Whoever asked may have left.
            let _ = job.answer_to.try_send(answers(&job.records));
        }
    }
}

fn answers(records: &[u8]) -> Vec<u8> {
    let mut answers = vec![0; records.len() / REQUEST_BYTES * ANSWER_BYTES];
    let pairs = records.chunks_exact(REQUEST_BYTES).zip(answers.chunks_exact_mut(ANSWER_BYTES));
    pairs.for_each(|(record, answer)| answer[..8].copy_from_slice(&record[..8]));
    answers
}

async fn read(
    mut receive: RecvStream,
    to_disk: queue::SyncSender<Job>,
    answer_to: mpsc::Sender<Vec<u8>>,
) {
    let mut come: Vec<u8> = Vec::new();
    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
        come.extend_from_slice(&chunk.bytes);
        let whole = come.len() / REQUEST_BYTES * REQUEST_BYTES;
        if whole > 0 {
            let begun = come.split_off(whole);
            let records = std::mem::replace(&mut come, begun);
            to_disk.try_send(Job { records, answer_to: answer_to.clone() }).ok().unwrap();
        }
    }
}

/// All answers that wait go out in one write.
async fn write(mut send: SendStream, mut answers: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut bytes) = answers.recv().await {
        while let Ok(more) = answers.try_recv() {
            bytes.extend(more);
        }
        if send.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
