//! `lictree backup`: a server as one file, and a data folder made of it.
//!
//! ```text
//!   create   socket ─ head, rows ──┐
//!            data folder ─ files ──┴─► FILE.partial (0600) ─ synced ─► FILE
//!   show     FILE ─► read to its end, every checksum
//!   restore  FILE ─► DIR, all of it or nothing; a server started on it recovers
//! ```
//! No path goes to the server: it gives its rows out, and this program, which runs as somebody who
//! may read the identity, writes the file.

use crate::client::{BackupFailed, SOCKET_NAME};
use crate::daemon::DaemonError;
use crate::daemon::backup::{
    BackupError, BackupHead, BackupReader, BackupWriter, KeptFile, NotKept, NotRestored, Part,
    Restored, Whole, kept_files, restore,
};
use crate::edge::cli::online;
use crate::edge::codes;
use crate::edge::config;
use crate::edge::draw::age;
use crate::edge::draw::ink::Tone;
use crate::edge::founding::CONFIG_NAME;
use crate::edge::private_file::FileAside;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::edge::terminal::{Form, Terminal};
use crate::model::count::counted;
use crate::model::holding::Role;
use clap::Subcommand;
use rustix::fs::Mode;
use rustix::process::umask;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Bytes read at once, and bytes after which it is said how far it is.
const READ_BYTES: usize = 64 << 10;
const TELL_EVERY_BYTES: u64 = 8 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a backup of a running server: its state as it is now, its identity with the key, its
    /// configuration, and at the primary the authority's key. Keep the file as safe as the server.
    Create {
        /// Where to write it (0600); nothing there is overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The server's configuration, where it does not lie in the data folder as lictree.toml.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Whose backup a file is, when it was taken, what is in it; and whether it is whole.
    Show {
        /// What `backup create` wrote.
        file: PathBuf,
    },
    /// Make a data folder of a backup, ready for `serve`. The server then recovers: what was
    /// answered after the backup it hears from the others. Stop the old one for good first.
    Restore {
        /// What `backup create` wrote.
        file: PathBuf,
        /// The data folder; it must not be there yet, or be empty.
        #[arg(long, value_name = "DIR")]
        at: PathBuf,
    },
}

pub(super) fn run(verb: Verb, terminal: &Terminal) -> Result<(), Failure> {
    match verb {
        Verb::Create { out, config } => online(create(&out, config.as_deref(), terminal)),
        Verb::Show { file } => show(&file, terminal),
        Verb::Restore { file, at } => bring_back(&file, &at, terminal),
    }
}

async fn create(out: &Path, config: Option<&Path>, terminal: &Terminal) -> Result<(), Failure> {
    let (client, data) = (terminal.client()?, terminal.data_dir()?);
    let not_kept = |error: NotKept| not_made(error.to_string(), "run this as the server's user");
    // Seen before the server has work with it; read for good when its rows are there.
    kept_files(data, config).map_err(not_kept)?;
    if out.exists() {
        return Err(not_written(out, &ErrorKind::AlreadyExists.into()));
    }
    let (reader, progress) = (BackupReader::new(), Progress::begin(terminal));
    let mut taking = Taking { reader, head: None, file: None, out, progress };
    let poured = client.backup(|bytes| taking.take(bytes)).await;
    taking.progress.end();
    poured.map_err(|failed| match failed {
        BackupFailed::Client(error) => error.into(),
        BackupFailed::Taker(failure) => failure,
    })?;
    let files = kept_files(data, config).map_err(not_kept)?;
    let (head, whole) = taking.finish(&files)?;
    let paths: Vec<&str> = files.iter().map(KeptFile::path).collect();
    terminal.show(&shown(out, &head, &whole, &paths), |_, ink| {
        let done = format!("{}\n", ink.paint("the backup is made", Tone::Good));
        done + &described(&head, &whole, &paths) + secrets(&head)
    })
}

/// What comes from the server, on its way into the file.
struct Taking<'a> {
    reader: BackupReader,
    head: Option<BackupHead>,
    /// Begun when something came: the server lets one at a time have something.
    file: Option<FileAside>,
    out: &'a Path,
    progress: Progress,
}

impl Taking<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.reader.feed(bytes);
        while let Some(part) = self.reader.next_part().map_err(|error| of_server(&error))? {
            if let Part::Head(head) = part {
                self.head = Some(head);
            }
        }
        let not_written = |error: io::Error| not_written(self.out, &error);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(FileAside::begin(self.out).map_err(not_written)?),
        };
        file.write(bytes).map_err(not_written)?;
        self.progress.tell(self.reader.fed());
        Ok(())
    }

    /// Adds the files and the end, and puts the whole in its place.
    fn finish(mut self, files: &[KeptFile]) -> Result<(BackupHead, Whole), Failure> {
        let whole_rows = self.reader.has_all_rows() && !self.reader.is_inside();
        let Some(head) = self.head.clone().filter(|_| whole_rows) else {
            return Err(of_server(&BackupError::CutOff { bytes: self.reader.fed() }));
        };
        let mut writer = BackupWriter::behind(&self.reader);
        for file in files {
            self.take(&writer.file(file))?;
        }
        self.take(&writer.end())?;
        // What was just written is judged as whoever reads it will.
        let whole = self.reader.finish().map_err(|error| of_server(&error))?;
        let kept = self.file.map_or(Ok(()), FileAside::keep_new);
        kept.map_err(|error| not_written(self.out, &error))?;
        Ok((head, whole))
    }
}

fn show(path: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let mut input = open(path)?;
    let mut reader = BackupReader::new();
    let (mut head, mut files) = (None, Vec::new());
    let (mut bytes, mut progress) = (vec![0; READ_BYTES], Progress::begin(terminal));
    loop {
        let count = match input.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(not_read(path, &error)),
        };
        reader.feed(&bytes[..count]);
        while let Some(part) = reader.next_part().map_err(|error| unusable(path, &error))? {
            match part {
                Part::Head(found) => head = Some(found),
                Part::File(file) => files.push(file.path().to_string()),
                Part::Rows(_) | Part::End { .. } => {}
            }
        }
        progress.tell(reader.fed());
    }
    progress.end();
    let whole = reader.finish().map_err(|error| unusable(path, &error))?;
    let head = head.ok_or_else(|| unusable(path, &BackupError::Other))?;
    let paths: Vec<&str> = files.iter().map(String::as_str).collect();
    terminal.show(&shown(path, &head, &whole, &paths), |_, ink| {
        let sound = ink.paint("it is whole: every checksum is right", Tone::Good);
        format!("{}{sound}\n", described(&head, &whole, &paths))
    })
}

fn bring_back(path: &Path, at: &Path, terminal: &Terminal) -> Result<(), Failure> {
    if UnixStream::connect(at.join(SOCKET_NAME)).is_ok() {
        let message = format!("a running server has {}", at.display());
        let hint = "stop it for good first, and move its folder away; or name another folder";
        return Err(Failure::new(Exit::Refused, codes::RESTORE_PLACE, message, hint));
    }
    // As `serve` does: what is made is for this user only.
    umask(Mode::RWXG | Mode::RWXO);
    let (input, mut progress) = (open(path)?, Progress::begin(terminal));
    let restored = restore(input, at, |bytes| progress.tell(bytes));
    progress.end();
    let restored = restored.map_err(|error| not_restored(path, error))?;
    let Restored { head, whole, files, has_config } = &restored;
    let paths: Vec<&str> = files.iter().map(String::as_str).collect();
    let config = has_config.then(|| at.join(CONFIG_NAME));
    let mut answer = shown(path, head, whole, &paths);
    answer["folder"] = json!(at.display().to_string());
    answer["config"] = json!(config.as_ref().map(|config| config.display().to_string()));
    terminal.show(&answer, |_, _| next_steps(head, at, config.as_deref()))
}

fn next_steps(head: &BackupHead, at: &Path, config: Option<&Path>) -> String {
    let BackupHead { folder, role, taken_at, .. } = head;
    let (server, tree, taken) = (&folder.server, &folder.tree, age::moment(*taken_at));
    let mut text =
        format!("{server} of the tree {tree} is back in {}, as it was {taken}\n", at.display());
    let start = match config {
        Some(config) => {
            text.push_str(&config_note(config, at));
            format!("lictree serve --config {}", config.display())
        }
        None => {
            text.push_str("the backup holds no configuration: put it back, with this data_dir\n");
            "lictree serve --config FILE".to_string()
        }
    };
    text.push_str(&format!("start it, and it recovers by itself: {start}\n"));
    if *role == Role::Primary {
        text.push_str(
            "when all servers have said what they hold (lictree recovery show), end it: lictree \
             recovery end\n",
        );
    }
    text
}

/// What is to be changed in the configuration first.
fn config_note(config: &Path, at: &Path) -> String {
    let (configuration, problems) = config::read(config);
    if let Some(configuration) = configuration {
        let real = |path: &Path| path.canonicalize().ok();
        let named = &configuration.data_dir;
        if real(named).is_none() || real(named) != real(at) {
            let (config, named) = (config.display(), named.display());
            return format!("first set data_dir = \".\" in {config}: it names {named}\n");
        }
    }
    if problems.is_empty() {
        return String::new();
    }
    let lines: String = problems.iter().map(|problem| format!("  {problem}\n")).collect();
    format!("first correct {}:\n{lines}", config.display())
}

fn shown(path: &Path, head: &BackupHead, whole: &Whole, files: &[&str]) -> Value {
    json!({
        "file": path.display().to_string(),
        "tree": head.folder.tree,
        "server": head.folder.server,
        "role": head.role,
        "taken_at": head.taken_at,
        "change": head.at.index,
        "rows": whole.rows,
        "bytes": whole.bytes,
        "files": files,
        "software": head.software,
    })
}

fn described(head: &BackupHead, whole: &Whole, files: &[&str]) -> String {
    let BackupHead { folder, role, taken_at, at, rows, software } = head;
    let role = match role {
        Role::Primary => "primary",
        Role::Relay => "relay",
    };
    let lines = [
        ("server", format!("{} of the tree {}, {role}", folder.server, folder.tree)),
        ("taken", format!("{}, at change {}", age::moment(*taken_at), at.index)),
        ("holds", format!("{} and {}", counted(*rows, "row"), counted(whole.files, "file"))),
        ("files", files.join(", ")),
        ("size", format!("{} bytes", whole.bytes)),
        ("software", software.clone()),
    ];
    lines.iter().map(|(title, value)| format!("{title:<10} {value}\n")).collect()
}

fn secrets(head: &BackupHead) -> &'static str {
    match head.role {
        Role::Primary => {
            "it holds this server's key and the keys of the tree's authority, unencrypted:\n\
             who has the file can be any server of the tree. Keep it as safe as the server\n"
        }
        Role::Relay => {
            "it holds this server's key, unencrypted: who has the file can be this server.\n\
             Keep it as safe as the server\n"
        }
    }
}

/// How many bytes there were, to people who wait at a terminal.
struct Progress {
    live: bool,
    told: u64,
}

impl Progress {
    fn begin(terminal: &Terminal) -> Progress {
        let live = terminal.form == Form::Text && io::stderr().is_terminal();
        Progress { live, told: 0 }
    }

    fn tell(&mut self, bytes: u64) {
        if self.live && bytes >= self.told + TELL_EVERY_BYTES {
            self.told = bytes;
            eprint!("\r\u{1b}[2K{} MiB", bytes >> 20);
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.told) > 0 {
            eprint!("\r\u{1b}[2K");
        }
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| not_read(path, &error))
}

fn not_read(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot read {}: {error}", path.display());
    let hint = "name a file that `lictree backup create` wrote, and that you may read";
    Failure::new(Exit::Refused, codes::NO_FILE, message, hint)
}

fn not_made(message: String, hint: &str) -> Failure {
    Failure::new(Exit::Refused, codes::BACKUP_NOT_MADE, message, hint)
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        ErrorKind::AlreadyExists => {
            let message = format!("{path} is there already, and nothing is overwritten");
            not_made(message, "name another file: `--out FILE`")
        }
        _ => not_made(
            format!("cannot write {path}: {error}"),
            "name a place with room that you may write to: `--out FILE`",
        ),
    }
}

/// What came from the server makes no backup.
fn of_server(error: &BackupError) -> Failure {
    let message = format!("what the server gave out is no backup: {error}");
    not_made(message, "look at the server's log, then try again; are both of one version?")
}

fn unusable(path: &Path, error: &BackupError) -> Failure {
    let message = format!("{} cannot be used: {error}", path.display());
    let (code, hint) = match error {
        BackupError::Newer { .. } => {
            (codes::BACKUP_NEWER, "use the lictree that made it, or a later one")
        }
        BackupError::Other => {
            (codes::BACKUP_DAMAGED, "name a file that `lictree backup create` wrote, unpacked")
        }
        BackupError::CutOff { .. } | BackupError::Damaged { .. } => {
            (codes::BACKUP_DAMAGED, "fetch it again from where it was kept, or take another one")
        }
    };
    Failure::new(Exit::Refused, code, message, hint)
}

fn not_restored(path: &Path, error: NotRestored) -> Failure {
    let shown = path.display();
    let refused =
        |code: &str, message: String, hint: &str| Failure::new(Exit::Refused, code, message, hint);
    let damaged = "fetch it again from where it was kept, or take another one";
    match error {
        NotRestored::Backup(error) => unusable(path, &error),
        NotRestored::Unread(error) => not_read(path, &error),
        NotRestored::Row(_) => {
            let hint = "use the lictree that made it, or a later one";
            refused(codes::BACKUP_NEWER, format!("{shown} cannot be used: {error}"), hint)
        }
        NotRestored::Rows { .. } | NotRestored::Stranger(_) => {
            refused(codes::BACKUP_DAMAGED, format!("{shown} cannot be used: {error}"), damaged)
        }
        NotRestored::NotEmpty(_) => {
            let hint = "move what lies there away (keep it until all is well), or name another \
                        folder: `--at DIR`";
            refused(codes::RESTORE_PLACE, error.to_string(), hint)
        }
        NotRestored::Place { .. } => {
            let hint = "name a place with room where you may write, beside the folder too";
            refused(codes::RESTORE_PLACE, error.to_string(), hint)
        }
        NotRestored::Store(error) => {
            let error = DaemonError::from(error);
            refused(error.code(), error.to_string(), "look at the disk and its room")
        }
        NotRestored::Daemon(error) => refused(error.code(), error.to_string(), ""),
    }
}
