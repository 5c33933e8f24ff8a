//! What people are told of segments that are not searched, and of methods that cannot be used.

use crate::client::contract::ScanMethod;
use crate::edge::codes;
use crate::edge::scan::segment::SegmentError;
use crate::model::name::ProductName;
use crate::model::refusal::Refusal;
use std::io;

/// Of so many notes a line repeats what is to be done.
const HINTS_MAX: usize = 3;
/// The codes of an answer that nobody knows the product, or any product.
const NO_SUCH_PRODUCT: [&str; 2] = ["LT0231", "LT0226"];

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
            "name another segment, or leave this one out: the others are searched then; \
             exclusions stand in `exclude` of [scans] and of [[scan]], and in --exclude of the \
             command",
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
    let message = format!("{method} cannot be used: {error}");
    Refusal::new(codes::SCAN_NO_PERMISSION, message, hint)
}

/// No method reached anybody: what stood in the way of each, and what to do about it.
pub(super) fn nobody_asked(notes: &[Refusal]) -> Refusal {
    let mut hints: Vec<&str> = notes.iter().map(|note| note.hint.as_str()).collect();
    hints.dedup();
    let hint = match hints.is_empty() {
        true => "see which methods it has, and which it may use: `lictree doctor`".to_string(),
        false => hints[..hints.len().min(HINTS_MAX)].join("; "),
    };
    let mut message = "nobody could be asked".to_string();
    for note in notes.iter().take(HINTS_MAX) {
        let sign = if message.contains(':') { ';' } else { ':' };
        message.push_str(&format!("{sign} {}", note.message));
    }
    Refusal::new(codes::SCAN_NOBODY_ASKED, message, hint)
}

/// The answer to a wish for a product that the server knows nothing of, said of the product: a
/// relay that was cut off since its start cannot know what is registered above it.
pub fn about_product(product: &ProductName, refusal: Refusal) -> Refusal {
    if !NO_SUCH_PRODUCT.contains(&refusal.code.as_str()) {
        return refusal;
    }
    Refusal::new(
        &refusal.code,
        format!(
            "no license of {product} is registered anywhere that this server can see, so it \
             manages nothing for it ({})",
            refusal.message
        ),
        "name a product that there is (`lictree license list` at the primary), or register a \
         license of it: `lictree license register FILE`; then scan again",
    )
}

/// The scan was stopped before anything was managed.
pub(super) fn unmanaged(product: &ProductName) -> Refusal {
    Refusal::new(
        codes::SCAN_OVER,
        format!("nothing was managed for {product}: the scan was stopped"),
        "run it again; or manage what it found: `lictree node manage ID`",
    )
}

/// So many addresses of a scan that asks nobody lie where their machines cannot be heard.
pub(super) fn beyond_links(methods: &[ScanMethod], count: u64) -> Refusal {
    let hears = |method: &&ScanMethod| matches!(method, ScanMethod::Neighbours | ScanMethod::Mdns);
    let hearing: Vec<String> = methods.iter().filter(hears).map(ScanMethod::to_string).collect();
    Refusal::new(
        codes::SCAN_UNASKED,
        format!(
            "{}: {count} of the addresses lie on none of this server's own links, and on others \
             it hears nobody",
            hearing.join(", ")
        ),
        "use icmp or tcp as well, which ask behind routers; or scan from a server on that link",
    )
}

/// So many addresses of the machine itself answered.
pub(super) fn loopback_dropped(count: u64) -> Refusal {
    Refusal::new(
        codes::SEGMENT_NO_MACHINES,
        format!(
            "{count} of the addresses that answered are this machine's own (127.0.0.0/8, ::1): \
             they are counted and not booked"
        ),
        "name addresses of the site; for a trial on one machine set `loopback = \"keep\"` in \
         [scans]",
    )
}

/// Part of what a method was to ask could not be asked.
pub(super) fn unasked(method: ScanMethod, count: u64, why: &str) -> Refusal {
    Refusal::new(
        codes::SCAN_UNASKED,
        format!("{method}: {count} probes could not leave this machine: {why}"),
        "is there a way to that segment (`ip route get ADDRESS`), and does a filter here stop it?",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_that_asked_nobody_says_what_stood_in_the_way_and_what_to_do() {
        let icmp = method_unusable(ScanMethod::Icmp, &io::ErrorKind::PermissionDenied.into());
        let tcp = unasked(ScanMethod::Tcp, 254, "no way");
        let refusal = nobody_asked(&[icmp, tcp]);
        assert_eq!(
            refusal.message,
            "nobody could be asked: icmp cannot be used: permission denied; tcp: 254 probes could \
             not leave this machine: no way"
        );
        assert!(refusal.hint.contains("ping_group_range"), "{}", refusal.hint);
        assert!(refusal.hint.contains("ip route get"), "{}", refusal.hint);
        assert!(codes::explain(&refusal.code).is_some());
        let product = "atlantis".parse().unwrap();
        let about = |code| about_product(&product, Refusal::new(code, "it is so", "do this"));
        let unknown = about("LT0231");
        let seen = "no license of atlantis is registered anywhere that this server can see";
        assert!(unknown.message.starts_with(seen), "{unknown}");
        assert!(unknown.hint.contains("lictree license register FILE"), "{unknown}");
        assert_eq!(about("LT0302").message, "it is so");
        let beyond = beyond_links(&[ScanMethod::Neighbours, ScanMethod::Icmp], 3);
        assert!(beyond.message.starts_with("neighbours: 3 of the addresses"), "{beyond}");
        let by = SegmentError::Excluded { text: "10.1.0.1".into(), by: "10.1.0.0/24".into() };
        let excluded = refused_segment(&by);
        assert!(excluded.hint.contains("--exclude"), "{excluded}");
        let none = nobody_asked(&[]);
        assert!(!none.hint.is_empty() && none.message == "nobody could be asked");
    }
}
