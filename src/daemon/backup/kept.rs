//! The files that make a server itself, besides its state.
//!
//! What does not belong to it: the socket; the witness, which must not come back with the folder;
//! and what is made anew at every start.

use crate::daemon::registrar::AUTHORITY;
use crate::daemon::settings::{CONFIG_NAME, IDENTITY};
use crate::store::backup::{FILE_BYTES_MAX, FILES_BYTES_MAX, FILES_MAX, KeptFile};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Folders whose files are kept.
const FOLDERS: [&str; 2] = [IDENTITY, AUTHORITY];
/// Folders below them: an authority that is not the first has one of its own.
const DEPTH_MAX: usize = 1;
/// How often files are read that change while they are.
const READS_MAX: usize = 8;

/// Why files of a data folder cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    #[error("cannot read {}: {why}", path.display())]
    Unread { path: PathBuf, why: io::Error },
    #[error("{} is no file of a data folder: {why}", path.display())]
    Unfit { path: PathBuf, why: String },
    #[error("the files in {} change all the time", folder.display())]
    Restless { folder: PathBuf },
    #[error("{} has no identity in it; is it a server's data folder?", folder.display())]
    NoServer { folder: PathBuf },
}

/// Whether a file of this path belongs to a backup.
pub(super) fn belongs(path: &str) -> bool {
    let inside = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    path == CONFIG_NAME || FOLDERS.into_iter().any(inside)
}

/// Identity, authority and configuration, as they are together: a certificate may be renewed
/// meanwhile. The configuration is that in the folder, if there is one, or the one named.
pub fn kept_files(data_dir: &Path, config: Option<&Path>) -> Result<Vec<KeptFile>, NotKept> {
    let mut before = None;
    for _ in 0..READS_MAX {
        let now = read_all(data_dir, config);
        // What is renamed while it is looked for is there at the next look.
        if let Ok(now) = &now
            && before.as_ref() == Some(now)
        {
            return fit(data_dir, now);
        }
        match now {
            Err(NotKept::Unread { why, .. }) if why.kind() == ErrorKind::NotFound => before = None,
            other => before = Some(other?),
        }
    }
    // So that a file that is missing for good is named.
    read_all(data_dir, config)?;
    Err(NotKept::Restless { folder: data_dir.to_path_buf() })
}

type Found = BTreeMap<String, Vec<u8>>;

fn fit(data_dir: &Path, found: &Found) -> Result<Vec<KeptFile>, NotKept> {
    let unfit = |why: String, path: &str| NotKept::Unfit { path: data_dir.join(path), why };
    let bytes: usize = found.values().map(Vec::len).sum();
    if found.len() > FILES_MAX || bytes > FILES_BYTES_MAX {
        let most = format!("at most {FILES_MAX} with {FILES_BYTES_MAX} bytes in all");
        let why = format!("{} files with {bytes} bytes are too many, {most}", found.len());
        return Err(unfit(why, IDENTITY));
    }
    let file = |(path, bytes): (&String, &Vec<u8>)| {
        KeptFile::new(path, bytes.clone()).map_err(|why| unfit(why, path))
    };
    found.iter().map(file).collect()
}

fn read_all(data_dir: &Path, config: Option<&Path>) -> Result<Found, NotKept> {
    let mut found = Found::new();
    for folder in FOLDERS {
        look_in(&data_dir.join(folder), folder, 0, &mut found)?;
    }
    if !found.keys().any(|path| path.starts_with(IDENTITY)) {
        return Err(NotKept::NoServer { folder: data_dir.to_path_buf() });
    }
    let own = data_dir.join(CONFIG_NAME);
    let config = config.or(Some(own.as_path()).filter(|own| own.exists()));
    if let Some(config) = config {
        found.insert(CONFIG_NAME.to_string(), bytes_of(config)?);
    }
    Ok(found)
}

fn look_in(folder: &Path, path: &str, depth: usize, found: &mut Found) -> Result<(), NotKept> {
    let unread = |path: &Path| {
        let path = path.to_path_buf();
        move |why| NotKept::Unread { path, why }
    };
    let entries = match fs::read_dir(folder) {
        // A relay has no authority.
        Err(error) if error.kind() == ErrorKind::NotFound && depth == 0 => return Ok(()),
        entries => entries.map_err(unread(folder))?,
    };
    for entry in entries.take(FILES_MAX + 1) {
        let entry = entry.map_err(unread(folder))?;
        let place = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = fs::metadata(&place).map_err(unread(&place))?;
        let path = format!("{path}/{name}");
        if kind.is_dir() && depth < DEPTH_MAX {
            look_in(&place, &path, depth + 1, found)?;
        } else if kind.is_file() && is_ours(&path) && found.len() <= FILES_MAX {
            found.insert(path, bytes_of(&place)?);
        }
    }
    Ok(())
}

/// Not what an editor or a write that was broken off left.
fn is_ours(path: &str) -> bool {
    KeptFile::new(path, Vec::new()).is_ok() && !path.ends_with(".partial")
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, NotKept> {
    let unread = |why| NotKept::Unread { path: path.to_path_buf(), why };
    let mut bytes = Vec::new();
    // One more than fit: the refusal says so.
    let file = File::open(path).map_err(unread)?;
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unread)?;
    Ok(bytes)
}
