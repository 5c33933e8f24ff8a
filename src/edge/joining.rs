//! The key of a server that is about to join, kept until it has an identity.
//!
//! ```text
//!   made, onto the disk ─► asked with ─► answer: certificate ─► identity saved ─► removed
//!                            │ no answer, still waiting, interrupted: it stays, and the same code
//!                            │   given again asks with the same key
//!                            └ refused: removed, and its folder if nothing else is in it
//! ```
//! A code serves one key; without this, a join that was cut off would cost the code.

use crate::model::enrolment::InviteId;
use crate::net::{Identity, IdentityError, KeyAndRequest};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const PREFIX: &str = "joining-";

/// Where the key of one code lies.
pub struct JoiningKey {
    path: PathBuf,
    /// The folder of the new server, where one was named.
    folder: Option<PathBuf>,
}

impl JoiningKey {
    /// In the folder of the new server where one is named (made, 0700), else where the command
    /// runs; there too when an earlier try without a folder has left it there.
    pub fn of(invite: InviteId, folder: Option<&Path>) -> std::io::Result<JoiningKey> {
        let name = format!("{PREFIX}{invite}.key");
        let here = PathBuf::from(&name);
        let path = match folder {
            Some(folder) => {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                Some(folder.join(&name)).filter(|inside| inside.exists() || !here.exists())
            }
            None => None,
        };
        Ok(JoiningKey { path: path.unwrap_or(here), folder: folder.map(Path::to_path_buf) })
    }

    /// Whether a file is the key of some join.
    pub fn is_one(file: &Path) -> bool {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(PREFIX) && (name.ends_with(".key") || name.ends_with(".key.partial"))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key, and what to ask for its certificate with.
    pub fn request(&self) -> Result<KeyAndRequest, IdentityError> {
        Identity::request_kept(&self.path)
    }

    /// It is of no use any more. What cannot be removed now is of no harm: no other code uses it.
    pub fn forget(self) {
        let _ = fs::remove_file(&self.path);
        if let Some(folder) = self.folder {
            // Fails, as it should, when something else is in it.
            let _ = fs::remove_dir(folder);
        }
    }
}
