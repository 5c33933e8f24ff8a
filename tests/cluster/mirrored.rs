//! What the rows of a relay go through on their way up, and at the servers that mirror them:
//! faults, crashes, and a parent that was away.

use crate::site::{Process, Site, eventually, run};
use crate::tap::{Kept, Tap, Way};
use lictree::client::contract::ImportFormat;
use lictree::model::letter::Body;
use lictree::model::log::RowChange;
use lictree::model::node_query::{NodeFilter, NodeQuery};
use lictree::model::report::{RowBody, StreamId, Table};
use lictree::model::row::{Row, RowKey};
use lictree::model::view::NodeView;
use lictree::record;
use lictree::store::{self, StoreLimits};
use lictree::wire::{Frame, WireLimits, decode_frame};
use std::fs;
use std::path::{Path, PathBuf};

/// So many machines of a site, as `arp -a` shows them, from a number on.
fn machines(from: u32, count: u32) -> Vec<u8> {
    let line = |n: u32| {
        let [_, b, c, d] = n.to_be_bytes();
        format!("pc-{n} (10.{b}.{c}.{d}) at 00:1b:21:{b:02x}:{c:02x}:{d:02x} [ether] on eth0\n")
    };
    (from..from + count).map(line).collect::<String>().into_bytes()
}

#[track_caller]
fn import(server: &Process, from: u32, count: u32) {
    let outcome = run(server.client().import(ImportFormat::Arp, machines(from, count))).unwrap();
    assert_eq!(outcome.new, u64::from(count));
}

fn of_c() -> NodeFilter {
    NodeFilter { managing_sources: vec!["c".parse().unwrap()], ..NodeFilter::default() }
}

/// Waits until a server knows so many nodes of c.
#[track_caller]
fn knows(server: &Process, count: u64) {
    let asked = || run(server.client().count_nodes(&of_c()));
    eventually(&format!("{count} nodes of c are known"), asked, |known| *known == count);
}

/// All nodes of c as a server shows them.
fn nodes_of_c(server: &Process) -> Vec<NodeView> {
    let mut query = NodeQuery { filter: of_c(), limit: 500, ..NodeQuery::default() };
    let mut nodes = Vec::new();
    loop {
        let page = run(server.client().nodes(&query)).unwrap();
        nodes.extend(page.nodes);
        query.after = page.next;
        if query.after.is_none() {
            return nodes;
        }
    }
}

/// The same port at every start, for those who know no other.
fn fixed(config: PathBuf) -> (PathBuf, Process) {
    let server = Process::start(&config);
    let text = fs::read_to_string(&config).unwrap();
    let listen = format!("listen = \"{}\"", server.address());
    fs::write(&config, text.replace("listen = \"127.0.0.1:0\"", &listen)).unwrap();
    (config, server)
}

fn add_time(config: &Path, line: &str) {
    let text = fs::read_to_string(config).unwrap();
    fs::write(config, text.replace("[times]\n", &format!("[times]\n{line}\n"))).unwrap();
}

/// Changes rows of a stopped server behind its back, each with the right checksum.
fn damage(data_dir: &Path, change: impl Fn(&RowKey, Row) -> Option<Row>) -> usize {
    let (_log, mut rows, found) = store::open(&data_dir.join("state"), &StoreLimits::default())
        .expect("the folder of a server that stopped in order");
    let mut checkpoint = found.rows;
    let all = std::mem::take(&mut checkpoint.rows);
    for kept in all {
        let (key, row) = record::decode_row(&kept).unwrap();
        let changed = change(&key, row.clone());
        if changed.as_ref() != Some(&row) {
            let other: RowChange = record::encode_row(&key, changed.as_ref());
            checkpoint.rows.push(other);
        }
    }
    let changed = checkpoint.rows.len();
    rows.checkpoint(&checkpoint, found.hard_state.commit).unwrap();
    changed
}

/// A name is another, and a row is missing: nothing but a comparison would ever find that.
#[test]
fn rows_that_silently_differ_at_the_primary_are_put_right() {
    let site = Site::new();
    let (hq_config, hq) = fixed(site.primary("hq"));
    let c_config = site.relay("c", "hq", hq.address());
    add_time(&c_config, "reconcile_interval_ms = 1000");
    let c = Process::start(&c_config);
    import(&c, 1, 600);
    knows(&hq, 600);
    let right = nodes_of_c(&hq);
    assert_eq!(right, nodes_of_c(&c));
    let data_dir = hq.data_dir.clone();
    hq.stop();

    let stream = StreamId { origin: "c".parse().unwrap(), table: Table::Nodes };
    let changed = damage(&data_dir, |key, row| match (key, row) {
        (RowKey::Mirrored(of, name), Row::Mirrored(mut row)) if *of == stream => {
            let RowBody::Device(device) = &mut row.body else { return Some(Row::Mirrored(row)) };
            match device.host_name.as_deref() {
                Some("pc-7") => device.host_name = Some("pc-8".to_string()),
                Some("pc-300") => return None,
                _ => {}
            }
            assert_eq!(row.name, *name);
            Some(Row::Mirrored(row))
        }
        (_, row) => Some(row),
    });
    assert_eq!(changed, 2);
    let hq = Process::start(&hq_config);
    assert_eq!(nodes_of_c(&hq).len(), 599, "nothing is damaged");
    let asked = || Ok(nodes_of_c(&hq));
    eventually("hq shows c's nodes as they are", asked, |nodes| *nodes == right);
    // The line may be on disk a moment after the rows are on their way.
    let told = || {
        let events = run(c.client().events(0, 100)).unwrap().into_iter();
        Ok(events.filter(|event| event.kind == "rows.differed").collect::<Vec<_>>())
    };
    let differed = eventually("c tells of it", told, |differed| !differed.is_empty());
    // Two rows of six hundred: no more than their two parts were told again.
    let parts = |text: &str| text.contains("in 1 of 256") || text.contains("in 2 of 256");
    assert!(differed.len() == 1 && parts(&differed[0].text), "{differed:?}");
}

/// What it mirrors is only in its memory.
#[test]
fn a_relay_between_that_crashed_is_filled_again_from_below() {
    let site = Site::new();
    let hq = Process::start(&site.primary("hq"));
    let (b_config, b) = fixed(site.relay("b", "hq", hq.address()));
    let c = Process::start(&site.relay("c", "b", b.address()));
    import(&c, 1, 20_000);
    knows(&hq, 20_000);
    b.crash();
    import(&c, 20_001, 100);
    let b = Process::start(&b_config);
    knows(&b, 20_100);
    knows(&hq, 20_100);
    assert_eq!(nodes_of_c(&b), nodes_of_c(&c));
    assert_eq!(nodes_of_c(&hq), nodes_of_c(&c));
}

/// The rows of nodes that went up.
fn rows_said(kept: &[Kept]) -> usize {
    let letters = kept.iter().filter(|kept| kept.way == Way::Up);
    let rows = letters.map(|kept| match decode_frame(&kept.frame, &WireLimits::default()) {
        Ok(Frame::Letter(letter)) => match letter.body {
            Body::Report(batch) if batch.stream.table == Table::Nodes => batch.rows.len(),
            _ => 0,
        },
        _ => 0,
    });
    rows.sum()
}

/// However long it was away: what it has, it says by one number.
#[test]
fn a_parent_that_was_away_is_told_only_what_is_new() {
    let site = Site::new();
    let (hq_config, hq) = fixed(site.primary("hq"));
    let tap = Tap::between(&site, "c", "hq", hq.address());
    let c = Process::start(&site.relay("c", "hq", tap.address()));
    import(&c, 1, 2_000);
    knows(&hq, 2_000);
    hq.crash();
    import(&c, 2_001, 3);
    let before = tap.kept().len();
    let hq = Process::start(&hq_config);
    knows(&hq, 2_003);
    let said = rows_said(&tap.kept()[before..]);
    // Three, and again for each retry until the answer is there; not the two thousand.
    assert!((3..=60).contains(&said), "{said} rows were said for three new ones");
    assert!(rows_said(&tap.kept()[..before]) >= 2_000, "the tap hears nothing");
}
