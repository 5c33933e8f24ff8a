//! The folder of a new server: its identity, its configuration, and at the primary the tree's
//! authority. Used by `lictree init` and `lictree up`.
//!
//! ```text
//!   DIR/lictree.toml   configuration         DIR/authority/   at the primary only
//!   DIR/identity/      key and certificate        ca.pem, ca.key: issues all identities
//! ```

use crate::daemon::registrar::{AUTHORITY, Registrar};
pub use crate::daemon::settings::CONFIG_NAME;
use crate::daemon::settings::identity_dir;
use crate::model::holding::Role;
use crate::model::name::{ServerName, TreeName};
use crate::model::time::Timestamp;
use crate::net::{Authority, Identity, IdentityError};
use crate::wire::license_file::VendorPublicKey;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The port that servers listen on when none is named.
pub const PORT: u16 = 4_747;
/// How long an identity is valid: two years.
const IDENTITY_LIFE: Duration = Duration::from_secs(731 * 86_400);
/// An identity that ends within this long is issued anew where the authority is at hand.
const RENEW_BEFORE: Duration = Duration::from_secs(60 * 86_400);

/// What a server's configuration says.
#[derive(Clone, Debug)]
pub struct ServerPlan {
    pub tree: TreeName,
    pub name: ServerName,
    /// Address and UDP port where children call, `127.0.0.1:4747`; a leaf has none.
    pub listen: Option<String>,
    /// The server above and where it listens; the primary has none.
    pub parent: Option<(ServerName, String)>,
    pub vendor_keys: Vec<VendorPublicKey>,
}

impl ServerPlan {
    pub fn role(&self) -> Role {
        if self.parent.is_none() { Role::Primary } else { Role::Relay }
    }

    /// The text of the configuration file. `config/` has the complete ones.
    pub fn configuration(&self) -> String {
        let ServerPlan { tree, name, .. } = self;
        let listen = match &self.listen {
            Some(listen) => format!("listen = \"{listen}\""),
            None => format!("# listen = \"[::]:{PORT}\""),
        };
        let role = match self.role() {
            Role::Primary => "primary",
            Role::Relay => "relay",
        };
        let keys: Vec<String> =
            self.vendor_keys.iter().map(|key| format!("    \"{key}\",\n")).collect();
        let keys = if keys.is_empty() { String::new() } else { format!("\n{}", keys.concat()) };
        let parent = self.parent.as_ref().map_or(String::new(), |(parent, address)| {
            format!(
                "\n# The server above, and where it listens.\n[parent]\nname = \"{parent}\"\n\
                 address = \"{address}\"\n"
            )
        });
        format!(
            "# Server {name} of the tree {tree}. Every key there is, with its default, stands in\n\
             # config/{role}.toml. Check a change: lictree serve --check --config FILE\n\n\
             tree = \"{tree}\"\nname = \"{name}\"\nrole = \"{role}\"\n\n\
             # Where this server keeps all it must remember; from where this file is.\n\
             data_dir = \".\"\n\n\
             # Address and UDP port where the servers below call.\n\
             {listen}\n\n\
             # Public keys of the vendors whose license files may be registered here.\n\
             vendor_keys = [{keys}]\n{parent}"
        )
    }
}

/// Where the authority of a tree lies in the primary's folder.
pub fn authority_dir(primary: &Path) -> PathBuf {
    primary.join(AUTHORITY)
}

/// The authority in the primary's folder; a new one if there is none yet.
pub fn authority(
    primary: &Path,
    tree: &TreeName,
    now: Timestamp,
) -> Result<Authority, IdentityError> {
    let folder = authority_dir(primary);
    // Its certificate is written last: without it, nothing was issued.
    if folder.join("ca.pem").exists() {
        return Registrar::issuing(primary);
    }
    let authority = Authority::create(tree, now)?;
    authority.save(&folder)?;
    Ok(authority)
}

/// Makes sure that the server's folder has an identity that stays valid for a while.
pub fn identity(
    authority: &Authority,
    folder: &Path,
    (role, name): (Role, &ServerName),
    now: Timestamp,
) -> Result<(), IdentityError> {
    let place = identity_dir(folder);
    if place.join("identity.pem").exists() {
        match Identity::load(&place, now) {
            Ok(found) if found.expires() > now.after(RENEW_BEFORE) && found.peer().role == role => {
                return Ok(());
            }
            Ok(_) | Err(IdentityError::Expired { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    authority.issue(role, name, now, IDENTITY_LIFE)?.save(&place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn an_identity_is_kept_until_it_nears_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, name) = ("acme".parse().unwrap(), "hq".parse().unwrap());
        let made = authority(folder.path(), &tree, NOW).unwrap();
        identity(&made, folder.path(), (Role::Relay, &name), NOW).unwrap();
        let print = |now| Identity::load(&identity_dir(folder.path()), now).unwrap().fingerprint();
        let first = print(NOW);
        let again = authority(folder.path(), &tree, NOW).unwrap();
        identity(&again, folder.path(), (Role::Relay, &name), NOW).unwrap();
        assert_eq!(print(NOW), first);
        let late = NOW.after(Duration::from_secs(700 * 86_400));
        identity(&again, folder.path(), (Role::Relay, &name), late).unwrap();
        assert_ne!(print(late), first);
    }

    #[test]
    fn a_configuration_says_who_is_above() {
        let plan = ServerPlan {
            tree: "acme".parse().unwrap(),
            name: "west".parse().unwrap(),
            listen: Some("127.0.0.1:7".to_string()),
            parent: Some(("hq".parse().unwrap(), "hq.example.org:4747".to_string())),
            vendor_keys: Vec::new(),
        };
        let text = plan.configuration();
        let read: toml::Table = text.parse().unwrap();
        assert_eq!(read["role"].as_str(), Some("relay"));
        assert_eq!(read["parent"]["address"].as_str(), Some("hq.example.org:4747"));
        let alone = ServerPlan { parent: None, ..plan };
        assert!(!alone.configuration().contains("[parent]"));
    }
}
