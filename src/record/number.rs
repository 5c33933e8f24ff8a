//! The numbers that stand for the variants of the model's enums. Never renumbered; 0 is none.

use crate::model::account::{Verdict, Want};
use crate::model::device::DeviceState;
use crate::model::holding::{HoldingOption, Phase, Role};
use crate::model::report::Table;
use crate::record::error::RecordError;

/// An enum whose variants have numbers below 128.
pub trait Numbered: Copy {
    fn number(self) -> u32;

    /// The variant of that number.
    fn numbered(number: u32) -> Result<Self, RecordError>;
}

/// One table of numbers for both directions.
macro_rules! numbered {
    ($type:ident, $what:literal: $($variant:ident = $number:literal),+ $(,)?) => {
        impl Numbered for $type {
            #[inline]
            fn number(self) -> u32 {
                match self {
                    $($type::$variant => $number,)+
                }
            }

            #[inline]
            fn numbered(number: u32) -> Result<$type, RecordError> {
                match number {
                    $($number => Ok($type::$variant),)+
                    _ => Err(RecordError::Unknown { what: $what, found: u64::from(number) }),
                }
            }
        }
    };
}
pub(crate) use numbered;

numbered!(Role, "a role": Primary = 1, Relay = 2);
numbered!(HoldingOption, "a holding option": None = 1, Distributed = 2, Registered = 3);
numbered!(Phase, "a phase": Sharing = 1, Taking = 2, Holding = 3, Yielding = 4);
numbered!(Want, "what is wished": Manage = 1, Release = 2);
numbered!(Verdict, "a verdict": Granted = 1, RangeFull = 2, Released = 3, NoRoom = 4);
numbered!(DeviceState, "the state of a device": Discovered = 1, Managed = 2, Ignored = 3);
numbered!(Table, "a table of reports": Figures = 1, Nodes = 2);
