//! `lictree simulate`: its exits, and what programs may rely on.

use crate::program::{Outcome, code, example, lictree};
use serde_json::{Value, json};

fn answer(outcome: &Outcome) -> Value {
    assert_eq!(outcome.exit, 0, "{outcome:?}");
    serde_json::from_str(&outcome.out).unwrap()
}

#[test]
fn a_topology_is_simulated_and_equal_seeds_give_equal_runs() {
    let tree = example("jp1-figure");
    let line = format!("simulate --topology {} --minutes 2 --faults crash,loss", tree.display());
    let two = answer(&lictree(&format!("{line} --seed 7 --seeds 2 --json")));
    assert_eq!((&two["passed"], &two["tree"]), (&json!(true), &json!("jp1-figure")));
    assert_eq!((&two["servers"], &two["faults"]), (&json!(5), &json!(["loss", "crash"])));
    let seeds: Vec<_> = two["runs"].as_array().unwrap().iter().map(|run| &run["seed"]).collect();
    assert_eq!(seeds, [&json!(7), &json!(8)]);
    let run = &two["runs"][1];
    let again = format!(
        "lictree simulate --topology {} --seed 8 --minutes 2 --faults loss,crash",
        tree.display()
    );
    assert_eq!((&run["again"], &run["violations"]), (&json!(again), &json!([])));
    let figures = &run["figures"];
    assert!(figures["asks"].as_u64().unwrap() > 100, "{figures}");
    assert!(figures["letters_lost"].as_u64().unwrap() > 0, "{figures}");
    assert_eq!((&figures["overshoot"], &figures["denials_at_end"]), (&json!(0), &json!(0)));
    assert_eq!((&figures["cuts"], &figures["set_back"]), (&json!(0), &json!(0)));
    let agreed = run["agreed_after_ms"].as_u64().unwrap();
    assert!(agreed <= two["agree_limit_ms"].as_u64().unwrap(), "{run}");
    let words = again.strip_prefix("lictree ").unwrap();
    let one = answer(&lictree(&format!("{words} --json")));
    assert_eq!((&one["runs"][0]["trace"], &one["runs"][0]["figures"]), (&run["trace"], figures));
}

#[test]
fn people_see_what_came_of_it() {
    let shown = lictree("simulate --seed 3 --seeds 2 --minutes 2");
    assert_eq!(shown.exit, 0, "{shown:?}");
    assert!(
        shown.out.starts_with("a tree drawn from each seed\nseeds 3 to 4, 2 min "),
        "{shown:?}"
    );
    assert!(shown.out.contains("\novershoot ") && shown.out.contains(" the limit is 25 s\n"));
    assert!(shown.out.ends_with("\npass: 0 of 2 seeds broke a rule\n"), "{shown:?}");
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let refused = |line: &str| {
        let outcome = lictree(&format!("simulate {line} --json"));
        (outcome.exit, code(&outcome), outcome.err)
    };
    let (exit, code, said) = refused("--faults crash,quake");
    assert_eq!((exit, code.as_str()), (2, "LT0139"));
    assert!(said.contains("quake") && said.contains("cut-one-way"), "{said}");
    for line in ["--hours 1 --minutes 3", "--hours 25", "--minutes 1", "--seeds 10001"] {
        let (exit, code, said) = refused(line);
        assert_eq!((exit, code.as_str()), (2, "LT0139"), "{line}: {said}");
    }
    let (exit, code, _) = refused("--topology docs");
    assert_eq!((exit, code.as_str()), (64, "LT0120"));
}
