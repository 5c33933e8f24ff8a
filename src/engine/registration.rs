//! Bringing license files into a server, and licenses whose time is over.

use super::Engine;
use crate::model::holding::{HoldingOption, Phase};
use crate::model::license::{License, Serial};
use crate::model::name::ProductName;
use crate::model::refusal::Refusal;
use crate::model::row::{LicenseRow, RowKey};
use crate::model::time::Timestamp;

impl Engine {
    /// Whether this license may be registered here and now.
    pub(super) fn registration_check(
        &self,
        license: &License,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let serial = license.serial.as_str();
        if self.state.licenses.contains_key(&license.serial) {
            return Err(Refusal::new(
                "LT0201",
                format!("license {serial} is registered here already; nothing was added"),
                "see what is registered: lictree license list",
            ));
        }
        if license.not_after.is_some_and(|end| end <= now) {
            return Err(Refusal::new(
                "LT0202",
                format!("license {serial} has expired"),
                "ask the vendor for a license that is valid now",
            ));
        }
        if license.not_before > now {
            return Err(Refusal::new(
                "LT0203",
                format!("license {serial} is not valid yet: {}", license.not_before.calendar()),
                "register it from that day on, and check this machine's clock",
            ));
        }
        if !self.may_register(&license.product) {
            return Err(Refusal::new(
                "LT0204",
                format!(
                    "{} may not register licenses of {}: the primary did not authorize it",
                    self.state.name(),
                    license.product
                ),
                format!("at the primary: lictree server authorize {}", self.state.name()),
            ));
        }
        if self.state.licenses.len() >= self.tuning.licenses_max {
            return Err(Refusal::new(
                "LT0205",
                format!(
                    "{} licenses are registered here, as many as allowed",
                    self.tuning.licenses_max
                ),
                "raise licenses_max in [limits] of the configuration",
            ));
        }
        Ok(())
    }

    /// The primary, and relays that it authorized (JP1-12).
    fn may_register(&self, product: &ProductName) -> bool {
        let holding = self.state.holdings.get(product);
        self.state.is_primary()
            || holding.is_some_and(|row| {
                row.level.option == HoldingOption::Registered
                    && matches!(row.phase, Phase::Holding | Phase::Taking)
            })
    }

    pub(super) fn register(&mut self, license: &License, at: Timestamp) {
        if self.registration_check(license, at).is_err() {
            return;
        }
        let row = LicenseRow { license: license.clone(), registered_at: at, expired: false };
        self.state.licenses.insert(license.serial.clone(), row);
        self.state.touch(RowKey::License(license.serial.clone()));
        self.state.count_registered(&license.product);
        let text = format!(
            "license {} for {} {} of {} is registered",
            license.serial.as_str(),
            license.count,
            license.product,
            license.vendor
        );
        self.note("license.registered", text);
        self.sources_changed = true;
    }

    /// An expired license leaves the count; what is managed stays managed.
    pub(super) fn expire(&mut self, serial: &Serial) {
        let Some(row) = self.state.licenses.get_mut(serial).filter(|row| !row.expired) else {
            return;
        };
        row.expired = true;
        self.expiring.remove(serial);
        let (product, count) = (row.license.product.clone(), row.license.count);
        self.state.touch(RowKey::License(serial.clone()));
        self.state.count_registered(&product);
        let text = format!("license {} for {count} {product} has expired", serial.as_str());
        self.note("license.expired", text);
    }

    /// Licenses whose time is over and that still count.
    pub(super) fn expired(&self, now: Timestamp) -> Vec<Serial> {
        let is_over =
            |row: &LicenseRow| !row.expired && row.license.not_after.is_some_and(|t| t <= now);
        let over = self.state.licenses.iter().filter(|(_, row)| is_over(row)).map(|(s, _)| s);
        over.filter(|serial| !self.expiring.contains(serial)).cloned().collect()
    }

    /// When the next license expires.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        let counting = self.state.licenses.iter().filter(|(_, row)| !row.expired);
        let unasked = counting.filter(|(serial, _)| !self.expiring.contains(serial));
        unasked.filter_map(|(_, row)| row.license.not_after).min()
    }
}
