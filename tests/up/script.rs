//! The worked example, as the engine's text case has it, in the commands of an operator.

use crate::case;
use crate::program::done;
use serde_json::Value;
use std::path::Path;

/// One step of the example, from its row 0 on.
pub struct Step {
    /// The row of the table it belongs to.
    pub row: String,
    /// The server that is asked.
    pub at: String,
    /// The words after the program's name, with `--data` of that server.
    pub line: String,
    /// The devices of `at` that are to be managed by it.
    pub manages: Option<usize>,
    pub expected: Expected,
}

pub enum Expected {
    Done,
    /// With this code.
    Refused(String),
    /// The ranges at the primary.
    Table(String),
}

/// All steps, with the license files that they need.
pub fn steps(data: &Path) -> Vec<Step> {
    let text = include_str!("../engine/worked-example.txt");
    let mut row = String::new();
    let mut steps = Vec::new();
    for step in case::steps(text) {
        if step.comments.starts_with("# Row") || !row.is_empty() && !step.comments.is_empty() {
            row = step.comments.trim().to_string();
        }
        if !row.is_empty() {
            steps.push(in_words_of_an_operator(data, row.clone(), &step));
        }
    }
    steps
}

fn in_words_of_an_operator(data: &Path, row: String, step: &case::Step) -> Step {
    let words: Vec<&str> = step.command.split_whitespace().collect();
    let consent = |rest: &[&str]| match rest {
        // What is not agreed to is shown and not done.
        ["preview"] => "",
        ["force"] => "--yes --force",
        _ => "--yes",
    };
    let mut manages = None;
    let (at, line) = match words.as_slice() {
        ["ranges"] => ("a", "range list --json".to_string()),
        ["manage", at, count] => {
            manages = Some(count.parse().unwrap());
            (*at, format!("node manage --managing-source {at} --count {count}"))
        }
        ["distribute", to, count, rest @ ..] => {
            let consent = consent(rest);
            ("a", format!("license distribute inventory {count} --to {to} {consent}"))
        }
        ["withdraw", from, rest @ ..] => {
            ("a", format!("license withdraw inventory --from {from} {}", consent(rest)))
        }
        ["authorize", relay, rest @ ..] => {
            ("a", format!("server authorize {relay} {}", consent(rest)))
        }
        ["register", at, serial, count] => {
            (*at, format!("license register {}", issued(data, serial, count)))
        }
        _ => panic!("no such command: {}", step.command),
    };
    let expected = match step.expected.find("LT0") {
        _ if step.command == "ranges" => Expected::Table(step.expected.clone()),
        Some(at) => Expected::Refused(step.expected[at..at + "LT0000".len()].to_string()),
        None => Expected::Done,
    };
    let line = format!("{line} --data {}", data.join(at).display());
    Step { row, at: at.to_string(), line, manages, expected }
}

/// The path of a license file that the vendor of the tree in `data` issues.
pub fn issued(data: &Path, serial: &str, count: &str) -> String {
    let file = data.join(format!("{serial}.license")).display().to_string();
    let key = data.join(".up/vendor.key");
    let issue = format!("vendor issue --key {} --product inventory", key.display());
    done(&format!("{issue} --serial {serial} --count {count} --out {file}"));
    file
}

/// Ranges as the text cases write them, with the sum of what is held and on its way.
pub fn table(view: &Value) -> String {
    let (mut text, mut sum) = (String::new(), 0);
    for range in view["ranges"].as_array().unwrap() {
        let number = |key: &str| range[key].as_u64().unwrap();
        let source = [&range["source"]].into_iter();
        let members = source.chain(range["destinations"].as_array().unwrap());
        let members: Vec<&str> = members.map(|name| name.as_str().unwrap()).collect();
        let (held, used, remaining) = (number("held"), number("used"), number("remaining"));
        text += &format!("{}: {held}/{used}/{remaining}", members.join(" "));
        for (key, said) in [("shortage", "shortage"), ("in_transit", "in transit")] {
            if number(key) > 0 {
                text += &format!(" {said} {}", number(key));
            }
        }
        text += "\n";
        sum += held + number("in_transit");
    }
    text + &format!("= {sum}")
}
