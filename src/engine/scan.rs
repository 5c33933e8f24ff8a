//! The end of a scan: one line in the event log.

use super::Engine;
use super::waiting::Hope;
use crate::model::command::Command;
use crate::model::count::counted;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, RequestId};
use crate::model::scan::{ScanEnd, ScanSummary};
use crate::model::time::Timestamp;

/// The longest line about a scan, in characters.
const LINE_CHARS_MAX: usize = 500;

impl Engine {
    /// Notes a scan; answered once the line is kept.
    pub(super) fn note_scan(&mut self, id: RequestId, summary: &ScanSummary, now: Timestamp) {
        let kind = match summary.end {
            ScanEnd::Done => "scan.done",
            ScanEnd::Stopped => "scan.stopped",
            ScanEnd::Failed(_) => "scan.failed",
        };
        let text = line(summary).chars().take(LINE_CHARS_MAX).collect();
        self.propose(Command::Note { kind: kind.to_string(), text });
        self.await_answer(id, Hope::Applied { answer: Box::new(Answer::Done) }, now);
    }
}

/// A scan in one line: what there was, what was found, what became of it.
fn line(summary: &ScanSummary) -> String {
    let ScanSummary { name, addresses, looked_at, found, new, .. } = summary;
    let all = counted_in("address", "addresses", *addresses);
    let mut line = format!("scan {name}: {all}, {found} found, {}", counted(*new, "new node"));
    if let Some(product) = &summary.product {
        line.push_str(&format!(", {} managed for {product}", summary.managed));
        if summary.unlicensed > 0 {
            let nodes = counted(summary.unlicensed, "node");
            let verb = if summary.unlicensed == 1 { "stays" } else { "stay" };
            line.push_str(&format!("; {nodes} {verb} discovered: no license of {product} is left"));
        }
        if summary.undecided > 0 {
            let nodes = counted(summary.undecided, "node");
            line.push_str(&format!("; {nodes} not decided: the sharing source gave no answer"));
        }
    }
    match &summary.end {
        ScanEnd::Done => {}
        ScanEnd::Stopped => line.push_str(&format!("; stopped after {looked_at}")),
        ScanEnd::Failed(Refusal { code, message, .. }) => {
            line.push_str(&format!("; failed after {looked_at}: {message} ({code})"));
        }
    }
    line
}

fn counted_in(one: &str, many: &str, count: u64) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(end: ScanEnd) -> ScanSummary {
        ScanSummary {
            name: "office".to_string(),
            end,
            addresses: 254,
            looked_at: 100,
            found: 9,
            new: 1,
            product: None,
            managed: 0,
            unlicensed: 0,
            undecided: 0,
        }
    }

    #[test]
    fn a_line_says_what_there_was_and_what_became_of_it() {
        let plain = summary(ScanEnd::Done);
        assert_eq!(line(&plain), "scan office: 254 addresses, 9 found, 1 new node");
        let product = Some("inventory".parse().unwrap());
        let full = ScanSummary { product, managed: 8, unlicensed: 2, undecided: 1, ..plain };
        let text = line(&full);
        assert!(text.contains("8 managed for inventory; 2 nodes stay discovered"), "{text}");
        assert!(text.contains("1 node not decided"), "{text}");
        assert!(line(&summary(ScanEnd::Stopped)).ends_with("; stopped after 100"));
        let failed = ScanEnd::Failed(Refusal::new("LT0305", "no room", ""));
        assert!(line(&summary(failed)).ends_with("failed after 100: no room (LT0305)"));
    }
}
