//! Bringing license files into a server, and licenses whose time is over.
//!
//! Whatever is refused is refused with a line in the event log, and changes nothing else. A relay
//! claims the serial first (`claim`).

use super::Engine;
use super::waiting::Hope;
use crate::model::command::Command;
use crate::model::holding::{HoldingOption, Phase};
use crate::model::license::{License, Serial};
use crate::model::name::ProductName;
use crate::model::refusal::Refusal;
use crate::model::request::RequestId;
use crate::model::row::{LicenseRow, RowKey};
use crate::model::time::Timestamp;

/// The kind of the event that says that a license was refused.
pub(super) const REFUSED: &str = "license.refused";
/// How much of a refusal's sentence stands in the event log, in characters.
const REFUSAL_CHARS_MAX: usize = 500;

impl Engine {
    pub(super) fn ask_registration(&mut self, id: RequestId, license: License, now: Timestamp) {
        // A limit may be lowered between two starts; what is booked once stays booked. So limits
        // are looked at before a command is made, and never when it is applied.
        let at = self.license_time(now);
        let check = self.registration_check(&license, at).and_then(|()| self.licenses_room());
        // A license of its earlier data set must not be registered here a second time.
        let check = check.and_then(|()| self.attach_refusal.clone().map_or(Ok(()), Err));
        if let Err(refusal) = check {
            return self.refuse_license(id, refusal, now);
        }
        if self.must_claim() {
            return self.ask_claim(id, license, now);
        }
        let serial = license.serial.clone();
        self.propose_registration(license);
        self.await_answer(id, Hope::Registered { serial }, now);
    }

    /// Refuses a license once the event log says so.
    pub(super) fn refuse_license(&mut self, id: RequestId, refusal: Refusal, now: Timestamp) {
        self.propose_refusal(&refusal);
        self.await_answer(id, Hope::Noted { refusal }, now);
    }

    pub(super) fn propose_refusal(&mut self, refusal: &Refusal) {
        let text = refusal_line(refusal);
        self.propose(Command::Note { kind: REFUSED.to_string(), text });
    }

    /// Whether this license may be registered here, when license time is `now`.
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
        self.place_check(license)?;
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
        self.one_metric(license)?;
        match self.state.claims.get(&license.serial) {
            Some(owner) => Err(self.taken(&license.serial, owner)),
            None => Ok(()),
        }
    }

    fn licenses_room(&self) -> Result<(), Refusal> {
        let max = self.tuning.licenses_max;
        if self.state.licenses.len() < max {
            return Ok(());
        }
        Err(Refusal::new(
            "LT0205",
            format!("{max} licenses are registered here, as many as allowed"),
            "raise licenses_max in [limits] of the configuration",
        ))
    }

    /// Whether it is for this tree and for this server.
    fn place_check(&self, license: &License) -> Result<(), Refusal> {
        let (serial, founding) = (license.serial.as_str(), &self.state.server.founding);
        if let Some(tree) = license.tree.as_ref().filter(|tree| **tree != founding.tree) {
            return Err(Refusal::new(
                "LT0216",
                format!(
                    "license {serial} is for the tree {tree}; {} is of the tree {}",
                    founding.name, founding.tree
                ),
                "register it in that tree, or ask the vendor for one that is for this tree",
            ));
        }
        match license.server.as_ref().filter(|server| **server != founding.name) {
            Some(server) => Err(Refusal::new(
                "LT0217",
                format!("license {serial} is for the server {server}; this is {}", founding.name),
                format!("run the command with --data of {server}'s folder"),
            )),
            None => Ok(()),
        }
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

    pub(super) fn register(&mut self, license: &License, at: Timestamp) -> Result<(), Refusal> {
        // Something may have come between asking and this.
        if let Err(refusal) = self.registration_check(license, self.booking_time(at)) {
            self.note(REFUSED, refusal_line(&refusal));
            return Err(refusal);
        }
        let row = LicenseRow { license: license.clone(), registered_at: at, expired: false };
        self.state.licenses.insert(license.serial.clone(), row);
        self.state.touch(RowKey::License(license.serial.clone()));
        self.state.count_registered(&license.product);
        let text = format!(
            "license {} for {} {} ({}) of {} is registered",
            license.serial.as_str(),
            license.count,
            license.product,
            license.metric,
            license.vendor
        );
        self.note("license.registered", text);
        self.sources_changed = true;
        if license.confirm_within_days.is_some() {
            self.tell_bound(&license.product);
        }
        Ok(())
    }

    /// An expired license leaves the count; what is managed stays managed.
    pub(super) fn expire(&mut self, serial: &Serial) {
        let Some(row) = self.state.licenses.get_mut(serial).filter(|row| !row.expired) else {
            return;
        };
        row.expired = true;
        self.expiring.remove(serial);
        let bounded = row.license.confirm_within_days.is_some();
        let (product, count) = (row.license.product.clone(), row.license.count);
        self.state.touch(RowKey::License(serial.clone()));
        self.state.count_registered(&product);
        let text = format!("license {} for {count} {product} has expired", serial.as_str());
        self.note("license.expired", text);
        if bounded {
            self.tell_bound(&product);
        }
    }

    /// Licenses that still count although they are over when license time is `now`.
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
        unasked.filter_map(|(_, row)| row.license.not_after).min().map(|end| self.moment_of(end))
    }
}

fn refusal_line(refusal: &Refusal) -> String {
    let message: String = refusal.message.chars().take(REFUSAL_CHARS_MAX).collect();
    format!("{message} ({})", refusal.code)
}
