//! Where people and other systems touch lictree.

pub mod draw;
pub mod import;
pub mod topology;
