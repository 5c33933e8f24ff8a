//! What people are told of segments that are not searched, and of methods that cannot be used.

use crate::client::contract::ScanMethod;
use crate::edge::codes;
use crate::edge::scan::segment::SegmentError;
use crate::model::refusal::Refusal;
use std::io;

/// The refusal of segments, with its code.
pub fn refused_segment(error: &SegmentError) -> Refusal {
    use SegmentError as Error;
    let (code, hint) = match error {
        Error::None => (codes::SEGMENT, "name one: `--segment 10.1.0.0/24`"),
        Error::Unreadable(_) | Error::Prefix { .. } => (
            codes::SEGMENT,
            "write it like 10.1.0.0/24, 10.1.0.7-10.1.2.9, 10.1.0.7-90, 10.1.0.7 or \
             2001:db8::10-2001:db8::2f",
        ),
        Error::Zone(_) => (
            codes::SEGMENT,
            "leave the zone out; addresses of one link are found by the method neighbours",
        ),
        Error::TwoFamilies(_) => {
            (codes::SEGMENT, "write both ends as IPv4, or both as IPv6; or two segments")
        }
        Error::Reversed(_) => (codes::SEGMENT_REVERSED, "write the lower address first"),
        Error::NoMachines { .. } => {
            (codes::SEGMENT_NO_MACHINES, "leave those addresses out of the segment")
        }
        Error::Excluded { .. } => (
            codes::SEGMENT_EXCLUDED,
            "name another segment; exclusions stand in `exclude` of [scans] and of [[scan]]",
        ),
        Error::TooManyAddresses { .. } => (
            codes::SEGMENT_TOO_LARGE,
            "name smaller segments, one scan for each; of IPv6 name the addresses that are in use, \
             or let neighbours and mdns find them",
        ),
        Error::TooMany { .. } => {
            (codes::SEGMENTS_TOO_MANY, "join neighbouring ones, or make several scans of it")
        }
    };
    Refusal::new(code, error.to_string(), hint)
}

/// A method that this process may not, or cannot, use.
pub(super) fn method_unusable(method: ScanMethod, error: &io::Error) -> Refusal {
    let hint = match method {
        ScanMethod::Icmp => {
            "let the server's group ping: `sysctl net.ipv4.ping_group_range='0 2147483647'`; or \
             give the service AmbientCapabilities=CAP_NET_RAW; or leave icmp out of the methods"
        }
        ScanMethod::Mdns => "let the service open UDP port 5353, or leave mdns out of the methods",
        _ => "let the service use AF_NETLINK sockets, or leave neighbours out of the methods",
    };
    let message = format!("{method} cannot be used: {error}; the other methods go on");
    Refusal::new(codes::SCAN_NO_PERMISSION, message, hint)
}

/// Part of what a method was to ask could not be asked.
pub(super) fn unasked(method: ScanMethod, count: u64, why: &str) -> Refusal {
    Refusal::new(
        codes::SCAN_UNASKED,
        format!("{method}: {count} probes could not leave this machine: {why}"),
        "is there a way to that segment (`ip route get ADDRESS`), and does a filter here stop it?",
    )
}
