//! Digests of rows: small ones for finding those that silently differ (safety.md 1.11), and one of
//! a whole table that nobody can meet with other rows (I7).
//!
//! Invariant: equal rows have equal digests at every server and in every version of the software,
//! whatever their form in memory or on disk. So a digest is made of the values, one by one.

use crate::model::device::DeviceState;
use crate::model::name::{ProductName, ServerName};
use crate::model::packed::Packed;
use crate::model::reconcile::BUCKETS;
use crate::model::report::{Figures, RowName, RowsDigest};
use aws_lc_rs::digest::{Context, SHA256};
use std::net::IpAddr;

/// The values of a row, one by one, as bytes.
struct Values(Vec<u8>);

impl Values {
    fn none() -> Values {
        // As much as most rows have.
        Values(Vec::with_capacity(128))
    }

    fn bytes(mut self, bytes: &[u8]) -> Values {
        self.0.extend_from_slice(bytes);
        self
    }

    fn number(self, number: u64) -> Values {
        self.bytes(&number.to_le_bytes())
    }

    /// With its length before it, so that what ends one does not begin the next.
    fn text(self, text: &str) -> Values {
        self.number(text.len() as u64).bytes(text.as_bytes())
    }

    fn digest(&self) -> u64 {
        digest_of(self.0.iter().copied())
    }
}

/// FNV-1a of 64 bits (Fowler, Noll, Vo), stirred at the end so that sums of digests mix. It guards
/// against accidents only.
fn digest_of(bytes: impl Iterator<Item = u8>) -> u64 {
    let step = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mut x = bytes.fold(0xcbf2_9ce4_8422_2325_u64, step);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Which bucket a row belongs to.
pub fn bucket_of(name: &RowName) -> u8 {
    let values = match name {
        RowName::Device(number) => Values::none().number(number.0),
        RowName::Product(product) => Values::none().text(product.as_str()),
    };
    // One of 256: the lowest byte.
    (values.digest() % BUCKETS as u64) as u8
}

/// Of the way to a server: that to its parent, its name, and the enrolment by which it is there.
/// Without a list of its bytes, for a server asks at every step whether it has come another way.
pub fn of_way(above: u64, name: &ServerName, enrolment: u64) -> u64 {
    let name = name.as_str();
    let [above, length, enrolment] = [above, name.len() as u64, enrolment].map(u64::to_le_bytes);
    let bytes = above.into_iter().chain(length).chain(name.bytes()).chain(enrolment);
    digest_of(bytes).max(2)
}

/// Of a node; nothing of one that is gone, which one side may have forgotten already.
pub fn of_node(row: Packed<'_>) -> Option<u64> {
    values_of_node(row).map(|values| values.digest())
}

fn values_of_node(row: Packed<'_>) -> Option<Values> {
    let state = match row.state()? {
        DeviceState::Discovered => 0,
        DeviceState::Managed => 1,
        DeviceState::Ignored => 2,
    };
    let facts = row.facts();
    let mut values = Values::none().number(row.number.0).number(row.version).number(state);
    values = values.number(row.last_seen.0).number(facts.first_seen.0);
    values = values.text(facts.product.unwrap_or_default());
    values = values.text(facts.host_name.unwrap_or_default());
    // Each thing that may be there begins with a number of its own and no list goes on behind a
    // zero: other values are other bytes.
    if let Some(goal) = facts.goal {
        values = values.number(2).text(goal);
    }
    values = values.number(0);
    if let Some(mac) = facts.mac {
        values = values.number(1).bytes(&mac.0);
    }
    values = values.number(0);
    for mac in facts.other_macs() {
        values = values.number(1).bytes(&mac.0);
    }
    values = values.number(0);
    for address in facts.addresses() {
        values = match address {
            IpAddr::V4(address) => values.number(4).bytes(&address.octets()),
            IpAddr::V6(address) => values.number(16).bytes(&address.octets()),
        };
    }
    values = values.number(0);
    for change in facts.history() {
        values = values.number(3).number(change.at.0).number(change.state as u64);
    }
    Some(values)
}

pub fn of_figures(product: &ProductName, version: u64, figures: &Figures) -> u64 {
    values_of_figures(product, version, figures).digest()
}

fn values_of_figures(product: &ProductName, version: u64, figures: &Figures) -> Values {
    let Figures { option, phase, registered, held, used, managed, granted_seen, returned, .. } =
        *figures;
    let mut values = Values::none().text(product.as_str()).number(version).number(figures.version);
    values = values.number(option as u64).number(phase as u64);
    for number in [registered.0, held.0, used.0, managed.0, granted_seen, returned] {
        values = values.number(number);
    }
    values
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
    buckets.iter().fold(Values::none(), |values, bucket| values.number(*bucket)).digest()
}

/// The digest of all nodes, in the order of their numbers.
pub fn of_nodes<'a>(rows: impl Iterator<Item = Packed<'a>>) -> RowsDigest {
    all(rows.filter_map(values_of_node))
}

/// The digest of all figures with their versions, in the order of their products.
pub fn of_all_figures<'a>(
    rows: impl Iterator<Item = (&'a ProductName, u64, &'a Figures)>,
) -> RowsDigest {
    all(rows.map(|(product, version, figures)| values_of_figures(product, version, figures)))
}

/// SHA-256 of all rows, each with its length before it.
fn all(rows: impl Iterator<Item = Values>) -> RowsDigest {
    let mut context = Context::new(&SHA256);
    for Values(row) in rows {
        context.update(&(row.len() as u64).to_le_bytes());
        context.update(&row);
    }
    let mut digest = RowsDigest::default();
    digest.0.copy_from_slice(context.finish().as_ref());
    digest
}
