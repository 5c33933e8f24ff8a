//! `lictree topology`: the ranges of a topology folder, with nothing running.

use crate::edge::codes;
use crate::edge::draw::ink::Ink;
use crate::edge::draw::tree::{self, Columns};
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::topology::plan::{Change, Plan, Verdict, plan};
use crate::edge::topology::{Topology, figures};
use crate::model::count::{LicenseCount, counted};
use crate::model::name::{ProductName, ServerName};
use crate::model::time::Timestamp;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Draw the tree and its ranges as they stand once it is started.
    Show {
        /// The folder with topology.toml.
        dir: PathBuf,
    },
    /// Say everything that is wrong with it.
    Check {
        /// The folder with topology.toml.
        dir: PathBuf,
    },
    /// Print the ranges before and after a change; exits with 1 where a primary would refuse.
    Plan {
        /// The folder with topology.toml.
        dir: PathBuf,
        #[command(flatten)]
        change: PlannedChange,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct PlannedChange {
    /// The relay is to hold exactly this many.
    #[arg(long, value_name = "PRODUCT=COUNT:SERVER", value_parser = distribution)]
    distribute: Option<Change>,
    /// The relay's distribution goes back to the primary.
    #[arg(long, value_name = "PRODUCT:SERVER", value_parser = withdrawal)]
    withdraw: Option<Change>,
    /// The relay may register licenses.
    #[arg(long, value_name = "PRODUCT:SERVER", value_parser = authorization)]
    authorize: Option<Change>,
    /// The relay may no longer register licenses.
    #[arg(long, value_name = "PRODUCT:SERVER", value_parser = deauthorization)]
    deauthorize: Option<Change>,
}

fn pair(text: &str) -> Result<(ProductName, ServerName), String> {
    let (product, server) =
        text.split_once(':').ok_or("write PRODUCT:SERVER, such as inventory:d")?;
    let wrong = |error: crate::model::name::NameError| error.to_string();
    Ok((product.parse().map_err(wrong)?, server.parse().map_err(wrong)?))
}

fn distribution(text: &str) -> Result<Change, String> {
    let form = "write PRODUCT=COUNT:SERVER, such as inventory=15:d";
    let (product, rest) = text.split_once('=').ok_or(form)?;
    let (count, server) = rest.split_once(':').ok_or(form)?;
    let (product, to) = pair(&format!("{product}:{server}"))?;
    let count = LicenseCount(count.parse().map_err(|_| form)?);
    Ok(Change::Distribute { product, count, to })
}

fn withdrawal(text: &str) -> Result<Change, String> {
    pair(text).map(|(product, from)| Change::Withdraw { product, from })
}

fn authorization(text: &str) -> Result<Change, String> {
    pair(text).map(|(product, relay)| Change::Authorize { product, relay })
}

fn deauthorization(text: &str) -> Result<Change, String> {
    pair(text).map(|(product, relay)| Change::Deauthorize { product, relay })
}

pub(super) fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    match verb {
        Verb::Show { dir } => show(&Topology::read(&dir)?, terminal),
        Verb::Check { dir } => check(&Topology::read(&dir)?, terminal),
        Verb::Plan { dir, change } => {
            let PlannedChange { distribute, withdraw, authorize, deauthorize } = change;
            let change = distribute.or(withdraw).or(authorize).or(deauthorize);
            let change = change.ok_or_else(|| Failure::usage("no change is named", ""))?;
            show_plan(&plan(&Topology::read(&dir)?, &change, now()), terminal)
        }
    }
}

/// The moment of every figure of a tree that does not run.
fn now() -> Timestamp {
    Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0))
}

fn show(topology: &Topology, terminal: &Terminal) -> Result<(), Failure> {
    let ranges = figures::ranges(topology, now());
    let servers = figures::servers(topology, ranges.as_of);
    terminal.show(&ranges, |ranges, ink| tree::tree(&servers, ranges, Columns::Counts, ink))
}

fn check(topology: &Topology, terminal: &Terminal) -> Result<(), Failure> {
    let (servers, products) = (topology.servers.len(), topology.products.len());
    let answer = json!({ "tree": topology.tree, "servers": servers, "products": products });
    let counts = [counted(servers as u64, "server"), counted(products as u64, "product")];
    let text = format!("tree {}: {}: good\n", topology.tree, counts.join(", "));
    terminal.show(&answer, |_, _| text)
}

fn show_plan(plan: &Plan, terminal: &Terminal) -> Result<(), Failure> {
    let verdict = match &plan.verdict {
        Verdict::Done => "done",
        Verdict::NeedsForce => "needs-force",
        Verdict::Refused(_) => "refused",
    };
    let Plan { before, after, remarks, .. } = plan;
    let answer =
        json!({ "before": before, "after": after, "verdict": verdict, "remarks": remarks });
    terminal.show(&answer, |_, ink| plan_text(plan, ink))?;
    match &plan.verdict {
        Verdict::Done => Ok(()),
        Verdict::NeedsForce => Err(Failure::new(
            Exit::Refused,
            codes::PLAN_REFUSED,
            "a primary would refuse this: it makes or deepens a shortage",
            "`--force` would let it through, and the shortage would be shown",
        )),
        Verdict::Refused(why) => Err(Failure::new(
            Exit::Refused,
            codes::PLAN_REFUSED,
            format!("a primary would refuse this: {why}"),
            "`--force` would not help",
        )),
    }
}

fn plan_text(plan: &Plan, ink: Ink) -> String {
    let remark = |text: &String| format!("{text}\n");
    let remarks: String = plan.remarks.iter().map(remark).collect();
    let (before, after) = (tree::ranges(&plan.before, ink), tree::ranges(&plan.after, ink));
    match plan.verdict {
        Verdict::Refused(_) => format!("before\n{before}"),
        _ => format!("before\n{before}\nafter\n{after}\n{remarks}"),
    }
}
