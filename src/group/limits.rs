//! The bounds of a group: sizes, counts and waits, each with its default.

/// Bounds of one group. All members of a group should run with the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Largest batch of commands that may be proposed. Default 32 MiB: a whole
    /// range that changes hands is one command.
    pub batch_bytes_max: u64,
    /// Proposed and not yet handed out as committed, together. Default 128 MiB. A single batch is
    /// always accepted when nothing else is uncommitted.
    pub uncommitted_bytes_max: u64,
    /// Batches handed to the disk and not yet reported durable. Default 64. Above it entries wait
    /// here and share the next batch.
    pub batches_in_flight_max: usize,
    /// Committed entries in one piece of work, beyond the first entry. Default 4 MiB.
    pub committed_bytes_max: u64,
    /// Entries in one message to another member. Default 1 MiB.
    pub message_bytes_max: u64,
    /// Messages to another member that it has not answered. Default 256.
    pub messages_in_flight_max: usize,
    /// Ticks without a leader before a member stands for election. Default 10.
    pub election_ticks: u32,
    /// Ticks between two heartbeats of a leader. Default 3.
    pub heartbeat_ticks: u32,
}

const MIB: u64 = 1024 * 1024;

impl Default for GroupLimits {
    fn default() -> Self {
        GroupLimits {
            batch_bytes_max: 32 * MIB,
            uncommitted_bytes_max: 128 * MIB,
            batches_in_flight_max: 64,
            committed_bytes_max: 4 * MIB,
            message_bytes_max: MIB,
            messages_in_flight_max: 256,
            election_ticks: 10,
            heartbeat_ticks: 3,
        }
    }
}
