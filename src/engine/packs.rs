//! Packs of uses, cut into letters and put together again.
//!
//! What a server hands over may be more than a letter takes. The parts come over one link, in any
//! order; a pack is whole when all are there, and nothing of it counts before.

use super::Engine;
use crate::model::account::{Account, Pack, PackPart};
use crate::model::letter::LinkId;
use crate::model::name::ServerName;
use std::collections::BTreeMap;

impl Engine {
    /// Collects the letters of a pack; with the last one it is whole.
    ///
    /// A pack comes over one link, and what has come of it goes with that link. One giver has one
    /// pack under way; what it weighs is counted as it comes.
    pub(super) fn gather(
        &mut self,
        link: LinkId,
        part: PackPart,
        author: &ServerName,
    ) -> Option<Pack> {
        if part.parts == 0 || part.part >= part.parts || part.parts > self.tuning.pack_parts_max {
            return None;
        }
        let key = (link, part.piece.product.clone(), author.clone());
        if !self.gathering.contains_key(&key) && !self.has_room_to_gather(link) {
            return None;
        }
        let gathered = self.gathering.entry(key.clone()).or_default();
        if gathered.cycle != part.piece.cycle || gathered.parts.len() != part.parts as usize {
            let parts = vec![None; part.parts as usize];
            *gathered = Gathered { cycle: part.piece.cycle, weight: 0, parts };
        }
        let place = part.part as usize;
        if gathered.parts[place].is_none() {
            gathered.weight += weight(&part.piece);
        }
        if gathered.weight > self.tuning.pack_bytes_max {
            self.gathering.remove(&key);
            return None;
        }
        gathered.parts[place] = Some(part.piece);
        if gathered.parts.iter().any(Option::is_none) {
            return None;
        }
        let pieces = self.gathering.remove(&key).map(|whole| whole.parts).unwrap_or_default();
        join(pieces.into_iter().flatten())
    }

    /// Room for one more pack over this link. Where there is none, the link with the most packs
    /// under way gives one up, if that is another one: it comes again, and nobody keeps others out.
    fn has_room_to_gather(&mut self, link: LinkId) -> bool {
        if self.gathering.len() < self.tuning.packs_gathered_max {
            return true;
        }
        let mut counts: BTreeMap<LinkId, usize> = BTreeMap::new();
        for (over, ..) in self.gathering.keys() {
            *counts.entry(*over).or_default() += 1;
        }
        let own = counts.get(&link).copied().unwrap_or(0);
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let Some((over, _)) = most.filter(|(_, count)| *count > own + 1) else { return false };
        let last = self.gathering.keys().rev().find(|(of, ..)| *of == over).cloned();
        last.is_some_and(|key| self.gathering.remove(&key).is_some())
    }
}

/// A pack as far as it came.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    cycle: u64,
    /// About the bytes of its parts.
    weight: usize,
    parts: Vec<Option<Pack>>,
}

/// About how many bytes a piece takes in the log, and at least that many.
fn weight(piece: &Pack) -> usize {
    let names = |route: &[ServerName]| route.iter().map(|s| s.as_str().len() + 1).sum::<usize>();
    let accounts = piece.accounts.iter();
    let accounts =
        accounts.map(|a| 64 + names(&a.route) + a.origin.as_str().len() + 24 * a.entries.len());
    let below = piece.below.iter().map(|below| 96 + names(&below.route));
    256 + accounts.sum::<usize>() + below.sum::<usize>()
}

/// Cuts a pack into letters of at most so many entries.
pub(super) fn cut(pack: Pack, entries_max: usize) -> Vec<PackPart> {
    let Pack { product, giver, relay, cycle, accounts, below } = pack;
    let piece = |accounts, below| Pack {
        product: product.clone(),
        giver: giver.clone(),
        relay: relay.clone(),
        cycle,
        accounts,
        below,
    };
    let lower = below.chunks(entries_max.max(1)).map(|some| piece(Vec::new(), some.to_vec()));
    let mut pieces: Vec<Pack> = lower.collect();
    pieces.push(piece(Vec::new(), Vec::new()));
    let mut space = entries_max;
    for account in accounts {
        let mut entries: Vec<_> = account.entries.clone().into_iter().collect();
        loop {
            if space == 0 {
                pieces.push(piece(Vec::new(), Vec::new()));
                space = entries_max;
            }
            let rest = entries.split_off(entries.len().min(space));
            // An account costs as much as one entry, so that many empty ones are cut too.
            space = space.saturating_sub(entries.len().max(1));
            let part = Account { entries: entries.into_iter().collect(), ..account.clone() };
            if let Some(last) = pieces.last_mut() {
                last.accounts.push(part);
            }
            if rest.is_empty() {
                break;
            }
            entries = rest;
        }
    }
    let parts = pieces.len() as u32;
    let numbered = pieces.into_iter().zip(0..);
    numbered.map(|(piece, part)| PackPart { part, parts, piece }).collect()
}

/// Puts the pieces of a pack together again; accounts that were cut become one.
fn join(pieces: impl Iterator<Item = Pack>) -> Option<Pack> {
    let mut pieces = pieces;
    let mut pack = pieces.next()?;
    for piece in pieces {
        pack.below.extend(piece.below);
        for account in piece.accounts {
            match pack.accounts.last_mut().filter(|last| last.origin == account.origin) {
                Some(last) => last.entries.extend(account.entries),
                None => pack.accounts.push(account),
            }
        }
    }
    Some(pack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::account::{Entry, Verdict};
    use crate::model::device::DeviceNumber;

    #[test]
    fn a_pack_cut_into_letters_and_joined_is_the_pack() {
        let name = |text: &str| text.parse::<ServerName>().unwrap();
        let entry = Entry { number: 1, verdict: Verdict::Granted };
        let account = |origin: &str, entries: u64| Account {
            origin: name(origin),
            route: vec![name(origin)],
            floor: 1,
            stated: 0,
            entries: (0..entries).map(|n| (DeviceNumber(n), entry)).collect(),
        };
        for sizes in [vec![], vec![0], vec![3, 0, 0, 7], vec![10], vec![1, 2, 3, 4, 5, 6]] {
            let accounts = sizes.iter().enumerate().map(|(i, n)| account(&format!("s{i}"), *n));
            let pack = Pack {
                product: "p".parse().unwrap(),
                giver: name("h"),
                relay: name("b"),
                cycle: 4,
                accounts: accounts.collect(),
                below: vec![],
            };
            for entries_max in 1..5 {
                let parts = cut(pack.clone(), entries_max);
                let most = |p: &PackPart| p.piece.accounts.iter().map(|a| a.entries.len()).sum();
                assert!(parts.iter().map(most).all(|n: usize| n <= entries_max));
                assert_eq!(join(parts.into_iter().map(|p| p.piece)), Some(pack.clone()));
            }
        }
    }
}
