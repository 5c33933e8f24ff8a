//! Who is to hold how much: the primary's command and the check before it (rules 3 to 6).
//!
//! - Hard, never overridable: what is distributed is at most what is registered at the primary;
//!   one relay has one option; registered licenses stay where they are registered.
//! - Soft, `force` overrides: no range gets a new or deeper shortage. The ranges after the change
//!   are computed first and shown; nobody is surprised.

use super::Engine;
use super::range::{self, Tree};
use crate::model::command::SetHolding;
use crate::model::count::{COUNT_MAX, LicenseCount, counted};
use crate::model::holding::HoldingOption;
use crate::model::name::{ProductName, ServerName};
use crate::model::refusal::Refusal;
use crate::model::report::Figures;
use crate::model::request::{HoldingChange, HoldingVerb};
use crate::model::row::{EdgeRow, RowKey};
use crate::model::time::Timestamp;
use crate::model::view::{RangeView, RangesView};
use std::collections::{BTreeMap, BTreeSet};

/// The holding options of one product as they are, or as they would be.
pub(super) type Options = BTreeMap<ServerName, (HoldingOption, LicenseCount)>;

/// A change with the ranges before and after it.
pub(super) struct Plan {
    pub change: SetHolding,
    pub option_before: HoldingOption,
    pub count_before: LicenseCount,
    /// As they are, with what is in transit.
    pub before: Vec<RangeView>,
    /// As they are meant to be; as before where the change may not be done at all.
    pub after: Vec<RangeView>,
    /// Why it may not be done at all.
    pub hard: Option<Refusal>,
    /// The shortage it makes or deepens.
    pub soft: Option<Refusal>,
}

impl Engine {
    /// The tree with this server's name for the primary.
    pub(super) fn tree(&self) -> Tree {
        let below = self.state.met.values().map(|met| (met.name.clone(), Some(met.parent.clone())));
        let mut tree = below.chain([(self.state.name().clone(), None)]).collect();
        range::hang_lost(&mut tree, self.state.name());
        tree
    }

    pub(super) fn options(&self, product: &ProductName) -> Options {
        let edges = self.state.edges.iter().filter(|((p, _), _)| p == product);
        edges
            .map(|((_, relay), edge)| (relay.clone(), (edge.level.option, edge.level.target)))
            .filter(|(_, (option, _))| *option != HoldingOption::None)
            .collect()
    }

    /// What a change would do, and whether it may.
    pub(super) fn plan(&self, asked: &HoldingChange, product: ProductName, now: Timestamp) -> Plan {
        let options = self.options(&product);
        let (option, target) = match asked.verb {
            HoldingVerb::Distribute(LicenseCount(0)) | HoldingVerb::Withdraw => {
                (HoldingOption::None, LicenseCount::ZERO)
            }
            HoldingVerb::Distribute(count) => (HoldingOption::Distributed, count),
            HoldingVerb::Authorize => (HoldingOption::Registered, LicenseCount::ZERO),
            HoldingVerb::Deauthorize => (HoldingOption::None, LicenseCount::ZERO),
        };
        let mut changed = options.clone();
        changed.insert(asked.relay.clone(), (option, target));
        changed.retain(|_, (option, _)| *option != HoldingOption::None);
        let relay = asked.relay.clone();
        let (option_before, count_before) = options.get(&relay).copied().unwrap_or_default();
        let meant = self.ranges_under(&product, &options, now);
        let after = self.ranges_under(&product, &changed, now);
        let before = self.ranges_of(&product, now);
        let forced = asked.doing == crate::model::request::Doing::Force;
        let change = SetHolding { relay, product, option, target, forced };
        let hard = self.hard_check(asked.verb, &change, &options).err();
        let soft = shortage_made(&change, &meant, &after, option_before);
        let after = if hard.is_some() { before.clone() } else { after };
        Plan { change, option_before, count_before, before, after, hard, soft }
    }

    fn hard_check(
        &self,
        verb: HoldingVerb,
        change: &SetHolding,
        options: &Options,
    ) -> Result<(), Refusal> {
        let SetHolding { relay, product, target, .. } = change;
        if relay == self.state.name() {
            return Err(Refusal::new(
                "LT0206",
                format!("{relay} is the primary; it always holds, and has no holding option"),
                "name a relay: lictree server list",
            ));
        }
        if !self.state.met.contains_key(relay) {
            return Err(Refusal::new(
                "LT0207",
                format!("no server named {relay} has ever connected"),
                "see who is known: lictree server list",
            ));
        }
        if let Some(server) = self.arriving_on(relay) {
            return Err(Refusal::new(
                "LT0446",
                format!(
                    "{relay} stays as it is for now: {server} has moved and did not attach since, \
                     and what it uses may be of {relay}"
                ),
                format!(
                    "wait until {server} is there: lictree server show {server}; if it never \
                     comes: lictree server remove {server} --force"
                ),
            ));
        }
        let now = options.get(relay).map_or(HoldingOption::None, |(option, _)| *option);
        let registered = self.figures_of(relay, product).registered;
        let keys = now == HoldingOption::Registered && registered > LicenseCount::ZERO;
        let authorize = matches!(verb, HoldingVerb::Authorize);
        if keys && !authorize {
            return Err(Refusal::new(
                "LT0208",
                format!(
                    "{relay} itself has {} of {product} registered",
                    counted(registered.0, "license")
                ),
                "licenses that are registered at a relay stay there; a relay has one option",
            ));
        }
        match verb {
            HoldingVerb::Withdraw if now != HoldingOption::Distributed => Err(Refusal::new(
                "LT0209",
                format!("nothing of {product} is distributed to {relay}"),
                "see who holds: lictree range list",
            )),
            HoldingVerb::Deauthorize if now != HoldingOption::Registered => Err(Refusal::new(
                "LT0220",
                format!("{relay} is not authorized to register licenses of {product}"),
                "see who holds: lictree server list",
            )),
            _ if *target > COUNT_MAX => Err(Refusal::new(
                "LT0221",
                format!("{target} is more than one distribution may carry ({COUNT_MAX})"),
                "distribute a smaller count",
            )),
            _ => self.distributable(change, options),
        }
    }

    /// Sum distributed ≤ registered (rule 5, hard), and no more than has come back by now.
    fn distributable(&self, change: &SetHolding, options: &Options) -> Result<(), Refusal> {
        let SetHolding { relay, product, target, .. } = change;
        let others = options.iter().filter(|(name, _)| *name != relay);
        let others: LicenseCount = others.map(|(_, (_, target))| *target).sum();
        let registered = self.state.ledgers.get(product).map_or(0, |ledger| ledger.registered);
        let most = registered.saturating_sub(others.0);
        let more = self.more_for(relay, product, *target);
        if target.0 > most {
            return Err(Refusal::new(
                "LT0222",
                format!(
                    "{target} {product} cannot be distributed to {relay}: {registered} are \
                     registered at {} and {others} are distributed to others",
                    self.state.name()
                ),
                format!("distribute at most {most}, or register more licenses first"),
            ));
        }
        let own = self.balance(product).own;
        if more > own {
            return Err(Refusal::new(
                "LT0223",
                format!("only {own} {product} are here now; {more} more are on their way back"),
                "wait until what was withdrawn has come back: lictree range list",
            ));
        }
        Ok(())
    }

    pub(super) fn outstanding(&self, relay: &ServerName, product: &ProductName) -> u64 {
        let edge = self.state.edges.get(&(product.clone(), relay.clone()));
        edge.map_or(0, |edge| edge.level.granted - edge.level.returned_seen)
    }

    /// Primary: the change in the log's order. Returns why it is not done after all.
    pub(super) fn set_holding(&mut self, change: &SetHolding) -> Result<(), Refusal> {
        let SetHolding { relay, product, option, target, forced } = change;
        let options = self.options(product);
        let verb = match option {
            HoldingOption::Distributed => HoldingVerb::Distribute(*target),
            HoldingOption::Registered => HoldingVerb::Authorize,
            HoldingOption::None => match options.get(relay) {
                Some((HoldingOption::Registered, _)) => HoldingVerb::Deauthorize,
                _ => HoldingVerb::Withdraw,
            },
        };
        self.hard_check(verb, change, &options)?;
        if !forced {
            self.exact_check(change)?;
        }
        let more = self.more_for(relay, product, *target);
        let key = (product.clone(), relay.clone());
        let edge = self.state.edges.entry(key.clone()).or_default();
        let same = edge.level.option == *option && edge.level.target == *target;
        if same && more == 0 {
            return Ok(());
        }
        edge.may_decline |= edge.level.option == HoldingOption::Registered;
        edge.level.option = *option;
        edge.level.target = *target;
        edge.level.version += 1;
        edge.level.granted += more;
        edge.promised |= *option != HoldingOption::None;
        self.state.touch(RowKey::Edge(key.0, key.1));
        self.state.count_given(product);
        let by_force = if *forced { ", forced" } else { "" };
        let text = match option {
            HoldingOption::Distributed => {
                format!("{relay} is to hold {target} {product}{by_force}")
            }
            HoldingOption::Registered => format!("{relay} may register {product}{by_force}"),
            HoldingOption::None => format!("{relay} is to hold no {product}{by_force}"),
        };
        self.note("holding.set", text);
        self.sources_changed = true;
        self.owe_level(relay, product);
        Ok(())
    }

    /// With the ledger itself, where it is this one that loses the uses: no shortage here, and none
    /// at the relay (the plan knew only what was last reported).
    fn exact_check(&self, change: &SetHolding) -> Result<(), Refusal> {
        let SetHolding { relay, product, option, target, .. } = change;
        let Some(ledger) = self.state.ledgers.get(product) else { return Ok(()) };
        let out = ledger.below.get(relay).is_some_and(|below| below.out);
        let leaving =
            if out || *option == HoldingOption::None { 0 } else { ledger.used_through(relay) };
        let is = self.options(product).get(relay).map_or(HoldingOption::None, |(is, _)| *is);
        let short = |lacks: u64, range: &ServerName| {
            Err(Refusal::new(
                "LT0224",
                format!("range {range} of {product} would lack {}", counted(lacks, "license")),
                by_force(change, range, is),
            ))
        };
        // Uses that are promised away leave with their relays, before the change and after it: what
        // they lack here meanwhile gives no leave to lack more.
        let holders = |edge: &EdgeRow| edge.level.option != HoldingOption::None || edge.promised;
        let before = self.promised(product, holders);
        let mut after = before.clone();
        match option {
            HoldingOption::None => drop(after.remove(relay)),
            _ => drop(after.insert(relay.clone())),
        }
        let more = self.more_for(relay, product, *target);
        let own = self.balance(product).own;
        let lacks =
            |own: u64, away| (ledger.used() - ledger.used_through_any(away)).saturating_sub(own);
        let (lacked, would_lack) = (lacks(own, &before), lacks(own.saturating_sub(more), &after));
        if would_lack > lacked {
            return short(would_lack, self.state.name());
        }
        if !out && leaving > target.0 && *option != HoldingOption::None {
            return short(leaving - target.0, relay);
        }
        Ok(())
    }

    /// The relays that hold or may, by what the primary told them.
    fn promised(
        &self,
        product: &ProductName,
        holds: impl Fn(&EdgeRow) -> bool,
    ) -> BTreeSet<ServerName> {
        let first = (product.clone(), ServerName::lowest());
        let edges = self.state.edges.range(first..).take_while(|((of, _), _)| of == product);
        edges.filter(|(_, edge)| holds(edge)).map(|((_, relay), _)| relay.clone()).collect()
    }

    /// What a relay has to be granted so that it comes to hold this many. What it holds above what
    /// it was last to hold is on its way back, and is not given a second time.
    fn more_for(&self, relay: &ServerName, product: &ProductName, target: LicenseCount) -> u64 {
        let edge = self.state.edges.get(&(product.clone(), relay.clone()));
        let kept = edge.map_or(0, |edge| {
            let outstanding = edge.level.granted - edge.level.returned_seen;
            outstanding.min(edge.level.target.0)
        });
        target.0.saturating_sub(kept)
    }

    /// The ranges of a product under these options, with the devices managed as last reported.
    fn ranges_under(
        &self,
        product: &ProductName,
        options: &Options,
        now: Timestamp,
    ) -> Vec<RangeView> {
        let tree = self.tree();
        let registered = self.state.ledgers.get(product).map_or(0, |ledger| ledger.registered);
        let given: LicenseCount = options.values().map(|(_, target)| *target).sum();
        let held = |source: &ServerName| match options.get(source) {
            Some((HoldingOption::Registered, _)) => self.figures_of(source, product).registered,
            Some((_, target)) => *target,
            None => LicenseCount(registered.saturating_sub(given.0)),
        };
        let range = |range: range::Range| {
            let members = range.destinations.iter().chain([&range.source]);
            let used = members.map(|member| self.figures_of(member, product).managed).sum();
            let held = held(&range.source);
            range_view(product, range, held, used, LicenseCount::ZERO, Some(now))
        };
        range::ranges(&tree, |s| options.contains_key(s)).into_iter().map(range).collect()
    }

    /// What a server last said of a product; its own word where it is this one.
    pub(super) fn figures_of(&self, server: &ServerName, product: &ProductName) -> Figures {
        use crate::model::report::{StreamId, Table};
        if server == self.state.name() {
            return self.own_figures_now(product);
        }
        let stream = StreamId { origin: server.clone(), table: Table::Figures };
        let mirror = self.state.mirrors.get(&stream);
        mirror.and_then(|mirror| mirror.figures(product)).copied().unwrap_or_default()
    }

    pub(super) fn ranges_view(&self, ranges: Vec<RangeView>, now: Timestamp) -> RangesView {
        RangesView { as_of: now, ranges }
    }
}

pub(super) fn range_view(
    product: &ProductName,
    range: range::Range,
    held: LicenseCount,
    used: LicenseCount,
    in_transit: LicenseCount,
    as_of: Option<Timestamp>,
) -> RangeView {
    RangeView {
        product: product.clone(),
        source: range.source,
        destinations: range.destinations,
        held,
        used,
        remaining: held.above(used),
        shortage: used.above(held),
        in_transit,
        as_of,
    }
}

/// How to go on where a range would come short; `is`: the option that the relay has.
fn by_force(change: &SetHolding, range: &ServerName, is: HoldingOption) -> String {
    if change.option == HoldingOption::Registered && change.relay == *range {
        return format!(
            "{range} holds nothing until licenses are registered there: do it with --force, then \
             at {range}: lictree license register FILE"
        );
    }
    let given = [is, change.option] == [HoldingOption::Distributed; 2];
    let drain = match change.relay == *range && given {
        true => "let it give back what is in use as devices leave, with --drain; or ",
        false => "",
    };
    format!("{drain}do it even so with --force, or give it more")
}

/// The first range whose shortage is new or deeper after the change.
fn shortage_made(
    change: &SetHolding,
    before: &[RangeView],
    after: &[RangeView],
    is: HoldingOption,
) -> Option<Refusal> {
    let was = |source: &ServerName| {
        let range = before.iter().find(|range| range.source == *source);
        range.map_or(LicenseCount::ZERO, |range| range.shortage)
    };
    let worse = after.iter().find(|range| range.shortage > was(&range.source))?;
    let RangeView { source, product, held, used, shortage, .. } = worse;
    Some(Refusal::new(
        "LT0224",
        format!("range {source} of {product} would have {used} used of {held}: {shortage} lacking"),
        by_force(change, source, is),
    ))
}
