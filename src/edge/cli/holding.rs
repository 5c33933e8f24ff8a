//! Changes of holding options: `license distribute|withdraw`, `server authorize|deauthorize`.
//!
//! ```text
//!   preview ─► ranges before and after ─► question, or --yes ─► done ─► ranges as they are now
//! ```
//! What would be refused is not asked about, unless `--force` gets it through, or `--drain` where
//! the relay itself is the only one that lacks.

use crate::client::Client;
use crate::edge::draw::tree;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::count::LicenseCount;
use crate::model::holding::HoldingOption;
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::request::{Doing, HoldingChange, HoldingOutcome, HoldingVerb};
use crate::model::view::RangeView;
use clap::Args;

/// What `--drain` gets through where it is the relay's own.
const SHORTAGE: &str = "LT0224";
/// What `--force` gets through: a shortage, and a product that nobody knows yet.
const BY_FORCE: [&str; 2] = [SHORTAGE, "LT0231"];

/// How a change is agreed to.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Consent {
    /// Do it without a question.
    #[arg(long)]
    pub(super) yes: bool,
    /// Do it even if it makes or deepens a shortage, or if nobody knows the product yet.
    #[arg(long)]
    pub(super) force: bool,
    /// Do it although the relay's own range uses more than it is to hold: what is in use stays, and
    /// is given back as devices leave. Refused where any other range would come short.
    #[arg(long)]
    pub(super) drain: bool,
}

impl Consent {
    fn doing(self) -> Doing {
        if self.force { Doing::Force } else { Doing::Do }
    }

    /// `drains`: [`can_drain`].
    fn accepts(self, refusal: &Refusal, drains: bool) -> bool {
        let drains = self.drain && drains && refusal.code == SHORTAGE;
        drains || (self.force && BY_FORCE.contains(&refusal.code.as_str()))
    }
}

/// Whether a relay is only to hold less of what was distributed to it.
///
/// Its own range is the only one that would come short, or shorter, and it keeps what it uses. One
/// that held nothing would get less than it uses from now on, and lack that.
fn can_drain(preview: &HoldingOutcome) -> bool {
    if preview.option_before != HoldingOption::Distributed {
        return false;
    }
    let was = |source: &ServerName| {
        let range = preview.before.ranges.iter().find(|range| range.source == *source);
        range.map_or(LicenseCount::ZERO, |range| range.shortage)
    };
    let mut worse = preview.after.ranges.iter().filter(|range| range.shortage > was(&range.source));
    worse.all(|range| range.source == preview.relay)
}

/// What a range that is to hold less than it uses does until enough has come free there.
fn kept_meanwhile(preview: &HoldingOutcome) -> Option<String> {
    let HoldingOutcome { relay, after, .. } = preview;
    let ends = after.ranges.iter().find(|range| range.source == *relay)?;
    let RangeView { held, used, shortage, .. } = ends;
    (*shortage > LicenseCount::ZERO).then(|| {
        format!(
            "until {shortage} of the {used} in use have come free, {relay} keeps {used} and lacks \
             none; each that comes free is given back, until it holds {held}\n"
        )
    })
}

/// What is to be changed.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) product: Option<ProductName>,
    pub(super) relay: ServerName,
    pub(super) verb: HoldingVerb,
}

impl Wanted {
    fn with(&self, doing: Doing) -> HoldingChange {
        let Wanted { product, relay, verb } = self.clone();
        HoldingChange { product, relay, verb, doing }
    }

    /// What would be done, as the end of a question.
    fn described(&self, outcome: &HoldingOutcome) -> String {
        let HoldingOutcome { product, relay, .. } = outcome;
        match self.verb {
            HoldingVerb::Distribute(count) => format!("distribute {count} of {product} to {relay}"),
            HoldingVerb::Withdraw => format!("withdraw {product} from {relay}"),
            HoldingVerb::Authorize => format!("authorize {relay} to register {product}"),
            HoldingVerb::Deauthorize => format!("end the authorization of {relay} for {product}"),
        }
    }

    /// The option that gives way, a relay having one for each product, and what of it comes when.
    fn gives_way(&self, outcome: &HoldingOutcome, relay_is: Relay) -> Option<String> {
        let HoldingOutcome { product, relay, count_before, .. } = outcome;
        let when = relay_is.when(relay);
        match (self.verb, outcome.option_before) {
            (HoldingVerb::Authorize, HoldingOption::Distributed) => Some(format!(
                "at once: {relay} is given no more of {product}\n\
                 {when}: it may register, and of the {count_before} distributed to it the free \
                 ones go back; those in use follow as they come free, or as licenses are \
                 registered there. Until then they are counted at {relay}\n"
            )),
            (HoldingVerb::Distribute(_), HoldingOption::Registered) => {
                Some(format!("{when}: it may no longer register licenses of {product}\n"))
            }
            _ if relay_is == Relay::Away => Some(format!(
                "{relay} is not connected: this is ordered at once, and comes about {when}\n"
            )),
            _ => None,
        }
    }
}

/// Whether the relay hears of a change now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relay {
    Here,
    Away,
}

impl Relay {
    async fn of(client: &Client, relay: &ServerName) -> Result<Relay, Failure> {
        let server = client.server(relay).await?;
        Ok(if server.online { Relay::Here } else { Relay::Away })
    }

    fn when(self, relay: &ServerName) -> String {
        match self {
            Relay::Here => format!("when {relay} has heard of it"),
            Relay::Away => format!("when {relay} is back"),
        }
    }
}

/// Shows what would come of it, asks, does it, and shows what came.
pub(super) async fn change(
    wanted: Wanted,
    consent: Consent,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let client = terminal.client()?;
    let preview = client.set_holding(&wanted.with(Doing::Preview)).await?;
    let before = tree::ranges(&preview.before, terminal.ink);
    terminal.say(&format!("before\n{before}\n"))?;
    if preview.refusal.is_none() || preview.after.ranges != preview.before.ranges {
        let after = tree::ranges(&preview.after, terminal.ink);
        terminal.say(&format!("after\n{after}\n"))?;
    }
    let drains = can_drain(&preview);
    if let Some(refusal) = preview.refusal.clone().filter(|one| !consent.accepts(one, drains)) {
        return Err(refusal.into());
    }
    let described = wanted.described(&preview);
    let relay_is = Relay::of(&client, &preview.relay).await?;
    terminal.say(&wanted.gives_way(&preview, relay_is).unwrap_or_default())?;
    if drains {
        terminal.say(&kept_meanwhile(&preview).unwrap_or_default())?;
    }
    if !consent.yes {
        terminal.agree(&format!("{described}?"))?;
    }
    let doing = if preview.refusal.is_some() { Doing::Force } else { consent.doing() };
    let outcome = done(&client, &wanted, doing).await?;
    terminal.show(&outcome, |outcome, _| in_words(&described, outcome, relay_is))
}

async fn done(client: &Client, wanted: &Wanted, doing: Doing) -> Result<HoldingOutcome, Failure> {
    let outcome = client.set_holding(&wanted.with(doing)).await?;
    match outcome.refusal.clone() {
        Some(refusal) => Err(refusal.into()),
        None => Ok(outcome),
    }
}

fn in_words(described: &str, outcome: &HoldingOutcome, relay_is: Relay) -> String {
    let HoldingOutcome { relay, in_transit, .. } = outcome;
    if *in_transit == LicenseCount::ZERO {
        return format!("done: {described}\n");
    }
    let when = match relay_is {
        Relay::Away => format!("it is booked as soon as {relay} is back"),
        Relay::Here => format!("it is booked as {relay} answers and as uses there come free"),
    };
    format!(
        "ordered: {described}\nin transit {in_transit}; {when}: `lictree server show {relay}`\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;
    use crate::model::view::RangesView;

    #[test]
    fn what_drains_is_the_relays_own_range_and_no_other() {
        let range = |source: &str, held: u64, used: u64| RangeView {
            product: "cad".parse().unwrap(),
            source: source.parse().unwrap(),
            destinations: Vec::new(),
            held: LicenseCount(held),
            used: LicenseCount(used),
            remaining: LicenseCount(held.saturating_sub(used)),
            shortage: LicenseCount(used.saturating_sub(held)),
            in_transit: LicenseCount(0),
            as_of: None,
        };
        let ranges = |ranges| RangesView { as_of: Timestamp(0), ranges };
        let outcome = |after| HoldingOutcome {
            product: "cad".parse().unwrap(),
            relay: "c".parse().unwrap(),
            option: HoldingOption::Distributed,
            option_before: HoldingOption::Distributed,
            count_before: LicenseCount(0),
            in_transit: LicenseCount(0),
            before: ranges(vec![range("a", 5, 7), range("c", 9, 9)]),
            after: ranges(after),
            refusal: None,
        };
        let drains = |after| can_drain(&outcome(after));
        assert!(drains(vec![range("a", 5, 7), range("c", 4, 9)]), "a lacks what it lacked before");
        assert!(!drains(vec![range("a", 5, 8), range("c", 4, 9)]));
        assert!(!drains(vec![range("a", 5, 16)]), "c would hold nothing any more");
        let fewer = vec![range("a", 5, 7), range("c", 4, 9)];
        let anew = HoldingOutcome { option_before: HoldingOption::None, ..outcome(fewer.clone()) };
        assert!(!can_drain(&anew), "c held nothing, and would lack what it uses");
        let said = kept_meanwhile(&outcome(fewer)).unwrap();
        assert!(said.starts_with("until 5 of the 9 in use have come free, c keeps 9"), "{said}");
        assert_eq!(kept_meanwhile(&outcome(vec![range("a", 5, 7), range("c", 9, 9)])), None);
    }

    #[test]
    fn an_option_that_gives_way_is_named() {
        let nothing = || RangesView { as_of: Timestamp(0), ranges: Vec::new() };
        let said = |verb, option_before, relay_is| {
            let outcome = HoldingOutcome {
                product: "cad".parse().unwrap(),
                relay: "c".parse().unwrap(),
                option: HoldingOption::None,
                option_before,
                count_before: LicenseCount(20),
                before: nothing(),
                after: nothing(),
                refusal: None,
                in_transit: LicenseCount::ZERO,
            };
            let relay = outcome.relay.clone();
            let wanted = Wanted { product: None, relay, verb };
            wanted.gives_way(&outcome, relay_is).unwrap_or_default()
        };
        let back = |relay_is| said(HoldingVerb::Authorize, HoldingOption::Distributed, relay_is);
        for (relay_is, when) in [(Relay::Here, "when c has heard"), (Relay::Away, "when c is back")]
        {
            let back = back(relay_is);
            assert!(back.starts_with("at once: c is given no more of cad\n"), "{back}");
            let later = format!("\n{when}");
            assert!(back.contains(&later) && back.contains("the 20 distributed"), "{back}");
        }
        let fewer = HoldingVerb::Distribute(LicenseCount(5));
        let ends = said(fewer, HoldingOption::Registered, Relay::Away);
        assert_eq!(ends, "when c is back: it may no longer register licenses of cad\n");
        assert_eq!(said(HoldingVerb::Authorize, HoldingOption::None, Relay::Here), "");
        let away = said(fewer, HoldingOption::Distributed, Relay::Away);
        assert!(away.starts_with("c is not connected: this is ordered at once"), "{away}");
    }

    #[test]
    fn force_gets_through_what_it_is_for_and_nothing_else() {
        let refusal = |code| Refusal::new(code, "", "");
        let force = Consent { yes: false, force: true, drain: false };
        assert!(["LT0224", "LT0231"].iter().all(|code| force.accepts(&refusal(code), false)));
        assert!(!force.accepts(&refusal("LT0222"), true));
        let careful = Consent { force: false, ..force };
        assert!(!careful.accepts(&refusal("LT0224"), true));
        let drain = Consent { drain: true, ..careful };
        assert!(drain.accepts(&refusal("LT0224"), true));
        assert!(!drain.accepts(&refusal("LT0224"), false));
        assert!(!drain.accepts(&refusal("LT0231"), true));
    }
}
