//! `lictree audit`: whether the counts of the whole tree add up, at the primary.

use crate::edge::codes;
use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::audit::{AuditCounts, AuditView, ProductAudit, ServerAudit, Unconfirmed};
use crate::model::time::Timestamp;

pub(super) async fn run(terminal: &Terminal) -> Result<(), Failure> {
    let view = terminal.client()?.audit().await?;
    terminal.show(&view, text)?;
    match view.adds_up {
        true => Ok(()),
        false => Err(not_added_up(&view)),
    }
}

fn not_added_up(view: &AuditView) -> Failure {
    let wrong = view.products.iter().filter(|product| !product.adds_up);
    let wrong: Vec<String> = wrong.map(|product| product.product.to_string()).collect();
    let message = format!("the counts of {} do not add up", wrong.join(", "));
    let hint = "see what is unlike, above; then: lictree server show NAME";
    Failure::new(Exit::Refused, codes::NOT_ADDED_UP, message, hint)
}

fn text(view: &AuditView, ink: Ink) -> String {
    let mut text = String::new();
    for product in &view.products {
        text.push_str(&product_text(product, view.as_of, ink));
        text.push('\n');
    }
    if view.products.is_empty() {
        text.push_str("nothing is registered, and nobody says that it holds anything\n\n");
    }
    text.push_str(&unconfirmed_text(&view.unconfirmed, view.as_of));
    text
}

fn product_text(audit: &ProductAudit, now: Timestamp, ink: Ink) -> String {
    let ProductAudit { product, counts, adds_up, servers } = audit;
    let mut table = Table::new(vec![
        ("server", Lean::Left),
        ("registered", Lean::Right),
        ("held", Lean::Right),
        ("in transit", Lean::Right),
        ("used", Lean::Right),
        ("managed", Lean::Right),
        ("known", Lean::Left),
    ]);
    for server in servers {
        let name = match server.removed {
            true => Cell::plain(format!("{} (removed)", server.server)),
            false => Cell::plain(&server.server),
        };
        table.row(row(name, &server.counts, Cell::plain(age::ago(now, server.as_of))));
    }
    table.row(row(Cell::new("in all", Tone::Strong), counts, Cell::empty()));
    let AuditCounts { registered, held, in_transit, overdrawn, .. } = counts;
    let sign = if counts.add_up() { "=" } else { "≠" };
    let beyond = match overdrawn.0 {
        0 => String::new(),
        _ => format!(" + {overdrawn} granted beyond that"),
    };
    let sum =
        format!("{registered} registered{beyond} {sign} {held} held + {in_transit} in transit");
    let tone = if *adds_up { Tone::Good } else { Tone::Bad };
    let mut text = format!("{product}: {}\n{}", ink.paint(&sum, tone), table.text(ink));
    for ServerAudit { server, unlike, .. } in servers {
        for one in unlike {
            text.push_str(&format!("{}\n", ink.paint(&format!("{server}: {one}"), Tone::Bad)));
        }
    }
    if overdrawn.0 > 0 {
        let why = format!(
            "{overdrawn} are granted beyond what is registered: licenses have ended, are to be \
             registered again, or were given twice"
        );
        text.push_str(&format!("{}\n", ink.paint(&why, Tone::Notable)));
    }
    text
}

fn row(name: Cell, counts: &AuditCounts, known: Cell) -> Vec<Cell> {
    let AuditCounts { registered, held, in_transit, used, managed, .. } = counts;
    let short = if used > held { Tone::Notable } else { Tone::Plain };
    let (registered, held) = (Cell::plain(registered), Cell::plain(held));
    let (used, managed) = (Cell::new(used, short), Cell::plain(managed));
    vec![name, registered, held, Cell::plain(in_transit), used, managed, known]
}

fn unconfirmed_text(unconfirmed: &[Unconfirmed], now: Timestamp) -> String {
    if unconfirmed.is_empty() {
        return "every member has confirmed its figures\n".to_string();
    }
    let mut text = String::new();
    for Unconfirmed { server, last_seen, why, .. } in unconfirmed {
        let seen = age::ago(now, *last_seen);
        text.push_str(&format!("not confirmed: {server} ({why}, last heard {seen})\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::count::LicenseCount;

    fn counts(registered: u64, held: u64, in_transit: u64, used: u64) -> AuditCounts {
        let [registered, held, in_transit, used] =
            [registered, held, in_transit, used].map(LicenseCount);
        let overdrawn = LicenseCount::ZERO;
        AuditCounts { registered, held, in_transit, used, managed: used, overdrawn }
    }

    fn server(name: &str, counts: AuditCounts, unlike: Vec<String>) -> ServerAudit {
        let (server, as_of) = (name.parse().unwrap(), Some(Timestamp(60_000)));
        ServerAudit { server, counts, as_of, removed: name == "old", unlike }
    }

    fn view(unlike: Vec<String>) -> AuditView {
        let adds_up = unlike.is_empty();
        let hq = server("hq", counts(40, 30, 0, 12), Vec::new());
        let west = server("west", counts(0, if adds_up { 8 } else { 9 }, 2, 0), unlike);
        let all = hq.counts.plus(west.counts);
        let product = "cad".parse().unwrap();
        let servers = vec![hq, west];
        let products = vec![ProductAudit { product, counts: all, adds_up, servers }];
        let (server, last_seen) = ("west".parse().unwrap(), Some(Timestamp(60_000)));
        let unconfirmed =
            vec![Unconfirmed { server, online: false, last_seen, why: "offline".to_string() }];
        AuditView { as_of: Timestamp(120_000), adds_up, products, unconfirmed }
    }

    #[test]
    fn what_adds_up_is_one_line_above_its_parts() {
        let text = text(&view(Vec::new()), Ink::Plain);
        let expected = "\
cad: 40 registered = 38 held + 2 in transit
server  registered  held  in transit  used  managed  known
hq              40    30           0    12       12  60 s ago
west             0     8           2     0        0  60 s ago
in all          40    38           2    12       12

not confirmed: west (offline, last heard 60 s ago)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_granted_beyond_what_is_registered_is_said() {
        let mut view = view(Vec::new());
        view.products[0].counts.registered = LicenseCount(35);
        view.products[0].counts.overdrawn = LicenseCount(5);
        let text = text(&view, Ink::Plain);
        let sum = "cad: 35 registered + 5 granted beyond that = 38 held + 2 in transit\n";
        assert!(text.starts_with(sum), "{text}");
        assert!(text.contains("\n5 are granted beyond what is registered: "), "{text}");
    }

    #[test]
    fn what_does_not_is_said_with_who_says_what() {
        let view = view(vec!["it says that it holds 9".to_string()]);
        let text = text(&view, Ink::Plain);
        assert!(text.starts_with("cad: 40 registered ≠ 39 held + 2 in transit\n"), "{text}");
        assert!(text.contains("\nwest: it says that it holds 9\n"), "{text}");
        let failure = not_added_up(&view);
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Refused, "LT0240"));
    }
}
