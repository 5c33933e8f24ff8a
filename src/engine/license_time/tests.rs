//! One machine whose clock is set, and a server on it that ends and starts again.

use super::*;
use crate::engine::Deed;
use crate::engine::state::State;
use crate::model::clock::SeenTime;
use crate::model::command::{CommandBatch, Founding};
use crate::model::count::LicenseCount;
use crate::model::holding::Role;
use crate::model::license::{LicenseTerms, Metric};
use crate::model::tuning::Tuning;
use ClockStanding::{Right, SetBack, SetForward};
use proptest::prelude::*;

const BEGIN: Timestamp = Timestamp(1_800_000_000_000);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// One server on one machine: its clocks, and an engine that may end and start again.
struct Machine {
    engine: Engine,
    /// True time since the beginning, and how much the clock is ahead of that.
    passed_ms: u64,
    off_ms: i64,
    tuning: Tuning,
}

impl Machine {
    fn new() -> Machine {
        Machine::tuned(Tuning::default())
    }

    fn tuned(tuning: Tuning) -> Machine {
        let founding = Founding {
            tree: "t".parse().unwrap(),
            name: "a".parse().unwrap(),
            role: Role::Primary,
            incarnation: 7,
        };
        let engine = Engine::new(State::new(founding), tuning.clone(), String::new(), 1);
        Machine { engine, passed_ms: 0, off_ms: 0, tuning }
    }

    fn right(&self) -> Timestamp {
        Timestamp(BEGIN.0 + self.passed_ms)
    }

    /// So much time passes, and the clocks are read at the end of it.
    fn pass(&mut self, ms: i64) -> ClockStanding {
        self.passed_ms += ms.unsigned_abs();
        let wall = Timestamp(self.right().0.saturating_add_signed(self.off_ms));
        let reading = Reading { wall, up: Duration::from_millis(self.passed_ms) };
        let now = self.right();
        self.engine.read_clock(reading, now);
        self.engine.pass_time(now);
        self.apply();
        self.engine.clock_standing()
    }

    /// The same with the clock set to so much ahead of right at its beginning.
    fn set(&mut self, off_ms: i64, ms: i64) -> ClockStanding {
        self.off_ms = off_ms;
        self.pass(ms)
    }

    /// What is proposed is durable at once.
    fn apply(&mut self) {
        let at = Timestamp(self.right().0.saturating_add_signed(self.off_ms));
        let proposed = self.engine.deeds(at).into_iter().filter_map(|deed| match deed {
            Deed::Propose(command) => Some(command),
            _ => None,
        });
        let batch = CommandBatch { at, commands: proposed.collect() };
        self.engine.apply(&batch);
    }

    /// The process ends, and another one starts from what is durable.
    fn restart(&mut self, off_ms: i64) {
        let state = self.engine.state().clone();
        self.engine = Engine::new(state, self.tuning.clone(), String::new(), 2);
        self.off_ms = off_ms;
    }

    /// License time against true time.
    fn ahead_ms(&self) -> i64 {
        let license = self.engine.license_time(self.right());
        license.0 as i64 - self.right().0 as i64
    }

    fn register(&mut self, serial: &str, ends_ms: i64) -> Answer {
        let terms = LicenseTerms {
            serial: serial.parse().unwrap(),
            vendor: "v".to_string(),
            product: "cad".parse().unwrap(),
            count: LicenseCount(10),
            metric: Metric::ManagedDevices,
            not_before: Timestamp(1_000),
            not_after: Some(Timestamp(BEGIN.0.saturating_add_signed(ends_ms))),
            tree: None,
            server: None,
            confirm_within_days: None,
            note: String::new(),
        };
        let license = License::try_from(terms).unwrap();
        self.ask(crate::model::request::Request::RegisterLicense(license))
    }

    fn ask(&mut self, request: crate::model::request::Request) -> Answer {
        let now = self.right();
        self.engine.request(RequestId(1), request, now);
        let mut answers = Vec::new();
        for _ in 0..3 {
            let mut commands = Vec::new();
            for deed in self.engine.deeds(now) {
                match deed {
                    Deed::Propose(command) => commands.push(command),
                    Deed::Answer { answer, .. } => answers.push(*answer),
                    _ => {}
                }
            }
            self.engine.apply(&CommandBatch { at: now, commands });
        }
        answers.pop().unwrap()
    }

    fn counts(&self) -> usize {
        self.engine.state().licenses.values().filter(|row| !row.expired).count()
    }

    fn events(&self) -> Vec<String> {
        self.engine.state().events.values().map(|event| event.kind.clone()).collect()
    }
}

#[test]
fn a_clock_that_is_set_back_is_found_and_marked_and_time_goes_on() {
    let mut machine = Machine::new();
    assert_eq!(machine.pass(0), Right);
    assert_eq!(machine.set(-4 * MINUTE, MINUTE), Right);
    assert_eq!(machine.ahead_ms(), 0);
    assert_eq!(machine.set(-10 * MINUTE, 10_000), SetBack);
    assert_eq!((machine.pass(2 * HOUR), machine.ahead_ms()), (SetBack, 0));
    assert_eq!(machine.set(0, 10_000), Right);
    assert_eq!(machine.events(), ["clock.set-back", "clock.ok"]);
}

#[test]
fn a_clock_that_runs_ahead_is_followed_and_one_that_jumps_is_not() {
    let mut machine = Machine::new();
    machine.pass(0);
    assert_eq!((machine.set(59 * MINUTE, 10_000), machine.ahead_ms()), (Right, 59 * MINUTE));
    assert_eq!(machine.set(59 * MINUTE + 61 * MINUTE, 10_000), SetForward);
    assert_eq!(machine.ahead_ms(), 59 * MINUTE);
    // It comes back by itself.
    assert_eq!(machine.set(59 * MINUTE, 10_000), Right);
    assert_eq!(machine.events(), ["clock.set-forward", "clock.ok"]);
}

#[test]
fn a_start_believes_a_clock_that_is_ahead_and_not_one_that_was_set_back() {
    let mut machine = Machine::new();
    machine.pass(0);
    // Off for a month.
    machine.restart(30 * DAY);
    assert_eq!((machine.pass(0), machine.ahead_ms()), (Right, 30 * DAY));
    machine.restart(-365 * DAY);
    assert_eq!((machine.pass(0), machine.ahead_ms()), (SetBack, 30 * DAY));
    assert_eq!((machine.pass(DAY), machine.ahead_ms()), (SetBack, 30 * DAY));
    // A clock that was not there when the machine started, and was set a moment later.
    machine.restart(-(BEGIN.0 as i64));
    assert_eq!(machine.pass(0), SetBack);
    assert_eq!((machine.set(90 * DAY, MINUTE), machine.ahead_ms()), (Right, 90 * DAY));
    // From then on it is right, and does not jump.
    assert_eq!((machine.set(91 * DAY, MINUTE), machine.ahead_ms()), (SetForward, 90 * DAY));
}

#[test]
fn a_clock_that_was_taken_for_set_forward_is_so_after_a_restart() {
    let mut machine = Machine::new();
    machine.pass(0);
    assert_eq!(machine.set(10 * DAY, MINUTE), SetForward);
    machine.restart(10 * DAY);
    assert_eq!((machine.pass(MINUTE), machine.events().len()), (SetForward, 1));
    assert!(machine.ahead_ms() <= 0, "{}", machine.ahead_ms());
    // Also when the clock is behind at first, as one without a battery.
    machine.restart(-10 * DAY);
    assert_eq!(machine.pass(MINUTE), SetBack);
    assert_eq!(machine.set(10 * DAY, MINUTE), SetForward);
    assert!(machine.ahead_ms() <= 0, "{}", machine.ahead_ms());
}

#[test]
fn a_parent_that_is_far_ahead_confirms_the_clock_and_no_more() {
    let mut machine = Machine::new();
    machine.pass(0);
    let far = Timestamp(machine.right().0 + 800 * DAY as u64);
    machine.engine.parent_time(far);
    machine.pass(0);
    assert_eq!(machine.ahead_ms(), 0);
    // As of one that began with a clock that was behind, and is right now.
    assert_eq!(machine.set(10 * DAY, MINUTE), SetForward);
    machine.engine.parent_time(far);
    assert_eq!(machine.pass(MINUTE), Right);
    assert_eq!(machine.ahead_ms(), 10 * DAY);
}

#[test]
fn an_operator_or_the_parent_confirms_a_clock() {
    use crate::model::request::Request::AcceptClock;
    let refused = |answer| matches!(answer, Answer::Refused(refusal) if refusal.code == "LT0250");
    let mut machine = Machine::new();
    machine.pass(0);
    assert!(refused(machine.ask(AcceptClock)));
    machine.register("S-1", DAY);
    assert_eq!(machine.set(10 * DAY, MINUTE), SetForward);
    assert_eq!(machine.engine.clock_view(machine.right()).would_end, 1);
    assert_eq!(machine.ask(AcceptClock), Answer::Done);
    assert_eq!((machine.pass(MINUTE), machine.counts()), (Right, 0));
    assert_eq!(machine.ahead_ms(), 10 * DAY);
    assert_eq!(machine.set(0, MINUTE), SetBack);
    assert!(refused(machine.ask(AcceptClock)));
    // A parent that is ahead by less than a year: nothing here was ever off for so long.
    let parent = |machine: &Machine, days| Timestamp(machine.right().0 + days * DAY as u64);
    let word = parent(&machine, 100);
    machine.engine.parent_time(word);
    machine.pass(0);
    assert_eq!(machine.ahead_ms(), 100 * DAY);
    let word = parent(&machine, 800);
    machine.engine.parent_time(word);
    let word = parent(&machine, 50);
    machine.engine.parent_time(word);
    machine.pass(0);
    assert_eq!(machine.ahead_ms(), 100 * DAY);
    assert_eq!(machine.set(100 * DAY, MINUTE), Right);
}

#[test]
fn a_dated_license_ends_when_it_would_have_whatever_the_clock_is_set_to() {
    let mut machine = Machine::new();
    machine.pass(0);
    assert!(matches!(machine.register("S-1", DAY), Answer::LicenseRegistered(_)));
    machine.set(-365 * DAY, DAY - MINUTE);
    assert_eq!(machine.counts(), 1);
    machine.restart(-365 * DAY);
    machine.pass(2 * MINUTE);
    // What was not written down yet, a minute at most, and no more.
    machine.pass(MINUTE);
    assert_eq!(machine.counts(), 0);
    // Neither does one come in that is over.
    let answer = machine.register("S-2", DAY);
    assert!(matches!(answer, Answer::Refused(refusal) if refusal.code == "LT0202"));
    // A mistake ends none.
    let mut machine = Machine::new();
    machine.pass(0);
    machine.register("S-1", DAY);
    machine.set(365 * DAY, DAY / 2);
    assert_eq!((machine.set(0, 10_000), machine.counts()), (Right, 1));
}

#[test]
fn it_is_written_down_each_minute_and_each_hour_without_a_license_that_ends() {
    let written = |machine: &mut Machine| {
        let mut writes = 0;
        let mut last = machine.engine.state().server.seen_time;
        for _ in 0..120 {
            machine.pass(MINUTE / 2);
            writes += usize::from(last != machine.engine.state().server.seen_time);
            last = machine.engine.state().server.seen_time;
        }
        writes
    };
    let mut machine = Machine::new();
    machine.pass(0);
    assert_eq!(written(&mut machine), 1);
    machine.register("S-1", DAY);
    assert_eq!(written(&mut machine), 60);
}

#[test]
fn the_moment_of_an_end_is_known_before() {
    let mut machine = Machine::new();
    machine.pass(0);
    machine.register("S-1", 5_000);
    machine.set(-HOUR, 1_000);
    assert_eq!(machine.engine.next_expiry(), Some(Timestamp(BEGIN.0 + 5_000)));
    assert_eq!(machine.engine.clock_due(), Some(Timestamp(BEGIN.0 + 11_000)));
}

#[test]
fn readings_in_parts_of_milliseconds_lose_nothing() {
    let mut machine = Machine::new();
    machine.pass(0);
    let wall = Timestamp(BEGIN.0 - HOUR as u64);
    for tenths in 1..=10_000 {
        let up = Duration::from_micros(100 * tenths);
        machine.engine.read_clock(Reading { wall, up }, BEGIN);
    }
    assert_eq!(machine.engine.license_time(BEGIN), Timestamp(BEGIN.0 + 1_000));
}

/// A log of an older version says nothing of license time: the moment stands for it.
#[test]
fn what_is_booked_is_judged_by_the_log_alone() {
    let mut machine = Machine::new();
    assert_eq!(machine.engine.booking_time(BEGIN), BEGIN);
    let license = Timestamp(BEGIN.0 + 1);
    let seen = SeenTime { license, standing: Right };
    machine.engine.see_time(seen, BEGIN);
    assert_eq!(machine.engine.booking_time(BEGIN), license);
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Pass(i64),
    Set(i64),
    Restart,
    Accept,
    Parent(i64),
}

fn turn() -> impl Strategy<Value = Turn> {
    let off = || prop_oneof![-5 * MINUTE..5 * MINUTE, -2 * HOUR..2 * HOUR, -400 * DAY..400 * DAY];
    prop_oneof![
        4 => (0..20 * MINUTE).prop_map(Turn::Pass),
        3 => off().prop_map(Turn::Set),
        1 => Just(Turn::Restart),
        1 => Just(Turn::Accept),
        1 => off().prop_map(Turn::Parent),
    ]
}

proptest! {
    /// I9: within a start it goes on at least as time passes, and over a restart at least from
    /// what was written down, at most a minute before.
    #[test]
    fn license_time_never_goes_back(turns in proptest::collection::vec(turn(), 1..60)) {
        let mut machine = Machine::new();
        machine.pass(0);
        machine.register("S-1", 1_000 * DAY);
        for turn in turns {
            let before = machine.engine.license_time(machine.right());
            let durable = machine.engine.state().server.seen_time.license;
            prop_assert!(before.since(durable) < Duration::from_secs(60));
            let mut passed = Duration::ZERO;
            let mut floor = before;
            match turn {
                Turn::Pass(ms) => {
                    machine.pass(ms);
                    passed = Duration::from_millis(ms.unsigned_abs());
                }
                Turn::Set(off_ms) => { machine.set(off_ms, 0); }
                Turn::Restart => {
                    machine.restart(machine.off_ms);
                    machine.pass(0);
                    floor = durable;
                }
                Turn::Accept => {
                    machine.ask(crate::model::request::Request::AcceptClock);
                }
                Turn::Parent(off_ms) => {
                    let word = machine.right().0.saturating_add_signed(off_ms);
                    machine.engine.parent_time(Timestamp(word));
                    machine.pass(0);
                }
            }
            let after = machine.engine.license_time(machine.right());
            prop_assert!(after >= floor.after(passed), "{turn:?}: {floor} to {after}");
            prop_assert!(machine.engine.state().server.seen_time.license >= durable);
        }
    }
}
