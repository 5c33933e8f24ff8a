//! Names of trees, servers and products.
//!
//! A name is typed by people, drawn in tables and put into certificates, so it is plain:
//! lower-case letters, digits, `-`, `_` and `.`, starting with a letter or digit.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name, in bytes (JP1-63 allows 255 for a whole path; one name needs less).
pub const NAME_LEN_MAX: usize = 63;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name is empty; give it 1 to {NAME_LEN_MAX} characters")]
    Empty,
    #[error("a name of {0} bytes is too long; at most {NAME_LEN_MAX} are allowed")]
    TooLong(usize),
    #[error(
        "the name {0:?} is not plain: use lower-case letters, digits, '-', '_' and '.', \
         and start with a letter or digit"
    )]
    NotPlain(String),
}

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_LEN_MAX {
        return Err(NameError::TooLong(text.len()));
    }
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    let first = text.as_bytes()[0];
    if !text.bytes().all(plain) || !(first.is_ascii_lowercase() || first.is_ascii_digit()) {
        return Err(NameError::NotPlain(text.to_string()));
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Below every name; where a search in an ordered map begins.
            pub fn lowest() -> Self {
                Self(Arc::from(""))
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(Arc::from(text)))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of a tree; part of every identity in it.
    TreeName
);
name_type!(
    /// The name of a server, unique in its tree.
    ServerName
);
name_type!(
    /// What a license is for.
    ProductName
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_taken_and_others_refused() {
        for good in ["a", "site-7", "10.west_b", "x".repeat(63).as_str()] {
            assert_eq!(good.parse::<ServerName>().map(String::from), Ok(good.to_string()));
        }
        for bad in ["", "-a", "A", "a b", "ä", "a/b", "a\u{1b}[0m", "x".repeat(64).as_str()] {
            assert!(bad.parse::<ServerName>().is_err(), "{bad:?} was taken");
        }
    }

    proptest::proptest! {
        /// Half of the texts are nearly names, so that both answers come up.
        #[test]
        fn a_text_is_a_name_in_one_spelling_or_none(
            text in "\\PC{0,80}|[a-z0-9][a-z0-9._-]{0,70}|[a-z0-9._-]{1,8}[A-Z\\x00-\\x1fä ]?",
        ) {
            let first = text.chars().next().unwrap_or(' ');
            let plain = |c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.');
            let is_name = (1..=63).contains(&text.len())
                && text.chars().all(plain)
                && !matches!(first, '-' | '_' | '.');
            let read = text.parse::<ServerName>();
            proptest::prop_assert_eq!(read.is_ok(), is_name, "{:?}", text);
            if let Ok(name) = read {
                proptest::prop_assert_eq!(name.to_string(), text.to_lowercase());
            }
        }
    }
}
