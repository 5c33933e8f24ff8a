//! Fifty clients: each manages, releases and looks at devices of one server, over its socket.
//!
//! A client changes only devices of its own, one ask after another, and looks at all of its server.
//! So of each device it is known what was asked in which order. After an ask without an answer the
//! device is left alone until its server was killed: the ask may be carried out until then.

use crate::history::{Ask, Operation, Outcome, Recorder};
use crate::tree::{DEVICES, Life, SERVERS, Tree, supply};
use lictree::client::{Client, ClientError, ClientLimits};
use lictree::model::device::{DeviceId, DeviceNumber, DeviceState};
use lictree::model::request::DeviceOutcome;
use lictree::model::view::NodeView;
use lictree::simulator::entropy::Entropy;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub const CLIENTS: usize = 50;
const DEVICES_EACH: u64 = DEVICES as u64 / (CLIENTS / SERVERS.len()) as u64;
/// Longer than a server waits for another one's answer.
const DEADLINE: Duration = Duration::from_millis(1_500);
const PAUSE_MS_MAX: u64 = 60;
/// For so long the clients of a server want many devices managed, then for so long few: so its
/// range is full, and has some left for the operator to take.
const TIDE_MS: u128 = 900;
const PAUSE_WITHOUT_ANSWER: Duration = Duration::from_millis(100);

/// What a client knows of a device of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Managed,
    /// Nor will it be unless it is asked for.
    NotManaged,
    /// A wish waits at the server.
    Pending,
    /// Something was asked and not answered, in this life of the server.
    Unknown(u64),
}

/// The refusal of a full range.
const FULL: &str = "LT0301";
/// The source has not answered yet.
pub const UNANSWERED: &str = "LT0302";

pub struct Worker {
    server: &'static str,
    /// Whether the range is its own.
    is_source: bool,
    number: usize,
    client: Client,
    life: Arc<Life>,
    devices: Vec<(DeviceId, Known)>,
    recorder: Arc<Recorder>,
    entropy: Entropy,
}

pub fn device(server: &str, number: u64) -> DeviceId {
    DeviceId { managing_source: server.parse().unwrap(), number: DeviceNumber(number) }
}

/// A client of a server that gives up early.
pub fn impatient(tree: &Tree, server: &str) -> Client {
    let limits = ClientLimits { deadline: DEADLINE, ..ClientLimits::default() };
    Client::with_limits(tree.folder_of(server).join(lictree::client::SOCKET_NAME), limits)
}

impl Worker {
    pub fn new(
        number: usize,
        tree: &Tree,
        recorder: Arc<Recorder>,
        entropy: &mut Entropy,
    ) -> Worker {
        let server = SERVERS[number % SERVERS.len()];
        let first = (number / SERVERS.len()) as u64 * DEVICES_EACH;
        let devices = (1..=DEVICES_EACH).map(|of| (device(server, first + of), Known::NotManaged));
        let (devices, client) = (devices.collect(), impatient(tree, server));
        let (life, entropy) = (tree.life_of(server), entropy.fork());
        let is_source = supply().source[server] == server;
        Worker { server, is_source, number, client, life, devices, recorder, entropy }
    }

    /// Asks until it is told to stop.
    pub async fn work(mut self, stop: CancellationToken) {
        let mut answered = true;
        while !stop.is_cancelled() {
            // Without an answer it asks again once somebody listens: each such ask costs a device.
            if answered || UnixStream::connect(self.client.socket()).await.is_ok() {
                answered = self.turn().await;
            }
            let pause = match answered {
                true => Duration::from_millis(self.entropy.below(PAUSE_MS_MAX)),
                false => PAUSE_WITHOUT_ANSWER,
            };
            // Ends early when it is over.
            drop(timeout(pause, stop.cancelled()).await);
        }
    }

    /// One operation; whether the server answered.
    async fn turn(&mut self) -> bool {
        match self.entropy.below(100) {
            0..10 => {
                let any = 1 + self.entropy.below(u64::from(DEVICES));
                self.ask(Ask::Show(device(self.server, any))).await.is_answer()
            }
            10..13 if self.is_source => self.ask(Ask::Range).await.is_answer(),
            _ => self.change().await,
        }
    }

    async fn change(&mut self) -> bool {
        let place = self.entropy.index(DEVICES_EACH as usize);
        let (device, known) = self.devices[place].clone();
        let life = self.life.now();
        let ask = match known {
            Known::Unknown(then) if self.life.is_another_than(then) => Ask::Settle(device),
            Known::Unknown(_) => Ask::Show(device),
            Known::Managed => Ask::Ignore(device),
            Known::NotManaged if self.wants_few() && self.entropy.below(4) > 0 => Ask::Show(device),
            Known::NotManaged => Ask::Manage(device),
            Known::Pending if self.entropy.below(2) == 0 => Ask::Ignore(device),
            Known::Pending => Ask::Manage(device),
        };
        let outcome = self.ask(ask.clone()).await;
        let known = match (&ask, &outcome) {
            (Ask::Show(_), _) => known,
            (Ask::Settle(_), Outcome::Unknown) | (_, Outcome::NotAsked) => known,
            (_, Outcome::Unknown) => Known::Unknown(life),
            (_, Outcome::Managed) => Known::Managed,
            (_, Outcome::Pending) => Known::Pending,
            (_, Outcome::Shown(_, true)) => Known::Pending,
            (_, Outcome::Shown(DeviceState::Managed, _)) => Known::Managed,
            (_, Outcome::Ignored | Outcome::Full | Outcome::Shown(..)) => Known::NotManaged,
            _ => known,
        };
        self.devices[place].1 = known;
        outcome.is_answer()
    }

    fn wants_few(&self) -> bool {
        let of_server = (self.number % SERVERS.len()) as u128;
        (self.recorder.now().as_millis() / TIDE_MS + of_server).is_multiple_of(2)
    }

    async fn ask(&self, ask: Ask) -> Outcome {
        let began = self.recorder.now();
        let life = self.life.now();
        let outcome = match answer(&self.client, self.server, &ask).await {
            Outcome::Unknown if self.life.was_none_since(life) => Outcome::NotAsked,
            outcome => outcome,
        };
        let ended = self.recorder.now();
        let index = self.client.log_index().filter(|_| outcome.is_answer());
        let (server, client, outcome_too) = (self.server, self.number, outcome.clone());
        self.recorder.note(Operation { server, client, ask, began, ended, outcome, index });
        outcome_too
    }
}

async fn answer(client: &Client, server: &str, ask: &Ask) -> Outcome {
    let answered = match ask {
        Ask::Manage(device) => client.manage(vec![device.clone()], None).await.map(of_device),
        Ask::Ignore(device) => client.ignore(vec![device.clone()]).await.map(of_device),
        Ask::Show(device) | Ask::Settle(device) => client.node(device).await.map(shown),
        Ask::Range => client.range(&server.parse().unwrap()).await.map(|view| {
            let range = &view.ranges[0];
            match range.source.as_str() == server {
                true => Outcome::Figures { held: range.held.0, used: range.used.0 },
                false => Outcome::Refused("it shares now".to_string()),
            }
        }),
        Ask::Distribute(..) => unreachable!("the operator asks for it"),
    };
    answered.unwrap_or_else(|error| refused(&error))
}

/// An answer that says no, or none.
pub fn refused(error: &ClientError) -> Outcome {
    match error {
        ClientError::Refused(refusal) => Outcome::Refused(refusal.code.clone()),
        ClientError::Unreadable { .. } => panic!("{error}"),
        ClientError::Unable(_) | ClientError::Unreachable { .. } => Outcome::Unknown,
    }
}

fn of_device(outcomes: Vec<DeviceOutcome>) -> Outcome {
    let [DeviceOutcome { state, refusal, .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
    match (refusal.as_ref().map(|refusal| refusal.code.as_str()), state) {
        (None, Some(DeviceState::Managed)) => Outcome::Managed,
        (None, Some(DeviceState::Ignored)) => Outcome::Ignored,
        (Some(FULL), _) => Outcome::Full,
        (Some(UNANSWERED), _) => Outcome::Pending,
        _ => panic!("no client of the other devices asked: {outcomes:?}"),
    }
}

pub fn shown(node: NodeView) -> Outcome {
    Outcome::Shown(node.state, node.waiting.as_deref() == Some("manage"))
}
