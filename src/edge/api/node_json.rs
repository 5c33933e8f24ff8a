//! A page of nodes as JSON, written straight from the packed rows.
//!
//! Byte for byte what serde writes of the views of these rows; a test compares. Lists of nodes are
//! what a primary is asked most, and a text for every MAC, address and moment on the way to the
//! page was most of their cost.

use crate::model::discovery::MacAddress;
use crate::model::name::ServerName;
use crate::model::node_rows::{NodeRow, NodeRows};
use crate::model::spelling;
use crate::model::text::{is_invisible, plain};
use crate::model::time::Timestamp;
use jiff::tz::Offset;
use serde::Serialize;
use std::net::IpAddr;

/// About what one node takes.
const ROW_BYTES: usize = 300;

pub(super) fn page(page: &NodeRows) -> serde_json::Result<Vec<u8>> {
    let mut json = Json(Vec::with_capacity(ROW_BYTES * (page.len() + 1)));
    json.put(r#"{"as_of":"#);
    json.moment(page.as_of)?;
    json.put(r#","nodes":["#);
    for (nth, row) in page.iter().enumerate() {
        json.put(if nth == 0 { r#"{"id":""# } else { r#",{"id":""# });
        json.row(&row)?;
    }
    json.put(r#"],"total":"#);
    json.any(&page.total)?;
    json.put(r#","next":"#);
    json.any(&page.next)?;
    json.put("}");
    Ok(json.0)
}

struct Json(Vec<u8>);

impl Json {
    fn put(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// As serde writes it.
    fn any(&mut self, value: &impl Serialize) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.0, value)
    }

    /// From behind the quote that begins the id.
    fn row(&mut self, row: &NodeRow<'_>) -> serde_json::Result<()> {
        let (facts, source) = (row.facts, row.managing_source);
        self.server(source);
        self.put(":");
        self.any(&row.number)?;
        self.put(r#"","managing_source":""#);
        self.server(source);
        self.put(r#"","state":"#);
        self.any(&row.state)?;
        self.put(r#","product":"#);
        self.text(facts.product)?;
        self.put(r#","waiting":"#);
        self.text(row.waiting)?;
        self.put(r#","host_name":"#);
        self.host_name(facts.host_name)?;
        self.put(r#","addresses":"#);
        self.list(facts.addresses(), Json::address);
        self.put(r#","mac":"#);
        match facts.mac {
            Some(mac) => self.mac(mac),
            None => self.put("null"),
        }
        self.put(r#","other_macs":"#);
        self.list(facts.other_macs(), Json::mac);
        self.put(r#","first_seen":"#);
        self.moment(facts.first_seen)?;
        self.put(r#","last_seen":"#);
        self.moment(row.last_seen)?;
        self.put("}");
        Ok(())
    }

    fn text(&mut self, text: Option<&str>) -> serde_json::Result<()> {
        match text {
            Some(text) => self.any(&text),
            None => {
                self.put("null");
                Ok(())
            }
        }
    }

    /// A name has no sign that would need an escape.
    fn server(&mut self, name: &ServerName) {
        self.put(name.as_str());
    }

    fn host_name(&mut self, name: Option<&str>) -> serde_json::Result<()> {
        let usual = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        match name {
            Some(name) if name.bytes().all(usual) => {
                self.put("\"");
                self.put(name);
                self.put("\"");
                Ok(())
            }
            Some(name) if name.contains(is_invisible) => self.any(&plain(name)),
            other => self.any(&other),
        }
    }

    fn list<T>(&mut self, values: impl Iterator<Item = T>, put: impl Fn(&mut Json, T)) {
        self.put("[");
        for (nth, value) in values.enumerate() {
            if nth > 0 {
                self.put(",");
            }
            put(self, value);
        }
        self.put("]");
    }

    fn address(&mut self, address: IpAddr) {
        self.put("\"");
        spelling::address(&mut self.0, address);
        self.put("\"");
    }

    fn mac(&mut self, mac: MacAddress) {
        self.put("\"");
        spelling::mac(&mut self.0, mac);
        self.put("\"");
    }

    /// The moments of any calendar that people use in digits; others by the library.
    fn moment(&mut self, at: Timestamp) -> serde_json::Result<()> {
        let date = Offset::UTC.to_datetime(at.calendar());
        let (year, ms) = (date.year(), date.millisecond());
        if !(1000..=9998).contains(&year) {
            return self.any(&at);
        }
        let parts = [
            ("\"", u32::from(year.unsigned_abs()), 4),
            ("-", u32::from(date.month().unsigned_abs()), 2),
            ("-", u32::from(date.day().unsigned_abs()), 2),
            ("T", u32::from(date.hour().unsigned_abs()), 2),
            (":", u32::from(date.minute().unsigned_abs()), 2),
            (":", u32::from(date.second().unsigned_abs()), 2),
        ];
        for (before, number, digits) in parts {
            self.put(before);
            spelling::digits(&mut self.0, number, digits);
        }
        if ms != 0 {
            // Zeros at the end say nothing and are left out.
            let (number, digits) = match ms {
                tenths if tenths % 100 == 0 => (tenths / 100, 1),
                hundredths if hundredths % 10 == 0 => (hundredths / 10, 2),
                thousandths => (thousandths, 3),
            };
            self.put(".");
            let number = u32::from(number.unsigned_abs());
            spelling::digits(&mut self.0, number, digits);
        }
        self.put("Z\"");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::device::{Device, DeviceNumber, DeviceState};
    use crate::model::packed::{Packed, pack};
    use proptest::prelude::*;

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u8; 16]>().prop_map(IpAddr::from)
        ]
    }

    /// Moments of our days, of any day, and beyond what the calendar knows.
    fn moment() -> impl Strategy<Value = Timestamp> {
        prop_oneof![
            (1_600_000_000_000u64..1_900_000_000_000).prop_map(Timestamp),
            (0u64..400_000_000).prop_map(|seconds| Timestamp(seconds * 1_000_000)),
            (0u64..1 << 48).prop_map(Timestamp),
        ]
    }

    fn found() -> impl Strategy<Value = (DeviceNumber, Device, Option<String>)> {
        let macs = prop::collection::vec(any::<[u8; 6]>().prop_map(MacAddress), 0..4);
        let name = "[a-z][a-z0-9-]{0,30}|[a-zü\"\\\\\u{1b}\u{202e}東 -]{0,20}";
        (
            (any::<u64>(), macs, prop::collection::vec(address(), 0..5)),
            (proptest::option::of(name), 0..3usize, proptest::option::of("[a-z][a-z0-9]{0,20}")),
            (moment(), moment(), proptest::option::of("manage|release")),
        )
            .prop_map(|((number, macs, addresses), (host_name, state, product), times)| {
                let states = [DeviceState::Discovered, DeviceState::Managed, DeviceState::Ignored];
                let device = Device {
                    mac: macs.first().copied(),
                    other_macs: macs.iter().skip(1).copied().collect(),
                    addresses,
                    host_name,
                    state: states[state],
                    product: product.map(|name| name.parse().unwrap()),
                    goal: None,
                    first_seen: times.0,
                    last_seen: times.1,
                    history: Vec::new(),
                };
                (DeviceNumber(number), device, times.2)
            })
    }

    proptest! {
        #[test]
        fn it_is_what_serde_writes(
            nodes in prop::collection::vec(found(), 0..4),
            as_of in moment(),
            total in proptest::option::of(any::<u64>()),
            next in proptest::option::of("d:17@name:[a-z\"]{0,4}"),
        ) {
            let mut rows = NodeRows::new(as_of, total);
            rows.next = next.map(|text| text.parse().unwrap());
            for (number, device, waiting) in nodes {
                let facts = pack(&device);
                let node = Packed::node(number, 1, &device, &facts);
                rows.push(&"site-7.west".parse().unwrap(), node, waiting);
            }
            prop_assert_eq!(
                String::from_utf8(page(&rows).unwrap()).unwrap(),
                serde_json::to_string(&rows.page()).unwrap()
            );
        }
    }
}
