//! Files that a crash leaves whole or not at all, and those that only their user may read.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The largest file read here.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Writes a new file (0600), durably. One that is there is never overwritten.
pub fn create(path: &Path, text: &str) -> Result<(), Error> {
    let mut file = FileAside::begin(path)?;
    file.write(text.as_bytes())?;
    file.keep_new()
}

/// Writes a file (0600), durably, in the place of the one that may be there.
pub fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let mut file = FileAside::begin(path)?;
    file.write(text.as_bytes())?;
    file.keep()
}

/// A file (0600) that is written beside its place, and removed unless it is kept.
pub struct FileAside {
    file: File,
    aside: PathBuf,
    path: PathBuf,
}

impl FileAside {
    /// What an earlier try left there is removed.
    pub fn begin(path: &Path) -> Result<FileAside, Error> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".partial");
        let (aside, path) = (path.with_file_name(name), path.to_path_buf());
        match std::fs::remove_file(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        Ok(FileAside { file, aside, path })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes)
    }

    /// Puts it in its place, durably. One that is there is never overwritten.
    pub fn keep_new(self) -> Result<(), Error> {
        self.file.sync_all()?;
        // Unlike renaming, linking fails where a file is.
        std::fs::hard_link(&self.aside, &self.path)?;
        std::fs::remove_file(&self.aside)?;
        sync_folder(&self.path)
    }

    /// The same, in the place of the one that may be there.
    fn keep(self) -> Result<(), Error> {
        self.file.sync_all()?;
        std::fs::rename(&self.aside, &self.path)?;
        sync_folder(&self.path)
    }
}

impl Drop for FileAside {
    fn drop(&mut self) {
        // Where it was kept, it is gone.
        let _ = std::fs::remove_file(&self.aside);
    }
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
        let mut other = FileAside::begin(&folder.path().join("other")).unwrap();
        other.write(b"half").unwrap();
        drop(other);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
    }
}
