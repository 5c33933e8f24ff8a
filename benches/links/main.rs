//! What many relays, and many strangers, do to their parent.
//!
//! Run: `cargo bench --bench links`, or a part: `-- idle`, `-- storm`, `-- flood`. A whole run
//! writes its section of docs/internals/performance.md. With one of these, nothing is written:
//!
//! - `LINKS_IDLE`, `LINKS_STORM`: other numbers of relays than 1,000 and 2,000;
//! - `LINKS_ROUNDS`: other than 3;
//! - `LINKS_ROOM`, `LINKS_HANDSHAKES`: in storms and floods, other limits
//!   `socket_receive_bytes` and `handshakes_max` than the product's own.

#[path = "../measure/mod.rs"]
#[allow(dead_code)]
mod measure;

#[path = "../manage/product/mod.rs"]
#[allow(dead_code)]
mod product;

#[path = "../limit/probe/tls.rs"]
#[allow(dead_code)]
mod tls;

mod asker;
mod bare;
mod fleet;
mod flood;
mod flooder;
mod idle;
mod relay;
mod storm;
mod table;

use lictree::net::NetLimits;
use measure::{machine, page};
use relay::Networks;

/// What an operator of hundreds of relays is told to ask for at the socket.
const ROOM: usize = 4 << 20;

fn main() {
    if bare::serve_if_asked() || flooder::flood_if_asked() || !measure::asked_for() {
        return;
    }
    let parts = ["idle", "storm", "flood"];
    let asked: Vec<String> =
        std::env::args().filter(|argument| parts.contains(&argument.as_str())).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|one| one == part);
    let (idle_relays, storm_relays, rounds) =
        (number("LINKS_IDLE", 1_000), number("LINKS_STORM", 2_000), number("LINKS_ROUNDS", 3));
    let usual = NetLimits::default();
    let limits = NetLimits {
        socket_receive_bytes: number("LINKS_ROOM", usual.socket_receive_bytes),
        handshakes_max: number("LINKS_HANDSHAKES", usual.handshakes_max),
        ..usual
    };
    let head = machine::line();
    let mut text = table::Text::new(&head);
    if wanted("idle") {
        text.idle(idle_relays, (0..rounds).map(|_| idle::measure(idle_relays)).collect());
    }
    if wanted("storm") {
        let roomy = NetLimits { socket_receive_bytes: ROOM, ..limits.clone() };
        let cases = [(Networks::Own, &limits), (Networks::One, &limits), (Networks::Own, &roomy)];
        for (networks, limits) in cases {
            let storms = storm::measure(storm_relays, networks, rounds, limits);
            text.storm(storm_relays, networks, limits, &storms);
        }
    }
    if wanted("flood") {
        text.flood(&(0..rounds).map(|_| flood::round(&limits)).collect::<Vec<_>>());
    }
    let text = text.whole();
    println!("{text}");
    if asked.is_empty() && std::env::vars().all(|(name, _)| !name.starts_with("LINKS_")) {
        page::write("links", &text);
    }
}

fn number(name: &str, usual: usize) -> usize {
    let set = std::env::var(name).ok();
    set.map_or(usual, |text| text.parse().expect("it is a number"))
}
