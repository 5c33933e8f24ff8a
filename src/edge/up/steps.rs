//! What is done once to bring a tree to the counts of its topology, over the servers' sockets.
//!
//! ```text
//!   joined ─► licenses at the primary ─► options ─► licenses at relays ─► held
//!                                                                            │
//!                counts stand ◄─ devices managed ◄─ discovery tables taken ──┘
//! ```
//! Each step looks before it acts and is remembered once it was done, so that a run that was cut
//! off goes on where it was, and a later run undoes nothing that people changed.

use crate::client::{Client, ClientError};
use crate::edge::codes;
use crate::edge::discovered::{NODES_PER_REQUEST_MAX, first_discovered};
use crate::edge::private_file;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::topology::{Holding, Topology, TopologyLicense, figures};
use crate::edge::up::folder::{Folder, make_private, unusable};
use crate::edge::vendor_key::random_serial;
use crate::model::count::LicenseCount;
use crate::model::holding::HoldingOption;
use crate::model::license::{License, LicenseTerms};
use crate::model::name::{ProductName, ServerName};
use crate::model::request::{Doing, HoldingChange, HoldingVerb};
use crate::model::time::Timestamp;
use crate::model::view::HoldingView;
use crate::wire::license_file::{self, VendorKey, VendorKeys};
use std::time::Duration;
use tokio::time::Instant;

/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// A tree that is being brought up.
pub(super) struct Steps<'a> {
    pub(super) topology: &'a Topology,
    pub(super) primary: &'a ServerName,
    pub(super) folder: &'a mut Folder,
    pub(super) key: &'a VendorKey,
    pub(super) terminal: &'a Terminal,
    /// How long each step may take.
    pub(super) patience: Duration,
    pub(super) now: Timestamp,
}

impl Steps<'_> {
    /// Everything that was not done in an earlier run.
    pub(super) async fn all(&mut self) -> Result<(), Failure> {
        let fresh = self.folder.memory.done.is_empty();
        self.joined().await?;
        let licenses = self.topology.licenses.iter().enumerate();
        let (at_primary, at_relays): (Vec<_>, Vec<_>) =
            licenses.partition(|(_, license)| &license.at == self.primary);
        for (number, license) in at_primary {
            self.registered(number, license).await?;
        }
        self.options().await?;
        for (number, license) in at_relays {
            self.registered(number, license).await?;
        }
        if fresh {
            self.held().await?;
        }
        self.discovered().await?;
        self.managed().await
    }

    pub(super) fn client(&self, name: &ServerName) -> Client {
        Client::of_data_dir(&self.folder.server(name))
    }

    fn say(&self, text: &str) {
        self.terminal.note(&format!("{text}\n"));
    }

    /// Waits until these servers answer at their sockets.
    pub(super) async fn answering(&self, names: &[ServerName]) -> Result<(), Failure> {
        for name in names {
            let client = self.client(name);
            let what = format!("server {name} to answer");
            until(&what, self.patience, async || Ok(client.status().await.ok())).await?;
        }
        Ok(())
    }

    /// Every relay has its way to the primary, and the primary knows every server.
    async fn joined(&mut self) -> Result<(), Failure> {
        for name in self.topology.servers.keys() {
            let client = self.client(name);
            let what = format!("server {name} to reach the primary");
            let probe = async || Ok(client.status().await.ok().filter(|status| status.connected));
            until(&what, self.patience, probe).await?;
        }
        let client = self.client(self.primary);
        let names: Vec<&ServerName> = self.topology.servers.keys().collect();
        let all = async || {
            let Ok(view) = client.servers().await else { return Ok(None) };
            let here =
                |name: &&ServerName| view.servers.iter().any(|s| &s.name == *name && s.online);
            Ok(names.iter().all(here).then_some(()))
        };
        until("the primary to see all servers online", self.patience, all).await?;
        self.say("all are joined");
        Ok(())
    }

    /// Issues and registers one license file.
    async fn registered(&mut self, number: usize, wanted: &TopologyLicense) -> Result<(), Failure> {
        let step = format!("license:{number}");
        if self.folder.is_done(&step) {
            return Ok(());
        }
        let (file, license) = self.license_file(number, wanted)?;
        let client = self.client(&wanted.at);
        let serial = license.serial.to_string();
        // What is refused now is tried again.
        let mut refused = None;
        let registered = until("the license", self.patience, async || {
            if client.licenses().await?.iter().any(|license| license.serial == serial) {
                return Ok(Some(()));
            }
            // A relay may not know yet that it is authorized.
            let known = client.status().await?.products;
            let may = |one: &HoldingView| {
                one.product == wanted.product && one.option == HoldingOption::Registered
            };
            if &wanted.at != self.primary && !known.iter().any(may) {
                return Ok(None);
            }
            match client.register_license(file.clone().into_bytes()).await {
                Ok(_) => return Ok(Some(())),
                Err(ClientError::Refused(refusal)) => refused = Some(refusal),
                Err(error) => return Err(error.into()),
            }
            Ok(None)
        });
        if let Err(slow) = registered.await {
            return Err(refused.map_or(slow, Failure::from));
        }
        let (count, at) = (wanted.count, &wanted.at);
        self.say(&format!("{count} of {} registered at {at}", wanted.product));
        self.folder.done(step)
    }

    /// The file from an earlier run, or a new one.
    fn license_file(
        &self,
        number: usize,
        wanted: &TopologyLicense,
    ) -> Result<(String, License), Failure> {
        make_private(&self.folder.licenses())?;
        let path = self.folder.licenses().join(format!("{}-{number}.license", wanted.at));
        let absurd = |why: String| Failure::new(Exit::Refused, codes::UP_TOO_SLOW, why, "");
        if path.exists() {
            let text = private_file::read(&path).map_err(|error| unusable(&path, &error))?;
            let keys = VendorKeys { trusted: vec![self.key.public()], ..VendorKeys::default() };
            let license = license_file::open(text.as_bytes(), &keys);
            return Ok((text, license.map_err(|error| absurd(error.to_string()))?));
        }
        let metric = self.topology.products.get(&wanted.product).copied();
        let terms = LicenseTerms {
            serial: random_serial()?,
            vendor: "lictree up".to_string(),
            product: wanted.product.clone(),
            count: wanted.count,
            metric: metric.ok_or_else(|| absurd(format!("no product {}", wanted.product)))?,
            // A day before now, so that clocks need not agree; in whole seconds.
            not_before: Timestamp(self.now.0.saturating_sub(86_400_000) / 1_000 * 1_000),
            not_after: None,
            tree: None,
            server: None,
            confirm_within_days: None,
            note: format!("issued for the example {}", self.topology.tree),
        };
        let license = License::try_from(terms).map_err(|error| absurd(error.to_string()))?;
        let text = license_file::issue(&license, self.key);
        private_file::create(&path, &text).map_err(|error| unusable(&path, &error))?;
        Ok((text, license))
    }

    /// Authorizes and distributes.
    async fn options(&mut self) -> Result<(), Failure> {
        let client = self.client(self.primary);
        for (relay, server) in &self.topology.servers {
            for (product, holding) in &server.options {
                let step = format!("option:{product}:{relay}");
                if self.folder.is_done(&step) {
                    continue;
                }
                let (verb, said) = match holding {
                    Holding::Registered => {
                        (HoldingVerb::Authorize, format!("{relay} authorized for {product}"))
                    }
                    Holding::Distributed(count) => (
                        HoldingVerb::Distribute(*count),
                        format!("{count} of {product} distributed to {relay}"),
                    ),
                };
                let (product, relay) = (Some(product.clone()), relay.clone());
                let doing = self.doing(verb, product.as_ref());
                let change = HoldingChange { product, relay, verb, doing };
                if let Some(refusal) = client.set_holding(&change).await?.refusal {
                    return Err(refusal.into());
                }
                self.say(&said);
                self.folder.done(step)?;
            }
        }
        Ok(())
    }

    /// A relay may be meant to be the first that registers a product; nobody knows that one yet.
    fn doing(&self, verb: HoldingVerb, product: Option<&ProductName>) -> Doing {
        let first = product.is_some_and(|product| {
            self.topology.registered(self.primary, product) == LicenseCount::ZERO
        });
        if first && verb == HoldingVerb::Authorize { Doing::Force } else { Doing::Do }
    }

    /// Every holder holds what it is meant to, and nothing is on its way.
    async fn held(&mut self) -> Result<(), Failure> {
        let client = self.client(self.primary);
        let mut wanted: Vec<(ProductName, ServerName, LicenseCount)> = Vec::new();
        for range in figures::ranges(self.topology, self.now).ranges {
            wanted.push((range.product, range.source, range.held));
        }
        let probe = async || {
            let Ok(view) = client.ranges().await else { return Ok(None) };
            let holds = |(product, source, held): &(ProductName, ServerName, LicenseCount)| {
                view.ranges.iter().any(|range| {
                    &range.product == product
                        && &range.source == source
                        && range.held == *held
                        && range.in_transit == LicenseCount::ZERO
                })
            };
            Ok(wanted.iter().all(holds).then_some(()))
        };
        until("every range to hold its licenses", self.patience, probe).await
    }

    /// Takes the discovery tables in, each at its server.
    async fn discovered(&mut self) -> Result<(), Failure> {
        for (name, server) in &self.topology.servers {
            let client = self.client(name);
            let mut new = None;
            for (number, table) in server.discovery.iter().enumerate() {
                let step = format!("discovery:{name}:{number}");
                if self.folder.is_done(&step) {
                    continue;
                }
                let read = std::fs::read(&table.path);
                let bytes = read.map_err(|error| unusable(&table.path, &error))?;
                *new.get_or_insert(0) += client.import(table.format, bytes).await?.new;
                self.folder.done(step)?;
            }
            if let Some(new) = new {
                self.say(&format!("{new} nodes discovered at {name}"));
            }
        }
        Ok(())
    }

    /// Manages as many devices at each server as the topology says.
    async fn managed(&mut self) -> Result<(), Failure> {
        for (name, server) in &self.topology.servers {
            for (product, wanted) in &server.managed {
                let step = format!("managed:{name}:{product}");
                if self.folder.is_done(&step) {
                    continue;
                }
                self.manage(name, product, *wanted).await?;
                self.say(&format!("{wanted} devices of {name} managed under {product}"));
                self.folder.done(step)?;
            }
        }
        Ok(())
    }

    async fn manage(
        &self,
        name: &ServerName,
        product: &ProductName,
        wanted: u64,
    ) -> Result<(), Failure> {
        let client = self.client(name);
        let what = format!("{wanted} devices of {name} to be managed");
        until(&what, self.patience, async || {
            let status = client.status().await?;
            let holding = status.products.iter().find(|holding| &holding.product == product);
            let managed = holding.map_or(0, |holding| holding.managed.0);
            let missing = wanted.saturating_sub(managed);
            if missing == 0 {
                return Ok(Some(()));
            }
            // What was asked for and has no answer yet may still come.
            if status.waiting == 0 {
                let count = usize::try_from(missing).unwrap_or(NODES_PER_REQUEST_MAX);
                let count = count.min(NODES_PER_REQUEST_MAX);
                let ids = first_discovered(&client, name.clone(), count).await?;
                client.manage(ids, Some(product.clone())).await?;
            }
            Ok(None)
        })
        .await
    }
}

/// Looks again and again until there is something, at most for `patience`.
pub(super) async fn until<T>(
    what: &str,
    patience: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = probe().await? {
            return Ok(found);
        }
        if Instant::now() >= end {
            let message = format!("waited {} s for {what}, in vain", patience.as_secs());
            let hint =
                "look at log.txt in each server's folder; the same command goes on from here";
            return Err(Failure::new(Exit::Refused, codes::UP_TOO_SLOW, message, hint));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
