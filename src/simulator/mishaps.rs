//! What may go wrong in a run, by the names that people write.

use crate::simulator::faults::Fault;
use std::collections::BTreeSet;
use std::str::FromStr;

/// One kind of what goes wrong, or of what operators do that a tree must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mishap {
    Fault(Fault),
    /// Disks of relays are put back from an older copy.
    SetBack,
    /// The primary's disk is.
    SetBackPrimary,
    /// Servers are invited and join, new ones and those that were there before.
    Join,
    Remove,
    /// Servers move below another parent.
    Move,
    /// The authority is exchanged.
    Rotate,
    /// Clocks of servers differ.
    Clock,
    /// Clocks are set back and forward, while servers run and while they are down.
    ClockSet,
    /// Operators force changes that make a range short.
    Force,
    /// Some license files end during the run.
    Expire,
}

/// Every name there is, in the order in which people are told them.
const NAMES: [(&str, Mishap); 22] = [
    ("loss", Mishap::Fault(Fault::Loss)),
    ("duplication", Mishap::Fault(Fault::Duplication)),
    ("disorder", Mishap::Fault(Fault::Disorder)),
    ("latency", Mishap::Fault(Fault::Latency)),
    ("cut", Mishap::Fault(Fault::FullCut)),
    ("cut-one-way", Mishap::Fault(Fault::OneWayCut)),
    ("cut-all", Mishap::Fault(Fault::SwizzleClog)),
    ("crash", Mishap::Fault(Fault::Crash)),
    ("crash-at-work", Mishap::Fault(Fault::CrashInEffects)),
    ("slow-disk", Mishap::Fault(Fault::SlowDisk)),
    ("pause", Mishap::Fault(Fault::Pause)),
    ("full-disk", Mishap::Fault(Fault::FullDisk)),
    ("set-back", Mishap::SetBack),
    ("set-back-primary", Mishap::SetBackPrimary),
    ("join", Mishap::Join),
    ("remove", Mishap::Remove),
    ("move", Mishap::Move),
    ("rotate", Mishap::Rotate),
    ("clock", Mishap::Clock),
    ("clock-set", Mishap::ClockSet),
    ("force", Mishap::Force),
    ("expire", Mishap::Expire),
];

/// Written for no mishap at all.
const NONE: &str = "none";

/// What a run does not do together with what, and why.
const CLASHES: [(Mishap, Mishap, &str); 6] = [
    (Mishap::SetBackPrimary, Mishap::SetBack, "some such runs are known not to come to rest"),
    (Mishap::SetBackPrimary, Mishap::Join, NOBODY_COMES),
    (Mishap::SetBackPrimary, Mishap::Remove, NOBODY_COMES),
    (Mishap::SetBackPrimary, Mishap::Move, NOBODY_COMES),
    (Mishap::SetBackPrimary, Mishap::Rotate, NOBODY_COMES),
    (Mishap::SetBack, Mishap::Rotate, "who was set back behind a new authority has to join again"),
];

const NOBODY_COMES: &str = "nobody comes or goes in runs in which the primary is set back";

impl Mishap {
    pub fn name(self) -> &'static str {
        let known = NAMES.iter().find(|(_, mishap)| *mishap == self);
        known.map_or("unnamed", |(name, _)| name)
    }
}

/// Everything that may go wrong in a run that was told so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mishaps(BTreeSet<Mishap>);

impl Mishaps {
    pub fn of(mishaps: impl IntoIterator<Item = Mishap>) -> Mishaps {
        Mishaps(mishaps.into_iter().collect())
    }

    pub fn has(&self, mishap: Mishap) -> bool {
        self.0.contains(&mishap)
    }

    /// Those that networks, disks and processes do.
    pub fn faults(&self) -> Vec<Fault> {
        let fault = |mishap: &Mishap| match mishap {
            Mishap::Fault(fault) => Some(*fault),
            _ => None,
        };
        self.0.iter().filter_map(fault).collect()
    }

    /// Their names, in the order in which people are told them.
    pub fn names(&self) -> Vec<&'static str> {
        NAMES.iter().filter(|(_, mishap)| self.has(*mishap)).map(|(name, _)| *name).collect()
    }
}

/// Every name that can be written, as people are told them.
pub fn known() -> String {
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).chain([NONE]).collect();
    names.join(", ")
}

/// Names between commas. The error is a sentence that says what can be written instead.
impl FromStr for Mishaps {
    type Err = String;

    fn from_str(text: &str) -> Result<Mishaps, String> {
        if text.trim() == NONE {
            return Ok(Mishaps::default());
        }
        let mut mishaps = Mishaps::default();
        for word in text.split(',').map(str::trim) {
            let Some((_, mishap)) = NAMES.iter().find(|(name, _)| *name == word) else {
                return Err(format!("there is no {word:?}; the names are {}", known()));
            };
            mishaps.0.insert(*mishap);
        }
        let both =
            |(one, other, _): &&(Mishap, Mishap, &str)| mishaps.has(*one) && mishaps.has(*other);
        match CLASHES.iter().find(both) {
            Some((one, other, why)) => {
                let (one, other) = (one.name(), other.name());
                Err(format!("{one} and {other} are not simulated together: {why}; name one"))
            }
            None => Ok(mishaps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_what_it_names() {
        for (name, mishap) in NAMES {
            assert_eq!(name.parse(), Ok(Mishaps::of([mishap])), "{name}");
        }
        assert_eq!("none".parse(), Ok(Mishaps::default()));
        let two: Mishaps = " crash, cut".parse().unwrap();
        assert_eq!(two.names(), ["cut", "crash"]);
        assert_eq!(two.faults(), [Fault::FullCut, Fault::Crash]);
    }

    #[test]
    fn what_is_no_name_is_refused_with_all_that_are() {
        for text in ["", "crash,", "none,cut", "quake"] {
            let error = text.parse::<Mishaps>().unwrap_err();
            assert!(error.contains("the names are loss, ") && error.ends_with("none"), "{error}");
        }
        let error = "set-back,set-back-primary".parse::<Mishaps>().unwrap_err();
        assert!(error.contains("not simulated together"), "{error}");
    }
}
