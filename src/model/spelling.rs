//! How numbers and addresses are spelled, put behind other text: no text of their own for each.

use super::discovery::MacAddress;
use std::io::Write;
use std::net::IpAddr;

/// The last digits of a number, zeros before it where it has fewer; at most four.
pub fn digits(text: &mut Vec<u8>, number: u32, digits: usize) {
    let digit = |place: u32| b'0' + (number / place % 10) as u8;
    let all = [digit(1000), digit(100), digit(10), digit(1)];
    text.extend_from_slice(&all[4 - digits.min(4)..]);
}

pub fn address(text: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (nth, octet) in address.octets().into_iter().enumerate() {
                if nth > 0 {
                    text.push(b'.');
                }
                let needed = 1 + usize::from(octet >= 10) + usize::from(octet >= 100);
                digits(text, u32::from(octet), needed);
            }
        }
        // Writing into memory cannot fail.
        IpAddr::V6(address) => drop(write!(text, "{address}")),
    }
}

pub fn mac(text: &mut Vec<u8>, mac: MacAddress) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut spelled = *b"00:00:00:00:00:00";
    for (nth, byte) in mac.0.into_iter().enumerate() {
        spelled[nth * 3] = HEX[usize::from(byte >> 4)];
        spelled[nth * 3 + 1] = HEX[usize::from(byte & 15)];
    }
    text.extend_from_slice(&spelled);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn addresses_are_spelled_as_everywhere(four: [u8; 4], sixteen: [u8; 16], six: [u8; 6]) {
            let mut text = Vec::new();
            address(&mut text, four.into());
            text.push(b' ');
            address(&mut text, sixteen.into());
            text.push(b' ');
            mac(&mut text, MacAddress(six));
            let (four, sixteen) = (IpAddr::from(four), IpAddr::from(sixteen));
            let expected = format!("{four} {sixteen} {}", MacAddress(six));
            prop_assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }
}
