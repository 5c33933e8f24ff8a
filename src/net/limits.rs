//! Every bound of `net`, with its default. Nothing here may be unlimited.

use crate::net::NetError;
use crate::net::frame::LEN_BYTES;
use std::time::Duration;

/// What one listener, dialer or connection may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetLimits {
    /// Handshakes under way at once; further ones are refused. Default 1,024.
    pub handshakes_max: usize,
    /// Above this many, an address must first prove that it can be reached (Retry).
    /// Default 128.
    pub handshakes_retry_above: usize,
    /// The same among those of one network, an IPv4 /24 or an IPv6 /48. Default 32.
    pub handshakes_per_network_max: usize,
    /// From the first packet until both sides have accepted each other. Default 5 s.
    pub handshake_timeout: Duration,
    /// Room for packets that came to a listener and were not looked at yet, as asked of the system,
    /// which gives at most twice its own bound (Linux: net.core.rmem_max). Much room takes a burst
    /// of calls in, and lets a flood of strangers hold up everybody longer. Default 0: what the
    /// system gives unasked (Linux: 208 KiB, about ninety first packets).
    pub socket_receive_bytes: usize,
    /// What may be buffered of one attempt before its handshake begins. Default 64 KiB.
    pub handshake_buffer_bytes: u64,
    /// The same for all attempts together. Default 16 MiB.
    pub handshake_buffers_bytes: u64,
    /// Made connections that wait to be accepted. Default 64.
    pub arrivals_max: usize,
    /// Made connections of one listener. Default 4,096.
    pub connections_max: usize,
    /// A connection that hears nothing for so long is lost. Default 30 s.
    pub idle_timeout: Duration,
    /// How often the dialing side shows that it is there. Default 10 s.
    pub keep_alive_interval: Duration,
    /// Streams of each kind a peer may open. Each is reserved memory (about 0.08 KiB).
    /// Default 16.
    pub streams_max: u32,
    /// What a peer may send ahead of what is read here. Default 1 MiB.
    pub receive_window_bytes: u32,
    /// What may be under way to a peer without its acknowledgement. Default 1 MiB.
    pub send_window_bytes: u64,
    /// The longest frame, both ways. Default 256 KiB.
    pub frame_bytes_max: u32,
    /// Frames that wait to be sent. Default 65,536.
    pub send_queue_frames_max: usize,
    /// Bytes that wait to be sent, lengths included. Default 4 MiB.
    pub send_queue_bytes_max: usize,
    /// The request of one who joins, and the answer. Default 16 KiB.
    pub join_bytes_max: u32,
    /// Calls to join under way at once; further ones are refused. Default 16.
    pub joins_max: usize,
    /// The same of one IPv4 address or IPv6 /64, so that one who keeps silent keeps nobody else
    /// out. Default 4.
    pub joins_per_address_max: usize,
    /// From the end of the handshake until the request of one who joins has come. Default 3 s.
    pub join_request_timeout: Duration,
    /// From the end of the handshake to the end of a call to join. Default 30 s.
    pub join_timeout: Duration,
    /// Calls to join from one IPv4 address or IPv6 /64: so many at once, and so many come back
    /// within a minute. Default 5.
    pub joins_per_address_per_minute: u32,
    /// The addresses of which that is remembered. Default 4,096.
    pub join_addresses_max: usize,
}

impl Default for NetLimits {
    fn default() -> NetLimits {
        NetLimits {
            handshakes_max: 1_024,
            handshakes_retry_above: 128,
            handshakes_per_network_max: 32,
            handshake_timeout: Duration::from_secs(5),
            socket_receive_bytes: 0,
            handshake_buffer_bytes: 64 * 1024,
            handshake_buffers_bytes: 16 * 1024 * 1024,
            arrivals_max: 64,
            connections_max: 4_096,
            idle_timeout: Duration::from_secs(30),
            keep_alive_interval: Duration::from_secs(10),
            streams_max: 16,
            receive_window_bytes: 1024 * 1024,
            send_window_bytes: 1024 * 1024,
            frame_bytes_max: 256 * 1024,
            send_queue_frames_max: 65_536,
            send_queue_bytes_max: 4 * 1024 * 1024,
            join_bytes_max: 16 * 1024,
            joins_max: 16,
            joins_per_address_max: 4,
            join_request_timeout: Duration::from_secs(3),
            join_timeout: Duration::from_secs(30),
            joins_per_address_per_minute: 5,
            join_addresses_max: 4_096,
        }
    }
}

impl NetLimits {
    /// Refuses limits under which no connection could work.
    pub(crate) fn check(&self) -> Result<(), NetError> {
        let longest = self.frame_bytes_max as usize + LEN_BYTES;
        let faults = [
            (self.handshakes_max == 0, "handshakes_max must be at least 1"),
            (self.arrivals_max == 0, "arrivals_max must be at least 1"),
            (self.streams_max == 0, "streams_max must be at least 1"),
            (self.frame_bytes_max == 0, "frame_bytes_max must be at least 1"),
            (self.join_bytes_max == 0, "join_bytes_max must be at least 1"),
            (self.joins_max == 0, "joins_max must be at least 1"),
            (self.joins_per_address_max == 0, "joins_per_address_max must be at least 1"),
            (
                self.joins_per_address_per_minute == 0,
                "joins_per_address_per_minute must be at least 1",
            ),
            (self.join_addresses_max == 0, "join_addresses_max must be at least 1"),
            (self.send_window_bytes == 0, "send_window_bytes must be at least 1"),
            (self.receive_window_bytes == 0, "receive_window_bytes must be at least 1"),
            (
                self.keep_alive_interval >= self.idle_timeout,
                "keep_alive_interval must be shorter than idle_timeout",
            ),
            (
                self.send_queue_bytes_max < longest || self.send_queue_frames_max == 0,
                "the send queue must hold at least one frame of frame_bytes_max",
            ),
        ];
        match faults.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, fault)) => Err(NetError::Limits(fault)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_can_work_and_contradictions_are_named() {
        NetLimits::default().check().unwrap();
        let deaf = NetLimits { keep_alive_interval: Duration::from_secs(30), ..Default::default() };
        let error = deaf.check().unwrap_err();
        assert!(error.to_string().contains("keep_alive_interval"), "{error}");
        let small = NetLimits { send_queue_bytes_max: 1024, ..Default::default() };
        assert!(matches!(small.check(), Err(NetError::Limits(_))));
    }
}
