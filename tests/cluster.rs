//! Real servers as real processes: QUIC on loopback, redb on disk, ports chosen by the system.
//!
//! - `site`: a tree in a folder of its own: identities, configurations, processes.
//! - `life`: start, stop, crash, restart. `cost`: what idleness costs.
//! - `backup`: servers that come back from one, and what is no backup.
//! - `clocks`: clocks that are set, and when licenses end all the same.
//! - `doctor`: what is found to be wrong with a server.
//! - `expiry`: servers whose certificate has ended.
//! - `joining`: who comes into a tree by a code, in several tries.
//! - `licenses`: which license files are taken where.
//! - `limits`: what is allowed and in use, and who is held up.
//! - `restored`: a primary that is older than those below.
//! - `mirrored`: rows of a relay at those above, through faults and absences.
//! - `refusals`: what does not start, and says why.
//! - `access`: who may use the socket of a server.
//! - `service`: what a service manager is told, and what it may rely on.
//! - `strangers`: peers that break the rules. `impostors`: peers that lie with a good certificate.
//! - `signed`: letters in the name of another, by way of one that lies.
//! - `hostile`: some of the `lies` of `tests/hostile.rs`, over the wire.
//! - `joins`: calls to join that are of no use. `raw`: QUIC without rules, for all of these.
//! - `replay`: all that was ever said is said again, by the `tap` on the wire.
//! - `tree`: what servers do together. `figures`: what they show that lasts.
//! - `twin`: a machine that was copied.

#[path = "patience/mod.rs"]
mod patience;

#[path = "cluster/site.rs"]
mod site;

#[path = "cluster/access.rs"]
mod access;

#[path = "cluster/backup.rs"]
mod backup;

#[path = "cluster/clocks.rs"]
mod clocks;

#[path = "cluster/cost.rs"]
mod cost;

#[path = "cluster/doctor.rs"]
mod doctor;

#[path = "cluster/expiry.rs"]
mod expiry;

#[path = "cluster/joining.rs"]
mod joining;

#[path = "cluster/life.rs"]
mod life;
#[path = "cluster/lost.rs"]
mod lost;

#[path = "cluster/figures.rs"]
mod figures;

#[path = "cluster/hostile.rs"]
mod hostile;

#[path = "hostile/cast.rs"]
mod cast;

#[path = "hostile/lies.rs"]
mod lies;

#[path = "cluster/impostors.rs"]
mod impostors;

#[path = "cluster/joins.rs"]
mod joins;

#[path = "cluster/licenses.rs"]
mod licenses;

#[path = "cluster/limits.rs"]
mod limits;

#[path = "cluster/mirrored.rs"]
mod mirrored;

#[path = "cluster/raw.rs"]
mod raw;

#[path = "cluster/refusals.rs"]
mod refusals;

#[path = "cluster/replay.rs"]
mod replay;

#[path = "cluster/restored.rs"]
mod restored;

#[path = "cluster/service.rs"]
mod service;

#[path = "cluster/signed.rs"]
mod signed;

#[path = "cluster/strangers.rs"]
mod strangers;

#[path = "cluster/tap.rs"]
mod tap;

#[path = "cluster/tree.rs"]
mod tree;

#[path = "cluster/twin.rs"]
mod twin;
