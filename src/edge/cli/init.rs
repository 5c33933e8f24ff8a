//! `lictree init`: the folders of new servers, with identities and commented configurations.

use crate::daemon::registrar::Registrar;
use crate::edge::cli::value;
use crate::edge::codes;
use crate::edge::founding::{self, CONFIG_NAME, PORT, ServerPlan};
use crate::edge::private_file;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::net::{Authority, IdentityError};
use crate::wire::license_file::VendorPublicKey;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// The primary of a new tree: an authority, an identity, a configuration.
    Primary {
        /// The new server's name.
        name: ServerName,
        /// The new tree's name.
        #[arg(long)]
        tree: TreeName,
        #[command(flatten)]
        place: Place,
    },
    /// A relay, made where the primary's folder is (`--data`): an identity, a configuration.
    Relay {
        /// The new server's name.
        name: ServerName,
        /// The server above it.
        #[arg(long, value_name = "SERVER")]
        parent: ServerName,
        /// Where that server listens; its name and the usual port when left out.
        #[arg(long, value_name = "HOST:PORT")]
        parent_address: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// The new server's data folder.
    #[arg(long, value_name = "DIR")]
    at: PathBuf,
    /// Address and UDP port where servers below are to call; a relay without one has none below.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = value::listen)]
    listen: Option<std::net::SocketAddr>,
    /// A vendor's public key, as `vendor keygen` wrote it into FILE.pub.
    #[arg(long, value_name = "KEY")]
    vendor_key: Vec<VendorPublicKey>,
}

pub(super) fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let now = Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0));
    match verb {
        Verb::Primary { name, tree, place } => {
            let folder = free_folder(&place.at)?;
            let authority = founding::authority(&folder, &tree, now).map_err(refused)?;
            make(&authority, name, None, place, now, terminal)
        }
        Verb::Relay { name, parent, parent_address, place } => {
            let primary = terminal.data_dir()?;
            let authority = Registrar::issuing(primary).map_err(|error| {
                let hint = "name the primary's folder: `--data DIR`; identities are made there";
                Failure::new(Exit::Refused, codes::NOT_FOUNDED, error.to_string(), hint)
            })?;
            free_folder(&place.at)?;
            let address = parent_address.unwrap_or_else(|| format!("{parent}:{PORT}"));
            make(&authority, name, Some((parent, address)), place, now, terminal)
        }
    }
}

fn make(
    authority: &Authority,
    name: ServerName,
    parent: Option<(ServerName, String)>,
    place: Place,
    now: Timestamp,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let folder = place.at;
    founding::identity(authority, &folder, &name, now).map_err(refused)?;
    // The primary is called; of a relay nobody knows yet whether one will hang below it.
    let usual = parent.is_none().then(|| format!("[::]:{PORT}"));
    let listen = place.listen.map(|at| at.to_string()).or(usual);
    let plan = ServerPlan {
        tree: authority.tree().clone(),
        name,
        listen,
        parent,
        vendor_keys: place.vendor_key,
    };
    let config = folder.join(CONFIG_NAME);
    private_file::create(&config, &plan.configuration()).map_err(|error| {
        let message = format!("cannot write {}: {error}", config.display());
        Failure::new(Exit::Refused, codes::NOT_FOUNDED, message, "name another folder: `--at DIR`")
    })?;
    let answer = json!({
        "tree": plan.tree,
        "name": plan.name,
        "config": config.display().to_string(),
    });
    let ServerPlan { tree, name, .. } = &plan;
    let text = format!(
        "server {name} of the tree {tree}: {config}\n  \
         look it through, then start it: lictree serve --config {config}\n",
        config = config.display()
    );
    terminal.show(&answer, |_, _| text)
}

/// The folder, if nothing is in it yet.
fn free_folder(folder: &Path) -> Result<PathBuf, Failure> {
    let empty = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if empty {
        return Ok(folder.to_path_buf());
    }
    let message = format!("{} is not an empty folder", folder.display());
    Err(Failure::new(Exit::Refused, codes::NOT_FOUNDED, message, "name another: `--at DIR`"))
}

fn refused(error: IdentityError) -> Failure {
    Failure::new(
        Exit::Refused,
        codes::NOT_FOUNDED,
        error.to_string(),
        "put that right and try again",
    )
}
