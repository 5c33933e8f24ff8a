//! A small file beside each redb file that remembers how many commits were acknowledged.
//!
//! redb's one-phase commit cannot tell a commit that was never finished from one that was
//! finished and then damaged: after a crash it steps back to the commit before, in both cases.
//! The witness tells them apart. It is written after the commit is durable and is not synced
//! itself, so it never runs ahead; it survives every crash of the process, and after a power
//! cut it may know less. A damaged or missing witness knows nothing and refuses nothing.

use crate::store::value::{bytes_of, numbers, place, seal, unseal};
use redb::StorageBackend;
use std::io;

const LEN: usize = 16;

#[derive(Debug)]
pub(crate) struct Witness {
    file: Box<dyn StorageBackend>,
}

impl Witness {
    pub(crate) fn new(file: impl StorageBackend) -> Self {
        Self { file: Box::new(file) }
    }

    /// The highest number it knows; 0 when it knows nothing.
    pub(crate) fn number(&self) -> u64 {
        let mut value = [0; LEN];
        let long_enough = self.file.len().is_ok_and(|len| len >= LEN as u64);
        if !long_enough || self.file.read(0, &mut value).is_err() {
            return 0;
        }
        unseal(place::WITNESS, b"", &value).and_then(numbers::<1>).map_or(0, |[number]| number)
    }

    pub(crate) fn note(&mut self, number: u64) -> io::Result<()> {
        if self.file.len()? < LEN as u64 {
            self.file.set_len(LEN as u64)?;
        }
        self.file.write(0, &seal(place::WITNESS, b"", &[&bytes_of(&[number])]))
    }
}
