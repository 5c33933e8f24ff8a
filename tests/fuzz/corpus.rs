//! Where inputs lie, and those that are made of golden files and of this project's own writers.

use lictree::model::enrolment::{CertificateAnswer, Grant, InviteId};
use lictree::model::holding::Role;
use lictree::model::log::LogPosition;
use lictree::model::name::TreeName;
use lictree::model::refusal::Refusal;
use lictree::model::time::Timestamp;
use lictree::store::FolderMeta;
use lictree::store::backup::{BackupHead, BackupWriter, KeptFile, RowsPiece};
use lictree::wire::join::{JoinCode, JoinRequest, encode_join_reply, encode_join_request};
use std::path::{Path, PathBuf};

/// Longest file, and all of them together.
pub const FILE_BYTES_MAX: usize = 4 << 10;
pub const BYTES_MAX: usize = 1 << 20;
/// Files of other folders that are longer are left out.
const OTHERS_BYTES_MAX: u64 = 16 << 10;

/// Folders whose files are inputs as they are.
const OTHERS: &[(&str, &str)] = &[
    ("configuration", "config"),
    ("topology", "topology-examples/jp1-figure"),
    ("topology", "topology-examples/flat-site"),
    ("topology", "topology-examples/many-sites"),
    ("nmap", "tests/fixtures/discovery-nmap"),
    ("arp", "tests/fixtures/discovery-arp"),
    ("cdp", "tests/fixtures/discovery-neighbours"),
    ("lldp", "tests/fixtures/discovery-neighbours"),
    ("any_list", "tests/fixtures/discovery-arp"),
    ("any_list", "tests/fixtures/discovery-neighbours"),
    ("any_list", "tests/fixtures/discovery-nmap"),
];

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn root() -> PathBuf {
    project().join("fuzz/corpus")
}

/// Every file of a target's folder, by name.
pub fn of(target: &str) -> Vec<(String, Vec<u8>)> {
    files(&root().join(target), u64::MAX)
}

/// All inputs of a target, in the order of their names.
pub fn inputs(target: &str) -> Vec<Vec<u8>> {
    let others = OTHERS.iter().filter(|(of, _)| *of == target);
    let others = others.flat_map(|(_, folder)| files(&project().join(folder), OTHERS_BYTES_MAX));
    of(target).into_iter().chain(others).map(|(_, bytes)| bytes).collect()
}

fn files(folder: &Path, most: u64) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| {
        let about = entry.metadata().unwrap();
        about.is_file() && about.len() <= most && entry.file_name() != "SOURCES.md"
    });
    let mut files: Vec<(String, Vec<u8>)> = files
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// What the golden files hold, and what has a writer: path and bytes.
pub fn seeds() -> Vec<(PathBuf, Vec<u8>)> {
    let mut seeds = Vec::new();
    let golden = [("wire/frames", "letter"), ("record/commands", "batch"), ("record/rows", "row")];
    for (file, target) in golden {
        let path = project().join(format!("tests/golden/{file}.txt"));
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let (name, hex) = line.split_once(' ').unwrap();
            let bytes = unhex(hex);
            if target == "row" {
                let key = &bytes[2..2 + usize::from(bytes[1])];
                seeds.push(("key", format!("golden-{name}"), [&bytes[..2], key, key].concat()));
            }
            if name == "hello" {
                seeds.push(("hello", "golden".to_string(), bytes[2..].to_vec()));
            }
            seeds.push((target, format!("golden-{name}"), bytes));
        }
    }
    let written = written().chain(backups());
    seeds.extend(written.map(|(target, name, bytes)| (target, name.to_string(), bytes)));
    let path = |(target, name, bytes)| (root().join(target).join(name), bytes);
    seeds.into_iter().map(path).collect()
}

fn written() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    let tree: TreeName = "acme".parse().unwrap();
    let meta = FolderMeta { tree: tree.clone(), server: "west".parse().unwrap(), incarnation: 7 };
    let pins = |count| vec![[9; 32]; count];
    let code = |count| JoinCode { invite: InviteId(7), secret: [7; 16], pins: pins(count) };
    let code = |count| code(count).to_string().into_bytes();
    let request = JoinRequest { invite: InviteId(4), request: vec![7; 99], had: 0, proof: [3; 32] };
    let grant = Grant {
        tree,
        name: "west".parse().unwrap(),
        parent: "hq".parse().unwrap(),
        enrolment: 3,
        certificate: vec![1],
        former: 0,
    };
    let granted = CertificateAnswer::Granted(Box::new(grant));
    let refused = CertificateAnswer::Refused(Refusal::new("LT0415", "a message", "a hint"));
    let frames = [&[3, 1, 0, 0, 0, 9, 2, 0, 0, 0, 8, 8][..], &[0xff, 0xff, 0, 0]].concat();
    [
        ("meta", "folder", meta.to_bytes()),
        ("join_code", "one-pin", code(1)),
        ("join_code", "two-pins", code(2)),
        ("join_request", "request", encode_join_request(&request)),
        ("join_reply", "granted", encode_join_reply(&granted)),
        ("join_reply", "waiting", encode_join_reply(&CertificateAnswer::Waiting)),
        ("join_reply", "refused", encode_join_reply(&refused)),
        ("frame", "three", frames),
    ]
    .into_iter()
}

/// A backup, and each of its parts.
fn backups() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    let (tree, server) = ("acme".parse().unwrap(), "hq".parse().unwrap());
    let head = BackupHead {
        folder: FolderMeta { tree, server, incarnation: 7 },
        role: Role::Primary,
        taken_at: Timestamp(1_800_000_000_000),
        at: LogPosition { index: 412, term: 3 },
        rows: 2,
        software: "lictree 0.1.0".to_string(),
    };
    let mut piece = RowsPiece::default();
    piece.put(1, b"key", b"value");
    piece.put(2, b"other", b"");
    let file = KeptFile::new("identity/identity.pem", b"a certificate".to_vec()).unwrap();
    let (mut writer, beginning) = BackupWriter::begin(&head);
    let parts = [beginning, writer.rows(&piece), writer.file(&file), writer.end()];
    let whole = parts.concat();
    let magic = b"lictree backup\n".len();
    // Kind and body, without length and checksum.
    let bare = |frame: &[u8]| [&frame[..1], &frame[13..]].concat();
    let [head, rows, file, end] = parts;
    [
        ("backup", "primary", whole),
        ("backup_part", "head", bare(&head[magic..])),
        ("backup_part", "rows", bare(&rows)),
        ("backup_part", "file", bare(&file)),
        ("backup_part", "end", bare(&end)),
    ]
    .into_iter()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}
