//! Tells one lie in a tree of its own, and looks at every server before and after.

use crate::cast::{Cast, product, up};
use crate::disks::Disks;
use crate::dump::{self, Depth};
use crate::lies::{self, Lie, Outcome};
use crate::tree::Tree;
use lictree::engine::state::State;
use lictree::model::device::DeviceState;
use lictree::model::edge::EdgeReport;
use lictree::model::holding::Phase;
use lictree::model::letter::{Address, Body};
use lictree::model::request::{Answer, Request};
use lictree::model::tuning::Tuning;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Where a rogue is, and who is around it.
pub struct Place {
    pub rogue: &'static str,
    pub parent: &'static str,
    sibling: &'static str,
    child: &'static str,
    far: &'static str,
    shared: &'static str,
    held: &'static str,
}

pub const BELOW_THE_PRIMARY: Place = Place {
    rogue: "r",
    parent: "a",
    sibling: "s",
    child: "k",
    far: "c",
    shared: "tool",
    held: "node",
};

pub const BETWEEN: Place = Place {
    rogue: "q",
    parent: "b",
    sibling: "c",
    child: "e",
    far: "s",
    shared: "node",
    held: "tool",
};

/// A lie that was told, and did no harm.
pub struct Told {
    pub outcome: Outcome,
}

impl Told {
    /// Whether the tree is as it was, and the rogue connected.
    fn reusable(&self) -> bool {
        // Why it was not attached is told once.
        match self.outcome {
            Outcome::Named(kind) => kind != "server.attach-refused",
            outcome => outcome == Outcome::Ignored,
        }
    }
}

const SERVERS: [&str; 8] = ["a", "b", "c", "e", "k", "q", "r", "s"];

pub const GROWN: [&str; 24] = [
    "tree a b<a c<b q<b e<q r<a k<r s<a",
    "register a S-1 100",
    "register a S-2 50 product=tool",
    "distribute b 30 of node",
    "distribute r 20 of node",
    "authorize r force of key",
    "find b 3",
    "find c 5",
    "find e 2",
    "find q 3",
    "find k 2",
    "find r 4",
    "find s 5",
    "manage b 1 of node",
    "manage c 3 of node",
    "manage q 2 of node",
    "manage e 1 of node",
    "manage q 1 of tool",
    "manage r 2 of tool",
    "manage r 1 of node",
    "manage k 1 of tool",
    "manage s 3 of tool",
    "manage b 1 of tool",
    "pass 1",
];

/// The tree, with everything at rest, and the cast of a lie.
pub fn grown(place: &Place) -> (Tree, Cast) {
    grown_with(place, Tuning::default())
}

pub fn grown_with(place: &Place, tuning: Tuning) -> (Tree, Cast) {
    let mut tree = Tree::new(tuning, Disks::default());
    for command in GROWN {
        let answer = tree.run(command);
        assert!(!answer.contains("refused"), "{command}: {answer}");
    }
    let cast = rogue_in(&mut tree, place);
    (tree, cast)
}

/// From now on the server there lies.
pub fn rogue_in(tree: &mut Tree, place: &Place) -> Cast {
    tree.set_rogue(place.rogue);
    enter(tree, place)
}

/// The rogue says that it is there, as anybody would, and asks for a challenge.
fn enter(tree: &mut Tree, place: &Place) -> Cast {
    let mut cast = cast(tree, place);
    for letter in cast.says_it_is(place.rogue, place.parent, &[place.rogue]) {
        tree.deliver(place.rogue, place.parent, letter);
    }
    tree.deliver(
        place.rogue,
        place.parent,
        up(Address::Primary, &[place.rogue], Body::AttachHello),
    );
    let challenge = tree.take_told().into_iter().find_map(|letter| match letter.body {
        Body::Challenge { nonce } => Some(nonce),
        _ => None,
    });
    cast.nonce = challenge.expect("whoever is known is challenged");
    cast
}

fn cast(tree: &Tree, place: &Place) -> Cast {
    let Place { rogue, parent, sibling, child, far, shared, held } = *place;
    let state = tree.state(rogue);
    let holding = state.holdings.get(&product(held));
    let counts = holding.map_or(EdgeReport::default(), |row| EdgeReport {
        version: row.level.version,
        epoch: row.level.epoch,
        granted_seen: row.granted_seen,
        returned: row.returned,
        declined: row.declined,
        holds: row.phase != Phase::Sharing,
        option: row.level.option,
        target: row.level.target,
        lacks: 0,
    });
    Cast {
        rogue,
        parent,
        primary: "a",
        sibling,
        child,
        far,
        shared,
        held,
        now: tree.before(Duration::ZERO),
        attach: state.server.attach.expect("it is attached"),
        incarnation: state.server.founding.incarnation,
        nonce: 0,
        sibling_incarnation: tree.state(sibling).server.founding.incarnation,
        counts,
    }
}

type Dumps = BTreeMap<&'static str, BTreeMap<String, String>>;

/// All that is not the rogue's own, at every server but the rogue.
fn dumps(tree: &Tree, place: &Place, outcome: Outcome) -> Dumps {
    // Servers that do not exist are nobody's, and those below it are its own to speak for.
    let own = [place.rogue, place.child, "east", "nobody", "nothing"];
    let (but, depth) = match outcome {
        Outcome::Own | Outcome::Brings => (&own[..], Depth::WithoutSums),
        _ => (&[][..], Depth::All),
    };
    let others = SERVERS.into_iter().filter(|name| *name != place.rogue);
    others.map(|name| (name, dump::of(tree.state(name), but, depth))).collect()
}

pub fn lines(tree: &Tree, at: &str) -> Vec<(String, String)> {
    let events = tree.state(at).events.values();
    events.map(|event| (event.kind.clone(), event.text.clone())).collect()
}

/// Tells the lie of that number; what is wrong with what came of it. A tree that no lie has
/// changed serves the next one too.
pub fn tell(place: &Place, number: usize, stage: &mut Option<Tree>) -> Result<Told, String> {
    let (mut tree, cast) = match stage.take() {
        Some(mut tree) => {
            tree.run("pass 1");
            let cast = enter(&mut tree, place);
            (tree, cast)
        }
        None => grown(place),
    };
    let lie = lies::all(&cast).swap_remove(number);
    let what = format!("{}, {} ({:?})", place.rogue, lie.what, lie.outcome);
    let told = catch_unwind(AssertUnwindSafe(|| tell_on(&mut tree, place, lie)));
    let told = told.unwrap_or_else(|_| Err("a server fell".to_string()));
    let told = told.map_err(|why| format!("{what}:\n  {why}"))?;
    *stage = told.reusable().then_some(tree);
    Ok(told)
}

fn tell_on(tree: &mut Tree, place: &Place, lie: Lie) -> Result<Told, String> {
    let Lie { what, outcome, letters } = lie;
    let before = dumps(tree, place, outcome);
    let above = ["a", "b"].map(|at| (at, lines(tree, at), dump::size(tree.engine(at))));
    for letter in letters {
        tree.deliver(place.rogue, place.parent, letter);
    }
    let mut wrong = Vec::new();
    for (at, after) in dumps(tree, place, outcome) {
        let changes = dump::changes(&before[at], &after);
        let harm = changes.into_iter().filter(|change| !may_change(outcome, change));
        wrong.extend(harm.map(|change| format!("at {at}: {change}")));
    }
    let mut events = Vec::new();
    for (at, before, size) in above {
        events.extend(lines(tree, at).into_iter().skip(before.len()));
        let more = dump::size(tree.engine(at)).saturating_sub(size);
        if more > 64 << 10 && what != "100,000 rows of one node" {
            wrong.push(format!("{at} keeps {more} more in mind"));
        }
    }
    wrong.extend(wrong_end(tree, place, outcome, &events));
    wrong.extend(broken(tree));
    wrong.extend(idle_hands(tree, &WORKERS));
    match wrong.is_empty() {
        true => Ok(Told { outcome }),
        false => Err(wrong.join("\n  ")),
    }
}

/// Uses that are brought for another are new ones.
fn may_change(outcome: Outcome, change: &str) -> bool {
    let is_new = change.contains(": None -> ");
    outcome == Outcome::Brings
        && (change.starts_with("used ")
            || ((change.starts_with("entry ") || change.starts_with("account ")) && is_new))
}

/// Whether the rogue was named or cut off, as it should be.
fn wrong_end(
    tree: &mut Tree,
    place: &Place,
    outcome: Outcome,
    events: &[(String, String)],
) -> Vec<String> {
    let names_it = |text: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
        words.any(|word| word == place.rogue)
    };
    let closed = tree.take_closed();
    let right = match outcome {
        Outcome::Named(kind) => events.iter().any(|(of, text)| of == kind && names_it(text)),
        Outcome::Cut(word) => match closed.as_slice() {
            [(at, why)] => at.as_str() == place.parent && why.contains(word),
            _ => false,
        },
        Outcome::Ignored | Outcome::Own | Outcome::Brings => true,
    };
    let stays = matches!(outcome, Outcome::Cut(_)) || closed.is_empty();
    match right && stays && events.len() <= 3 {
        true => Vec::new(),
        false => vec![format!("it ends as {closed:?}, with the lines {events:?}")],
    }
}

/// I2, I4 and I12 as far as they can be seen from outside, at every server.
pub fn broken(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for at in SERVERS {
        let state: &State = tree.state(at);
        for (key, edge) in &state.edges {
            let level = &edge.level;
            if level.returned_seen > edge.granted_seen || edge.granted_seen > level.granted {
                broken.push(format!("I4 at {at}: {key:?}: {edge:?}"));
            }
        }
        for (product, ledger) in &state.ledgers {
            let balance = tree.engine(at).balance(product);
            if balance.deficit > 0 {
                broken.push(format!("I2 at {at}: {} {product} too few", balance.deficit));
            }
            if ledger.used() != ledger.used_counted() {
                broken.push(format!("used of {product} at {at} is not what is used"));
            }
        }
    }
    broken
}

/// Sites, and what they use, in both ranges.
const WORKERS: [(&str, &str); 3] = [("s", "tool"), ("c", "node"), ("b", "tool")];

/// Whether those who did not lie can still work: sites of each range get licenses for nodes that
/// they had, where a lie may have been about them, and for new ones; and the primary can say how
/// things are.
pub fn idle_hands(tree: &mut Tree, workers: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (site, of) in workers {
        let first = tree.state(site).server.device_last.0 + 1;
        tree.run(&format!("find {site} 2"));
        let discovered = |tree: &Tree| {
            let rows = tree.state(site).devices.values();
            rows.filter(|row| row.device.state == DeviceState::Discovered).count()
        };
        let count = discovered(tree);
        let answer = tree.run(&format!("manage {site} {count} of {of}"));
        if answer.trim() != format!("{count} Managed") {
            wrong.push(format!("{site} wants {count} {of}: {answer}"));
        }
        for number in [first, first + 1] {
            tree.run(&format!("delete {site}:{number}"));
        }
    }
    for request in [Request::Ranges, Request::Audit, Request::Servers, Request::Status] {
        if let Answer::Refused(refusal) = tree.ask("a", request) {
            wrong.push(refusal.to_string());
        }
    }
    wrong.extend(broken(tree));
    wrong
}
