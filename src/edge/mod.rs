//! Where people and other systems touch lictree.

pub mod draw;
pub mod topology;
