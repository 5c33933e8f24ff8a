//! One server over its own disk: everything it wants done is done as the daemon does it.

use crate::history::{History, Job};
use lictree::model::command::Founding;
use lictree::model::holding::Role;
use lictree::model::letter::{Letter, LinkId};
use lictree::model::log::{Checkpoint, LogBatch, LogPosition};
use lictree::model::name::ServerName;
use lictree::model::request::{Answer, RequestId};
use lictree::model::time::Timestamp;
use lictree::model::tuning::Tuning;
use lictree::server::effect::Effect;
use lictree::server::input::Input;
use lictree::server::{Server, Start};
use lictree::simulator::authority;
use lictree::simulator::truth::truth_of;
use lictree::store::{
    FolderFiles, FolderMeta, LogStore, LossyDisk, Recovered, RowStore, StoreError, StoreLimits,
    Survivors, create_on, open_on,
};

/// Whether the rule is kept that these tests are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Kept,
    /// The server is told that its log is durable before it is.
    ToldTooEarly,
}

/// What a server says to others.
pub enum Said {
    Answer { id: RequestId, answer: Answer },
    Letter { link: LinkId, letter: Letter },
}

pub struct Site {
    pub name: ServerName,
    pub disk: LossyDisk,
    pub history: History,
    tuning: Tuning,
    rule: Rule,
    starts: u64,
    /// `None` only between two starts.
    running: Option<Running>,
}

/// From one start to the next.
struct Running {
    server: Server,
    log: LogStore,
    rows: RowStore,
    inbox: Vec<Input>,
    cut_asked: LogPosition,
    /// Rows wait for their own thread: so many turns of the server pass meanwhile.
    saving: Option<(Checkpoint, u64)>,
    saves: u64,
    /// Appends that the server believes in already; only where the rule is broken.
    owed: Option<Job>,
}

pub fn open(disk: &LossyDisk) -> Result<(LogStore, RowStore, Recovered), StoreError> {
    open_on(FolderFiles::on(disk), &StoreLimits::default())
}

/// What a server is started from, as the daemon does it.
pub fn start(founding: &Founding, tuning: &Tuning, found: Recovered, now: Timestamp) -> Start {
    Start {
        proven: true,
        tuning: tuning.clone(),
        founding: founding.clone(),
        software: "test".to_string(),
        rows_at: found.rows.at,
        // The log is read from where the rows stand, wherever it was cut.
        cut: found.rows.at,
        rows: found.rows.rows,
        hard_state: found.hard_state,
        entries: found.entries,
        entropy: now.0,
        now,
    }
}

impl Site {
    pub fn new(name: &str, role: Role, tuning: &Tuning, rule: Rule, now: Timestamp) -> Site {
        let name: ServerName = name.parse().unwrap();
        let tree = "t".parse().unwrap();
        let founding = Founding { tree, name: name.clone(), role, incarnation: 7 };
        let made = LossyDisk::new();
        let folder = FolderMeta {
            tree: founding.tree.clone(),
            server: name.clone(),
            incarnation: founding.incarnation,
        };
        create_on(FolderFiles::on(&made), &folder).unwrap();
        // A folder gets its name when all in it is durable: no cut comes before that.
        let disk = made.crash(Survivors::All);
        let history = History::new(founding, tuning.clone());
        let (tuning, running) = (tuning.clone(), None);
        let mut site = Site { name, disk, history, tuning, rule, starts: 0, running };
        site.start(now);
        site
    }

    pub fn start(&mut self, now: Timestamp) {
        let (log, rows, found) = open(&self.disk).unwrap();
        self.starts += 1;
        // Differs from start to start and from server to server.
        let entropy = self.starts * 1_000 + self.name.as_str().len() as u64 + self.name_number();
        let begin = start(self.history.founding(), &self.tuning, found, now);
        let server = Server::start(Start { entropy, ..begin }).unwrap();
        self.running = Some(Running {
            server,
            log,
            rows,
            inbox: Vec::new(),
            cut_asked: LogPosition::default(),
            saving: None,
            saves: 0,
            owed: None,
        });
    }

    fn name_number(&self) -> u64 {
        self.name.as_str().bytes().map(u64::from).sum()
    }

    /// Ends in order, as the daemon does: nothing is heard any more, the rows are saved.
    pub fn stop(&mut self, now: Timestamp) {
        self.running().inbox.retain(|input| matches!(input, Input::Persisted { .. }));
        while self.turn(now, &mut |_| {}) {}
        self.post(Input::CheckpointNow);
        while self.turn(now, &mut |_| {}) {}
        self.running = None;
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().unwrap()
    }

    pub fn server(&self) -> &Server {
        &self.running.as_ref().unwrap().server
    }

    pub fn post(&mut self, input: Input) {
        self.running().inbox.push(input);
    }

    /// Takes everything in that waits and does what follows from it. Whether anything happened.
    pub fn turn(&mut self, now: Timestamp, say: &mut dyn FnMut(Said)) -> bool {
        let Running { server, inbox, .. } = self.running.as_mut().unwrap();
        if inbox.iter().any(|input| matches!(input, Input::Persisted { .. })) {
            self.history.is_told();
        }
        let busy = !inbox.is_empty();
        if server.next_deadline().is_some_and(|deadline| deadline <= now) {
            inbox.push(Input::Deadline);
        }
        std::mem::take(inbox).into_iter().for_each(|input| server.handle(now, input));
        let effects = server.effects(now);
        assert_eq!(server.fatal(), None);
        self.history.knows(truth_of(self.server()));
        let acted = !effects.is_empty();
        let mut batches = Vec::new();
        for effect in effects {
            match effect {
                Effect::Persist(batch) => batches.push(batch),
                Effect::Send { link, letter } => {
                    self.history.said(self.disk.operations());
                    say(Said::Letter { link, letter });
                }
                Effect::Answer { id, answer, .. } => {
                    self.history.said(self.disk.operations());
                    say(Said::Answer { id, answer: *answer });
                }
                Effect::Checkpoint(rows) => {
                    let running = self.running();
                    running.saves += 1;
                    running.saving = Some((rows, running.saves % 4));
                }
                Effect::CutLog(position) => {
                    let running = self.running();
                    running.cut_asked = running.cut_asked.max(position);
                }
                Effect::Close { why, .. } => panic!("{} closed a link: {why}", self.name),
                Effect::Certify { ticket, job } => {
                    let result = authority::certify(&job, self.tuning.certificate_life, now);
                    self.post(Input::Certified { ticket, result });
                }
                Effect::Believe(_) => {}
            }
        }
        let wrote = self.write_log(batches) | self.save_rows();
        busy || acted || wrote
    }

    /// Everything that waits for the log in one commit.
    fn write_log(&mut self, batches: Vec<LogBatch>) -> bool {
        let owed = self.running().owed.take();
        let is_due = owed.is_some();
        owed.into_iter().for_each(|job| self.carry_out(job));
        let Some(number) = batches.last().map(|batch| batch.number) else { return is_due };
        let job = Job::Append { batches, cut: self.running().cut_asked };
        self.history.gives(&job);
        match self.rule {
            Rule::Kept => self.carry_out(job),
            Rule::ToldTooEarly => self.running().owed = Some(job),
        }
        self.post(Input::Persisted { number });
        true
    }

    fn save_rows(&mut self) -> bool {
        match self.running().saving.take() {
            None => false,
            Some((rows, 0)) => {
                let at = rows.at;
                self.carry_out(Job::Save(rows));
                self.post(Input::Checkpointed { at });
                true
            }
            Some((rows, turns)) => {
                self.running().saving = Some((rows, turns - 1));
                true
            }
        }
    }

    fn carry_out(&mut self, job: Job) {
        self.history.begins(self.disk.operations(), &job);
        let Running { log, rows, .. } = self.running.as_mut().unwrap();
        job.carry_out(log, rows).unwrap();
    }
}
