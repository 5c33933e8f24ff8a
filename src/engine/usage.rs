//! How much of the limits of `Tuning` is in use now, for `limits show`.

use super::Engine;
use crate::model::name::ServerName;
use crate::model::time::Timestamp;
use std::collections::BTreeMap;

impl Engine {
    /// Each limit that is a level, by the name of its field, with what counts against it. Looks at
    /// the whole tree: for a person who asks, not for every request.
    pub fn usage(&self, now: Timestamp) -> Vec<(&'static str, u64)> {
        let state = &self.state;
        let invites = state.invites.values().filter(|invite| invite.expires > now);
        let mut usage = vec![
            ("servers_max", state.met.len().max(self.heard.len())),
            ("invites_max", invites.count()),
            ("products_max", state.ledgers.len().max(state.holdings.len())),
            ("devices_max", state.devices.len()),
            ("licenses_max", state.licenses.len()),
            ("claims_max", state.claims.len()),
            ("events_kept", state.events.len()),
            ("waiting_requests_max", self.waiting.len().max(self.certifying.len())),
            ("packs_gathered_max", self.gathering.len()),
        ];
        if state.is_primary() {
            usage.extend(self.shape());
        } else {
            usage.push(("children_max", self.links.downlinks().count()));
        }
        usage.into_iter().map(|(name, count)| (name, count as u64)).collect()
    }

    /// Primary: how deep the tree is, how wide, and how long its names are (JP1-60, JP1-61,
    /// JP1-63).
    fn shape(&self) -> [(&'static str, usize); 3] {
        let (mut depth_most, mut bytes_most) = (1, 0);
        let mut children: BTreeMap<&ServerName, usize> = BTreeMap::new();
        for met in self.state.met.values() {
            *children.entry(&met.parent).or_default() += 1;
            let (depth, bytes) = self.depth_and_path_bytes(&met.name, &met.parent);
            depth_most = depth_most.max(depth);
            bytes_most = bytes_most.max(bytes);
        }
        let children_most = children.into_values().max().unwrap_or(0);
        [("depth_max", depth_most), ("children_max", children_most), ("path_bytes_max", bytes_most)]
    }
}
