//! Feeds one reader.

use crate::decoders::{Shape, Target};
use crate::draw::Draw;
use crate::shake::{WORDS, shaken};
use crate::{corpus, memory, message};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Inputs up to this many bytes are cut at each byte, and each of their bits is flipped; of longer
/// ones so many places are drawn.
const EACH_BYTE_UP_TO: usize = 2_048;
const DRAWN_PLACES: usize = 1_000;
/// All inputs of a target together: cuts and flips are drawn from beyond.
const CUTS_MAX: usize = 6_000;
const FLIPS_MAX: usize = 24_000;
/// Inputs drawn at random, of each kind.
const DRAWN: u64 = 40_000;
/// An input that takes longer is noted.
const SLOW: Duration = Duration::from_millis(100);
/// Failures told of one target.
const FAILED_MAX: usize = 3;

/// What became of one target.
pub struct Fed {
    pub name: &'static str,
    pub corpus: usize,
    pub run: usize,
    pub taken: usize,
    pub slow: usize,
    pub most_bytes: usize,
    took: Duration,
    pub failed: Vec<String>,
}

impl Fed {
    pub const HEAD: &'static str = "target           corpus      run    taken  refused  slow  \
                                    most memory       time";
}

impl fmt::Display for Fed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fed { name, corpus, run, taken, slow, most_bytes, took, .. } = self;
        let (refused, kib, ms) = (run - taken, most_bytes / 1_024, took.as_millis());
        write!(f, "{name:<16} {corpus:>6} {run:>8} {taken:>8} {refused:>8} {slow:>5}  ")?;
        write!(f, "{kib:>7} KiB {ms:>7} ms")
    }
}

/// Runs everything there is for a target.
pub fn feed(target: &Target, times: u64, seed: u64) -> Fed {
    let (begun, _) = (Instant::now(), memory::most());
    let inputs = corpus::inputs(target.name);
    let fed = Fed {
        name: target.name,
        corpus: inputs.len(),
        run: 0,
        taken: 0,
        slow: 0,
        most_bytes: 0,
        took: Duration::ZERO,
        failed: Vec::new(),
    };
    let name = target.name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte));
    let mut feeding = Feeding { target, inputs, fed, draw: Draw::of(name) };
    feeding.whole();
    feeding.cut();
    feeding.flipped();
    feeding.with_words();
    for _ in 0..DRAWN * times {
        feeding.drawn();
    }
    let mut fed = feeding.fed;
    (fed.took, fed.most_bytes) = (begun.elapsed(), memory::most());
    fed
}

struct Feeding<'a> {
    target: &'a Target,
    inputs: Vec<Vec<u8>>,
    fed: Fed,
    draw: Draw,
}

impl Feeding<'_> {
    fn run(&mut self, bytes: &[u8]) {
        if self.fed.failed.len() >= FAILED_MAX {
            return;
        }
        let begun = Instant::now();
        let taken = catch_unwind(AssertUnwindSafe(|| (self.target.check)(bytes)));
        self.fed.run += 1;
        self.fed.slow += usize::from(begun.elapsed() > SLOW);
        match taken {
            Ok(taken) => self.fed.taken += usize::from(taken),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().map(String::as_str);
                let said = said.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
                let kept = self.kept(bytes);
                self.fed.failed.push(format!("{}: {said}\n  {}", self.target.name, kept.display()));
            }
        }
    }

    /// A file with the input.
    fn kept(&self, bytes: &[u8]) -> PathBuf {
        let sum = bytes
            .iter()
            .fold(17_u64, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte));
        let file = format!("fuzz-{}-{sum:016x}", self.target.name);
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn whole(&mut self) {
        self.run(b"");
        for bytes in self.inputs.clone() {
            self.run(&bytes);
        }
    }

    fn cut(&mut self) {
        for (input, len) in self.places(|bytes| bytes.len(), CUTS_MAX) {
            let bytes = self.inputs[input][..len].to_vec();
            self.run(&bytes);
        }
    }

    fn flipped(&mut self) {
        for (input, bit) in self.places(|bytes| bytes.len() * 8, FLIPS_MAX) {
            let mut bytes = self.inputs[input].clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            self.run(&bytes);
        }
    }

    /// Every place of short inputs, drawn ones of long inputs; of all together at most so many.
    fn places(&mut self, count: fn(&[u8]) -> usize, most: usize) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        for (input, bytes) in self.inputs.iter().enumerate() {
            if bytes.len() <= EACH_BYTE_UP_TO {
                places.extend((0..count(bytes)).map(|place| (input, place)));
            } else {
                let place = |_| (input, self.draw.below(count(bytes)));
                places.extend((0..DRAWN_PLACES).map(place));
            }
        }
        while places.len() > most {
            let gone = self.draw.below(places.len());
            places.swap_remove(gone);
        }
        places
    }

    /// Each bad word in front of, within and behind an input.
    fn with_words(&mut self) {
        for word in WORDS {
            let input = self.draw.below(self.inputs.len());
            let bytes = self.inputs[input].clone();
            let middle = self.draw.below(bytes.len() + 1);
            for at in [0, middle, bytes.len()] {
                let (before, behind) = bytes.split_at(at);
                self.run(&[before, word, behind].concat());
            }
            self.run(word);
        }
    }

    fn drawn(&mut self) {
        let (one, other) = (self.draw.below(self.inputs.len()), self.draw.below(self.inputs.len()));
        let (one, other) = (self.inputs[one].clone(), self.inputs[other].clone());
        let head = match self.target.shape {
            Shape::Message(head) => Some(head),
            Shape::Keyed => Some(2 + usize::from(one.get(1).copied().unwrap_or_default())),
            Shape::Text | Shape::Bytes => None,
        };
        let split = head.and_then(|head| one.split_at_checked(head));
        let changed = match split {
            Some((head, message)) if self.draw.below(4) > 0 => {
                message::changed(message, &mut self.draw).map(|rest| [head, &rest].concat())
            }
            _ => None,
        };
        let text = self.target.shape == Shape::Text;
        let bytes = changed.unwrap_or_else(|| shaken(&one, &other, text, &mut self.draw));
        self.run(&bytes);
    }
}
