//! What a server with nothing to do costs: its start and its memory.
//!
//! Run: `cargo bench --bench idle`.

#[path = "../measure/mod.rs"]
#[allow(dead_code)]
mod measure;

#[path = "../manage/product/mod.rs"]
#[allow(dead_code)]
mod product;

mod cost;

fn main() {
    if measure::asked_for() {
        println!("{}", cost::measure());
    }
}
