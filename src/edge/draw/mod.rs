//! What people see on a terminal: tables, and the tree of servers with its ranges.
//!
//! - `ink`: colour, and where there is none.
//! - `table`: aligned columns.
//! - `tree`: the servers as a tree, each with its counts.
//! - `age`: how long ago, in few letters.
//! - `page`: a page of the documentation.
//!
//! Everything here makes text from values; nothing reads a clock or writes to a stream.

pub mod age;
pub mod ink;
pub mod page;
pub mod table;
pub mod tree;
