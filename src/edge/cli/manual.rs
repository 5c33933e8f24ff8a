//! `lictree manual`: the pages of `man`, made from the same words as `--help`.

use crate::edge::cli;
use crate::edge::codes;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::{Exit, Failure};
use clap::{Args, CommandFactory};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder for the pages, such as /usr/share/man/man1; made when it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(arguments: Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let Arguments { out } = arguments;
    write(&out).map_err(|error| {
        let message = format!("cannot write the pages into {}: {error}", out.display());
        let hint = "name a folder that you may write into: `--out DIR`";
        Failure::new(Exit::Refused, codes::SYSTEM, message, hint)
    })?;
    let out = out.display();
    let text = format!("a page a command in {out}; read one: man -l {out}/lictree.1\n");
    terminal.show(&json!({ "folder": out.to_string() }), |_, _| text)
}

fn write(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(cli::Arguments::command(), folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// `lictree-license-register.1` and so on, as far as people are shown the command.
    fn pages(command: &clap::Command, name: &str, into: &mut BTreeSet<String>) {
        into.insert(format!("{name}.1"));
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            pages(below, &format!("{name}-{}", below.get_name()), into);
        }
    }

    #[test]
    fn every_command_has_a_page_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("man/man1");
        write(&out).unwrap();
        let entries = std::fs::read_dir(&out).unwrap();
        let found: BTreeSet<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let mut expected = BTreeSet::new();
        pages(&cli::Arguments::command(), "lictree", &mut expected);
        assert_eq!(found, expected);
        assert!(found.len() > 30 && found.contains("lictree-license-register.1"), "{found:?}");
        for name in found {
            let page = std::fs::read_to_string(out.join(&name)).unwrap();
            let stem = name.trim_end_matches(".1");
            assert!(page.contains(&format!(".TH {stem} 1")), "{name}: {page}");
            assert!(page.contains(".SH SYNOPSIS"), "{name}: {page}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(write(&file.path().join("man1")).is_err());
    }
}
