//! How fast a change at a leaf shows at the primary.
//!
//! Run: `cargo bench --bench propagation`, or a part: `-- idle`, `-- load`. A whole run writes its
//! section of docs/internals/performance.md. `PROPAGATION=quick` in the environment makes it small
//! and short, `PROPAGATION_LEAVES` and `PROPAGATION_RATE` take other numbers than 1,000 leaves and
//! 10,000 changes a second; then nothing is written.

#[path = "../measure/mod.rs"]
#[allow(dead_code)]
mod measure;

#[path = "../manage/product/mod.rs"]
#[allow(dead_code)]
mod product;

mod chain;
mod leaf;
mod load;
mod table;
mod watch;

use chain::Chain;
use load::Size;
use measure::{machine, page};
use std::time::{Duration, Instant};
use table::Idle;
use watch::{Rhythm, Watch};

/// Levels below the primary, and what is asked of the middle and of the 99th of a hundred changes.
const DEPTHS: [(usize, f64, Option<f64>); 2] = [(5, 2.0, Some(10.0)), (16, 4.0, None)];
/// On an idle tree the primary is asked again the moment it has answered, and only while a change
/// is on its way.
const RHYTHM: Rhythm =
    Rhythm { between_questions: Duration::ZERO, between_changes: Duration::from_millis(20) };

fn main() {
    if !measure::asked_for() {
        return;
    }
    let asked: Vec<String> =
        std::env::args().filter(|one| ["idle", "load"].contains(&one.as_str())).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|one| one == part);
    let quick = std::env::var("PROPAGATION").is_ok_and(|size| size == "quick");
    let head = machine::line();
    let mut text = table::Text::new(&head);
    if wanted("idle") {
        let changes = if quick { 50 } else { 500 };
        let rows: Vec<Idle> = DEPTHS.iter().map(|row| idle(row.0, changes)).collect();
        text.idle(&rows);
    }
    if wanted("load") {
        let size = Size {
            leaves: number("PROPAGATION_LEAVES", if quick { 100 } else { 1_000 }),
            per_second: number("PROPAGATION_RATE", if quick { 1_000 } else { 10_000 }),
            warm_up: Duration::from_secs(if quick { 2 } else { 10 }),
            measured: Duration::from_secs(if quick { 5 } else { 30 }),
        };
        text.load(&load::measure(size));
    }
    let text = text.whole();
    println!("{text}");
    if asked.is_empty() && std::env::vars().all(|(name, _)| !name.starts_with("PROPAGATION")) {
        page::write("propagation", &text);
    }
}

/// Changes at the end of a chain that has nothing else to do.
fn idle(levels: usize, changes: usize) -> Idle {
    let chain = Chain::start(levels, 0, "");
    let leaf = chain.relays.last().expect("a chain has a leaf");
    let changes = measure::runtime().block_on(async {
        let socket = chain.primary.client().socket();
        let mut watch = Watch::begin(&leaf.name, &leaf.socket, socket).await;
        // Greetings and the rows of a start are out of the way.
        measure::pause(Duration::from_secs(1)).await;
        let until = Instant::now() + Duration::from_secs(600);
        watch.changes(RHYTHM, changes, until).await
    });
    let row = Idle { levels, changes };
    eprint!("{}", row.line());
    row
}

fn number(name: &str, usual: usize) -> usize {
    let set = std::env::var(name).ok();
    set.map_or(usual, |text| text.parse().expect("it is a number"))
}
