//! Sets `checked` in builds that are no release: rules can be broken on purpose there, to show that
//! the tests see it, and what this code holds of itself is asserted.
//!
//! `debug_assertions` would do the same and more: it puts checks of the standard library into
//! everything that is made from its generics, which takes a tenth of all building and a quarter of
//! the simulator's time.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(checked)");
    if std::env::var("PROFILE").as_deref() == Ok("debug") {
        println!("cargo::rustc-cfg=checked");
    }
}
