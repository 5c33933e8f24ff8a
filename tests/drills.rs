//! A drill for each row of safety 1.8, on real processes: the binary that is shipped, its files on
//! a real disk, and the commands that the pages of `docs/operating/` tell an operator. Every drill
//! ends with `lictree audit`, and with what was answered compared to what is there.
//!
//! | row of 1.8 | drill |
//! |---|---|
//! | kill -9, at any moment | `killed` |
//! | a sync fails, a write fails | `failing`, with a shim below the binary (`shim.c`) |
//! | the disk is full | `full`, on a small disk of its own: needs root |
//! | bit rot | `rot` |
//! | a relay on an older copy | `older` |
//! | all of the primary on an older copy | `older`, and who joined since `forgotten` |
//! | two of one server | `twin` |
//! | a disk or a site that is lost (1.9) | `lost` |
//! | fewer licenses than are in use (1.9) | `shrunk` |
//! | another place in the tree, with what is in use (1.9) | `moved` |
//!
//! No drill for a leader of the primary that dies, or for a member's disk that is lost: a server
//! has one member today. A copy of a whole machine with its witness, put back while it is cut off
//! (1.13), has none either.
//!
//! `place`: where servers run. `server`: one of them. `tree`: several, and what is looked at.

#[path = "patience/mod.rs"]
mod patience;

#[path = "drills/place.rs"]
mod lan;

#[allow(dead_code, reason = "`hosts` and `chaos` use more of it")]
#[path = "hosts/server.rs"]
mod server;

#[path = "drills/tree.rs"]
mod tree;

#[path = "drills/killed.rs"]
mod killed;

#[path = "drills/failing.rs"]
mod failing;

#[path = "drills/full.rs"]
mod full;

#[path = "drills/rot.rs"]
mod rot;

#[path = "drills/older.rs"]
mod older;

#[path = "drills/forgotten.rs"]
mod forgotten;

#[path = "drills/twin.rs"]
mod twin;

#[path = "drills/lost.rs"]
mod lost;

#[path = "drills/shrunk.rs"]
mod shrunk;

#[path = "drills/moved.rs"]
mod moved;
