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
const LINE_CHARS_MAX: usize = 800;

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
    let ScanSummary { name, addresses, done, found, new, .. } = summary;
    let all = counted_in("address", "addresses", *addresses);
    let mut line = format!("scan {name}: {all}, {found} found, {}", counted(*new, "new node"));
    let stopped = summary.end == ScanEnd::Stopped;
    if let Some(product) = summary.product.as_ref().filter(|_| !stopped) {
        line.push_str(&format!(", {} managed for {product}", summary.managed));
        if summary.unlicensed > 0 {
            let nodes = counted(summary.unlicensed, "node");
            let verb = if summary.unlicensed == 1 { "stays" } else { "stay" };
            line.push_str(&format!("; {nodes} {verb} discovered: no license of {product} is left"));
        }
        if summary.undecided > 0 {
            let nodes = counted(summary.undecided, "node");
            line.push_str(&format!("; {nodes} not decided"));
        }
        if let Some(refusal) = &summary.why_undecided {
            line.push_str(&told(refusal));
        }
    }
    match &summary.end {
        ScanEnd::Done => {}
        ScanEnd::Stopped => {
            line.push_str(&format!("; stopped after {done}"));
            if let Some(product) = &summary.product {
                line.push_str(&format!(", so nothing was managed for {product}"));
            }
        }
        ScanEnd::Failed(refusal) => {
            line.push_str(&format!("; failed after {done}{}", told(refusal)));
        }
    }
    for Refusal { code, message, .. } in &summary.hindered {
        line.push_str(&format!("; {message} ({code})"));
    }
    line
}

/// Why something is not as it was to be, and what to do about it.
fn told(Refusal { code, message, hint }: &Refusal) -> String {
    match hint.is_empty() {
        true => format!(": {message} ({code})"),
        false => format!(": {message} ({code}): {hint}"),
    }
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
            done: 100,
            found: 9,
            new: 1,
            product: None,
            managed: 0,
            unlicensed: 0,
            undecided: 0,
            why_undecided: None,
            hindered: Vec::new(),
        }
    }

    #[test]
    fn a_line_says_what_there_was_and_what_became_of_it() {
        let plain = || summary(ScanEnd::Done);
        assert_eq!(line(&plain()), "scan office: 254 addresses, 9 found, 1 new node");
        let product = Some("inventory".parse().unwrap());
        let full = ScanSummary { product, managed: 8, unlicensed: 2, undecided: 1, ..plain() };
        let text = line(&full);
        assert!(text.contains("8 managed for inventory; 2 nodes stay discovered"), "{text}");
        assert!(text.contains("1 node not decided"), "{text}");
        let why = Refusal::new("LT0231", "no license of inventory", "register one");
        let text = line(&ScanSummary { why_undecided: Some(why), ..full });
        let told = "1 node not decided: no license of inventory (LT0231): register one";
        assert!(text.ends_with(told), "{text}");
        assert!(line(&summary(ScanEnd::Stopped)).ends_with("; stopped after 100"));
        let product = Some("inventory".parse().unwrap());
        let stopped = line(&ScanSummary { product, ..summary(ScanEnd::Stopped) });
        let told = "1 new node; stopped after 100, so nothing was managed for inventory";
        assert!(stopped.ends_with(told), "{stopped}");
        let failed = ScanEnd::Failed(Refusal::new("LT0305", "no room", ""));
        assert!(line(&summary(failed)).ends_with("failed after 100: no room (LT0305)"));
        let failed = ScanEnd::Failed(Refusal::new("LT0334", "nobody asked", "let it ping"));
        let text = line(&summary(failed));
        assert!(text.ends_with("failed after 100: nobody asked (LT0334): let it ping"), "{text}");
        let hindered = vec![Refusal::new("LT0332", "icmp cannot be used", "let it ping")];
        let text = line(&ScanSummary { hindered, ..plain() });
        assert!(text.ends_with("1 new node; icmp cannot be used (LT0332)"), "{text}");
    }
}
