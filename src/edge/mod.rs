//! Where people and other systems touch lictree.
//!
//! - `cli`: the command line, one file for each noun. `terminal`: who is at the other end.
//! - `draw`: what is shown: tables and the tree. `codes`: what every refusal's code means.
//! - `serve`: the daemon as a process. `config`: what it is told. `api`: what it is asked.
//! - `notify`: what it tells the service manager that started it.
//! - `topology`: whole trees described in a folder, to show, to plan with. `up`: to run.
//! - `import`: lists of machines that a site already has. `discovered`: choosing among them.
//! - `scan`: finding the machines of a site.
//! - `doctor`: whether a server has what it needs from its machine and its neighbours.
//! - `founding`: folders of new servers; `joining`: their keys until then. `vendor_key`,
//!   `private_file`: secrets in files.
//! - `license_refusal`: what people are told of a license file that is not taken.

pub mod api;
pub mod cli;
pub mod codes;
pub mod config;
pub mod discovered;
pub mod doctor;
pub mod draw;
pub mod founding;
pub mod import;
pub mod joining;
pub mod license_refusal;
pub mod notify;
pub mod private_file;
pub mod scan;
pub mod serve;
pub mod terminal;
pub mod topology;
pub mod up;
pub mod vendor_key;
