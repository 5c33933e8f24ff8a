//! Names of addresses, by the machine's own look-up: its files, its resolver, whatever it is set
//! to use.
//!
//! A look-up takes a thread and cannot be called off, so few run at once, and a scan does not wait
//! for one for ever. One that is late goes on to hold its place until the system gives it up.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The longest host name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// Places for look-ups; of all scans together.
#[derive(Clone, Debug)]
pub struct Names {
    places: Arc<Semaphore>,
    within: Duration,
}

impl Names {
    /// At most `at_once` look-ups, none waited for longer than `within`.
    pub fn new(at_once: usize, within: Duration) -> Names {
        Names { places: Arc::new(Semaphore::new(at_once)), within }
    }

    /// The name of an address.
    pub async fn of(&self, address: IpAddr) -> Look {
        let places = self.places.clone();
        let looked = async {
            let place = places.acquire_owned().await.ok()?;
            let look = move || {
                let name = dns_lookup::lookup_addr(&address).ok();
                drop(place);
                name
            };
            tokio::task::spawn_blocking(look).await.ok().flatten()
        };
        match tokio::time::timeout(self.within, looked).await {
            Ok(found) => {
                let name = found.and_then(|found| usable(&found, address));
                name.map_or(Look::Nothing, Look::Name)
            }
            Err(_) => Look::Late,
        }
    }
}

/// What came of a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    Name(String),
    Nothing,
    /// No answer came in time.
    Late,
}

/// The name without the dot at its end, if it is a plain one and not the address again.
pub(super) fn usable(name: &str, address: IpAddr) -> Option<String> {
    let name = name.trim_end_matches('.');
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let sound = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(plain);
    let other = name.parse::<IpAddr>() != Ok(address) && name != "localhost";
    (sound && other).then(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_is_one() {
        let address = "10.0.0.7".parse().unwrap();
        assert_eq!(usable("pc-7.example.org.", address).unwrap(), "pc-7.example.org");
        for bad in ["", ".", "10.0.0.7", "a b", "x\u{1b}[2J", "localhost", &"x".repeat(256)] {
            assert_eq!(usable(bad, address), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn without_a_place_no_name_is_waited_for_long() {
        let names = Names::new(0, Duration::from_millis(1));
        assert_eq!(names.of("127.0.0.1".parse().unwrap()).await, Look::Late);
    }
}
