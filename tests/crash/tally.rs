//! What was tried, in figures, and what was found wrong; work that is spread over the processors.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

/// So many wrong cases are shown of all.
const SHOWN_MAX: usize = 10;

#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, what: &'static str, count: u64) {
        *self.counts.entry(what).or_default() += count;
    }

    pub fn wrong(&mut self, what: String) {
        self.wrong.push(what);
    }

    pub fn wrongs(&self) -> usize {
        self.wrong.len()
    }

    pub fn append(&mut self, other: Tally) {
        other.counts.into_iter().for_each(|(what, count)| self.add(what, count));
        self.wrong.extend(other.wrong);
    }

    #[track_caller]
    pub fn assert_right(&self) {
        let shown = &self.wrong[..self.wrong.len().min(SHOWN_MAX)];
        assert!(shown.is_empty(), "{} wrong:\n{}", self.wrong.len(), shown.join("\n"));
    }

    /// One line for people, and one for programs in the file that `LICTREE_CRASH_OUT` names.
    pub fn show(&self) {
        let figures: Vec<String> =
            self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        println!("crash: {}", figures.join(", "));
        let Some(path) = env::var_os("LICTREE_CRASH_OUT") else { return };
        let fields = self.counts.iter().map(|(what, count)| {
            let name = what.replace(' ', "_");
            format!("\"{name}\":{count}")
        });
        let json = format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","));
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(json.as_bytes()));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Does each piece of work on whichever processor is free; all tallies together.
pub fn spread<T: Sync>(pieces: &[T], work: impl Fn(&T, &mut Tally) + Sync) -> Tally {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut tally = Tally::default();
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(piece, &mut tally);
        }
        tally
    };
    let mut all = Tally::default();
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            all.append(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    all
}
