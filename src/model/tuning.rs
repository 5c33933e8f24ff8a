//! The times and limits a server works by, each with its default.

use std::time::Duration;

/// Deliberate breakings of the rules (safety.md 1.12); the simulator must see each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A grant is said before it is durable (no R1).
    NoDebitFirst,
    /// Returns under an old attachment are booked (no R3).
    NoAttachFence,
    /// Grants under an older attachment are taken (no R4).
    NoOlderGrantFence,
    /// Counts move, uses stay (no 1.9).
    UsesStay,
    /// A full range grants (no I11).
    GrantInFullRange,
    /// A relay registers a license without claiming its serial.
    NoClaim,
    /// A code is spent on every key that asks with it.
    CodeServesTwice,
    /// What stands in the log and not in the rows is not believed after a start.
    NoDenialsAtStart,
    /// A relay takes any trust that is another than its own.
    TrustGoesBack,
    /// A device that moves is given up where another server has found it (no 1.9).
    MoveBeforeManaged,
    /// What moves itself takes over all the same.
    MovesGoRound,
    /// A device is given up whether or not the primary's rows say that it moves.
    MoveUntold,
    /// Whoever comes another way says nothing anew.
    WaySilent,
    /// A relay that was set back grants at once (no R5).
    NoRecovery,
    /// … or before those below have said what they use.
    EndsUnstated,
    /// … or with the counts that it knows itself.
    CountsOfTheCopy,
    /// A server that starts believes a clock that was set back (no I9).
    ClockBelieved,
}

/// All configurable; the defaults are stated here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// How often a relay says that it is there. A server is offline after two of them. 10 s.
    pub presence_interval: Duration,
    /// What has no answer is said again after this. 1 s.
    pub retry_interval: Duration,
    /// How long a person's request waits for another server's answer. 5 s.
    pub answer_wait: Duration,
    /// Dirty rows are saved this often. 5 s.
    pub checkpoint_interval: Duration,
    /// … or when this many bytes of log stand behind the last save. 64 MB.
    pub checkpoint_log_bytes: u64,
    /// … or when this many changes wait: nothing is decided while they are gathered. 65,536.
    pub checkpoint_rows_max: usize,
    /// Commands in one log entry at most. 1,024.
    pub entry_commands_max: usize,
    /// Bytes of commands in one log entry, from which on it is closed. 64 KB.
    pub entry_bytes_max: usize,
    /// Bytes of commands on their way to the disk, from which on peers must repeat. 16 MB.
    pub in_flight_bytes_max: usize,
    /// Rows in one report letter. 256.
    pub report_rows_max: usize,
    /// Report letters of one stream on their way at once. 4.
    pub report_window: usize,
    /// Wishes in one letter, and how many are repeated at once. 256 and 4,096.
    pub wishes_per_letter_max: usize,
    pub wishes_repeated_max: usize,
    /// Entries of accounts in one letter of a pack. 800.
    pub pack_entries_per_letter_max: usize,
    /// Letters of one pack at most. 10,000.
    pub pack_parts_max: u32,
    /// About the bytes of one pack: what one log entry can carry. 24 MiB.
    pub pack_bytes_max: usize,
    /// Packs of which some letters came and others not yet. 64.
    pub packs_gathered_max: usize,
    /// Servers in the tree, as far as one server remembers them. 100,000.
    pub servers_max: usize,
    /// Levels of the tree. 64.
    pub depth_max: usize,
    /// Servers below one parent. 4,096.
    pub children_max: usize,
    /// Bytes in the names from below the primary down to a server, separators included. 4,096.
    pub path_bytes_max: usize,
    /// Invitations that are open at once. 1,000.
    pub invites_max: usize,
    /// How long a certificate of a relay is valid. 7 days.
    pub certificate_life: Duration,
    /// A relay that was given a new certificate is given another one only after this. 3 s.
    pub renewal_interval: Duration,
    /// How often a relay may begin to attach at once, and in which time it may once more. 20 and
    /// 1 s.
    pub attaches_burst: u32,
    pub attach_interval: Duration,
    /// Refusals of one kind leave a line in the event log this often at most. 1 s.
    pub refusals_noted_interval: Duration,
    /// In this time every stream of rows is once compared with the parent's. 300 s.
    pub reconcile_interval: Duration,
    /// What a relay's rows are is said to the primary this often at most. 1 s.
    pub heads_interval: Duration,
    /// Figures of a server that its own word did not prove for so long are not confirmed. 300 s.
    pub unproven_max: Duration,
    /// The clocks of the machine are read at least this often. 10 s.
    pub clock_look_interval: Duration,
    /// License time is written down this often while a license here has an end, and sixty times as
    /// seldom otherwise. 60 s.
    pub license_time_interval: Duration,
    /// Devices that wait to move are asked after this often, and so many in one letter. 10 s and
    /// 256.
    pub move_interval: Duration,
    pub moves_per_letter_max: usize,
    /// Products. 1,000.
    pub products_max: usize,
    /// Devices of one managing source. 1,000,000.
    pub devices_max: usize,
    /// Licenses registered at one server. 10,000.
    pub licenses_max: usize,
    /// Serials that relays claimed, at the primary. 100,000.
    pub claims_max: usize,
    /// Lines of the event log that are kept. 10,000.
    pub events_kept: u64,
    /// Requests that wait for an answer of another server. 10,000.
    pub waiting_requests_max: usize,
    /// Nodes on one page of a listing. 1,000.
    pub page_rows_max: usize,
    /// Nodes that one step of a listing, or of an answer about nodes that move, looks at; then
    /// others have their turn. 20,000.
    pub rows_looked_at_max: usize,
    /// For tests; no configuration sets it, and no release heeds it ([`Tuning::breaks`]).
    pub mutant: Option<Mutant>,
}

impl Tuning {
    /// Whether a rule is broken on purpose, to show that the tests see it.
    pub fn breaks(&self, rule: Mutant) -> bool {
        cfg!(checked) && self.mutant == Some(rule)
    }
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning {
            presence_interval: Duration::from_secs(10),
            retry_interval: Duration::from_secs(1),
            answer_wait: Duration::from_secs(5),
            checkpoint_interval: Duration::from_secs(5),
            checkpoint_log_bytes: 64 << 20,
            checkpoint_rows_max: 65_536,
            entry_commands_max: 1_024,
            entry_bytes_max: 64 << 10,
            in_flight_bytes_max: 16 << 20,
            report_rows_max: 256,
            report_window: 4,
            wishes_per_letter_max: 256,
            wishes_repeated_max: 4_096,
            pack_entries_per_letter_max: 800,
            pack_parts_max: 10_000,
            pack_bytes_max: 24 << 20,
            packs_gathered_max: 64,
            servers_max: 100_000,
            depth_max: 64,
            children_max: 4_096,
            path_bytes_max: 4_096,
            invites_max: 1_000,
            certificate_life: Duration::from_secs(7 * 86_400),
            renewal_interval: Duration::from_secs(3),
            attaches_burst: 20,
            attach_interval: Duration::from_secs(1),
            reconcile_interval: Duration::from_secs(300),
            heads_interval: Duration::from_secs(1),
            unproven_max: Duration::from_secs(300),
            refusals_noted_interval: Duration::from_secs(1),
            clock_look_interval: Duration::from_secs(10),
            license_time_interval: Duration::from_secs(60),
            move_interval: Duration::from_secs(10),
            moves_per_letter_max: 256,
            products_max: 1_000,
            devices_max: 1_000_000,
            licenses_max: 10_000,
            claims_max: 100_000,
            events_kept: 10_000,
            waiting_requests_max: 10_000,
            page_rows_max: 1_000,
            rows_looked_at_max: 20_000,
            mutant: None,
        }
    }
}
