//! Lies of a relay with a good certificate, in raw letters over QUIC.

use crate::cast::Cast;
use crate::figures::figures;
use crate::impostors::{Liar, noting, told, with_uses};
use crate::lies::{self, Outcome};
use crate::site::{Process, Site, eventually, now, run};
use lictree::client::contract::ImportFormat;
use lictree::model::device::DeviceState;
use lictree::model::edge::{AttachId, EdgeReport};
use lictree::model::request::{Doing, HoldingChange, HoldingVerb};

/// Those that need no attachment, and that a frame may carry.
const OVER_THE_WIRE: [&str; 22] = [
    "it ends a sibling's uses",
    "by a sibling",
    "by itself twice",
    "by nobody and itself",
    "it takes over by a sibling",
    "a sibling takes over",
    "it ends uses of a sibling",
    "it states that a sibling uses nothing",
    "a sibling has heard all answers",
    "a sibling holds by itself",
    "it yields for a sibling",
    "a part behind the last",
    "a sibling's figures",
    "the figures of whom it is told to",
    "a sibling's rows are others",
    "figures among nodes",
    "a row of a later version",
    "rows up to the end of all numbers",
    "somebody is below a sibling",
    "it tells the primary a level",
    "it booked what its source states",
    "it claims what the primary has registered",
];

/// west lies to hq, of which it knows little; north is next to it and shares what hq holds.
fn cast() -> Cast {
    Cast {
        rogue: "west",
        parent: "hq",
        primary: "hq",
        sibling: "north",
        child: "below-west",
        far: "far-away",
        shared: "inventory",
        held: "nothing",
        now: now(),
        attach: AttachId { counter: 1, random: 1 },
        incarnation: 7,
        nonce: 1,
        sibling_incarnation: 1,
        counts: EdgeReport::default(),
    }
}

#[test]
fn a_relay_that_lies_over_the_wire_is_named_and_takes_nothing_from_others() {
    let site = Site::new();
    let hq = Process::start(&noting(site.primary("hq")));
    let north = with_uses(&site, &hq);
    run(hq.client().set_holding(&HoldingChange {
        product: Some("inventory".parse().unwrap()),
        relay: "north".parse().unwrap(),
        verb: HoldingVerb::Withdraw,
        doing: Doing::Do,
    }))
    .unwrap();
    let ranges = || run(hq.client().ranges());
    eventually("north shares what hq holds", ranges, |view| {
        view.ranges.iter().map(|r| (r.used.0, r.in_transit.0)).collect::<Vec<_>>() == [(3, 0)]
    });
    assert_eq!(run(async { Liar::greeted(&site, &hq).await.heard().await }), None);
    let west = "west".parse().unwrap();
    eventually("west is met", || run(hq.client().server(&west)), |_| true);
    // Booked behind everything that was said before.
    let settled = || {
        run(hq.client().entitle(&west, "The West")).unwrap();
        figures(&hq).unwrap()
    };
    let before = settled();
    let lies = lies::all(&cast()).into_iter().filter(|lie| OVER_THE_WIRE.contains(&lie.what));
    let lies: Vec<_> = lies.collect();
    assert_eq!(lies.len(), OVER_THE_WIRE.len());
    for lie in lies {
        // In the name of another it has signed nothing.
        let is_signed = lie.letters.iter().all(|letter| letter.route.len() < 2);
        let end = run(async {
            let liar = Liar::greeted(&site, &hq).await;
            lie.letters.into_iter().for_each(|letter| liar.say(letter));
            liar.heard().await
        });
        assert_eq!(end, None, "{}", lie.what);
        match lie.outcome {
            _ if !is_signed => told(&hq, "LT0447", "west"),
            Outcome::Named("rows.refused") => told(&hq, "LT04", "west"),
            Outcome::Named(_) => told(&hq, "LT0436", "west"),
            _ => {}
        }
        assert_eq!(settled(), before, "{}", lie.what);
    }
    let line = "? (10.0.0.4) at 00:04:4b:cc:9c:04 [ether] on eth0\n".to_string();
    run(north.client().import(ImportFormat::Arp, line.into_bytes())).unwrap();
    let four = vec!["north:4".parse().unwrap()];
    let done = run(north.client().manage(four, Some("inventory".parse().unwrap()))).unwrap();
    assert_eq!(done[0].state, Some(DeviceState::Managed), "{done:?}");
    north.stop();
    hq.stop();
}
