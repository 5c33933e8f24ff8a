//! Which folder of `src/` may name which.
//!
//! ```text
//!  5    edge                           command line, HTTP API and console, scans, imports, agent
//!  4    client   daemon   simulator
//!  3    server
//!  2    engine  group  record  |  wire  net     (store and wire stand on record)
//!  1    model
//! ```
//!
//! - The table has every folder, lowest first; a folder names only folders above it in the table.
//! - Test modules keep the same rule: what a test needs from above belongs into `tests/`.
//! - `super` reaches one level, and never from a folder's `mod.rs` to the folders beside it.

use crate::source::{Finding, Source, check};
use crate::syntax;

/// A folder, and the folders it may name besides itself.
const TABLE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("engine", &["model"]),
    ("group", &["model"]),
    ("record", &["model"]),
    ("store", &["model", "record"]),
    // `record` for the forms of values that are both stored and sent (docs/decisions/0004).
    ("wire", &["model", "record"]),
    ("net", &["model"]),
    ("server", &["model", "engine", "group", "record"]),
    ("simulator", &["model", "server", "record"]),
    ("daemon", &["model", "server", "record", "wire", "store", "net"]),
    ("client", &["model", "wire", "net"]),
    // `engine` only to answer questions that need no server (`topology show`, `plan`), and for the
    // table of permissions, of which the API's routes are made. `wire` and
    // `net` because the command line opens and issues license files (`vendor keygen`,
    // `vendor issue`) and makes identities (`init`, `up`) where no server runs yet to be asked.
    ("edge", &["model", "client", "daemon", "simulator", "engine", "wire", "net"]),
    ("main", &["edge"]),
];

/// Libraries that only some folders may name, so that they can be exchanged there, or not at all.
const HOMES: &[(&str, &[&str])] = &[
    ("protobuf", &["group"]),
    ("quinn", &["net"]),
    ("raft", &["group"]),
    ("redb", &["store"]),
    ("tokio", &["store", "wire", "net", "client", "daemon", "edge", "main"]),
];

/// Every folder is in the table, and names what the table lets it.
pub fn folders(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        let Some(folder) = source.folder().filter(|folder| *folder != "lib") else { continue };
        let Some((_, may)) = TABLE.iter().find(|(name, _)| *name == folder) else {
            let what = format!("`{folder}` is no folder of the table; find it a home in one that");
            found.push(source.finding(1, format!("{what} is, or give it a row in {}", file!())));
            continue;
        };
        for path in syntax::paths(&source.tokens()) {
            let [root @ ("crate" | "lictree"), named, ..] = path.segments[..] else { continue };
            if named != folder && !may.contains(&named) && named != "self" {
                let what = format!("`{folder}` names `{root}::{named}`");
                let may = if may.is_empty() { "itself".to_string() } else { may.join(", ") };
                let remedy = format!("it may name {may}; move what it needs down, or hand it in");
                found.push(source.finding(path.line, format!("{what}; {remedy}")));
            }
        }
    }
    found
}

/// No `super::super`, and no `super` out of a folder.
pub fn climbing(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let tokens = source.tokens();
        let modules = syntax::inline_modules(&tokens);
        let top = source.folder().is_some_and(|folder| {
            source.path == format!("src/{folder}/mod.rs")
                || source.path == format!("src/{folder}.rs")
        });
        for path in syntax::paths(&tokens) {
            let climbs = path.segments.iter().filter(|segment| **segment == "super").count();
            let inside = modules.iter().any(|module| module.contains(&path.at));
            if climbs >= 2 {
                let what = "`super::super`; name it from the top, `crate::…`";
                found.push(source.finding(path.line, what));
            } else if climbs == 1 && top && !inside {
                let what = "`super` leaves the folder; name it from the top, `crate::…`";
                found.push(source.finding(path.line, what));
            }
        }
    }
    found
}

/// Libraries are named in their homes only.
pub fn homes(sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources {
        let Some(folder) = source.folder() else { continue };
        for path in syntax::paths(&source.tokens()) {
            let home = HOMES.iter().find(|(library, _)| *library == path.segments[0]);
            let Some((library, homes)) = home.filter(|(_, homes)| !homes.contains(&folder)) else {
                continue;
            };
            let what = format!("`{folder}` names `{library}`; only {} may", homes.join(", "));
            found.push(source.finding(path.line, format!("{what}: ask for what you need there")));
        }
    }
    found
}

#[test]
fn the_table_points_down_only() {
    for (row, (folder, may)) in TABLE.iter().enumerate() {
        for named in *may {
            let lower = TABLE[..row].iter().any(|(name, _)| name == named);
            assert!(lower, "{folder} may name {named}, which does not stand above it in the table");
        }
    }
}

#[test]
fn a_folder_that_names_a_higher_one_is_seen() {
    let engine = "//! crate::edge\nuse crate::{\n    model::{count, name},\n    net::x,\n};\n\
                  /* crate::wire */\nfn f() -> crate::engine::g { \"crate::edge\" }\n\
                  #[cfg(test)]\nmod tests {\n    use crate::simulator::World;\n}\n\
                  macro_rules! m { () => { $crate::daemon::run() } }\n";
    let files = [
        ("src/engine/range.rs", engine),
        ("src/model/mod.rs", "use crate::engine;\nuse crate::*;\n"),
        ("src/extra/x.rs", ""),
        ("src/main.rs", "use lictree::{edge, store::Log};\n"),
        ("src/lib.rs", "pub mod model;\n"),
        ("tests/x.rs", "use lictree::engine;\n"),
    ];
    let expected = "\
        src/engine/range.rs:4: `engine` names `crate::net`; it may name model; \
          move what it needs down, or hand it in
        src/engine/range.rs:10: `engine` names `crate::simulator`; it may name model; \
          move what it needs down, or hand it in
        src/engine/range.rs:12: `engine` names `crate::daemon`; it may name model; \
          move what it needs down, or hand it in
        src/extra/x.rs:1: `extra` is no folder of the table; find it a home in one that is, \
          or give it a row in tests/tidy/layering.rs
        src/main.rs:1: `main` names `lictree::store`; it may name edge; \
          move what it needs down, or hand it in
        src/model/mod.rs:1: `model` names `crate::engine`; it may name itself; \
          move what it needs down, or hand it in
        src/model/mod.rs:2: `model` names `crate::*`; it may name itself; \
          move what it needs down, or hand it in
        ";
    check(folders, &files, expected);
}

#[test]
fn a_path_that_climbs_is_seen() {
    let top = "use super::group;\nmod tests {\n    use super::*;\n}\n";
    let files = [
        ("src/engine/mod.rs", top),
        ("src/engine/range.rs", "use super::tree;\nuse super::{super::net, tree};\n"),
        ("tests/sim/law.rs", "use super::super::world;\n"),
    ];
    let expected = "\
        src/engine/mod.rs:1: `super` leaves the folder; name it from the top, `crate::…`
        src/engine/range.rs:2: `super::super`; name it from the top, `crate::…`
        tests/sim/law.rs:1: `super::super`; name it from the top, `crate::…`
        ";
    check(climbing, &files, expected);
}

#[test]
fn a_library_outside_its_home_is_seen() {
    let files = [
        ("src/server/mod.rs", "use raft::RawNode;\nasync fn f() { tokio::time::sleep(d) }\n"),
        ("src/group/mod.rs", "use raft::RawNode;\nuse crate::group::quinn::x;\n"),
        ("tests/x.rs", "use redb::Database;\n"),
    ];
    let expected = "\
        src/server/mod.rs:1: `server` names `raft`; only group may: ask for what you need there
        src/server/mod.rs:2: `server` names `tokio`; only store, wire, net, client, daemon, \
          edge, main may: ask for what you need there
        ";
    check(homes, &files, expected);
}
