//! How much happened in a run.

use std::fmt;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub virtual_ms: u64,
    pub inputs: u64,
    pub letters: u64,
    pub letters_lost: u64,
    pub connections: u64,
    pub requests: u64,
    /// Devices that someone asked to manage, and what came of it.
    pub asks: u64,
    pub grants: u64,
    pub denials: u64,
    pub holding_changes: u64,
    pub crashes: u64,
    pub cuts: u64,
    pub pauses: u64,
    /// Disks that were full for a while.
    pub disks_full: u64,
    /// Disks put back from an older copy.
    pub set_back: u64,
    /// Clocks of machines that were set.
    pub clocks_set: u64,
    /// How often the whole tree was looked over.
    pub checks: u64,
    /// Licenses missing at the worst moment of any ledger.
    pub shortage_max: u64,
    /// Devices managed beyond all licenses, shortages and uses on their way, at the worst moment.
    pub overshoot_max: u64,
    /// Ledgers seen full, once a look.
    pub full: u64,
    /// Packs of uses seen on their way, once a look.
    pub packs: u64,
    /// Uses asked for at the end where a license was free.
    pub probes: u64,
    /// Those of them that were not granted.
    pub probes_denied: u64,
    /// Devices that were given up because another server manages them.
    pub moves: u64,
    /// Servers that started with a certificate they were granted, and certificates renewed.
    pub joins: u64,
    pub renewals: u64,
    /// Servers that were removed, and steps of a new authority.
    pub removals: u64,
    pub rotations: u64,
    /// Servers that came below another parent.
    pub servers_moved: u64,
    /// Connections ended because of a denial, and calls that came to nothing for one.
    pub shut_out: u64,
    pub refused_handshakes: u64,
}

impl Figures {
    /// The figures of several runs together.
    pub fn with(self, other: Figures) -> Figures {
        Figures {
            virtual_ms: self.virtual_ms + other.virtual_ms,
            inputs: self.inputs + other.inputs,
            letters: self.letters + other.letters,
            letters_lost: self.letters_lost + other.letters_lost,
            connections: self.connections + other.connections,
            requests: self.requests + other.requests,
            asks: self.asks + other.asks,
            grants: self.grants + other.grants,
            denials: self.denials + other.denials,
            holding_changes: self.holding_changes + other.holding_changes,
            crashes: self.crashes + other.crashes,
            cuts: self.cuts + other.cuts,
            pauses: self.pauses + other.pauses,
            disks_full: self.disks_full + other.disks_full,
            set_back: self.set_back + other.set_back,
            clocks_set: self.clocks_set + other.clocks_set,
            checks: self.checks + other.checks,
            shortage_max: self.shortage_max.max(other.shortage_max),
            overshoot_max: self.overshoot_max.max(other.overshoot_max),
            full: self.full + other.full,
            packs: self.packs + other.packs,
            probes: self.probes + other.probes,
            probes_denied: self.probes_denied + other.probes_denied,
            moves: self.moves + other.moves,
            joins: self.joins + other.joins,
            renewals: self.renewals + other.renewals,
            removals: self.removals + other.removals,
            rotations: self.rotations + other.rotations,
            servers_moved: self.servers_moved + other.servers_moved,
            shut_out: self.shut_out + other.shut_out,
            refused_handshakes: self.refused_handshakes + other.refused_handshakes,
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} virtual s, {} inputs, {} letters ({} lost), {} connections, {} looks",
            self.virtual_ms / 1_000,
            self.inputs,
            self.letters,
            self.letters_lost,
            self.connections,
            self.checks,
        )?;
        writeln!(
            f,
            "{} requests, {} uses asked for: {} granted, {} denied; {} changes of holding, \
             {} devices moved",
            self.requests, self.asks, self.grants, self.denials, self.holding_changes, self.moves,
        )?;
        writeln!(
            f,
            "{} joins, {} removals, {} servers moved, {} renewals, {} steps of new authorities; \
             {} connections shut out, {} calls refused",
            self.joins,
            self.removals,
            self.servers_moved,
            self.renewals,
            self.rotations,
            self.shut_out,
            self.refused_handshakes,
        )?;
        write!(
            f,
            "{} crashes, {} cuts, {} pauses, {} full disks, {} put back, {} clocks set; {} full \
             ledgers and {} packs seen, worst shortage {}, {} probes at the end",
            self.crashes,
            self.cuts,
            self.pauses,
            self.disks_full,
            self.set_back,
            self.clocks_set,
            self.full,
            self.packs,
            self.shortage_max,
            self.probes,
        )
    }
}
