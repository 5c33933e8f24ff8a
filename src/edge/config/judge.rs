//! What a configuration says, judged: names, addresses, keys, role, and the identity files.

use crate::client::SOCKET_NAME;
use crate::daemon::settings::{Parent, identity_dir};
use crate::edge::api::SocketGroup;
use crate::edge::codes;
use crate::edge::config::document::{Document, Located, Section};
use crate::edge::config::{Configuration, Limits, Problem, Problems, fields, scans};
use crate::model::holding::Role;
use crate::net::{Identity, IdentityError};
use crate::wire::license_file::{VendorKeyError, VendorKeys, VendorPublicKey};
use std::path::{Path, PathBuf};

/// The longest path of a Unix socket that Linux and the BSDs take, in bytes.
const SOCKET_PATH_MAX: usize = 103;

/// The resolved configuration, if all that it needs is there, and what is wrong.
pub(super) fn configuration(file: &Path, text: &str) -> (Option<Configuration>, Problems) {
    let document = Document::new(file, text);
    let read = resolve(&document, file);
    (read, document.into_problems())
}

pub(super) fn resolve(document: &Document<'_>, file: &Path) -> Option<Configuration> {
    let table = document.table();
    let mut whole = document.section("", Some(table.get_ref()));
    let tree = required(&mut whole, "tree", "acme");
    let name = required(&mut whole, "name", "site-7");
    let role = role(&mut whole);
    let data_dir = data_dir(&mut whole, file);
    let witness = witness(&mut whole, file);
    let listen = whole.parsed("listen", "\"[::]:4747\" (address and UDP port)");
    let vendor_keys = vendor_keys(&mut whole);
    let mut section = whole.section("parent");
    let parent = parent(&mut section);
    judge_role(&whole, role, &section, listen.is_some());
    section.finish();
    let socket_group = socket_group(&mut whole);
    let limits = fields::limits(&mut whole);
    judge_limits(&whole, &limits);
    let scans = scans::rules(&mut whole, &limits.scan);
    whole.finish();
    let (tree, name, role, data_dir) = (tree?, name?, role?, data_dir?);
    Some(Configuration {
        tree,
        name,
        role,
        data_dir,
        witness,
        listen,
        parent,
        vendor_keys,
        socket_group,
        scans,
        limits,
        stated_limits: document.stated_limits(),
    })
}

fn required<T: std::str::FromStr>(
    whole: &mut Section<'_>,
    key: &'static str,
    example: &str,
) -> Option<T>
where
    T::Err: std::fmt::Display,
{
    let found = whole.parsed(key, &format!("\"{example}\""));
    if !whole.has(key) {
        whole.missing(key, &format!("add a line like: {key} = \"{example}\""));
    }
    found
}

fn role(whole: &mut Section<'_>) -> Option<Role> {
    let Some(found) = whole.text("role") else {
        if !whole.has("role") {
            whole.missing("role", "add a line: role = \"primary\", or role = \"relay\"");
        }
        return None;
    };
    match found.value.as_str() {
        "primary" => Some(Role::Primary),
        "relay" => Some(Role::Relay),
        other => {
            let what = format!("{other:?} is no role");
            let remedy = "the one server at the top is \"primary\", all others are \"relay\"";
            whole.complain(codes::CONFIG_VALUE, found.at, "role", &what, remedy);
            None
        }
    }
}

/// A relative one is taken from where the file is.
fn witness(whole: &mut Section<'_>, file: &Path) -> Option<PathBuf> {
    let Located { value, .. } = whole.text("witness")?;
    Some(file.parent().unwrap_or(Path::new("")).join(value).components().collect())
}

fn data_dir(whole: &mut Section<'_>, file: &Path) -> Option<PathBuf> {
    let Some(Located { value, at }) = whole.text("data_dir") else {
        if !whole.has("data_dir") {
            whole.missing("data_dir", "add a line like: data_dir = \"/var/lib/lictree\"");
        }
        return None;
    };
    // Without the dots in the middle that `data_dir = "."` makes; this is shown to people.
    let folder: PathBuf =
        file.parent().unwrap_or(Path::new("")).join(&value).components().collect();
    let socket = folder.join(SOCKET_NAME);
    if socket.as_os_str().len() > SOCKET_PATH_MAX {
        let what = format!("{} is too long for the path of a Unix socket", socket.display());
        let remedy = format!("choose a folder so that it has at most {SOCKET_PATH_MAX} bytes");
        whole.complain(codes::CONFIG_VALUE, at, "data_dir", &what, &remedy);
    }
    Some(folder)
}

fn vendor_keys(whole: &mut Section<'_>) -> VendorKeys {
    let trusted = public_keys(whole, "vendor_keys");
    let retired = public_keys(whole, "retired_vendor_keys");
    for Located { value: key, at } in &retired {
        if trusted.iter().any(|one| one.value == *key) {
            let what = format!("the key {} stands in `vendor_keys` too", key.id());
            let remedy = "keep it in one list: here if the vendor retired it, there if not";
            whole.complain(codes::CONFIG_VALUE, *at, "retired_vendor_keys", &what, remedy);
        }
    }
    let keys = |found: Vec<Located<_>>| found.into_iter().map(|one| one.value).collect();
    VendorKeys { trusted: keys(trusted), retired: keys(retired) }
}

fn public_keys(whole: &mut Section<'_>, list: &'static str) -> Vec<Located<VendorPublicKey>> {
    let mut keys = Vec::new();
    for Located { value, at } in whole.texts(list) {
        match value.parse() {
            Ok(value) => keys.push(Located { value, at }),
            Err(error) => {
                let what = VendorKeyError::to_string(&error);
                let remedy = "copy the line that the vendor published";
                whole.complain(codes::VENDOR_KEY, at, list, &what, remedy);
            }
        }
    }
    keys
}

/// The group in the table `[api]`, if this machine has it.
fn socket_group(whole: &mut Section<'_>) -> Option<SocketGroup> {
    let mut api = whole.section("api");
    let named = api.name_or_number("socket_group");
    let group = named.and_then(|Located { value, at }| {
        let group = SocketGroup::find(&value);
        if group.is_none() {
            let what = format!("this machine knows no group {value:?}");
            let remedy = "make it: `groupadd GROUP`; or name one that `getent group` lists";
            api.complain(codes::SOCKET_GROUP, at, "socket_group", &what, remedy);
        }
        group
    });
    api.finish();
    group
}

fn parent(section: &mut Section<'_>) -> Option<Parent> {
    let name = section.parsed("name", "\"headquarters\"");
    let address = section.text("address");
    if section.is_there() && !section.has("name") {
        section.missing("name", "name the server above, as in its own configuration");
    }
    let Some(Located { value: address, at }) = address else {
        if section.is_there() && !section.has("address") {
            section.missing("address", "add a line like: address = \"hq.example.org:4747\"");
        }
        return None;
    };
    let port = address.rsplit_once(':').and_then(|(host, port)| {
        port.parse::<u16>().ok().filter(|port| *port > 0 && !host.is_empty())
    });
    if port.is_none() {
        let what = format!("{address:?} is no host and port");
        let remedy = "write it like \"hq.example.org:4747\" or \"[2001:db8::1]:4747\"";
        section.complain(codes::CONFIG_VALUE, at, "address", &what, remedy);
    }
    Some(Parent { name: name?, address })
}

/// What the role needs, and what it excludes.
fn judge_role(whole: &Section<'_>, role: Option<Role>, parent: &Section<'_>, listens: bool) {
    match role {
        Some(Role::Primary) if parent.is_there() => {
            let what = "a primary has no parent";
            let remedy = "remove the table [parent], or let this server be a relay";
            let at = whole.place_of("parent");
            whole.complain(codes::CONFIG_MISSING, at, "parent", what, remedy);
        }
        Some(Role::Relay) if !parent.is_there() => {
            let remedy = "add the table [parent] with `name` and `address` of the server above";
            whole.missing("parent", remedy);
        }
        _ => {}
    }
    if role == Some(Role::Primary) && !listens && !whole.has("listen") {
        whole.missing("listen", "relays call the primary: add a line like listen = \"[::]:4747\"");
    }
}

/// What shows only when limits are looked at together.
fn judge_limits(whole: &Section<'_>, limits: &Limits) {
    let contradict = |what: &str, remedy: &str| {
        whole.complain(codes::CONFIG_VALUE, whole.place_of("limits"), "limits", what, remedy);
    };
    if let Err(error) = limits.net.check() {
        contradict(&error.to_string(), "change one of the two");
    }
    if limits.daemon.redial_first > limits.daemon.redial_longest {
        contradict("times.redial_first_ms is above redial_longest_ms", "change one of the two");
    }
}

/// The identity in the data folder, if this server may use it. One that is not valid at present is
/// taken: the server serves its own people all the same, and a primary renews its own.
pub(super) fn identity(configuration: &Configuration) -> Result<Identity, Problems> {
    let folder = identity_dir(&configuration.data_dir);
    let problem = |code, what: String, remedy: &str| {
        let (place, remedy) = (folder.display().to_string(), remedy.to_string());
        vec![Problem { code, place, key: "identity".to_string(), what, remedy }]
    };
    let refused = |error: IdentityError| {
        let (code, remedy) = identity_code(&error);
        problem(code, error.to_string(), remedy)
    };
    let identity = Identity::read(&folder).map_err(refused)?;
    let Configuration { tree, name, .. } = configuration;
    if (identity.tree(), identity.name()) != (tree, name) {
        let found = format!("{} of the tree {}", identity.name(), identity.tree());
        let what = format!("it is the identity of {found}, not of {name} of the tree {tree}");
        let remedy = "correct `tree` and `name`, or `data_dir`, or have the right one issued";
        return Err(problem(codes::IDENTITY_OTHER, what, remedy));
    }
    Ok(identity)
}

fn identity_code(error: &IdentityError) -> (&'static str, &'static str) {
    match error {
        IdentityError::LooseFile { .. }
        | IdentityError::LooseFolder { .. }
        | IdentityError::OtherUser { .. } => {
            (codes::IDENTITY_LOOSE, "only the user that runs the server may read its key")
        }
        IdentityError::Expired { .. } | IdentityError::NotYetValid { .. } => {
            (codes::IDENTITY_TIME, "see whether the clock here is right: `date -u`")
        }
        _ => (codes::IDENTITY_UNREADABLE, "`lictree init` makes the identities of a tree"),
    }
}
