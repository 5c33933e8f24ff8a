//! The one task that holds the server. Everything else posts events and carries frames.
//!
//! ```text
//!   wait: inbox · disk's progress · deadline · stop
//!     └► take everything that waits in ─► effects, once ─► carry them out, in order ─► wait
//! ```

use crate::daemon::DaemonError;
use crate::daemon::author;
use crate::daemon::clock::{Clock, wall};
use crate::daemon::disk::{Disk, LogJob, RowsJob};
use crate::daemon::keyring::Keyring;
use crate::daemon::links::{Links, close_code, farewell};
use crate::daemon::pace::Paces;
use crate::daemon::port::Answered;
use crate::daemon::registrar::Registrar;
use crate::daemon::room::Room;
use crate::model::enrolment::{Certified, Trust};
use crate::model::letter::{Body, Letter, LinkId};
use crate::model::name::ServerName;
use crate::model::request::{Request, RequestId};
use crate::model::time::Timestamp;
use crate::model::view::NeighbourView;
use crate::net::{FrameSender, Identity};
use crate::server::Server;
use crate::server::effect::Effect;
use crate::server::input::{Input, Side};
use crate::store::RowsPicture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// What other tasks tell the owner.
pub(crate) enum Event {
    Asked {
        request: Box<Request>,
        answer: oneshot::Sender<Answered>,
    },
    /// Somebody wants to know how much of the limits is in use.
    Measured(oneshot::Sender<Usage>),
    /// Somebody wants all rows as they are now, for a backup.
    Pictured(oneshot::Sender<RowsPicture>),
    /// Somebody wants to know whether the owner still takes in what waits.
    Pinged(oneshot::Sender<()>),
    LinkUp {
        link: LinkId,
        peer: ServerName,
        side: Side,
        sender: FrameSender,
    },
    /// What one read brought.
    Letters {
        link: LinkId,
        letters: Vec<Letter>,
    },
    LinkDown {
        link: LinkId,
    },
}

/// How much of the limits is in use, as far as the owner knows.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// By the names that the configuration has below `limits`.
    pub levels: Vec<(&'static str, u64)>,
    pub neighbours: Vec<NeighbourView>,
}

/// What an owner is made of.
pub(super) struct Parts {
    pub(super) server: Server,
    pub(super) clock: Clock,
    pub(super) disk: Disk,
    pub(super) room: Room,
    pub(super) links: Links,
    pub(super) paces: Arc<Paces>,
    pub(super) keyring: Arc<Keyring>,
    /// At the primary, where the authority's key is.
    pub(super) registrar: Option<Registrar>,
    pub(super) inbox: mpsc::Receiver<Event>,
    pub(super) inbox_max: usize,
    pub(super) stop_grace: Duration,
}

pub(super) struct Owner {
    parts: Parts,
    /// Whoever asked and was not answered. The server bounds how many it keeps waiting.
    asked: BTreeMap<RequestId, oneshot::Sender<Answered>>,
    request_last: u64,
    /// Links that were ended here, of which the server does not know yet.
    fallen: Vec<LinkId>,
    /// What was done for the server at once, and it does not know yet.
    done: Vec<Input>,
    identity_changes: watch::Receiver<Arc<Identity>>,
    /// The last batch handed to the log, and the last that the server knows to be there.
    handed_out: u64,
    persisted: u64,
    /// The same for checkpoints, counted.
    checkpoints_begun: u64,
    checkpoints_done: u64,
    /// Who waits for a checkpoint to be saved, to see all rows as they are then.
    pictures: Vec<oneshot::Sender<RowsPicture>>,
    /// The data set as it was found at the start. A recovery that begins draws another one.
    data_set: u64,
    /// The witness follows this log, whatever it knew at the start.
    attested: bool,
}

impl Owner {
    pub(super) fn new(parts: Parts) -> Owner {
        let identity_changes = parts.keyring.changes();
        let done = vec![credentials(&parts.keyring)];
        let data_set = parts.server.engine().state().server.founding.incarnation;
        Owner {
            parts,
            done,
            data_set,
            identity_changes,
            asked: BTreeMap::new(),
            request_last: 0,
            fallen: Vec::new(),
            handed_out: 0,
            persisted: 0,
            checkpoints_begun: 0,
            checkpoints_done: 0,
            pictures: Vec::new(),
            attested: false,
        }
    }

    /// Runs until `stop`, then saves the rows; or until a disk fails.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), DaemonError> {
        let mut events = Vec::new();
        loop {
            self.turn(&mut events).await?;
            if self.fallen.is_empty() && self.done.is_empty() {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return self.end().await,
                    () = self.parts.disk.advanced() => {}
                    () = self.parts.room.due() => {}
                    Ok(()) = self.identity_changes.changed() => {
                        self.done.push(credentials(&self.parts.keyring));
                    }
                    _ = self.parts.inbox.recv_many(&mut events, self.parts.inbox_max) => {}
                    () = until(self.parts.server.next_deadline(), self.parts.clock.now()) => {}
                }
            }
        }
    }

    /// Takes in everything that waits, then carries out what follows from it.
    async fn turn(&mut self, events: &mut Vec<Event>) -> Result<(), DaemonError> {
        while events.len() < self.parts.inbox_max
            && let Ok(event) = self.parts.inbox.try_recv()
        {
            events.push(event);
        }
        let (now, reading) = self.parts.clock.read();
        self.parts.server.handle(now, Input::Clock(reading));
        for link in std::mem::take(&mut self.fallen) {
            self.parts.server.handle(now, Input::LinkDown { link });
        }
        for input in std::mem::take(&mut self.done) {
            self.parts.server.handle(now, input);
        }
        self.take_progress(now)?;
        if let Some(input) = self.parts.room.look() {
            self.parts.server.handle(now, input);
        }
        for event in events.drain(..) {
            self.take(now, event);
        }
        if self.parts.server.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.parts.server.handle(now, Input::Deadline);
        }
        self.carry_out(now).await
    }

    fn take(&mut self, now: Timestamp, event: Event) {
        let Parts { server, links, keyring, .. } = &mut self.parts;
        match event {
            Event::Asked { request, answer } => {
                self.request_last += 1;
                let id = RequestId(self.request_last);
                self.asked.insert(id, answer);
                server.handle(now, Input::Request { id, request: *request });
            }
            // The next checkpoint has all that was answered until now.
            Event::Pictured(answer) => {
                self.pictures.retain(|waiting| !waiting.is_closed());
                self.pictures.push(answer);
                server.handle(now, Input::CheckpointNow);
            }
            Event::Measured(answer) => drop(answer.send(self.usage(now))),
            // Whoever asked may have left.
            Event::Pinged(answer) => drop(answer.send(())),
            Event::LinkUp { link, peer, side, sender } => {
                // Its handshake was over before it was shut out; what follows is of no account.
                if let Some(why) = keyring.judge(sender.link()) {
                    let (code, words) = farewell(why);
                    return sender.link().close(code, words);
                }
                if let Some(link) = links.displaced_by(&peer, side) {
                    server.handle(now, Input::LinkDown { link });
                }
                let address = sender.link().remote_address().to_string();
                links.open(link, &peer, side, sender);
                server.handle(now, Input::LinkUp { link, peer, side });
                server.handle(now, Input::Seen { link, address });
            }
            Event::Letters { link, letters } if links.has(link) => {
                for letter in letters {
                    // A child may have moved to another address; its presence says where it is.
                    if let Body::Presence(_) = letter.body
                        && let Some(address) = links.moved(link)
                    {
                        server.handle(now, Input::Seen { link, address });
                    }
                    server.handle(now, Input::Letter { link, letter });
                }
            }
            // What a link brought after it was ended here is of no account.
            Event::Letters { .. } => {}
            Event::LinkDown { link } => {
                if links.forget(link) {
                    server.handle(now, Input::LinkDown { link });
                }
            }
        }
    }

    fn usage(&self, now: Timestamp) -> Usage {
        let Parts { server, links, paces, disk, inbox, .. } = &self.parts;
        let mut levels = server.usage(now);
        levels.push(("inbox_max", inbox.len() as u64));
        levels.push(("log_queue_max", disk.log_queue() as u64));
        Usage { levels, neighbours: links.usage(paces) }
    }

    fn take_progress(&mut self, now: Timestamp) -> Result<(), DaemonError> {
        let progress = self.parts.disk.progress();
        if let Some(error) = progress.failed {
            return Err(error);
        }
        if progress.persisted > self.persisted {
            self.persisted = progress.persisted;
            self.parts.server.handle(now, Input::Persisted { number: self.persisted });
        }
        if progress.checkpoints > self.checkpoints_done {
            self.checkpoints_done = progress.checkpoints;
            self.parts.server.handle(now, Input::Checkpointed { at: progress.rows_at });
        }
        Ok(())
    }

    async fn carry_out(&mut self, now: Timestamp) -> Result<(), DaemonError> {
        let effects = self.parts.server.effects(now);
        if let Some(why) = self.parts.server.fatal() {
            return Err(DaemonError::Broken(why.to_string()));
        }
        // Not by a recovery that stood in the rows: they may be a copy of what went on elsewhere.
        if !self.attested
            && self.parts.server.engine().state().server.founding.incarnation != self.data_set
        {
            self.attested = true;
            self.parts.disk.log(LogJob::Attest).await?;
        }
        for effect in effects {
            match effect {
                Effect::Persist(batch) => {
                    self.handed_out = batch.number;
                    self.parts.disk.log(LogJob::Append(batch)).await?;
                }
                Effect::Send { link, mut letter } => {
                    author::sign(&mut letter, &self.parts.keyring.identity());
                    self.fallen.extend(self.parts.links.send(link, &letter));
                }
                // Whoever asked may have left.
                Effect::Answer { id, answer, log_index } => {
                    let answered = Answered { answer, log_index };
                    drop(self.asked.remove(&id).map(|asked| asked.send(answered)));
                }
                Effect::Checkpoint(checkpoint) => {
                    self.checkpoints_begun += 1;
                    let pictures = std::mem::take(&mut self.pictures);
                    self.parts.disk.save_rows(RowsJob { checkpoint, pictures }).await?;
                }
                Effect::CutLog(position) => self.parts.disk.log(LogJob::Cut(position)).await?,
                Effect::Certify { ticket, job } => {
                    let result = match &mut self.parts.registrar {
                        // Not `now`, which stays ahead after a clock that was.
                        Some(registrar) => registrar.certify(*job, wall()),
                        None => Certified::Unable("its key is not at this server".to_string()),
                    };
                    self.done.push(Input::Certified { ticket, result });
                }
                Effect::Believe(trust) => self.believe(&trust, now)?,
                Effect::Close { link, why } => {
                    self.fallen.extend(self.parts.links.close(link, &why));
                }
            }
        }
        Ok(())
    }

    /// Believes from now on: in handshakes to come, and of connections there are.
    fn believe(&mut self, trust: &Trust, now: Timestamp) -> Result<(), DaemonError> {
        let Parts { keyring, registrar, links, .. } = &mut self.parts;
        keyring.believe(trust, now)?;
        if let Some(registrar) = registrar
            && let Err(error) = registrar.believe(trust)
        {
            tracing::error!("cannot note which authority issues: {error}");
        }
        self.fallen.extend(links.close_refused(keyring));
        Ok(())
    }

    /// The orderly stop: no more requests, no more letters, then rows that need no log.
    async fn end(mut self) -> Result<(), DaemonError> {
        self.parts.inbox.close();
        self.parts.links.close_all(close_code::STOPPING, "this server stops");
        self.asked.clear();
        let grace = self.parts.stop_grace;
        match tokio::time::timeout(grace, self.save_all()).await {
            Ok(saved) => saved?,
            Err(_) => {
                tracing::warn!("rows not saved within {grace:?}; the next start reads the log")
            }
        }
        self.parts.disk.stop();
        Ok(())
    }

    async fn save_all(&mut self) -> Result<(), DaemonError> {
        let (now, reading) = self.parts.clock.read();
        self.parts.server.handle(now, Input::Clock(reading));
        self.parts.server.handle(now, Input::Stopping);
        self.carry_out(now).await?;
        self.settle().await?;
        let now = self.parts.clock.now();
        self.parts.server.handle(now, Input::CheckpointNow);
        self.carry_out(now).await?;
        self.settle().await
    }

    /// Waits until the disk has everything it was handed.
    async fn settle(&mut self) -> Result<(), DaemonError> {
        while self.persisted < self.handed_out || self.checkpoints_done < self.checkpoints_begun {
            self.parts.disk.advanced().await;
            let now = self.parts.clock.now();
            self.take_progress(now)?;
            self.carry_out(now).await?;
        }
        Ok(())
    }
}

/// What the server is to say of itself.
fn credentials(keyring: &Keyring) -> Input {
    let (credentials, authorities) = keyring.credentials();
    Input::Credentials { credentials, authorities }
}

/// Waits for a deadline; for ever when there is none.
async fn until(deadline: Option<Timestamp>, now: Timestamp) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.since(now)).await,
        None => std::future::pending().await,
    }
}
