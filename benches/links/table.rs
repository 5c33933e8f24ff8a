//! The figures as tables, held against their goals.

use crate::asker::Asked;
use crate::flood::{Felt, STATED, WEATHERS, Weather};
use crate::idle::Cost;
use crate::measure::Spread;
use crate::measure::page::Goals;
use crate::relay::Networks;
use crate::storm::{Round, Storm};
use lictree::net::NetLimits;

/// What one idle relay may cost, in KiB.
const IDLE_KIB: f64 = 50.0;
/// What a storm may take, in storms of bare handshakes, and what a grant may take meanwhile.
const STORM_RATIO: f64 = 1.5;
const STORM_GRANT_MS: f64 = 250.0;
/// What a flood may do to the slowest grants, and to memory.
const FLOOD_RATIO: f64 = 2.0;
const FLOOD_MIB: f64 = 64.0;

pub struct Text {
    parts: Vec<String>,
    goals: Goals,
}

impl Text {
    pub fn new(head: &str) -> Text {
        Text { parts: vec![format!("{head}\n")], goals: Goals::default() }
    }

    pub fn whole(&self) -> String {
        format!("{}\n{}", self.parts.join("\n"), self.goals.table())
    }

    pub fn idle(&mut self, relays: usize, costs: Vec<Cost>) {
        let own = Spread::of(costs.iter().map(|cost| cost.own_kib));
        let resident = Spread::of(costs.iter().map(|cost| cost.resident_kib));
        let what = format!("memory of one idle relay of {relays}, the parent's own");
        let found = format!("{own} KiB (resident {resident})");
        let met = own.median <= IDLE_KIB;
        self.goals.add(&what, found, format!("at most {IDLE_KIB} KiB"), met);
    }

    pub fn storm(
        &mut self,
        relays: usize,
        networks: Networks,
        limits: &NetLimits,
        rounds: &[Round],
    ) {
        let from = match networks {
            Networks::Own => "a network each",
            Networks::One => "one network",
        };
        let from = match limits.socket_receive_bytes {
            0 => from.to_string(),
            bytes => format!("{from}, {} KiB of room asked for", bytes >> 10),
        };
        let row = |name: &str, storm: &dyn Fn(&Round) -> Storm, grants: String| {
            let of = |figure: &dyn Fn(Storm) -> f64| {
                Spread::of(rounds.iter().map(|round| figure(storm(round))))
            };
            format!(
                "| {name} | {} | {:.2} / {:.2} | {} | {grants} |\n",
                hundredths(of(&|storm| storm.took_s)),
                of(&|storm| storm.server_s).median,
                of(&|storm| storm.callers_s).median,
                of(&|storm| storm.failed as f64),
            )
        };
        let grants = |asked: &dyn Fn(&Round) -> &Asked| {
            let p50 = Spread::of(rounds.iter().map(|round| asked(round).p50_ms())).median;
            let most = Spread::of(rounds.iter().map(|round| asked(round).most_ms())).most;
            (most, format!("{p50:.1} / {most:.0}"))
        };
        let ((_, calm), (most, busy)) =
            (grants(&|round| &round.calm), grants(&|round| &round.asked));
        let bare = row("bare handshakes", &|round| round.bare, "-".to_string());
        let ours = row("lictree, until attached", &|round| round.ours, busy);
        self.parts.push(format!(
            "{relays} relays at once, from {from}:\n\n\
             | row | seconds, median (least..most) | processor s, server / callers | \
             calls that failed | grants meanwhile, ms, median / longest of all |\n\
             |---|---|---|---|---|\n{bare}{ours}| lictree, nobody calls | - | - | - | {calm} |\n"
        ));
        let ratio = Spread::of(rounds.iter().map(|round| round.ours.took_s / round.bare.took_s));
        let found = format!("{} times bare handshakes", hundredths(ratio));
        let asked = format!("at most {STORM_RATIO} times");
        let met = ratio.median <= STORM_RATIO;
        self.goals.add(&format!("storm of {relays}, {from}"), found, asked, met);
        let (found, asked) = (format!("{most:.0} ms"), format!("at most {STORM_GRANT_MS} ms"));
        let what = format!("longest grant in such a storm, {from}");
        self.goals.add(&what, found, asked, most <= STORM_GRANT_MS);
    }

    pub fn flood(&mut self, rounds: &[Vec<Felt>]) {
        let at = |weather: Weather| {
            let place = WEATHERS.iter().position(|one| *one == weather);
            place.expect("it is one of them")
        };
        let of = |weather: Weather, figure: &dyn Fn(&Felt) -> f64| {
            Spread::of(rounds.iter().map(|round| figure(&round[at(weather)])))
        };
        let line = |weather: &Weather| {
            let median = |figure: &dyn Fn(&Felt) -> f64| of(*weather, figure).median;
            format!(
                "| {} | {:.0} | {:.0} % | {:.2} / {:.2} / {:.0} | {:.1} |\n",
                weather.name(),
                median(&|felt| felt.sent_per_s),
                median(&|felt| felt.dropped * 100.0),
                median(&|felt| felt.p50_ms),
                median(&|felt| felt.p99_ms),
                median(&|felt| felt.most_ms),
                median(&|felt| felt.grown_mib),
            )
        };
        let lines: String = WEATHERS.iter().map(line).collect();
        self.parts.push(format!(
            "An honest destination while strangers flood (medians):\n\n\
             | row | packets a second | no room at the socket | p50 / p99 / longest ms | \
             memory grown, MiB |\n|---|---|---|---|---|\n{lines}"
        ));
        let p99 = |round: &[Felt], weather| round[at(weather)].p99_ms;
        for rate in [Some(STATED), None] {
            let flood = Weather::Flood(rate);
            for (against, name) in
                [(Weather::Control(rate), "a flood beside it"), (Weather::Calm, "none")]
            {
                let ratio =
                    Spread::of(rounds.iter().map(|round| p99(round, flood) / p99(round, against)));
                let what = format!("p99 under a {} against {name}", flood.name());
                let found = format!("{:.1} times", ratio.median);
                let met = ratio.median <= FLOOD_RATIO;
                self.goals.add(&what, found, format!("at most {FLOOD_RATIO} times"), met);
            }
        }
        let grown = rounds.iter().flatten().map(|felt| felt.grown_mib).fold(0.0, f64::max);
        let (found, asked) = (format!("{grown:.1} MiB"), format!("at most {FLOOD_MIB} MiB"));
        self.goals.add("memory that any flood made it take", found, asked, grown <= FLOOD_MIB);
    }
}

fn hundredths(Spread { least, median, most }: Spread) -> String {
    format!("{median:.2} ({least:.2}..{most:.2})")
}
