//! `lictree init`: the folders of new servers, with identities and commented configurations.

use crate::daemon::registrar::Registrar;
use crate::daemon::settings::identity_dir;
use crate::edge::cli::value;
use crate::edge::codes;
use crate::edge::founding::{self, CONFIG_NAME, PORT, ServerPlan};
use crate::edge::private_file;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::vendor_key::read_public_keys;
use crate::model::holding::Role;
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
    /// A vendor's public key: the line itself, or the file FILE.pub that `vendor keygen` wrote.
    #[arg(long, value_name = "KEY")]
    vendor_key: Vec<String>,
}

/// The same with the vendor's keys read: nothing is made where one is wrong.
struct Founding {
    at: PathBuf,
    listen: Option<std::net::SocketAddr>,
    vendor_keys: Vec<VendorPublicKey>,
}

impl Place {
    fn read(self) -> Result<Founding, Failure> {
        let Place { at, listen, vendor_key } = self;
        Ok(Founding { at, listen, vendor_keys: read_public_keys(&vendor_key)? })
    }
}

pub(super) fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    let now = Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0));
    match verb {
        Verb::Primary { name, tree, place } => {
            let place = place.read()?;
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
            let place = place.read()?;
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
    place: Founding,
    now: Timestamp,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let folder = place.at;
    let role = if parent.is_none() { Role::Primary } else { Role::Relay };
    founding::identity(authority, &folder, (role, &name), now).map_err(refused)?;
    // The primary is called; of a relay nobody knows yet whether one will hang below it.
    let usual = parent.is_none().then(|| format!("[::]:{PORT}"));
    let listen = place.listen.map(|at| at.to_string()).or(usual);
    let plan = ServerPlan {
        tree: authority.tree().clone(),
        name,
        listen,
        parent,
        vendor_keys: place.vendor_keys,
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
    let shown = folder.display();
    let (message, hint) = if is_unfinished(folder) {
        // It is not for this command to tell a beginning from a copy of an authority.
        let hint = format!(
            "no server has ever run there: unless you put it there yourself, as a copy of an \
             authority, remove what is in {shown} and give the same line again"
        );
        (format!("{shown} is what an `init` left that was cut off"), hint)
    } else if folder.join(CONFIG_NAME).exists() {
        let config = folder.join(CONFIG_NAME);
        let hint = format!(
            "start it: lictree serve --config {}; or name another folder: `--at DIR`",
            config.display()
        );
        (format!("{shown} is the folder of a server already"), hint)
    } else {
        (format!("{shown} is not an empty folder"), "name another: `--at DIR`".to_string())
    };
    Err(Failure::new(Exit::Refused, codes::NOT_FOUNDED, message, hint))
}

/// Whether there is nothing but what comes before the configuration, which is written last, and so
/// nothing that a server has ever kept.
fn is_unfinished(folder: &Path) -> bool {
    let partial = folder.join(format!("{CONFIG_NAME}.partial"));
    let parts = [founding::authority_dir(folder), identity_dir(folder), partial];
    let Ok(mut entries) = std::fs::read_dir(folder) else { return false };
    entries.all(|entry| entry.is_ok_and(|entry| parts.contains(&entry.path())))
}

fn refused(error: IdentityError) -> Failure {
    Failure::new(
        Exit::Refused,
        codes::NOT_FOUNDED,
        error.to_string(),
        "put that right and try again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::settings::state_dir;
    use std::fs::{create_dir, write};

    #[test]
    fn a_folder_in_use_is_told_from_one_where_an_init_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let said = || format!("{:?}", free_folder(at).unwrap_err());
        assert_eq!(free_folder(at).unwrap(), at);
        for part in [founding::authority_dir(at), identity_dir(at)] {
            create_dir(part).unwrap();
            assert!(said().contains("cut off") && said().contains("remove"), "{}", said());
        }
        // Whatever a server keeps, and whatever else is there, is not to be removed.
        create_dir(state_dir(at)).unwrap();
        assert!(!said().contains("remove"), "{}", said());
        write(at.join(CONFIG_NAME), "").unwrap();
        assert!(said().contains("lictree serve --config"), "{}", said());
        let other = tempfile::tempdir().unwrap();
        write(other.path().join("thesis.txt"), "").unwrap();
        let said = format!("{:?}", free_folder(other.path()).unwrap_err());
        assert!(said.contains("is not an empty folder") && !said.contains("remove"), "{said}");
    }
}
