//! Files that a crash leaves whole or not at all, and those that only their user may read.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The largest file read here.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Writes a new file (0600), durably. One that is there is never overwritten.
pub fn create(path: &Path, text: &str) -> Result<(), Error> {
    let aside = write_aside(path, text)?;
    // Unlike renaming, linking fails where a file is.
    let linked = std::fs::hard_link(&aside, path);
    std::fs::remove_file(&aside)?;
    linked.and_then(|()| sync_folder(path))
}

/// Writes a file (0600), durably, in the place of the one that may be there.
pub fn replace(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::rename(write_aside(path, text)?, path).and_then(|()| sync_folder(path))
}

fn write_aside(path: &Path, text: &str) -> Result<PathBuf, Error> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let aside = path.with_file_name(name);
    match std::fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(aside)
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The text of a file. Refuses one that others may read or write, and one that is too long.
pub fn read(path: &Path) -> Result<String, Error> {
    let file = File::open(path)?;
    let mode = file.metadata()?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = path.display();
        let why = format!("others can reach it (mode {mode:o}); run `chmod 600 {shown}`");
        return Err(Error::new(ErrorKind::PermissionDenied, why));
    }
    let mut text = String::new();
    let bytes = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if bytes as u64 > FILE_BYTES_MAX {
        let why = format!("it has more than {FILE_BYTES_MAX} bytes");
        return Err(Error::new(ErrorKind::InvalidData, why));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_written_once_and_read_only_while_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, "secret").unwrap();
        assert_eq!(create(&path, "other").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(read(&path).unwrap(), "secret");
        replace(&path, "newer").unwrap();
        assert_eq!(read(&path).unwrap(), "newer");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
    }
}
