//! Every wrong value is found in one reading; the shipped files say all there is to say.

use crate::edge::codes;
use crate::edge::config::document::Document;
use crate::edge::config::{Configuration, Limits, Problem, judge, nearest};
use crate::model::holding::Role;
use crate::wire::license_file::{VendorKey, VendorKeys};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PRIMARY: &str = include_str!("../../../config/primary.toml");
const RELAY: &str = include_str!("../../../config/relay.toml");

fn read(text: &str) -> (Option<Configuration>, Vec<Problem>) {
    judge::configuration(Path::new("conf/a.toml"), text)
}

fn sound(text: &str) -> Configuration {
    let (configuration, problems) = read(text);
    assert_eq!(problems, []);
    configuration.unwrap()
}

/// Every problem as `line key code`.
fn problems(text: &str) -> Vec<String> {
    let (_, problems) = read(text);
    let line = |problem: &Problem| problem.place.rsplit(':').next().unwrap_or_default().to_string();
    problems.iter().map(|p| format!("{} {} {}", line(p), p.key, p.code)).collect()
}

/// The file with every shown default put into force.
fn spelt_out(text: &str) -> String {
    let shown = |line: &str| {
        let rest = line.strip_prefix("# ")?;
        let (key, _) = rest.split_once(" = ")?;
        let is_key = key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        // These two have no default; what is shown is an example.
        let example = ["listen", "socket_group", "witness"].contains(&key);
        (is_key && !example).then(|| rest.to_string())
    };
    text.lines().map(|line| shown(line).unwrap_or(line.to_string()) + "\n").collect()
}

#[test]
fn the_shipped_files_are_sound_and_show_the_defaults_as_they_are() {
    for (text, role) in [(PRIMARY, Role::Primary), (RELAY, Role::Relay)] {
        let configuration = sound(text);
        assert_eq!(configuration.role, role);
        assert_eq!(configuration.limits, Limits::default());
        assert_ne!(spelt_out(text), text);
        assert_eq!(sound(&spelt_out(text)), configuration);
    }
}

#[test]
fn the_shipped_files_mention_every_key() {
    for text in [PRIMARY, RELAY] {
        let document = Document::new(Path::new("a.toml"), text);
        judge::resolve(&document, Path::new("a.toml"));
        let asked: BTreeSet<String> = document.asked().into_iter().collect();
        assert!(asked.len() > 60, "{asked:?}");
        let mentioned = mentioned(text);
        let only_relays = |key: &String| key.starts_with("parent") && text == PRIMARY;
        let missing: Vec<_> =
            asked.iter().filter(|key| !mentioned.contains(*key) && !only_relays(key)).collect();
        assert!(missing.is_empty(), "not mentioned: {missing:?}");
    }
}

/// The full names of all keys and tables of a file, those in comments included.
fn mentioned(text: &str) -> BTreeSet<String> {
    let (mut found, mut table) = (BTreeSet::new(), String::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name.to_string();
            found.insert(table.clone());
        } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ") {
            let dot = if table.is_empty() { "" } else { "." };
            found.insert(format!("{table}{dot}{key}"));
        }
    }
    found
}

#[test]
fn all_problems_are_found_at_once_each_with_its_line() {
    let text = "\
tree = \"Acme\"
name = 7
role = \"boss\"
listen = \"here\"
vendor_keys = [\"x\", 3]
lisen = 1
[times]
retry_interval_ms = 0
idle_timeout_ms = 5000
[limits]
inbox_max = \"many\"
report_rows_max = -1
[limits.network]
streams_max = 99999999999999999999
[limits.networks]
[parent]
address = \"hq\"
";
    let expected = "\
1 tree LT0103
2 name LT0103
3 role LT0103
18 data_dir LT0104
4 listen LT0103
5 vendor_keys LT0103
5 vendor_keys LT0106
18 parent.name LT0104
17 parent.address LT0103
8 times.retry_interval_ms LT0103
11 limits.inbox_max LT0103
12 limits.report_rows_max LT0103
14 limits.network.streams_max LT0103
15 limits.networks LT0105
10 limits LT0103
6 lisen LT0105";
    let mut found = problems(text);
    found.sort();
    let mut expected: Vec<_> = expected.lines().map(str::to_string).collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_vendor_key_is_trusted_or_retired_and_not_both() {
    let [ours, old] = [(); 2].map(|()| VendorKey::generate().unwrap().public());
    let lists = |trusted: &str, retired: &str| {
        format!("vendor_keys = [{trusted}]\nretired_vendor_keys = [{retired}]\n{PRIMARY}")
    };
    let keys = sound(&lists(&format!("\"{ours}\""), &format!("\"{old}\""))).vendor_keys;
    assert_eq!(keys, VendorKeys { trusted: vec![ours], retired: vec![old] });
    let (_, found) = read(&lists(&format!("\"{ours}\""), &format!("\"{old}\",\n\"{ours}\"")));
    let [problem] = found.as_slice() else { panic!("{found:?}") };
    assert!(problem.to_string().starts_with("LT0103 conf/a.toml:3: retired_vendor_keys: "));
    assert!(problem.what.contains(&ours.id().to_string()), "{}", problem.what);
    assert_eq!(problems(&lists("", "\"x\"")), ["2 retired_vendor_keys LT0106"]);
}

#[test]
fn a_misspelt_key_is_told_with_the_one_that_was_meant() {
    let (_, problems) = read(&PRIMARY.replace("[limits.api]", "[limits.api]\nconections_max = 3"));
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(problem.remedy, "did you mean `connections_max`?");
    assert!(problem.to_string().starts_with("LT0105 conf/a.toml:"), "{problem}");
    let (_, problems) = read(&format!("zzz = 1\n{PRIMARY}"));
    assert!(problems[0].remedy.contains("config/primary.toml"), "{}", problems[0].remedy);
}

#[test]
fn a_key_moves_no_cursor_when_it_is_told() {
    let (_, problems) = read("\"tr\\u001b[31mee\" = 1\n");
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|one| one.contains("tr\u{fffd}[31mee")), "{told:?}");
    assert!(!told.iter().any(|one| one.contains('\u{1b}')), "{told:?}");
}

#[test]
fn a_key_as_long_as_a_file_is_compared_with_none() {
    let known = ["tree", "name", "role"];
    let begun = std::time::Instant::now();
    assert_eq!(nearest(&"tree".repeat(1 << 18), &known.repeat(1_000)), None);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(nearest("trie", &known), Some("tree"));
}

#[test]
fn of_a_file_that_is_no_toml_at_all_the_first_problems_are_told() {
    let (_, problems) = read(&"=\n".repeat(1 << 14));
    assert_eq!(problems.len(), 100);
    assert_eq!(problems[99].what, "more is wrong from here on");
}

#[test]
fn a_role_is_told_what_it_needs_and_what_it_excludes() {
    let base = "tree = \"t\"\nname = \"a\"\ndata_dir = \"d\"\n";
    let parent = "[parent]\nname = \"p\"\naddress = \"[::1]:4747\"\n";
    let primary = format!("{base}role = \"primary\"\n");
    let relay = format!("{base}role = \"relay\"\n");
    assert_eq!(problems(&primary), ["5 listen LT0104"]);
    assert_eq!(problems(&relay), ["5 parent LT0104"]);
    let both = format!("{primary}listen = \"[::]:0\"\n{parent}");
    assert_eq!(problems(&both), ["6 parent LT0104"]);
    let configuration = sound(&format!("{relay}{parent}"));
    assert_eq!(configuration.data_dir, PathBuf::from("conf/d"));
    assert_eq!(configuration.parent.unwrap().address, "[::1]:4747");
}

#[test]
fn broken_toml_is_told_with_its_line_and_what_stands_around_it_is_still_judged() {
    let text = format!("{}\nx = = 1\n", PRIMARY.replace("role = \"primary\"", "role = \"x\""));
    let found = problems(&text);
    assert!(found.iter().any(|problem| problem.ends_with("LT0102")), "{found:?}");
    assert!(found.iter().any(|problem| problem.ends_with("role LT0103")), "{found:?}");
}

#[test]
fn changed_limits_are_in_force_and_contradictions_are_told() {
    let changed = PRIMARY.replace("# idle_timeout_ms = 30000", "idle_timeout_ms = 60_000");
    assert_eq!(sound(&changed).limits.net.idle_timeout, Duration::from_secs(60));
    let deaf = PRIMARY.replace("# idle_timeout_ms = 30000", "idle_timeout_ms = 10_000");
    let (_, problems) = read(&deaf);
    assert!(problems[0].what.contains("keep_alive_interval"), "{problems:?}");
    let slow = PRIMARY.replace("# redial_first_ms = 100", "redial_first_ms = 10_000");
    assert_eq!(read(&slow).1.len(), 1);
}

#[test]
fn a_group_is_known_by_name_or_number_and_one_that_is_not_known_is_told() {
    let with = |value: &str| {
        PRIMARY.replace("# socket_group = \"lictree-admins\"", &format!("socket_group = {value}"))
    };
    assert_eq!(sound(PRIMARY).socket_group, None);
    for value in ["54321", "\"54321\""] {
        assert_eq!(sound(&with(value)).socket_group.unwrap().gid, 54_321);
    }
    for value in ["\"no such group, surely\"", "-1", "99999999999"] {
        let (_, problems) = read(&with(value));
        assert_eq!(problems[0].code, "LT0107", "{value}: {problems:?}");
        assert_eq!(problems[0].key, "api.socket_group");
    }
    assert!(problems(&with("true"))[0].ends_with("api.socket_group LT0103"));
}

#[test]
fn a_folder_too_deep_for_a_socket_is_told_before_anything_is_bound() {
    let deep = PRIMARY.replace("/var/lib/lictree", &format!("/{}", "x".repeat(100)));
    assert!(problems(&deep).iter().any(|problem| problem.ends_with("data_dir LT0103")));
}

const SCANS: &str = "\
[scans]
exclude = [\"10.9.0.0/16\", \"10.1.0.1\"]
[[scan]]
name = \"office\"
segments = [\"10.1.0.0/24\"]
methods = [\"tcp\", \"names\"]
ports = [22]
rate = 50
every = \"6h\"
window = \"22:00-05:00\"
auto_manage = \"inventory\"
[[scan]]
name = \"attic\"
segments = [\"10.2.0.0/24\"]
auto_manage = \"off\"
";

fn with_scans(scans: &str) -> String {
    PRIMARY.replace("[scans]\n", scans)
}

#[test]
fn scans_are_read_with_everything_that_is_said_of_them() {
    let rules = sound(&with_scans(SCANS)).scans;
    let [office, attic] = rules.planned.as_slice() else { panic!("{rules:?}") };
    assert_eq!(rules.exclude.len(), 2);
    assert_eq!((office.name.as_str(), office.rate, office.ports.clone()), ("office", 50, vec![22]));
    assert_eq!(office.every, Some(Duration::from_secs(6 * 3_600)));
    assert_eq!(office.window.unwrap().to_string(), "22:00-05:00");
    assert_eq!(office.auto_manage.as_ref().unwrap().as_str(), "inventory");
    assert_eq!((attic.every, attic.window, &attic.auto_manage), (None, None, &None));
    assert_eq!((attic.rate, attic.methods.len(), attic.ports.len()), (1_000, 4, 4));
}

#[test]
fn what_is_wrong_with_a_scan_is_told_before_it_runs() {
    for (line, bad, key) in [
        ("name = \"office\"", "name = \"by hand\"", "scan.name"),
        ("name = \"attic\"", "name = \"office\"", "scan.name"),
        ("name = \"attic\"\n", "", "scan.name"),
        ("segments = [\"10.1.0.0/24\"]\n", "", "scan.segments"),
        ("10.1.0.0/24", "10.1.0.0/33", "scan.segments"),
        ("10.1.0.0/24", "10.1.0.9-10.1.0.2", "scan.segments"),
        ("10.1.0.0/24", "2001:db8::/64", "scan.segments"),
        ("10.1.0.0/24", "10.9.7.0/24", "scan.segments"),
        ("10.9.0.0/16", "10.9.0.0/16/1", "scans.exclude"),
        ("\"tcp\", \"names\"", "\"names\"", "scan.methods"),
        ("\"tcp\", \"names\"", "\"sonar\"", "scan.methods"),
        ("ports = [22]", "ports = [0]", "scan.ports"),
        ("ports = [22]", "ports = 22", "scan.ports"),
        ("rate = 50", "rate = 0", "scan.rate"),
        ("\"6h\"", "\"6 hours\"", "scan.every"),
        ("22:00-05:00", "22-5", "scan.window"),
        ("\"inventory\"", "\"in ventory\"", "scan.auto_manage"),
        ("rate = 50", "pace = 50", "scan.pace"),
        ("[scans]\n", "[scans]\nloopback = \"maybe\"\n", "scans.loopback"),
    ] {
        let text = with_scans(&SCANS.replacen(line, bad, 1));
        let (_, problems) = read(&text);
        let told = problems.iter().any(|problem| problem.key == key);
        assert!(told, "{bad} for {line}: {problems:?}");
        assert_judged(&text);
    }
    let text = PRIMARY.replace("tree = \"acme\"", "tree = \"acme\"\nscan = 3");
    assert_eq!(read(&text).1[0].key, "scan");
}

/// Whatever a file says: it is a configuration, or every fault has a code with a page and a remedy.
fn assert_judged(text: &str) {
    let (configuration, problems) = read(text);
    assert!(configuration.is_some() || !problems.is_empty(), "{text:?}");
    for problem in &problems {
        assert!(codes::explain(problem.code).is_some(), "{problem:?} of {text:?}");
        assert!(!problem.what.is_empty() && !problem.remedy.is_empty(), "{problem:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_judged(text in "(\\PC|\n){0,200}") {
        assert_judged(&text);
    }

    #[test]
    fn any_keys_and_values_are_judged(
        lines in vec(
            (
                "tree|name|role|listen|data_dir|vendor_keys|socket_group|streams_max|address|x",
                "-?[0-9]{1,20}|[0-9]\\.5|true|\"[a-zA-Z:/0-9]{0,70}\"|\\[\"x\"(, 1)?\\]|=",
                "|(\\[(limits|times|limits.network|parent|api)\\]\n)|\\[a",
            ),
            0..12,
        ),
    ) {
        let mut text = String::new();
        for (key, value, table) in lines {
            text.extend([table, key, " = ".to_string(), value, "\n".to_string()]);
        }
        assert_judged(&text);
    }

    #[test]
    fn a_sound_file_with_anything_put_in_is_judged(
        relay: bool,
        at: prop::sample::Index,
        gone in 0_usize..40,
        with in "(\\PC|\n){0,12}",
    ) {
        let text = spelt_out(if relay { RELAY } else { PRIMARY });
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let from = at.index(places.len());
        let until = places.get(from + gone).copied().unwrap_or(text.len());
        let from = places[from];
        assert_judged(&format!("{}{with}{}", &text[..from], &text[until..]));
    }
}
