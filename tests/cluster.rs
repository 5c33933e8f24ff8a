//! Real servers as real processes: QUIC on loopback, redb on disk, ports chosen by the system.
//!
//! - `site`: a tree in a folder of its own: identities, configurations, processes.
//! - `life`: start, stop, crash, restart. `cost`: what idleness costs.
//! - `refusals`: what does not start, and says why.
//! - `strangers`: peers that break the rules. `tree`: what servers do together.

#[path = "patience/mod.rs"]
mod patience;

#[path = "cluster/site.rs"]
mod site;

#[path = "cluster/cost.rs"]
mod cost;

#[path = "cluster/life.rs"]
mod life;

#[path = "cluster/refusals.rs"]
mod refusals;

#[path = "cluster/strangers.rs"]
mod strangers;

#[path = "cluster/tree.rs"]
mod tree;
