//! Files that only the program's own user may read, written so that a crash leaves the old
//! or the new one, never half of one.
//!
//! Permissions are read from the opened file, not from the path, so that what was checked is
//! what is read.

use crate::net::IdentityError;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The largest file read here: a chain of certificates is a few kilobytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// The program's own user only (0600).
    Us,
    /// Everyone (0644).
    Everyone,
}

impl Readers {
    fn permissions(self) -> u32 {
        match self {
            Readers::Us => 0o600,
            Readers::Everyone => 0o644,
        }
    }
}

pub(crate) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl Fn(std::io::Error) -> IdentityError {
    move |source| IdentityError::Io { action, path: path.to_path_buf(), source }
}

/// Makes `folder` (0700) unless it is there, and refuses one that is open to others.
pub(crate) fn make_folder(folder: &Path) -> Result<(), IdentityError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(io_error("make the folder", folder))?;
    check_folder(folder)
}

/// Refuses a folder of another user, or one that others may look into.
pub(crate) fn check_folder(folder: &Path) -> Result<(), IdentityError> {
    let found = std::fs::metadata(folder).map_err(io_error("look at the folder", folder))?;
    check_user(folder, &found)?;
    match found.mode() & 0o777 {
        open if open & 0o077 != 0 => {
            Err(IdentityError::LooseFolder { path: folder.to_path_buf(), found: open })
        }
        _ => Ok(()),
    }
}

fn check_user(path: &Path, found: &Metadata) -> Result<(), IdentityError> {
    let expected = rustix::process::geteuid().as_raw();
    if found.uid() == expected {
        return Ok(());
    }
    Err(IdentityError::OtherUser { path: path.to_path_buf(), found: found.uid(), expected })
}

/// The text of a small file. One for [`Readers::Us`] is refused when others can reach it.
pub(crate) fn read(path: &Path, readers: Readers) -> Result<String, IdentityError> {
    let file = File::open(path).map_err(io_error("open", path))?;
    if readers == Readers::Us {
        let found = file.metadata().map_err(io_error("look at", path))?;
        check_user(path, &found)?;
        let found = found.mode() & 0o777;
        if found & 0o077 != 0 {
            return Err(IdentityError::LooseFile { path: path.to_path_buf(), found });
        }
    }
    let mut text = String::new();
    let taken = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    if taken.map_err(io_error("read", path))? as u64 > FILE_BYTES_MAX {
        return Err(IdentityError::FileTooLong {
            path: path.to_path_buf(),
            allowed: FILE_BYTES_MAX,
        });
    }
    Ok(text)
}

/// Puts `text` at `path` in one step: aside, onto the disk, then under its name.
pub(crate) fn write(path: &Path, text: &str, readers: Readers) -> Result<(), IdentityError> {
    let aside = aside_of(path);
    // What an earlier crash left must not lend its permissions to the new file.
    match std::fs::remove_file(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io_error("remove", &aside)(error));
        }
        _ => {}
    }
    let permissions = readers.permissions();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(permissions)
        .open(&aside)
        .map_err(io_error("make", &aside))?;
    file.set_permissions(Permissions::from_mode(permissions))
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.sync_all())
        .map_err(io_error("write", &aside))?;
    rename(&aside, path)
}

/// Renames within one folder, and puts the folder onto the disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), IdentityError> {
    std::fs::rename(from, to).map_err(io_error("put in place", to))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let opened = File::open(folder).map_err(io_error("open the folder", folder))?;
    opened.sync_all().map_err(io_error("write the folder", folder))
}

fn aside_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    path.with_file_name(name)
}

/// DER bytes as PEM text (RFC 7468).
pub(crate) fn pem_text(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let line_len = 64;
    let encoded = base64::engine::general_purpose::STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(line_len));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_its_permissions_whatever_a_crash_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(aside_of(&path), "left over, readable by all").unwrap();
        write(&path, "new", Readers::Us).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read(&path, Readers::Us).unwrap(), "new");
        assert!(!aside_of(&path).exists());
    }

    #[test]
    fn a_file_that_is_too_long_or_loose_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write(&path, &"x".repeat(FILE_BYTES_MAX as usize + 1), Readers::Us).unwrap();
        assert!(matches!(read(&path, Readers::Us), Err(IdentityError::FileTooLong { .. })));
        write(&path, "open", Readers::Everyone).unwrap();
        let error = read(&path, Readers::Us).unwrap_err();
        assert!(matches!(error, IdentityError::LooseFile { found: 0o644, .. }));
        assert!(error.to_string().contains("`chmod 600 /"), "{error}");
    }
}
