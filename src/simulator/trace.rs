//! What happened, as one number and as the last lines of it.
//!
//! Two runs are the same if their hashes are: every input of every server goes in with its time,
//! and every byte that a server asked its disk to keep.

use crate::model::letter::{Body, Letter};
use crate::model::name::ServerName;
use crate::server::input::Input;
use crate::simulator::moment::Moment;
use std::collections::VecDeque;

#[derive(Debug)]
pub struct Trace {
    hash: u64,
    keep: usize,
    lines: VecDeque<String>,
}

impl Trace {
    /// Remembers that many lines; none costs nothing.
    pub fn keeping(keep: usize) -> Trace {
        Trace { hash: 0xcbf2_9ce4_8422_2325, keep, lines: VecDeque::new() }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn lines(&self) -> impl Iterator<Item = &String> {
        self.lines.iter()
    }

    pub fn number(&mut self, number: u64) {
        self.hash = (self.hash.rotate_left(5) ^ number).wrapping_mul(0x0100_0000_01b3);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            self.number(word);
        }
        self.number(bytes.len() as u64);
    }

    pub fn input(&mut self, at: Moment, place: usize, server: &ServerName, input: &Input) {
        self.number(at.0);
        self.number(place as u64);
        self.bytes(input_word(input).as_bytes());
        if self.keep > 0 {
            self.note(at, format!("{server:>3} ◄ {}", shown(input)));
        }
    }

    /// A line for people, if lines are kept.
    pub fn note(&mut self, at: Moment, line: String) {
        if self.keep == 0 {
            return;
        }
        if self.lines.len() == self.keep {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{:>11.3} ms {line}", at.0 as f64 / 1_000.0));
    }

    pub fn keeps_lines(&self) -> bool {
        self.keep > 0
    }
}

fn shown(input: &Input) -> String {
    match input {
        Input::Letter { link, letter } => format!("{link:?} {}", shown_letter(letter)),
        other => shortened(format!("{other:?}")),
    }
}

pub fn shown_letter(letter: &Letter) -> String {
    shortened(format!("to {:?} by {:?}: {:?}", letter.to, letter.route, letter.body))
}

fn shortened(text: String) -> String {
    const LONGEST: usize = 400;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The kind of an input in one word.
pub fn input_word(input: &Input) -> &'static str {
    match input {
        Input::LinkUp { .. } => "link up",
        Input::LinkDown { .. } => "link down",
        Input::Letter { letter, .. } => body_word(&letter.body),
        Input::Request { .. } => "request",
        Input::Seen { .. } => "seen",
        Input::Certified { .. } => "certified",
        Input::Credentials { .. } => "credentials",
        Input::Persisted { .. } => "persisted",
        Input::Checkpointed { .. } => "checkpointed",
        Input::Disk { .. } => "disk",
        Input::Deadline => "deadline",
        Input::CheckpointNow => "checkpoint now",
        Input::Clock(_) => "clock",
        Input::Stopping => "stopping",
    }
}

/// The kind of a letter in one word.
pub fn body_word(body: &Body) -> &'static str {
    match body {
        Body::Presence(_) => "presence",
        Body::Resume { .. } => "resume",
        Body::Heard { .. } => "heard",
        Body::Sources(_) => "sources",
        Body::SourcesSoFar(_) => "sources so far",
        Body::Heads { .. } => "heads",
        Body::AttachHello => "attach hello",
        Body::Challenge { .. } => "challenge",
        Body::AttachRequest { .. } => "attach request",
        Body::Recovery(_) => "recovery",
        Body::Attached { .. } => "attached",
        Body::AttachRefused { .. } => "attach refused",
        Body::Level { .. } => "level",
        Body::EdgeReport { .. } => "edge report",
        Body::Wishes { .. } => "wishes",
        Body::Verdicts { .. } => "verdicts",
        Body::TakeOver { .. } => "take over",
        Body::Handover(_) => "handover",
        Body::HandoverBooked { .. } => "handover booked",
        Body::Yield(_) => "yield",
        Body::YieldBooked { .. } => "yield booked",
        Body::ReportOffer { .. } => "report offer",
        Body::Report(_) => "report",
        Body::ReportAck { .. } => "report ack",
        Body::Reconcile(_) => "reconcile",
        Body::CertificateAsk { .. } => "certificate ask",
        Body::CertificateAnswer { .. } => "certificate answer",
        Body::Trust(_) => "trust",
        Body::Claim { .. } => "claim",
        Body::MoveAsk(_) => "move ask",
        Body::MoveAnswer(_) => "move answer",
        Body::Claimed { .. } => "claimed",
    }
}
