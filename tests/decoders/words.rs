//! Single words: names, ids, addresses, segments, hours.

use super::{Bound, assert_sayable, text_of};
use lictree::client::contract::{Alike, ImportFormat, ScanMethod};
use lictree::edge::scan::{Segment, Window};
use lictree::model::device::DeviceId;
use lictree::model::discovery::MacAddress;
use lictree::model::license::{Metric, Serial};
use lictree::model::moving::Goal;
use lictree::model::name::{ProductName, ServerName, TreeName};
use lictree::model::node_query::{NodeCursor, NodeSort};
use std::fmt::{Debug, Display};
use std::str::FromStr;

const WORD: Bound = Bound { times: 8, plus: 4 << 10 };

pub fn words(bytes: &[u8]) -> bool {
    let Some(text) = text_of(bytes) else { return false };
    let plain = [
        as_written::<TreeName>(text),
        as_written::<ServerName>(text),
        as_written::<ProductName>(text),
        as_written::<Serial>(text),
        as_written::<Metric>(text),
        as_written::<ScanMethod>(text),
    ];
    let spelled = [
        is_stable::<DeviceId>(text),
        is_stable::<NodeCursor>(text),
        is_stable::<Goal>(text),
        is_stable::<MacAddress>(text),
        is_stable::<Segment>(text),
        is_stable::<Window>(text),
        is_stable::<ImportFormat>(text),
    ];
    let told = [text.parse::<NodeSort>().err(), text.parse::<Alike>().err()];
    let known = told.contains(&None);
    told.into_iter().flatten().for_each(assert_sayable);
    plain.contains(&true) || spelled.contains(&true) || known
}

/// A word that is shown exactly as it was written.
fn as_written<T: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) -> bool {
    let taken = is_stable::<T>(text);
    assert!(!taken || text.parse::<T>().is_ok_and(|word| word.to_string() == text));
    taken
}

/// A word that may be written in more than one way, and is shown in one.
fn is_stable<T: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) -> bool {
    match WORD.hold(text.as_bytes(), || text.parse::<T>()) {
        Ok(word) => {
            let shown = word.to_string();
            assert!(shown.parse::<T>().is_ok_and(|again| again == word), "{shown:?}");
            true
        }
        Err(error) => {
            assert_sayable(error);
            false
        }
    }
}
