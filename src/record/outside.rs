//! Forms of what comes from outside the tree: licenses of vendors, devices that scans find.

use crate::model::count::LicenseCount;
use crate::model::discovery::{Found, MacAddress};
use crate::model::license::{License, LicenseTerms, Metric, Serial};
use crate::model::time::Timestamp;
use crate::record::device::{addresses, addresses_bytes};
use crate::record::error::RecordError;
use crate::record::form::Form;
use crate::record::name::name;
use crate::record::number::{Numbered, numbered};
use crate::record::room::Room;
use prost::Message;

numbered!(Metric, "a metric": ManagedDevices = 1, Sessions = 2);

pub fn serial_text(serial: &Serial) -> &str {
    serial.as_str()
}

pub fn serial(text: &str) -> Result<Serial, RecordError> {
    text.parse().map_err(|source| RecordError::License { what: "a serial", source })
}

/// The six bytes of an address as a number of 48 bits.
pub fn mac_number(mac: MacAddress) -> u64 {
    mac.0.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

pub fn mac(number: u64) -> Result<MacAddress, RecordError> {
    let [0, 0, bytes @ ..] = number.to_be_bytes() else {
        let max = (1 << 48) - 1;
        return Err(RecordError::TooLarge { what: "a MAC address", found: number, max });
    };
    Ok(MacAddress(bytes))
}

#[derive(Clone, PartialEq, Message)]
pub struct LicenseForm {
    #[prost(string, tag = "1")]
    serial: String,
    #[prost(string, tag = "2")]
    vendor: String,
    #[prost(string, tag = "3")]
    product: String,
    #[prost(uint64, tag = "4")]
    count: u64,
    #[prost(uint32, tag = "5")]
    metric: u32,
    #[prost(uint64, tag = "6")]
    not_before_ms: u64,
    #[prost(uint64, optional, tag = "7")]
    not_after_ms: Option<u64>,
    #[prost(string, tag = "8")]
    note: String,
    #[prost(string, optional, tag = "9")]
    tree: Option<String>,
    #[prost(string, optional, tag = "10")]
    server: Option<String>,
    #[prost(uint32, optional, tag = "11")]
    confirm_within_days: Option<u32>,
}

impl Form for LicenseForm {
    type Value = License;
    const WHAT: &'static str = "a license";

    fn of(license: &License) -> Self {
        LicenseForm {
            serial: serial_text(&license.serial).to_string(),
            vendor: license.vendor.clone(),
            product: license.product.to_string(),
            count: license.count.0,
            metric: license.metric.number(),
            not_before_ms: license.not_before.0,
            not_after_ms: license.not_after.map(|end| end.0),
            note: license.note.clone(),
            tree: license.tree.as_ref().map(ToString::to_string),
            server: license.server.as_ref().map(ToString::to_string),
            confirm_within_days: license.confirm_within_days.map(u32::from),
        }
    }

    fn value(self, _: &mut Room) -> Result<License, RecordError> {
        let terms = LicenseTerms {
            serial: serial(&self.serial)?,
            vendor: self.vendor,
            product: name(Self::WHAT, &self.product)?,
            count: LicenseCount(self.count),
            metric: Numbered::numbered(self.metric)?,
            not_before: Timestamp(self.not_before_ms),
            not_after: self.not_after_ms.map(Timestamp),
            tree: self.tree.map(|tree| name(Self::WHAT, &tree)).transpose()?,
            server: self.server.map(|server| name(Self::WHAT, &server)).transpose()?,
            confirm_within_days: self.confirm_within_days.map(days).transpose()?,
            note: self.note,
        };
        // Checked again: only what was a license comes back as one.
        License::try_from(terms).map_err(|source| RecordError::License { what: Self::WHAT, source })
    }
}

fn days(days: u32) -> Result<u16, RecordError> {
    let max = u64::from(u16::MAX);
    let what = "a number of days";
    days.try_into().map_err(|_| RecordError::TooLarge { what, found: u64::from(days), max })
}

#[derive(Clone, PartialEq, Message)]
pub struct FoundForm {
    #[prost(uint64, optional, tag = "1")]
    mac: Option<u64>,
    #[prost(bytes = "vec", tag = "2")]
    addresses: Vec<u8>,
    #[prost(string, optional, tag = "3")]
    host_name: Option<String>,
}

impl Form for FoundForm {
    type Value = Found;
    const WHAT: &'static str = "a found device";

    fn of(found: &Found) -> Self {
        FoundForm {
            mac: found.mac.map(mac_number),
            addresses: addresses_bytes(&found.addresses),
            host_name: found.host_name.clone(),
        }
    }

    fn value(self, _: &mut Room) -> Result<Found, RecordError> {
        Ok(Found {
            mac: self.mac.map(mac).transpose()?,
            addresses: addresses(&self.addresses)?,
            host_name: self.host_name,
        })
    }
}
