//! What a scan or an imported list says about a machine, before any server decided about it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A hardware (Ethernet) address. Shown as `00:04:4b:cc:9c:ba`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

/// Why a text is not a hardware address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a hardware address; write it like 00:04:4b:cc:9c:ba, 0-0-5e-0-1-5c, \
     0000.0c59.f892 or 4cf5-5b2e-3d0a"
)]
pub struct MacAddressError(String);

impl MacAddress {
    /// The address that means every machine of a network.
    pub const BROADCAST: MacAddress = MacAddress([0xff; 6]);
    /// What systems show where they know no address.
    pub const UNSPECIFIED: MacAddress = MacAddress([0; 6]);

    /// Whether it means several machines (broadcast does): IEEE 802, lowest bit first sent.
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether somebody chose it on the spot (IEEE 802, second lowest bit of the first byte):
    /// containers, virtual machines, phones that change theirs for each network.
    pub fn is_local(self) -> bool {
        self.0[0] & 2 == 2
    }

    /// Whether it belongs to a router that several machines are in turn:
    ///
    /// - VRRP, and CARP of the BSDs: `00:00:5e:00:01:xx`, for IPv6 `00:00:5e:00:02:xx` (RFC 5798,
    ///   7.3);
    /// - HSRP of Cisco: `00:00:0c:07:ac:xx` (RFC 2281), its version 2
    ///   `00:00:0c:9f:fx:xx`, for IPv6 `00:05:73:a0:0x:xx` (Cisco's guide to first hop
    ///   redundancy protocols);
    /// - GLBP of Cisco: `00:07:b4:xx:xx:xx` (the same guide).
    pub fn is_of_virtual_router(self) -> bool {
        match self.0 {
            [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, _]
            | [0x00, 0x00, 0x0c, 0x07, 0xac, _]
            | [0x00, 0x07, 0xb4, ..] => true,
            [0x00, 0x00, 0x0c, 0x9f, high, _] => high >= 0xf0,
            [0x00, 0x05, 0x73, 0xa0, high, _] => high <= 0x0f,
            _ => false,
        }
    }

    /// Whether it stays with one machine, so that two findings with it are one machine. False of
    /// what is chosen on the spot, of virtual routers, and of what is no machine's address at all.
    pub fn names_a_machine(self) -> bool {
        let nobody = self.is_multicast() || self == MacAddress::UNSPECIFIED;
        !(nobody || self.is_local() || self.is_of_virtual_router())
    }
}

impl FromStr for MacAddress {
    type Err = MacAddressError;

    /// Six numbers of one or two hex digits, or three of exactly four, with one kind of sign
    /// between them all: `:` or `-` for six, `.` or `-` for three.
    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        read_mac(text).ok_or_else(|| MacAddressError(text.chars().take(40).collect()))
    }
}

fn read_mac(text: &str) -> Option<MacAddress> {
    let sign = text.chars().find(|c| ":-.".contains(*c))?;
    let mut bytes = [0; 6];
    match (text.split(sign).count(), sign) {
        (6, ':' | '-') => {
            for (byte, part) in bytes.iter_mut().zip(text.split(sign)) {
                *byte = u8::try_from(hex(part, 1..=2)?).ok()?;
            }
        }
        (3, '.' | '-') => {
            for (pair, part) in bytes.chunks_exact_mut(2).zip(text.split(sign)) {
                pair.copy_from_slice(&hex(part, 4..=4)?.to_be_bytes());
            }
        }
        _ => return None,
    }
    Some(MacAddress(bytes))
}

/// Hex digits only: `from_str_radix` alone would take a sign.
fn hex(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u16> {
    let all = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if all { u16::from_str_radix(text, 16).ok() } else { None }
}

impl TryFrom<String> for MacAddress {
    type Error = MacAddressError;
    fn try_from(text: String) -> Result<Self, MacAddressError> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> String {
        mac.to_string()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        f.pad(&format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"))
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One machine as a scan or list shows it. At least one of `mac` and `addresses` says something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub mac: Option<MacAddress>,
    /// Without repeats.
    pub addresses: Vec<IpAddr>,
    /// Letters and digits of any script, `-`, `_` and `.` only; at most 255 bytes.
    pub host_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_spelling_is_read_and_one_is_shown() {
        for (text, shown) in [
            ("00:04:4b:cc:9c:ba", "00:04:4b:cc:9c:ba"),
            ("0:0:5e:0:1:5c", "00:00:5e:00:01:5c"),
            ("0-0-5e-0-1-5c", "00:00:5e:00:01:5c"),
            ("00-0C-29-1A-4E-3B", "00:0c:29:1a:4e:3b"),
            ("0000.0c59.f892", "00:00:0c:59:f8:92"),
            ("4cf5-5b2e-3d0a", "4c:f5:5b:2e:3d:0a"),
        ] {
            assert_eq!(text.parse::<MacAddress>().map(String::from), Ok(shown.to_string()));
        }
    }

    #[test]
    fn what_is_no_hardware_address_is_refused() {
        for bad in [
            "",
            "0",
            "0:00:00",
            "00:04:4b:cc:9c",
            "00:04:4b:cc:9c:ba:01",
            "00:04:4b:cc:9c:bax",
            "000:4:4b:cc:9c:ba",
            "00:04-4b:cc:9c:ba",
            "+0:04:4b:cc:9c:ba",
            "0:4::cc:9c:ba",
            "00.04.4b.cc.9c.ba",
            "000.0c59.f892",
            "0000:0c59:f892",
            "10.1.1.1",
            "ä0:04:4b:cc:9c:ba",
        ] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn addresses_of_many_machines_are_known() {
        assert!(MacAddress::BROADCAST.is_multicast());
        assert!("1:0:5e:0:0:fb".parse::<MacAddress>().unwrap().is_multicast());
        assert!(!"2:42:ac:1c:1:3".parse::<MacAddress>().unwrap().is_multicast());
    }

    #[test]
    fn addresses_that_stay_with_one_machine_are_told_from_those_that_do_not() {
        for (text, names) in [
            ("00:1b:21:0a:0b:0c", true),
            ("02:42:ac:1c:01:03", false),
            ("b6:1b:da:7e:1f:02", false),
            ("00:00:00:00:00:00", false),
            ("ff:ff:ff:ff:ff:ff", false),
            ("01:00:5e:00:00:fb", false),
            ("00:00:5e:00:00:01", true),
            ("00:00:5e:00:01:5c", false),
            ("00:00:5e:00:02:00", false),
            ("00:00:5e:00:03:01", true),
            ("00:00:0c:07:ab:01", true),
            ("00:00:0c:07:ac:00", false),
            ("00:00:0c:9f:ef:ff", true),
            ("00:00:0c:9f:f0:00", false),
            ("00:00:0c:9f:ff:ff", false),
            ("00:05:73:a0:00:00", false),
            ("00:05:73:a0:0f:ff", false),
            ("00:05:73:a0:10:00", true),
            ("00:07:b4:00:01:02", false),
        ] {
            let mac: MacAddress = text.parse().unwrap();
            assert_eq!(mac.names_a_machine(), names, "{text}");
        }
    }
}
