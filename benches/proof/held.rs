//! The second table: properties, the figures of others, and ours.

use crate::did::{broken, speed, states, virtual_hours};
use crate::runs::Runs;

const HEAD: &str = "| property | figure to beat | ours | shown by |\n|---|---|---|---|";

pub fn table(runs: &Runs) -> String {
    format!("{HEAD}\n{}{}{}", counts(runs), disks(runs), peers(runs))
}

/// A figure of the ordinary seeds, and of those with the primary put back.
fn both(runs: &Runs, figure: &str) -> String {
    let [one, other] = ["simulator", "simulator, the primary put back"].map(|what| runs.of(what));
    format!("{} and {}", one.said(figure), other.said(figure))
}

fn counts(runs: &Runs) -> String {
    let (seeds, primary) = (runs.of("simulator"), runs.of("simulator, the primary put back"));
    let hours = virtual_hours(seeds) + virtual_hours(primary);
    let over = both(runs, "violations");
    let (asks, late) = (both(runs, "probes"), both(runs, "violations_of_liveness"));
    let again = runs.of("every kind of frame said again").held("said again, nothing changes");
    let (fast, slow) = (speed(seeds), speed(primary));
    let count = both(runs, "seeds");
    let chaos = runs.of("real processes under chaos");
    let agreed = chaos.said("agreed_after_ms_max");
    let order = format!(
        "{} of {} answers of the primary against the order of its log or real time, in {} runs",
        chaos.said("violations_of_order"),
        chaos.said("answers_of_the_primary"),
        chaos.said("runs"),
    );
    let robust = format!(
        "{} runs in {:.1} minutes, void below 200 operations a second: {} failed",
        chaos.said("runs"),
        chaos.seconds / 60.0,
        chaos.said("failed_runs"),
    );
    let (states, broken) = (states(runs.of("model check")), broken(runs.of("model check")));
    format!(
        "| never over the limit | doorman: 14 overshoots an hour, peak 106.05 %; ours to be 0 \
         | {over} violations of any rule of safety in {hours:.1} virtual hours; doorman's \
         scenario not measured | `sim`, oracle |\n\
         | capacity not left idle | doorman: 96.6 % used; ours no refusal while connected \
         | {late} violations of liveness, with {asks} asks at the end; share used not measured \
         | `sim`, L1 |\n\
         | reconvergence | doorman: 2 minutes; ours 2 refresh intervals \
         | {late} violations of liveness; {agreed} ms at most with five real servers \
         | `sim`, L2; `chaos` |\n\
         | strict order of primary operations | etcd, TigerBeetle under faults \
         | {order} | `chaos` |\n\
         | each command at most once | 0 double effects in 1,000,000 replays \
         | {again}; a million replays not measured | `cluster replay` |\n\
         | simulation volume and speed | TigerBeetle: 1,000 times real time on 1,024 cores \
         | {count} seeds, {fast} and {slow} times real time | `sim` |\n\
         | exhaustive model | 24.6 million states, all broken rules seen \
         | {states}; {broken} | `model` |\n\
         | robustness runs | etcd: 120 runs in 200 minutes, void below 100 operations a second \
         | {robust} | `chaos` |\n"
    )
}

fn disks(runs: &Runs) -> String {
    let crash = runs.of("power cuts and damage");
    let (cuts, syncs) = (crash.said("cuts"), crash.said("failed_syncs"));
    let cuts = crash.held(format!("0 lost in {cuts} power cuts"));
    let older = crash.sum("flips_that_took_back_a_commit").unwrap_or(0);
    let flips = crash.held(format!(
        "{} flipped bits: {} refused, {older} took back a commit (no witness), the others change \
         nothing",
        crash.said("flips"),
        crash.said("flips_refused"),
    ));
    let syncs = crash.held(format!("{syncs} failed: stopped, started again, 0 lost"));
    let drills = runs.of("drills of real servers");
    let real = drills.held("the binary, a failed sync and write of each file: the same");
    let full = drills.held("nothing new taken, releases go on, over by itself");
    let came = drills.held("of real relays: 0 counts lost");
    let (back, found) = (both(runs, "set_back"), both(runs, "violations"));
    let late = both(runs, "violations_of_liveness");
    let without = runs.of("simulator, disks lost and replaced");
    let (lost, lost_found) = (without.said("set_back"), without.said("violations"));
    let clocks = runs.of("clocks that are set").held(format!(
        "more than 5 min marked at the next look, each 10 s at least; no dated license counts \
         longer; {} clocks set in seeds, {found} violations of safety; share found not measured",
        both(runs, "clocks_set"),
    ));
    let lost_late = without.said("violations_of_liveness");
    format!(
        "| durability of an answer | SQLite: a crash at each point; TigerBeetle: damage to every \
         replica's files | {cuts}; {flips} | `crash` |\n\
         | failed sync | of five databases none is sufficient | {syncs}; {real} \
         | `crash`, `drills failing` |\n\
         | full disk | (none published) | {full} | `drills full` |\n\
         | lost node disk | TigerBeetle had no way to replace it; ours 0 counts lost, 60 s \
         | {lost} disks of relays put back or lost and replaced, {lost_found} violations of \
         safety, {lost_late} of liveness; {came}; seconds, and a member of the primary, not \
         measured | `sim`, `cluster lost`, `drills lost` |\n\
         | backup restore | etcd: by hand; ours noticed always, I1 holds \
         | {back} disks put back, {found} violations of safety, {late} of \
         liveness; share noticed and both ends at once not \
         measured | `sim`, `cluster restored`, `cluster backup`, `drills older` |\n\
         | single slow node | TigerBeetle: latencies rise | not built (members) | - |\n\
         | requests fail definitely | TigerBeetle retried for ever | not measured | - |\n\
         | silent clock rollback | 24 h ignored, checked each 10 minutes | {clocks} \
         | `sim`, `cluster clocks` |\n"
    )
}

fn peers(runs: &Runs) -> String {
    let codes = "served once, under the authority that they name; 5 wrong proofs void one";
    let codes = runs.of("joins that are wrong or late").held(codes);
    let codes = runs.of("codes to join with").held(codes);
    let rotation = runs.of("renewal and a new authority under load").held("0 asks failed");
    let removal = runs.of("from the first server to removal");
    let removal = removal.held("less than 5 s at depth 3, one removal");
    let port = runs.of("what a stranger finds").held("0 bytes to an opening, no TCP port");
    let fuzz = runs.of("readers of bytes, not instrumented");
    let (readings, failures) = (fuzz.said("readings"), fuzz.said("failures"));
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock");
    // Ours is in it too.
    let crates = std::fs::read_to_string(lock).unwrap().matches("\n[[package]]\n").count() - 1;
    format!(
        "| enrolment code | SPIRE: 600 s, once; kubeadm pins the authority | {codes} \
         | `hosts codes`, `cluster joins` |\n\
         | certificate rotation | SPIRE: 1 h; ours no failed ask | {rotation} \
         | `hosts rotation` |\n\
         | revocation | step-ca: valid to its end; ours 5 s, three levels | {removal} \
         | `hosts way` |\n\
         | parser safety | 150 million readings a target with instruments, 0 crashes \
         | {readings} readings, {failures} failures; with instruments not measured | `fuzz` |\n\
         | unauthenticated surface | RLM: rated 9.8 of 10; ours 0 bytes | {port} \
         | `hosts ports` |\n\
         | default credentials, guessed logins | RLM: admin/admin; NIST: 100 failures \
         | not built: there is no login | - |\n\
         | audit tamper evidence | 3 KB a proof, 10,500 events a second | not built | - |\n\
         | dependencies | at most 250 crates, 0 open advisories \
         | {crates} crates; advisories not measured | `Cargo.lock` |\n"
    )
}
