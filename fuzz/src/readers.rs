//! The readers of `tests/decoders` for libFuzzer: the one that `LICTREE_FUZZ_TARGET` names.
//!
//! One program for all of them: instruments keep a program from being stripped to what it uses, so
//! each would have the whole library, 100 MB, and a minute of linking. Memory is libFuzzer's to
//! watch here; `tests/fuzz.rs` measures it.
#![no_main]

#[expect(dead_code, reason = "how its bytes are made up is for the twin")]
#[path = "../../tests/decoders/mod.rs"]
mod decoders;
mod memory;

use std::sync::LazyLock;

static CHECK: LazyLock<fn(&[u8]) -> bool> = LazyLock::new(|| {
    let name = std::env::var("LICTREE_FUZZ_TARGET").unwrap_or_default();
    let target = decoders::TARGETS.iter().find(|target| target.name == name);
    let names: Vec<&str> = decoders::TARGETS.iter().map(|target| target.name).collect();
    let target = target.unwrap_or_else(|| panic!("set LICTREE_FUZZ_TARGET to one of {names:?}"));
    target.check
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    CHECK(bytes);
});
