//! Echo requests to many addresses over one socket, with no memory of what was asked.
//!
//! ```text
//!   address ─► cookie = keyed hash ─► request ──► machine
//!                                                   │
//!   found ◄── cookie is that of the sender ◄── reply
//! ```
//!
//! A reply counts when it carries the cookie of the address it comes from. Only who was asked
//! there can have it: the key is drawn anew for each scan.
//!
//! The socket is a ping socket where the system lets this process have one
//! (`net.ipv4.ping_group_range`), else a raw one, which needs CAP_NET_RAW.

use rustix::net::{
    AddressFamily, Protocol, SocketFlags, SocketType, ipproto, socket_with, sockopt,
};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;

/// Type, code, checksum, identifier, sequence.
const HEAD_BYTES: usize = 8;
const COOKIE_BYTES: usize = 8;
const ECHO_BYTES: usize = HEAD_BYTES + COOKIE_BYTES;
/// The shortest head of IPv4, and its unit of length.
const IPV4_HEAD_MIN: usize = 20;
const IPV4_HEAD_UNIT: usize = 4;

const REQUEST_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;

/// Room for answers that nobody has looked at yet; the system gives what it likes of it.
const RECEIVE_BYTES: usize = 4 << 20;
/// The longest packet that is looked at; of a longer one the beginning says enough.
const PACKET_BYTES_MAX: usize = 256;

/// What an echo request to this address carries, and every reply from it.
#[derive(Clone, Debug)]
pub struct Cookies(RandomState);

impl Cookies {
    /// With a key of their own.
    pub fn new() -> Cookies {
        Cookies(RandomState::new())
    }

    fn of(&self, address: IpAddr) -> [u8; COOKIE_BYTES] {
        self.0.hash_one(address).to_be_bytes()
    }

    /// An echo request for this address.
    fn request(&self, address: IpAddr, sequence: u16) -> [u8; ECHO_BYTES] {
        let cookie = self.of(address);
        let mut packet = [0; ECHO_BYTES];
        packet[0] = if address.is_ipv4() { REQUEST_V4 } else { REQUEST_V6 };
        packet[4..6].copy_from_slice(&cookie[..2]);
        packet[6..8].copy_from_slice(&sequence.to_be_bytes());
        packet[HEAD_BYTES..].copy_from_slice(&cookie);
        // The kernel makes that of IPv6 itself, which covers more than the packet.
        if address.is_ipv4() {
            let sum = checksum(&packet);
            packet[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        packet
    }

    /// Whether these bytes, from there, are the reply to a request of this scan.
    fn answers(&self, packet: &[u8], from: IpAddr, form: Form) -> bool {
        let Some(echo) = body(packet, from, form) else { return false };
        let reply = if from.is_ipv4() { REPLY_V4 } else { REPLY_V6 };
        let cookie = self.of(from);
        echo.first() == Some(&reply)
            && echo.get(1) == Some(&0)
            && echo.get(HEAD_BYTES..ECHO_BYTES) == Some(&cookie[..])
    }
}

impl Default for Cookies {
    fn default() -> Cookies {
        Cookies::new()
    }
}

/// What kind of socket it is, and so whether a head of IPv4 stands before what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Ping,
    Raw,
}

/// The packet behind its head of IPv4.
fn body(packet: &[u8], from: IpAddr, form: Form) -> Option<&[u8]> {
    if form == Form::Ping || from.is_ipv6() {
        return Some(packet);
    }
    let head = usize::from(packet.first()? & 0x0f) * IPV4_HEAD_UNIT;
    (head >= IPV4_HEAD_MIN).then(|| packet.get(head..)).flatten()
}

/// The checksum of the internet (RFC 1071).
fn checksum(packet: &[u8]) -> u16 {
    let pairs = packet
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let mut sum: u32 = pairs.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

/// An open socket for echo requests of one family.
pub struct Echo {
    socket: UdpSocket,
    form: Form,
    sequence: u16,
}

impl Echo {
    /// # Errors
    /// That of the last kind of socket tried; usually that this process may not have it.
    pub fn open(family: AddressFamily) -> io::Result<Echo> {
        let protocol = if family == AddressFamily::INET6 { ipproto::ICMPV6 } else { ipproto::ICMP };
        match opened(family, SocketType::DGRAM, protocol) {
            Ok(socket) => Ok(Echo { socket, form: Form::Ping, sequence: 0 }),
            Err(_) => {
                let socket = opened(family, SocketType::RAW, protocol)?;
                Ok(Echo { socket, form: Form::Raw, sequence: 0 })
            }
        }
    }

    /// Sends one request.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room at present; otherwise why it cannot leave.
    pub fn send(&mut self, to: IpAddr, cookies: &Cookies) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let packet = cookies.request(to, self.sequence);
        self.socket.try_send_to(&packet, SocketAddr::new(to, 0)).map(|_| ())
    }

    /// Waits until there is room to send.
    pub async fn room(&self) -> io::Result<()> {
        self.socket.writable().await
    }

    /// Waits until there may be a packet to read.
    pub async fn ready(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Hands everybody who answered to `alive`, until there is nothing more to read, or after
    /// `most` packets. Whatever else comes in at such a socket is passed over; an error of one
    /// packet is not one of the next.
    pub fn read(&self, cookies: &Cookies, most: usize, alive: &mut impl FnMut(IpAddr)) {
        let mut packet = [0; PACKET_BYTES_MAX];
        for _ in 0..most {
            match self.socket.try_recv_from(&mut packet) {
                Ok((bytes, from)) => {
                    let from = from.ip().to_canonical();
                    if cookies.answers(&packet[..bytes.min(PACKET_BYTES_MAX)], from, self.form) {
                        alive(from);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
    }
}

fn opened(family: AddressFamily, kind: SocketType, protocol: Protocol) -> io::Result<UdpSocket> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, kind, flags, Some(protocol))?;
    // What the system does not give, it does not give.
    let _ = sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BYTES);
    UdpSocket::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn reply(cookies: &Cookies, of: IpAddr) -> Vec<u8> {
        let mut packet = cookies.request(of, 7).to_vec();
        packet[0] = if of.is_ipv4() { REPLY_V4 } else { REPLY_V6 };
        packet
    }

    #[test]
    fn a_checksum_makes_the_whole_sum_up_to_nothing() {
        let packet = Cookies::new().request("10.0.0.1".parse().unwrap(), 1);
        assert_eq!(checksum(&packet), 0);
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0x01]), !0x0100);
    }

    #[test]
    fn only_the_one_who_was_asked_answers() {
        let cookies = Cookies::new();
        for text in ["10.0.0.1", "2001:db8::1"] {
            let address: IpAddr = text.parse().unwrap();
            let packet = reply(&cookies, address);
            assert!(cookies.answers(&packet, address, Form::Ping));
            let request = cookies.request(address, 7);
            assert!(!cookies.answers(&request, address, Form::Ping), "a request is no reply");
            for other in ["10.0.0.2", "2001:db8::2"] {
                assert!(!cookies.answers(&packet, other.parse().unwrap(), Form::Ping));
            }
            assert!(!Cookies::new().answers(&packet, address, Form::Ping), "of another scan");
            assert!(!cookies.answers(&packet[..ECHO_BYTES - 1], address, Form::Ping));
        }
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let mut packet = vec![0x46; 24];
        packet.extend(reply(&cookies, address));
        assert!(cookies.answers(&packet, address, Form::Raw));
        packet[0] = 0x44;
        assert!(!cookies.answers(&packet, address, Form::Raw), "a head too short for IPv4");
    }

    proptest! {
        #[test]
        fn no_packet_panics_and_none_that_is_made_up_counts(
            packet in vec(any::<u8>(), 0..200), raw: bool, six: bool,
        ) {
            let form = if raw { Form::Raw } else { Form::Ping };
            let from = if six { "2001:db8::1" } else { "10.0.0.1" };
            prop_assert!(!Cookies::new().answers(&packet, from.parse().unwrap(), form));
        }
    }
}
