//! Changes made at a leaf over its socket, and the primary asked until it shows each.
//!
//! ```text
//!   leaf:     import of one node ──► durable, answered
//!   primary:                         └► how many nodes has the leaf? 17, 17, 17, 18
//!             sent ◄──────────────────────── shown ───────────────────────────────┘
//! ```

use crate::measure;
use crate::measure::caller::Caller;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use lictree::model::name::ServerName;
use lictree::model::view::NodeTotal;
use std::path::Path;
use std::time::{Duration, Instant};

/// A tree that shows nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the primary is asked, and how often something changes.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// Between an answer of the primary and the next question.
    pub between_questions: Duration,
    /// After a change has shown, until the next is made.
    pub between_changes: Duration,
}

/// One change, in nanoseconds from when it was sent to the leaf.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub answered: u64,
    pub shown: u64,
}

/// A leaf and its primary, both over their sockets.
pub struct Watch {
    leaf: Caller,
    primary: Caller,
    question: String,
    nodes: u64,
}

impl Watch {
    /// Over when a first change has come through, and the tree with it.
    pub async fn begin(name: &ServerName, leaf: &Path, primary: &Path) -> Watch {
        let question = format!("/v1/node-count?managing_source={name}");
        let (leaf, primary) = (Caller::connect(leaf).await, Caller::connect(primary).await);
        let mut watch = Watch { leaf, primary, question, nodes: 0 };
        watch.change(Duration::from_millis(20)).await;
        watch
    }

    /// So many changes, or those of so long.
    pub async fn changes(&mut self, rhythm: Rhythm, count: usize, until: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        while changes.len() < count && Instant::now() < until {
            changes.push(self.change(rhythm.between_questions).await);
            // Not in step with what the servers do at intervals.
            let part = (self.nodes * 7_919 % 100) as u32 + 50;
            measure::pause(rhythm.between_changes * part / 100).await;
        }
        changes
    }

    async fn change(&mut self, between_questions: Duration) -> Change {
        self.nodes += 1;
        let [.., a, b, c] = self.nodes.to_be_bytes();
        let list = format!(
            "name,ip,mac\nnode-{0},10.{a}.{b}.{c},02:00:00:{a:02x}:{b:02x}:{c:02x}\n",
            self.nodes
        );
        let sent = Instant::now();
        let (status, _) = self.leaf.ask(Method::POST, "/v1/imports?format=csv", list.into()).await;
        assert!(status.is_success(), "an import: {status}");
        let answered = sent.elapsed();
        while self.count().await < self.nodes {
            assert!(sent.elapsed() < PATIENCE, "the primary does not show a change");
            if !between_questions.is_zero() {
                measure::pause(between_questions).await;
            }
        }
        let ns = |time: Duration| time.as_nanos() as u64;
        Change { answered: ns(answered), shown: ns(sent.elapsed()) }
    }

    /// Nodes of the leaf at the primary; none where the leaf itself is not known yet.
    async fn count(&mut self) -> u64 {
        let (status, body) = self.primary.ask(Method::GET, &self.question, Bytes::new()).await;
        if status == StatusCode::CONFLICT {
            return 0;
        }
        serde_json::from_slice::<NodeTotal>(&body).expect("the primary says a number").count
    }
}
