//! States as few bits: a checker keeps millions of them.
//!
//! `packed!` makes a struct of small figures, each with its width in bits; `choice!` makes a small
//! enum that fits into one. A figure that outgrows its bits stops the run: it would be another
//! state than the one meant.

/// What can be written into bits and read back. Widths are in bits, and not heeded by what knows
/// its own.
pub trait Bits: Copy {
    fn bits(width: u32) -> u32;

    /// In the lowest bits of the word; all above are zero.
    fn to_bits(&self, width: u32) -> u128;

    /// Whatever stands above is not heeded.
    fn from_bits(width: u32, word: u128) -> Self;
}

pub fn to_word<T: Bits>(value: &T) -> u128 {
    value.to_bits(0)
}

pub fn from_word<T: Bits>(word: u128) -> T {
    T::from_bits(0, word)
}

/// Two values in one word.
pub fn join<A: Bits, B: Bits>(low: &A, high: &B) -> u128 {
    assert!(A::bits(0) + B::bits(0) <= u128::BITS, "both do not fit into a word");
    low.to_bits(0) | high.to_bits(0) << A::bits(0)
}

pub fn part<A: Bits, B: Bits>(word: u128) -> (A, B) {
    (A::from_bits(0, word), B::from_bits(0, word >> A::bits(0)))
}

impl Bits for u8 {
    #[inline(always)]
    fn bits(width: u32) -> u32 {
        width
    }

    #[inline(always)]
    fn to_bits(&self, width: u32) -> u128 {
        assert!(self >> width == 0, "a figure outgrows its bits");
        u128::from(*self)
    }

    #[inline(always)]
    fn from_bits(width: u32, word: u128) -> u8 {
        word as u8 & ((1 << width) - 1)
    }
}

impl Bits for bool {
    #[inline(always)]
    fn bits(_: u32) -> u32 {
        1
    }

    #[inline(always)]
    fn to_bits(&self, _: u32) -> u128 {
        u128::from(*self)
    }

    #[inline(always)]
    fn from_bits(_: u32, word: u128) -> bool {
        word & 1 == 1
    }
}

impl<T: Bits + Default, const N: usize> Bits for [T; N] {
    #[inline(always)]
    fn bits(width: u32) -> u32 {
        T::bits(width) * N as u32
    }

    #[inline(always)]
    fn to_bits(&self, width: u32) -> u128 {
        let mut word = 0;
        for value in self.iter().rev() {
            word = word << T::bits(width) | value.to_bits(width);
        }
        word
    }

    #[inline(always)]
    fn from_bits(width: u32, mut word: u128) -> [T; N] {
        let mut all = [T::default(); N];
        for value in &mut all {
            *value = T::from_bits(width, word);
            word >>= T::bits(width);
        }
        all
    }
}

/// A struct of figures: `name: type = width in bits`; no width for what knows its own.
macro_rules! packed {
    ($(#[$about:meta])* pub struct $name:ident {
        $($(#[$said:meta])* pub $field:ident: $type:ty $(= $width:literal)?,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name { $($(#[$said])* pub $field: $type,)* }

        impl $crate::bits::Bits for $name {
            #[inline(always)]
            fn bits(_: u32) -> u32 {
                0 $(+ <$type as $crate::bits::Bits>::bits(0 $(+ $width)?))*
            }

            #[inline(always)]
            fn to_bits(&self, _: u32) -> u128 {
                let (word, at) = (0, 0);
                $(
                    let word = word | self.$field.to_bits(0 $(+ $width)?) << at;
                    let at = at + <$type as $crate::bits::Bits>::bits(0 $(+ $width)?);
                )*
                assert!(at <= u128::BITS, "it does not fit into a word");
                word
            }

            #[inline(always)]
            fn from_bits(_: u32, word: u128) -> $name {
                let at = 0;
                $(
                    let $field =
                        <$type as $crate::bits::Bits>::from_bits(0 $(+ $width)?, word >> at);
                    let at = at + <$type as $crate::bits::Bits>::bits(0 $(+ $width)?);
                )*
                let _ = at;
                $name { $($field,)* }
            }
        }
    };
}

/// An enum of at most four, in two bits; the first is the default.
macro_rules! choice {
    ($(#[$about:meta])* pub enum $name:ident {
        $(#[$first_said:meta])* $first:ident, $($(#[$said:meta])* $other:ident,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $(#[$first_said])*
            #[default]
            $first,
            $($(#[$said])* $other,)*
        }

        impl $crate::bits::Bits for $name {
            #[inline(always)]
            fn bits(_: u32) -> u32 {
                2
            }

            #[inline(always)]
            fn to_bits(&self, _: u32) -> u128 {
                (*self as u8).to_bits(2)
            }

            #[inline(always)]
            fn from_bits(_: u32, word: u128) -> $name {
                [$name::$first, $($name::$other,)*][usize::from(u8::from_bits(2, word))]
            }
        }
    };
}

pub(crate) use {choice, packed};

#[test]
fn what_was_packed_is_read_back() {
    packed! {
        pub struct Wide {
            pub first: [u8; 15] = 7,
            pub flag: bool,
            pub last: u8 = 6,
        }
    }
    let first = [127, 0, 1, 2, 3, 4, 5, 6, 100, 7, 8, 9, 10, 11, 12];
    let wide = Wide { first, flag: true, last: 33 };
    assert_eq!(Wide::bits(0), 112);
    assert_eq!(from_word::<Wide>(to_word(&wide)), wide);
    assert_eq!(part::<Wide, bool>(join(&wide, &true)), (wide, true));
}
