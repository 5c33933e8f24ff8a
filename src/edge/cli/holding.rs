//! Changes of holding options: `license distribute|withdraw`, `server authorize|deauthorize`.
//!
//! ```text
//!   preview ─► ranges before and after ─► question, or --yes ─► done ─► ranges as they are now
//! ```
//! What would be refused is not asked about; `--force` goes on and lets the server decide.

use crate::client::Client;
use crate::edge::draw::tree;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use crate::model::count::LicenseCount;
use crate::model::name::{ProductName, ServerName};
use crate::model::request::{Doing, HoldingChange, HoldingOutcome, HoldingVerb};
use clap::Args;

/// How a change is agreed to.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Consent {
    /// Do it without a question.
    #[arg(long)]
    pub(super) yes: bool,
    /// Do it even if it makes or deepens a shortage.
    #[arg(long)]
    pub(super) force: bool,
}

/// What is to be changed.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) product: Option<ProductName>,
    pub(super) relay: ServerName,
    pub(super) verb: HoldingVerb,
}

impl Wanted {
    fn with(&self, doing: Doing) -> HoldingChange {
        let Wanted { product, relay, verb } = self.clone();
        HoldingChange { product, relay, verb, doing }
    }

    /// What would be done, as the end of a question.
    fn described(&self, outcome: &HoldingOutcome) -> String {
        let HoldingOutcome { product, relay, .. } = outcome;
        match self.verb {
            HoldingVerb::Distribute(count) => format!("distribute {count} of {product} to {relay}"),
            HoldingVerb::Withdraw => format!("withdraw {product} from {relay}"),
            HoldingVerb::Authorize => format!("authorize {relay} to register {product}"),
            HoldingVerb::Deauthorize => format!("end the authorization of {relay} for {product}"),
        }
    }
}

/// Shows what would come of it, asks, does it, and shows what came.
pub(super) async fn change(
    wanted: Wanted,
    consent: Consent,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let client = terminal.client()?;
    let preview = client.set_holding(&wanted.with(Doing::Preview)).await?;
    let before = tree::ranges(&preview.before, terminal.ink);
    terminal.say(&format!("before\n{before}\n"))?;
    if preview.refusal.is_none() || preview.after.ranges != preview.before.ranges {
        let after = tree::ranges(&preview.after, terminal.ink);
        terminal.say(&format!("after\n{after}\n"))?;
    }
    if let Some(refusal) = preview.refusal.clone().filter(|_| !consent.force) {
        return Err(refusal.into());
    }
    let described = wanted.described(&preview);
    if !consent.yes {
        terminal.agree(&format!("{described}?"))?;
    }
    let outcome = done(&client, &wanted, consent).await?;
    terminal.show(&outcome, |outcome, _| in_words(&described, outcome))
}

async fn done(
    client: &Client,
    wanted: &Wanted,
    consent: Consent,
) -> Result<HoldingOutcome, Failure> {
    let doing = if consent.force { Doing::Force } else { Doing::Do };
    let outcome = client.set_holding(&wanted.with(doing)).await?;
    match outcome.refusal.clone() {
        Some(refusal) => Err(refusal.into()),
        None => Ok(outcome),
    }
}

fn in_words(described: &str, outcome: &HoldingOutcome) -> String {
    let HoldingOutcome { relay, in_transit, .. } = outcome;
    if *in_transit == LicenseCount::ZERO {
        return format!("done: {described}\n");
    }
    format!(
        "ordered: {described}\nin transit {in_transit}; it is booked as soon as {relay} answers: \
         `lictree server show {relay}`\n"
    )
}
