//! Text cases of the engine: a command, `----`, what it answers. `LICTREE_REWRITE=1` writes the
//! expected texts anew; read the difference before you keep it.
//!
//! - `case`: the texts. `tree`: the servers of a case. `disks`: what they write to.
//! - `cuts`: the worked example with the power gone at every sync of every server.
//! - `claims`: the same while relays claim serials; letters that claim what they should not.
//! - `full`: disks that are full.
//! - `greeting`: what a relay says when it is connected.
//! - `moves`: nodes that go to another server: letters that lie or come late, many at once, and the
//!   power gone at every sync.
//! - `nodes`: what a text says of findings and of nodes that are merged.
//! - `turns`: uses on their way while connections come and go.
//! - `twins`: two data folders of one server.

#[path = "engine/case.rs"]
mod case;

#[path = "engine/claims.rs"]
mod claims;

#[path = "engine/cuts.rs"]
mod cuts;

#[path = "engine/disks.rs"]
mod disks;

#[path = "engine/enrolment.rs"]
mod enrolment;

#[path = "engine/full.rs"]
mod full;

#[path = "engine/greeting.rs"]
mod greeting;

#[path = "engine/moves.rs"]
mod moves;

#[path = "engine/nodes.rs"]
mod nodes;

#[path = "engine/turns.rs"]
mod turns;

#[path = "engine/lost.rs"]
mod lost;

#[path = "engine/twins.rs"]
mod twins;

#[path = "engine/tree.rs"]
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

fn run(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let mut tree = tree::Tree::default();
    let mut found = String::new();
    let mut wrong = Vec::new();
    for step in case::steps(&text) {
        let answer = tree.run(&step.command);
        if answer.trim() != step.expected {
            wrong.push(format!("{}\n  got:\n{answer}\n  not:\n{}", step.command, step.expected));
        }
        let answer = answer.trim();
        let line = if answer.is_empty() { String::new() } else { format!("{answer}\n") };
        found += &format!("{}{}\n----\n{line}\n", step.comments, step.command);
    }
    if std::env::var_os("LICTREE_REWRITE").is_some() {
        fs::write(path, found.trim_end().to_string() + "\n").unwrap();
    } else {
        assert!(wrong.is_empty(), "{}:\n{}", path.display(), wrong.join("\n\n"));
    }
}

fn check(name: &str) {
    run(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/engine").join(name));
}

#[test]
fn the_worked_example() {
    check("worked-example.txt");
}

#[test]
fn four_ways_to_register_the_same_table() {
    check("registration-variants.txt");
}

#[test]
fn what_is_refused() {
    check("refusals.txt");
}

#[test]
fn servers_that_come_into_the_tree() {
    check("enrolment.txt");
}

#[test]
fn servers_that_are_shut_out() {
    check("removal.txt");
}

#[test]
fn which_licenses_are_taken_where() {
    check("licenses.txt");
}

#[test]
fn serials_are_unique_in_the_tree() {
    check("serials.txt");
}

#[test]
fn a_chain_of_four_levels() {
    check("chain.txt");
}

#[test]
fn devices_and_their_states() {
    check("devices.txt");
}

#[test]
fn which_finding_is_which_node() {
    check("identity.txt");
}

#[test]
fn nodes_that_are_one_machine_are_merged() {
    check("merge.txt");
}

#[test]
fn nodes_that_go_to_another_server() {
    check("moving.txt");
}

#[test]
fn moves_that_cross_or_go_round() {
    check("moves-that-cross.txt");
}

#[test]
fn whether_all_counts_add_up() {
    check("audit.txt");
}

#[test]
fn products_and_how_options_give_way() {
    check("products.txt");
}

#[test]
fn relays_that_are_away_or_not_taken() {
    check("away.txt");
}

#[test]
fn who_falls_silent_below_a_relay_is_offline_in_time() {
    check("silence.txt");
}

#[test]
fn servers_that_are_lost() {
    check("lost.txt");
}

#[test]
fn what_lacks_and_what_is_on_its_way() {
    check("shortage.txt");
}

#[test]
fn disks_that_are_full() {
    check("full.txt");
}

#[test]
fn two_folders_of_one_server() {
    check("twins.txt");
}

#[test]
fn servers_that_move_in_the_tree() {
    check("place.txt");
}

#[test]
fn uses_of_a_site_that_moved_go_on_with_those_above_it() {
    check("moved.txt");
}

#[test]
fn uses_of_those_who_came_along_are_counted_where_they_are() {
    check("carried.txt");
}

#[test]
fn licenses_that_have_to_be_confirmed() {
    check("confirming.txt");
}

#[test]
fn a_primary_on_an_older_copy() {
    check("restored.txt");
}

#[test]
fn backups_of_a_primary_and_of_a_relay() {
    check("backups.txt");
}
