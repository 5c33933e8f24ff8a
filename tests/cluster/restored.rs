//! A primary that was restored from an older copy of its folder.

use crate::site::{Process, Site, eventually, run};
use crate::tree::online;
use lictree::model::name::ServerName;
use lictree::model::request::Doing;
use lictree::model::view::ServerView;
use std::fs;
use std::path::Path;

fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// east and then south are shut out, and the primary forgets that; west remembers.
#[test]
fn who_was_shut_out_stays_so_when_the_primary_is_restored_from_before() {
    let site = Site::new();
    let config = site.primary("hq");
    site.authority.save(&site.data_dir("hq").join("authority")).unwrap();
    let hq = Process::start(&config);
    let address = hq.address();
    let text = fs::read_to_string(&config).unwrap();
    // The same port again after the restart: the relays know no other.
    fs::write(&config, text.replace("127.0.0.1:0", &address.to_string())).unwrap();
    let [_west, east, south, north] = ["west", "east", "south", "north"].map(|relay| {
        let config = site.relay(relay, "hq", address);
        (Process::start(&config), config)
    });
    online(&hq, &["west", "east", "south", "north"]);
    let east_config = east.1;
    [east.0, south.0].into_iter().for_each(Process::stop);
    hq.stop();
    let (folder, older) = (site.data_dir("hq"), site.folder.path().join("older"));
    copy(&folder, &older);

    let believes = |hq: &Process, version: u64| {
        let shown = || run(hq.client().server(&name("west")));
        eventually("west believes it", shown, |west: &ServerView| {
            west.certificate.as_ref().is_some_and(|shown| shown.trust == version)
        });
    };
    let hq = Process::start(&config);
    online(&hq, &["west", "north"]);
    for (version, gone) in [(1, "east"), (2, "south")] {
        run(hq.client().remove_server(&name(gone), Doing::Do)).unwrap();
        believes(&hq, version);
    }
    hq.crash();
    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&older, &folder).unwrap();

    let hq = Process::start(&config);
    let east_back = Process::start(&east_config);
    let events = || run(hq.client().events(0, 1_000));
    let told = eventually("it hears what it forgot", events, |events| {
        events.iter().any(|event| event.kind == "trust.regained")
    });
    let regained = told.iter().filter(|event| event.kind == "trust.regained").count();
    assert_eq!(regained, 1, "{told:?}");
    eventually("east is refused", events, |events| {
        events.iter().any(|event| event.kind == "call.refused" && event.text.contains("denied"))
    });
    let shown = run(hq.client().server(&name("east"))).unwrap();
    assert_eq!((shown.standing.as_str(), shown.online), ("removed", false), "{shown:?}");
    // What is denied from now on is news to those below.
    north.0.stop();
    run(hq.client().remove_server(&name("north"), Doing::Do)).unwrap();
    believes(&hq, 3);
    drop(east_back);
}
