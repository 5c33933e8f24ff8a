//! Digests of rows, for finding those that silently differ (safety.md 1.11).
//!
//! Invariant: equal rows have equal digests at every server and in every version of the software,
//! whatever their form in memory or on disk. So a digest is made of the values, one by one.

use crate::model::device::DeviceState;
use crate::model::name::ProductName;
use crate::model::packed::Packed;
use crate::model::reconcile::BUCKETS;
use crate::model::report::{Figures, RowName};
use std::net::IpAddr;

/// FNV-1a of 64 bits (Fowler, Noll, Vo), stirred at the end so that sums of digests mix. It guards
/// against accidents, not against liars: who lies about its own rows deceives about nothing else.
#[derive(Clone, Copy, Debug)]
struct Digest(u64);

impl Digest {
    fn new() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(mut self, bytes: &[u8]) -> Digest {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }

    fn number(self, number: u64) -> Digest {
        self.bytes(&number.to_le_bytes())
    }

    /// With its length before it, so that what ends one does not begin the next.
    fn text(self, text: &str) -> Digest {
        self.number(text.len() as u64).bytes(text.as_bytes())
    }

    fn end(self) -> u64 {
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

/// Which bucket a row belongs to.
pub fn bucket_of(name: &RowName) -> u8 {
    let digest = match name {
        RowName::Device(number) => Digest::new().number(number.0),
        RowName::Product(product) => Digest::new().text(product.as_str()),
    };
    // One of 256: the lowest byte.
    (digest.end() % BUCKETS as u64) as u8
}

/// Of a node; nothing of one that is gone, which one side may have forgotten already.
pub fn of_node(row: Packed<'_>) -> Option<u64> {
    let state = match row.state()? {
        DeviceState::Discovered => 0,
        DeviceState::Managed => 1,
        DeviceState::Ignored => 2,
    };
    let facts = row.facts();
    let mut digest = Digest::new().number(row.number.0).number(row.version).number(state);
    digest = digest.number(row.last_seen.0).number(facts.first_seen.0);
    digest = digest.text(facts.product.unwrap_or_default());
    digest = digest.text(facts.host_name.unwrap_or_default());
    if let Some(goal) = facts.goal {
        digest = digest.number(2).text(goal);
    }
    for mac in facts.mac.into_iter().chain(facts.other_macs()) {
        digest = digest.number(1).bytes(&mac.0);
    }
    for address in facts.addresses() {
        digest = match address {
            IpAddr::V4(address) => digest.number(4).bytes(&address.octets()),
            IpAddr::V6(address) => digest.number(16).bytes(&address.octets()),
        };
    }
    for change in facts.history() {
        digest = digest.number(change.at.0).number(change.state as u64);
    }
    Some(digest.end())
}

pub fn of_figures(product: &ProductName, version: u64, figures: &Figures) -> u64 {
    let Figures { option, phase, registered, held, used, managed, granted_seen, returned, .. } =
        *figures;
    let mut digest = Digest::new().text(product.as_str()).number(version).number(figures.version);
    digest = digest.number(option as u64).number(phase as u64);
    for number in [registered.0, held.0, used.0, managed.0, granted_seen, returned] {
        digest = digest.number(number);
    }
    digest.end()
}

/// The digests of all rows, bucket by bucket: sums, so that no order matters.
pub fn buckets(rows: impl Iterator<Item = (RowName, u64)>) -> Vec<u64> {
    let mut buckets = vec![0_u64; BUCKETS];
    for (name, digest) in rows {
        let bucket = &mut buckets[usize::from(bucket_of(&name))];
        *bucket = bucket.wrapping_add(digest);
    }
    buckets
}

/// The digest of all buckets together.
pub fn whole(buckets: &[u64]) -> u64 {
    buckets.iter().fold(Digest::new(), |digest, bucket| digest.number(*bucket)).end()
}
