//! A machine that was copied by mistake, with all that is on it, and both run.

use crate::backup::{distribute, find_and_manage, manage, range, recovery, told, tree};
use crate::site::{Process, Site, eventually, run};
use lictree::client::ClientError;
use lictree::model::device::DeviceId;
use lictree::model::node_query::NodeQuery;
use lictree::model::view::{RecoveryView, StatusView};
use std::fs;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, kind) = (entry.as_ref().unwrap().path(), entry.unwrap().file_type().unwrap());
        let target = to.join(entry.file_name().unwrap());
        if kind.is_dir() {
            copy(&entry, &target);
        } else if kind.is_file() {
            fs::copy(&entry, &target).unwrap();
        }
    }
}

fn refused_as_twin(server: &Process) {
    let is_it = |view: &StatusView| {
        view.attach_refusal.as_ref().is_some_and(|refusal| refusal.code == "LT0234")
    };
    eventually("it hears that it runs twice", || run(server.client().status()), is_it);
    let query = NodeQuery { limit: 1, ..NodeQuery::default() };
    let page = run(server.client().nodes(&query)).unwrap();
    let ids: Vec<DeviceId> = page.nodes.iter().map(|node| node.id.clone()).collect();
    let managed = run(server.client().manage(ids, Some("inventory".parse().unwrap())));
    let Err(ClientError::Refused(refusal)) = managed else { panic!("{managed:?}") };
    assert_eq!(refusal.code, "LT0234");
}

#[test]
fn a_machine_that_was_copied_is_found_and_one_of_them_goes_on() {
    let site = Site::new();
    let (hq, west) = tree(&site);
    distribute(&hq, 10);
    range(&hq, "west", 10, 0);
    manage(&hq, &west, 1..=3, 3);
    range(&hq, "west", 10, 3);
    west.stop();
    let (one, other) = (site.data_dir("west"), site.folder.path().join("copy"));
    copy(&one, &other);
    let witness = |of: &str| site.folder.path().join(format!("{of}.witness"));
    fs::copy(witness("west"), witness("copy")).unwrap();

    let west = Process::start(&one.join("lictree.toml"));
    find_and_manage(&west, 4..=4);
    let twin = Process::start(&other.join("lictree.toml"));
    refused_as_twin(&west);
    refused_as_twin(&twin);
    assert_eq!(told(&hq, "server.twin"), 1);

    twin.crash();
    west.crash();
    let west = Process::start(&one.join("lictree.toml"));
    eventually("it is right again", recovery(&west), |view: &RecoveryView| view.recovery.is_none());
    range(&hq, "west", 10, 4);
    manage(&hq, &west, 5..=6, 6);
    range(&hq, "west", 10, 6);
    assert_eq!(told(&hq, "server.twin-ended"), 1);
}
