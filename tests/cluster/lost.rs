//! Disks that are lost: another one takes their place, or nothing does.

use crate::backup::{distribute, find_and_manage, inside, manage, range, recovery, told, tree};
use crate::site::{Process, Site, eventually, lictree, outcome, run};
use crate::tree::online;
use lictree::client::ClientError;
use lictree::client::contract::ImportFormat;
use lictree::model::node_query::NodeQuery;
use lictree::model::view::RecoveryView;
use serde_json::Value;
use std::fs;

/// What a command about servers answers at the primary: exit, and what it says.
fn server(hq: &Process, words: &[&str]) -> (i32, Value) {
    let data = hq.data_dir.to_str().unwrap();
    let (exit, out, err) =
        outcome(lictree(&[&["server", "--json", "--data", data], words].concat()));
    let said = if exit == 0 { out } else { err };
    (exit, serde_json::from_str(&said).unwrap_or_else(|error| panic!("{said}: {error}")))
}

/// The code of a refusal.
fn refused(hq: &Process, words: &[&str]) -> String {
    let (exit, said) = server(hq, words);
    assert_eq!(exit, 1, "{said}");
    said["error"]["code"].as_str().unwrap().to_string()
}

#[test]
fn an_empty_disk_takes_the_place_of_one_that_is_lost() {
    let site = Site::new();
    let (hq, west) = tree(&site);
    distribute(&hq, 10);
    range(&hq, "west", 10, 0);
    manage(&hq, &west, 1..=3, 3);
    range(&hq, "west", 10, 3);
    west.crash();
    let folder = site.data_dir("west");
    let lost = site.data_dir("lost");
    fs::rename(&folder, &lost).unwrap();
    // With its witness: nothing but what it is told holds it back.
    fs::rename(folder.with_extension("witness"), lost.with_extension("witness")).unwrap();

    let to = hq.address().to_string();
    let (exit, invited) = server(&hq, &["replace", "west", "--address", &to]);
    assert_eq!((exit, &invited["replaces"]), (0, &true.into()), "{invited}");
    let (code, at) = (invited["code"].as_str().unwrap(), folder.to_str().unwrap());
    let (exit, _, err) = outcome(lictree(&["join", code, "--to", &to, "--at", at]));
    assert_eq!(exit, 0, "{err}");

    let west = Process::start(&folder.join("lictree.toml"));
    online(&hq, &["hq", "west"]);
    assert_eq!(told(&west, "recovery.ended"), 1);
    eventually("it is right again", recovery(&west), |view: &RecoveryView| view.recovery.is_none());
    range(&hq, "west", 10, 3);
    let page = run(west.client().nodes(&NodeQuery { limit: 10, ..NodeQuery::default() })).unwrap();
    assert_eq!(page.total, Some(3), "{page:?}");
    manage(&hq, &west, 4..=5, 5);
    range(&hq, "west", 10, 5);
    assert_eq!((told(&west, "recovery.begun"), told(&hq, "server.replaced")), (1, 1));

    // The disk turns up after all: what it believes to hold, the other one uses.
    let list = b"? (10.0.0.9) at 00:04:4b:cc:9c:09 [ether] on eth0\n".to_vec();
    for _start in 0..2 {
        let lost = Process::start(&lost.join("lictree.toml"));
        let refusal = || run(lost.client().status()).map(|status| status.attach_refusal);
        eventually("it is told that it is out of the tree", refusal, |refusal| {
            refusal.as_ref().is_some_and(|refusal| refusal.code == "LT0235")
        });
        let ids = vec!["west:4".parse().unwrap()];
        let answer = run(lost.client().manage(ids, Some("inventory".parse().unwrap())));
        let Err(ClientError::Refused(refusal)) = answer else { panic!("{answer:?}") };
        assert_eq!(refusal.code, "LT0235");
        // It waits for nothing, and says so.
        let answer = run(lost.client().import(ImportFormat::Arp, list.clone()));
        let Err(ClientError::Refused(refusal)) = answer else { panic!("{answer:?}") };
        assert_eq!(refusal.code, "LT0235");
        lost.crash();
    }
    range(&hq, "west", 10, 5);
    // Nor when nobody is there who could tell it again.
    hq.crash();
    let alone = Process::start(&lost.join("lictree.toml"));
    // Refused as well, as it is.
    drop(run(alone.client().import(ImportFormat::Arp, list)));
    let ids = vec!["west:4".parse().unwrap()];
    let answer = run(alone.client().manage(ids, Some("inventory".parse().unwrap())));
    assert!(matches!(answer, Err(ClientError::Refused(_))), "{answer:?}");
}

#[test]
fn what_a_lost_server_held_is_the_primarys_again() {
    let site = Site::new();
    let (hq, west) = tree(&site);
    let east = inside(&site, "east", site.relay("east", "hq", hq.address()));
    let east = Process::start(&east);
    online(&hq, &["hq", "west", "east"]);
    distribute(&hq, 10);
    range(&hq, "west", 10, 0);
    manage(&hq, &west, 1..=3, 3);
    find_and_manage(&east, 6..=7);
    range(&hq, "hq", 90, 2);
    assert_eq!(refused(&hq, &["lost", "west", "--yes"]), "LT0444");
    assert_eq!(refused(&hq, &["move", "west", "--parent", "hq"]), "LT0410");
    west.crash();
    east.crash();
    let offline = |name: &'static str| {
        let client = hq.client();
        eventually(name, move || run(client.server(&name.parse().unwrap())), |one| !one.online);
    };
    offline("west");
    offline("east");

    assert_eq!(refused(&hq, &["lost", "west", "--yes"]), "LT0443");
    range(&hq, "west", 10, 3);
    let (exit, lost) = server(&hq, &["lost", "west", "--yes", "--force"]);
    assert_eq!(exit, 0, "{lost}");
    assert_eq!(
        (&lost["counts"][0]["held"], &lost["counts"][0]["managed"]),
        (&10.into(), &3.into())
    );
    let (exit, lost) = server(&hq, &["lost", "east", "--yes", "--force"]);
    assert_eq!((exit, &lost["counts"][0]["managed"]), (0, &2.into()), "{lost}");
    range(&hq, "hq", 100, 0);
    assert_eq!(refused(&hq, &["invite", "west", "--parent", "hq"]), "LT0441");
    assert_eq!(refused(&hq, &["replace", "west"]), "LT0207");
    assert_eq!(told(&hq, "server.lost"), 2);

    // It was not lost after all: nobody talks to it.
    let west = Process::start(&site.data_dir("west").join("lictree.toml"));
    assert!(told(&hq, "call.refused") > 0);
    west.stop();
    range(&hq, "hq", 100, 0);
}
