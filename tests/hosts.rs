//! A tree over several hosts: each server in a network namespace of its own, with its own address,
//! made and taken away by the test. Nothing outside these namespaces is spoken to.
//!
//! Needs root and `ip` (iproute2), as `.ci/run` provides; without them it says so and is skipped.
//!
//! - `lan`: hosts on one switch. `server`: a server that runs on a host, and commands there.
//! - `founding`: a primary, and servers that join it.
//! - `way`: the whole way of a new tree by hand: init, invite, join, register, distribute, manage,
//!   move to another address, remove, join again.
//! - `rotation`: certificates renew themselves and the authority changes, under load.
//! - `scans`: relays find the machines of their sites; needs `nft`, `sysctl` and `python3` as well.
//! - `codes`: codes that are of no use. `ports`: what a stranger finds.

#[path = "patience/mod.rs"]
mod patience;

#[path = "hosts/lan.rs"]
mod lan;

// `chaos` uses more of it.
#[path = "hosts/server.rs"]
#[allow(dead_code)]
mod server;

#[path = "hosts/founding.rs"]
mod founding;

#[path = "hosts/way.rs"]
mod way;

#[path = "hosts/codes.rs"]
mod codes;

#[path = "hosts/rotation.rs"]
mod rotation;

#[path = "hosts/ports.rs"]
mod ports;

#[path = "hosts/scans.rs"]
mod scans;
