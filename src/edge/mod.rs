//! Where people and other systems touch lictree.
//!
//! - `cli`: the command line, one file for each noun.
//! - `draw`: what it shows: tables and the tree.
//! - `topology`: whole trees described in a folder, to show, to plan with, to start.
//! - `import`: lists of machines that a site already has.

pub mod cli;
pub mod draw;
pub mod import;
pub mod private_file;
pub mod topology;
