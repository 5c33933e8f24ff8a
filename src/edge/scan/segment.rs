//! Segments: the addresses that a scan may look at, and those that it must leave alone.
//!
//! ```text
//!   "10.1.0.0/24" ─► Segment ─┐  without network and broadcast
//!   "10.1.2.7-90" ─► Segment ─┴─► minus exclusions ─► Targets: blocks in order, none twice
//! ```
//!
//! Numbers only, never a list of addresses: a block is its first and its last address as `u128`,
//! whatever the family. So a segment of 2^64 addresses costs as little as one of four, and is
//! refused by its count.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Addresses of one family from the first to the last, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    family: Family,
    first: u128,
    last: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    V4,
    V6,
}

/// A segment as somebody wrote it: `10.1.0.0/24`, `10.1.0.7-10.1.2.9`, `10.1.0.7-90`, `10.1.0.7`,
/// and the same of IPv6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    text: String,
    /// All of it, network and broadcast among them.
    whole: Block,
    /// What may be a machine.
    machines: Block,
}

/// Why a text is no segment, or segments cannot be searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    #[error("no segment is named")]
    None,
    #[error("{0:?} is no segment")]
    Unreadable(String),
    #[error("{0:?} names a zone; a scan asks by address only")]
    Zone(String),
    #[error("{text:?} has a prefix that is no number from 0 to {longest}")]
    Prefix { text: String, longest: u8 },
    #[error("{0:?} goes from one family of addresses to another")]
    TwoFamilies(String),
    #[error("{0:?} ends before it begins")]
    Reversed(String),
    #[error("{text} has addresses that are no machine's: {why}")]
    NoMachines { text: String, why: &'static str },
    #[error("{text} lies within what must not be searched: {by}")]
    Excluded { text: String, by: String },
    #[error("these segments have {count} addresses; one scan looks at {max} at most")]
    TooManyAddresses { count: u128, max: u64 },
    #[error("{count} {what} are named; {max} are taken at most")]
    TooMany { what: &'static str, count: usize, max: usize },
}

/// How much of what somebody wrote stands in an answer, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// The longest text of a segment: two IPv6 addresses and what joins them, in bytes.
const TEXT_BYTES_MAX: usize = 100;

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

fn number(address: IpAddr) -> (Family, u128) {
    match address {
        IpAddr::V4(four) => (Family::V4, u128::from(u32::from(four))),
        IpAddr::V6(six) => (Family::V6, u128::from(six)),
    }
}

impl Family {
    fn bits(self) -> u8 {
        match self {
            Family::V4 => 32,
            Family::V6 => 128,
        }
    }

    fn address(self, number: u128) -> IpAddr {
        match self {
            // Numbers of this family come from 32 bits and stay between two of them.
            Family::V4 => Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into(),
            Family::V6 => Ipv6Addr::from(number).into(),
        }
    }
}

impl Block {
    /// How many addresses; the whole of IPv6 is one less than it should be.
    fn count(self) -> u128 {
        (self.last - self.first).saturating_add(1)
    }

    fn overlaps(self, other: Block) -> bool {
        self.family == other.family && self.first <= other.last && other.first <= self.last
    }

    /// What is left of it before and behind another.
    fn without(self, other: Block) -> impl Iterator<Item = Block> {
        let parts = match self.overlaps(other) {
            false => [Some(self), None],
            true => {
                let before = (other.first > self.first).then(|| other.first - 1);
                let behind = (other.last < self.last).then(|| other.last + 1);
                [
                    before.map(|last| Block { last, ..self }),
                    behind.map(|first| Block { first, ..self }),
                ]
            }
        };
        parts.into_iter().flatten()
    }
}

impl FromStr for Segment {
    type Err = SegmentError;

    fn from_str(text: &str) -> Result<Segment, SegmentError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SegmentError::None);
        }
        if text.contains('%') {
            return Err(SegmentError::Zone(shown(text)));
        }
        let unreadable = || SegmentError::Unreadable(shown(text));
        if text.len() > TEXT_BYTES_MAX {
            return Err(unreadable());
        }
        let (whole, machines) = if let Some((base, prefix)) = text.split_once('/') {
            network(text, base.parse().map_err(|_| unreadable())?, prefix)?
        } else if let Some((from, to)) = text.split_once('-') {
            let from = from.trim().parse().map_err(|_| unreadable())?;
            let to = last_of(from, to.trim()).ok_or_else(unreadable)?;
            let between = between(text, from, to)?;
            (between, between)
        } else {
            let (family, one) = number(text.parse().map_err(|_| unreadable())?);
            let one = Block { family, first: one, last: one };
            (one, one)
        };
        Ok(Segment { text: text.to_string(), whole, machines })
    }
}

/// The addresses with these first bits; the first and the last of an IPv4 network are no machines.
fn network(text: &str, base: IpAddr, prefix: &str) -> Result<(Block, Block), SegmentError> {
    let (family, base) = number(base);
    let longest = family.bits();
    let wrong = || SegmentError::Prefix { text: shown(text), longest };
    let plain = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
    let prefix: u8 = prefix.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
    let free = longest.checked_sub(prefix).ok_or_else(wrong)?;
    let mask = 1_u128.checked_shl(free.into()).map_or(u128::MAX, |beyond| beyond - 1);
    let whole = Block { family, first: base & !mask, last: base | mask };
    match family {
        Family::V4 if free >= 2 => {
            Ok((whole, Block { first: whole.first + 1, last: whole.last - 1, ..whole }))
        }
        _ => Ok((whole, whole)),
    }
}

/// The end of `10.1.0.7-10.1.2.9`, and of `10.1.0.7-90`.
fn last_of(from: IpAddr, to: &str) -> Option<IpAddr> {
    match (to.parse(), from) {
        (Ok(to), _) => Some(to),
        (Err(_), IpAddr::V4(from)) => {
            let [a, b, c, _] = from.octets();
            let plain = to.bytes().all(|byte| byte.is_ascii_digit());
            Some(Ipv4Addr::new(a, b, c, to.parse().ok().filter(|_| plain)?).into())
        }
        _ => None,
    }
}

fn between(text: &str, from: IpAddr, to: IpAddr) -> Result<Block, SegmentError> {
    let ((family, first), (other, last)) = (number(from), number(to));
    if family != other {
        return Err(SegmentError::TwoFamilies(shown(text)));
    }
    if last < first {
        return Err(SegmentError::Reversed(shown(text)));
    }
    Ok(Block { family, first, last })
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Where no machine is asked, and why.
const NO_MACHINES: &[(&str, &str)] = &[
    ("0.0.0.0/8", "0.0.0.0/8 means this network"),
    ("224.0.0.0/4", "224.0.0.0/4 is multicast"),
    ("240.0.0.0/4", "240.0.0.0/4 is reserved, and ends with the broadcast address"),
    ("::/128", ":: means no address"),
    ("::ffff:0:0/96", "::ffff:0:0/96 is IPv4, which is written as such"),
    ("fe80::/10", "fe80::/10 has a meaning on one link only; the neighbour table has those"),
    ("ff00::/8", "ff00::/8 is multicast"),
];

impl Segment {
    /// Whether the address lies in it, network and broadcast addresses among them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (family, number) = number(address);
        let Block { first, last, .. } = self.whole;
        self.whole.family == family && (first..=last).contains(&number)
    }

    fn refuse_no_machines(&self) -> Result<(), SegmentError> {
        for (text, why) in NO_MACHINES {
            let Ok(none) = text.parse::<Segment>() else { continue };
            if none.whole.overlaps(self.machines) {
                return Err(SegmentError::NoMachines { text: self.text.clone(), why });
            }
        }
        Ok(())
    }
}

/// How much may be named and searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentLimits {
    pub segments_max: usize,
    pub exclusions_max: usize,
    pub addresses_max: u64,
}

/// What a scan looks at: blocks in order that do not touch, without anything excluded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    blocks: Vec<Block>,
}

impl Targets {
    /// # Errors
    /// Whatever makes these segments no place to search: too many of them or of their addresses,
    /// addresses of no machine, a segment of which exclusions leave nothing.
    pub fn of(
        segments: &[Segment],
        exclusions: &[Segment],
        limits: &SegmentLimits,
    ) -> Result<Targets, SegmentError> {
        few(segments, "segments", limits.segments_max)?;
        few(exclusions, "exclusions", limits.exclusions_max)?;
        if segments.is_empty() {
            return Err(SegmentError::None);
        }
        let mut blocks = Vec::new();
        for segment in segments {
            // The count before anything else: of what is far too large, that is what matters.
            within(segment.machines.count(), limits)?;
            segment.refuse_no_machines()?;
            let left = remains(segment.machines, exclusions);
            if left.is_empty() {
                let by = exclusions.iter().filter(|one| one.whole.overlaps(segment.machines));
                let by: Vec<&str> = by.map(|one| one.text.as_str()).take(3).collect();
                let text = segment.text.clone();
                return Err(SegmentError::Excluded { text, by: by.join(", ") });
            }
            blocks.extend(left);
        }
        let targets = Targets { blocks: joined(blocks) };
        within(targets.blocks.iter().map(|block| block.count()).sum(), limits)?;
        Ok(targets)
    }

    /// How many addresses there are.
    pub fn count(&self) -> u64 {
        let all = self.blocks.iter().map(|block| block.count()).sum::<u128>();
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let (family, number) = number(address);
        let behind = self.blocks.partition_point(|b| (b.family, b.last) < (family, number));
        self.blocks.get(behind).is_some_and(|b| b.family == family && b.first <= number)
    }

    /// What of them lies in none of these networks.
    pub fn beyond(&self, networks: &[Segment]) -> Targets {
        Targets { blocks: self.blocks.iter().flat_map(|one| remains(*one, networks)).collect() }
    }

    /// Every address once, IPv4 first, from the lowest on.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.blocks
            .iter()
            .flat_map(|block| (block.first..=block.last).map(|number| block.family.address(number)))
    }

    /// Whether there are addresses of IPv4, and of IPv6.
    pub fn families(&self) -> (bool, bool) {
        let has = |family| self.blocks.iter().any(|block| block.family == family);
        (has(Family::V4), has(Family::V6))
    }
}

fn few(named: &[Segment], what: &'static str, max: usize) -> Result<(), SegmentError> {
    match named.len() {
        count if count > max => Err(SegmentError::TooMany { what, count, max }),
        _ => Ok(()),
    }
}

fn within(count: u128, limits: &SegmentLimits) -> Result<(), SegmentError> {
    match limits.addresses_max {
        max if count > u128::from(max) => Err(SegmentError::TooManyAddresses { count, max }),
        _ => Ok(()),
    }
}

fn remains(block: Block, exclusions: &[Segment]) -> Vec<Block> {
    exclusions.iter().fold(vec![block], |left, exclusion| {
        left.into_iter().flat_map(|block| block.without(exclusion.whole)).collect()
    })
}

/// The same addresses in order, each once.
fn joined(mut blocks: Vec<Block>) -> Vec<Block> {
    blocks.sort();
    let mut joined: Vec<Block> = Vec::new();
    for block in blocks {
        match joined.last_mut().filter(|last| last.family == block.family) {
            Some(last) if block.first <= last.last.saturating_add(1) => {
                last.last = last.last.max(block.last);
            }
            _ => joined.push(block),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const LIMITS: SegmentLimits =
        SegmentLimits { segments_max: 64, exclusions_max: 64, addresses_max: 65_536 };

    fn all(texts: &[&str]) -> Vec<Segment> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn targets(segments: &[&str], exclusions: &[&str]) -> Result<Targets, SegmentError> {
        Targets::of(&all(segments), &all(exclusions), &LIMITS)
    }

    fn listed(segments: &[&str], exclusions: &[&str]) -> Vec<String> {
        let found = targets(segments, exclusions).unwrap();
        let list: Vec<String> = found.addresses().map(|address| address.to_string()).collect();
        assert_eq!(list.len() as u64, found.count());
        list
    }

    #[test]
    fn every_form_is_read_and_only_machines_are_left() {
        assert_eq!(listed(&["10.0.0.5/30"], &[]), ["10.0.0.5", "10.0.0.6"]);
        assert_eq!(listed(&["10.0.0.4/31"], &[]), ["10.0.0.4", "10.0.0.5"]);
        assert_eq!(listed(&["10.0.0.4/32", " 10.0.0.4 "], &[]), ["10.0.0.4"]);
        assert_eq!(listed(&["10.0.0.254-10.0.1.1"], &[]).len(), 4);
        assert_eq!(listed(&["10.0.0.254 - 255"], &[]), ["10.0.0.254", "10.0.0.255"]);
        assert_eq!(listed(&["2001:db8::1-2001:db8::2", "10.0.0.1"], &[])[0], "10.0.0.1");
        assert_eq!(listed(&["2001:db8::/126"], &[]).len(), 4);
        assert_eq!(targets(&["10.0.0.0/16"], &[]).unwrap().count(), 65_534);
        assert_eq!(targets(&["10.0.0.0/24", "10.0.0.9-10"], &[]).unwrap().count(), 254);
    }

    #[test]
    fn what_is_no_segment_says_why() {
        let wrong = |text: &str| text.parse::<Segment>().unwrap_err().to_string();
        for garbage in ["x", "10.0.0", "10.0.0.1-", "-", "/", "10.0.0.1-x", "10.0.0.1-+9", "::-9"] {
            assert!(wrong(garbage).ends_with("is no segment"), "{garbage}: {}", wrong(garbage));
        }
        assert!(wrong(&"9".repeat(5_000)).len() < 120);
        assert_eq!(wrong("  "), "no segment is named");
        for prefix in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/999"] {
            assert!(wrong(prefix).contains("0 to 32"), "{}", wrong(prefix));
        }
        assert!(wrong("2001:db8::/129").contains("0 to 128"));
        assert!(wrong("fe80::1%eth0").contains("zone"));
        assert!(wrong("10.0.0.9-10.0.0.1").contains("ends before"));
        assert!(wrong("10.0.0.9-3").contains("ends before"));
        assert!(wrong("10.0.0.9-2001:db8::1").contains("family"));
    }

    #[test]
    fn what_cannot_be_searched_says_why() {
        let wrong = |segment: &str| targets(&[segment], &["10.9.0.0/16"]).unwrap_err().to_string();
        assert!(wrong("2001:db8::/64").contains("18446744073709551616 addresses"));
        assert!(wrong("::/0").contains("65536 at most"));
        assert!(wrong("10.0.0.0/8").contains("16777214 addresses"));
        for none in ["224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "ff02::1", "fe80::1"] {
            assert!(wrong(none).contains("no machine's"), "{none}: {}", wrong(none));
        }
        assert!(wrong("10.9.4.0/24").ends_with("must not be searched: 10.9.0.0/16"));
        assert_eq!(targets(&["10.8.255.254-10.9.0.1"], &["10.9.0.0/16"]).unwrap().count(), 2);
        let many = vec!["10.0.0.1"; 65];
        assert!(targets(&many, &[]).unwrap_err().to_string().contains("65 segments"));
        assert!(targets(&["10.0.0.1"], &many).unwrap_err().to_string().contains("65 exclusions"));
        assert_eq!(targets(&[], &[]), Err(SegmentError::None));
        let halves = ["10.0.0.0/17", "10.0.128.0/17", "10.1.0.0/30"];
        assert_eq!(targets(&halves[..2], &[]).unwrap().count(), 65_532);
        assert_eq!(
            targets(&["10.0.0.0/16", "10.1.0.0/29"], &[]).unwrap_err().to_string(),
            "these segments have 65540 addresses; one scan looks at 65536 at most"
        );
    }

    #[test]
    fn what_lies_beyond_networks_is_told() {
        let sought = targets(&["10.0.0.0/24", "10.2.0.1"], &[]).unwrap();
        assert_eq!(sought.beyond(&[]), sought);
        assert_eq!(sought.beyond(&all(&["10.0.0.9/25", "10.1.0.1/16"])).count(), 128);
        assert_eq!(sought.beyond(&all(&["10.0.0.1/14"])).count(), 0);
    }

    fn some_segment() -> impl Strategy<Value = String> {
        let v4 = (0_u8..4, 0_u8..8).prop_map(|(c, d)| format!("10.0.{c}.{d}"));
        prop_oneof![
            v4.clone(),
            (v4.clone(), 22_u8..=32).prop_map(|(base, prefix)| format!("{base}/{prefix}")),
            (v4.clone(), 0_u8..=255).prop_map(|(from, to)| format!("{from}-{to}")),
            (0_u16..40, 0_u16..40).prop_map(|(a, b)| format!("2001:db8::{a:x}-2001:db8::{b:x}")),
        ]
    }

    fn sound(texts: &[String]) -> Vec<Segment> {
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }

    proptest! {
        /// Against sets of single addresses.
        #[test]
        fn targets_are_the_segments_without_the_exclusions(
            segments in vec(some_segment(), 1..6),
            exclusions in vec(some_segment(), 0..6),
        ) {
            let (segments, exclusions) = (sound(&segments), sound(&exclusions));
            let set = |block: Block| (block.first..=block.last).map(move |n| (block.family, n));
            let out: BTreeSet<_> = exclusions.iter().flat_map(|one| set(one.whole)).collect();
            let left = |one: &Segment| set(one.machines).filter(|n| !out.contains(n)).count();
            let in_any = segments.iter().flat_map(|one| set(one.machines));
            let expected: BTreeSet<_> = in_any.filter(|n| !out.contains(n)).collect();
            match Targets::of(&segments, &exclusions, &LIMITS) {
                Ok(targets) => {
                    let found: Vec<_> = targets.addresses().map(number).collect();
                    prop_assert_eq!(targets.count(), found.len() as u64);
                    prop_assert!(found.iter().copied().eq(expected));
                    for address in targets.addresses() {
                        prop_assert!(targets.contains(address));
                    }
                    for (family, number) in out {
                        prop_assert!(!targets.contains(family.address(number)));
                    }
                }
                Err(SegmentError::None) => prop_assert!(segments.is_empty()),
                Err(SegmentError::Excluded { .. }) => {
                    prop_assert!(segments.iter().any(|one| left(one) == 0));
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }

        #[test]
        fn any_text_is_a_segment_or_says_why_not(text in "\\PC{0,40}|[0-9a-f.:/-]{0,40}") {
            match text.parse::<Segment>() {
                Ok(segment) => {
                    prop_assert!(segment.whole.first <= segment.machines.first);
                    prop_assert!(segment.machines.last <= segment.whole.last);
                    prop_assert!(segment.machines.first <= segment.machines.last);
                    let _ = Targets::of(&[segment], &[], &LIMITS);
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
