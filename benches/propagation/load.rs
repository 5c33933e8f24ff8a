//! A primary, four relays, and below the last of them a thousand leaves that change all the time.
//!
//! ```text
//!   hq ◄── r1 ◄── r2 ◄── r3 ◄── r4 ◄─┬─ r5, a real leaf: watched over the sockets
//!                                    └─ site-1 … site-1000: a thread of this process
//! ```

use crate::chain::Chain;
use crate::leaf::{Diary, Kind, Leaf};
use crate::measure;
use crate::watch::{Change, Rhythm, Watch};
use std::time::{Duration, Instant};

/// Real servers below the primary, the watched leaf among them.
const RELAYS: usize = 5;
/// What an operator of hundreds of relays is told to ask for at the socket.
const ROOM: &str = "[limits.network]\nsocket_receive_bytes = 4194304";
/// Two changes of the real leaf lie about so far apart, and the primary is asked as often.
const RHYTHM: Rhythm = Rhythm {
    between_questions: Duration::from_millis(1),
    between_changes: Duration::from_millis(40),
};

/// How much, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub leaves: usize,
    /// Changes of all leaves together.
    pub per_second: usize,
    pub warm_up: Duration,
    pub measured: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Load {
    pub size: Size,
    /// Of the simulated leaves, due while it was measured.
    pub seen_again_ns: Vec<u64>,
    pub whole_ns: Vec<u64>,
    /// Letters that carried them and those of the warm-up, and how often one was asked after.
    pub letters: u64,
    pub asked_after: u64,
    /// Changes that were settled while it was measured.
    pub per_second: f64,
    pub watched: Vec<Change>,
    /// Packets for which the servers' sockets had no room, from the start on.
    pub dropped: u64,
    /// Processor time while it was measured, as a share of one core.
    pub processors: Vec<(String, f64)>,
}

pub fn measure(size: Size) -> Load {
    let chain = Chain::start(RELAYS, size.leaves, ROOM);
    let (diaries, begin, (watched, processors)) = std::thread::scope(|scope| {
        let (ready, told) = std::sync::mpsc::channel();
        let chain = &chain;
        let simulated = scope.spawn(move || {
            measure::runtime().block_on(async {
                let leaves = connect(chain).await;
                let begin = Instant::now();
                ready.send(begin).expect("the other thread waits for it");
                run(leaves, size, begin).await
            })
        });
        let begin = told.recv().expect("the leaves come in");
        eprintln!("{} leaves are there", size.leaves);
        let watched = measure::runtime().block_on(watch(chain, size, begin));
        (simulated.join().expect("the leaves ran to their end"), begin, watched)
    });
    let addresses = chain.relays.iter().map(|relay| relay.address);
    let dropped = addresses.chain([chain.primary.address()]).map(measure::dropped).sum();
    Load { dropped, ..of(size, diaries, begin + size.warm_up, (watched, processors)) }
}

async fn connect(chain: &Chain) -> Vec<Leaf> {
    let parent = &chain.relays[RELAYS - 2];
    let mut leaves = Vec::new();
    for (number, name) in chain.site.destinations().enumerate() {
        let parent = (parent.name.clone(), parent.address);
        leaves.push(Leaf::connect(&chain.site, (number, name), parent).await);
    }
    leaves
}

/// All leaves, each a little later than the one before it.
async fn run(leaves: Vec<Leaf>, size: Size, begin: Instant) -> Vec<Diary> {
    let count = leaves.len() as u32;
    let period = Duration::from_secs(1) * count / size.per_second as u32;
    let end = begin + size.warm_up + size.measured;
    let runs = leaves.into_iter().enumerate().map(|(number, leaf)| {
        let first = begin + period * number as u32 / count;
        tokio::spawn(leaf.run(first, period, end))
    });
    let mut diaries = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        diaries.push(run.await.expect("a leaf ran to its end"));
    }
    diaries
}

/// Changes of the real leaf while it is measured, and what the processors did meanwhile.
async fn watch(chain: &Chain, size: Size, begin: Instant) -> (Vec<Change>, Vec<(String, f64)>) {
    let leaf = &chain.relays[RELAYS - 1];
    let socket = chain.primary.client().socket();
    let mut watch = Watch::begin(&leaf.name, &leaf.socket, socket).await;
    measure::pause_until(begin + size.warm_up).await;
    let (before, from) = (processor_times(chain), Instant::now());
    let watched = watch.changes(RHYTHM, usize::MAX, begin + size.warm_up + size.measured).await;
    let elapsed = from.elapsed().as_secs_f64();
    let spent = processor_times(chain)
        .into_iter()
        .zip(before)
        .map(|((name, after), (_, before))| (name, (after - before).as_secs_f64() / elapsed));
    (watched, spent.collect())
}

fn processor_times(chain: &Chain) -> Vec<(String, Duration)> {
    let time = |name: &str, process| (name.to_string(), measure::whole_processor_time(process));
    let primary = time("primary", chain.primary.process());
    let relays = chain.relays.iter().map(|relay| time(relay.name.as_str(), relay.process()));
    let bench = time("all simulated leaves, and who asks", std::process::id());
    std::iter::once(primary).chain(relays).chain([bench]).collect()
}

fn of(
    size: Size,
    diaries: Vec<Diary>,
    from: Instant,
    (watched, processors): (Vec<Change>, Vec<(String, f64)>),
) -> Load {
    let to = from + size.measured;
    let all = || diaries.iter().flat_map(|diary| &diary.settled);
    let of_kind = |kind: Kind| {
        let some = all().filter(|one| one.kind == kind && one.due >= from);
        some.map(|one| one.took.as_nanos() as u64).collect()
    };
    let settled = all().filter(|one| (from..to).contains(&(one.due + one.took))).count();
    Load {
        size,
        seen_again_ns: of_kind(Kind::SeenAgain),
        whole_ns: of_kind(Kind::Whole),
        letters: diaries.iter().map(|diary| diary.letters).sum(),
        asked_after: diaries.iter().map(|diary| diary.asked_after).sum(),
        per_second: settled as f64 / size.measured.as_secs_f64(),
        watched,
        dropped: 0,
        processors,
    }
}
