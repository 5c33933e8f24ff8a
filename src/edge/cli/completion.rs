//! `lictree completion`: what makes a shell complete the words of this program.

use crate::edge::cli;
use crate::edge::terminal::Terminal;
use crate::edge::terminal::failure::Failure;
use clap::{Args, CommandFactory, ValueEnum};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell to write it for.
    shell: Shell,
}

/// The shells whose completion is kept working.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    /// Write it to /usr/share/bash-completion/completions/lictree.
    Bash,
    /// Write it to _lictree in a folder of `$fpath`.
    Zsh,
    /// Write it to ~/.config/fish/completions/lictree.fish.
    Fish,
}

pub(super) fn run(arguments: Arguments, terminal: &Terminal) -> Result<(), Failure> {
    terminal.print(&script(arguments.shell))
}

fn script(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::Arguments::command(), "lictree", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn every_shell_is_told_the_commands() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in ["license", "register", "completion", "--data"] {
                let word = word.trim_start_matches('-');
                assert!(script.contains(word), "{shell:?} is not told {word}");
            }
        }
    }

    #[test]
    fn bash_reads_its_script_and_completes_a_noun() {
        let script = script(Shell::Bash);
        let ask = "\nCOMP_WORDS=(lictree lic); COMP_CWORD=1\n\
                   _lictree lictree lic lictree; echo \"found: ${COMPREPLY[*]}\"\n";
        let run = |arguments: &[&str], text: &str| {
            let mut bash = Command::new("bash")
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            bash.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            let done = bash.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success(), "{told}");
            String::from_utf8(done.stdout).unwrap()
        };
        assert_eq!(run(&["--norc", "-n"], &script), "");
        let found = run(&["--norc"], &format!("{script}{ask}"));
        assert!(found.lines().any(|line| line == "found: license"), "{found}");
    }
}
