//! The group against a disk in memory: order, durability before hand-out, restarts at every point,
//! and the traps of raft that were found by trying.

mod bench;
mod order;
mod restart;
mod traps;
