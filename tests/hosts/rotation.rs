//! Certificates that live for seconds renew themselves, the authority changes, and no ask fails.

use crate::founding::{join, primary, register};
use crate::lan::Lan;
use crate::patience::until;
use crate::server::{Server, machines};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Short enough for several renewals within the test.
const LIFE: &str = "\n[times]\ncertificate_life_s = 12\nrenewal_retry_ms = 500\n";

fn certificate(hq: &Server, name: &str) -> Result<(String, String), String> {
    let row = hq.row(name)?;
    let text = |key: &str| row["certificate"][key].as_str().unwrap_or_default().to_string();
    Ok((text("expires"), text("authority")))
}

fn phase(hq: &Server) -> Result<(String, Value), String> {
    let list = hq.json("cert list")?;
    let phase = list["rotation"]["phase"].as_str().unwrap_or_default().to_string();
    Ok((phase, list["rotation"].clone()))
}

#[test]
fn all_certificates_and_the_authority_change_and_no_ask_fails() {
    let Some(mut lan) = Lan::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut hq = primary(&mut lan, folder.path());
    hq.stop();
    hq.configure(LIFE);
    hq.start();
    let west = join(&mut lan, &hq, "west", ("hq", &hq), 2);
    let south = join(&mut lan, &hq, "south", ("west", &west), 3);
    register(&hq, 1_000);
    south.done(&format!("node import {}", machines(folder.path(), 100)));

    let (stop, asks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = {
        let (stop, asks) = (stop.clone(), asks.clone());
        let south = Server::at(south.host.clone(), south.folder.clone());
        // One device after another is managed and set aside again, through two servers.
        std::thread::spawn(move || {
            let mut failed = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                for ask in ["node manage south:1", "node ignore south:1"] {
                    let outcome = south.ask(ask);
                    asks.fetch_add(1, Ordering::Relaxed);
                    if outcome.exit != 0 {
                        failed.push(format!("{ask}: {outcome:?}"));
                    }
                }
            }
            failed
        })
    };

    renews(&hq, "south");
    rotates(&hq);
    stop.store(true, Ordering::Relaxed);
    let failed = load.join().unwrap();
    let asks = asks.load(Ordering::Relaxed);
    assert!(failed.is_empty(), "{} of {asks} asks failed: {failed:#?}", failed.len());
    assert!(asks > 20, "only {asks} asks: that is no load");
}

/// Within its life, a certificate gives way to the next, twice.
fn renews(hq: &Server, name: &str) {
    let mut last = certificate(hq, name).unwrap().0;
    for _ in 0..2 {
        last = until("a new certificate", || {
            let (expires, _) = certificate(hq, name)?;
            (expires > last).then_some(expires).ok_or(format!("still {last}"))
        });
    }
}

fn rotates(hq: &Server) {
    let before = certificate(hq, "south").unwrap().1;
    hq.done("cert rotate-ca --yes");
    until("the old authority is forgotten", || {
        let (phase, rotation) = phase(hq)?;
        let one = rotation["authorities"].as_array().is_some_and(|all| all.len() == 1);
        (phase == "none" && one).then_some(()).ok_or(rotation.to_string())
    });
    for name in ["hq", "west", "south"] {
        until("every server is of the new authority", || {
            let (_, now) = certificate(hq, name)?;
            (now != before).then_some(()).ok_or(format!("{name} is still of {now}"))
        });
    }
}
