//! Where people and other systems touch lictree.
//!
//! - `serve`: the daemon as a process. `config`: what it is told. `api`: what it is asked.
//! - `import`: lists of machines. `codes`: what every refusal's code means.

pub mod api;
pub mod codes;
pub mod config;
pub mod import;
pub mod serve;
