//! What a doctor found: about what, how bad, and what to do.

use serde::Serialize;

/// What a finding is about. The words are the contract of `--json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    Configuration,
    Permissions,
    Certificate,
    Clock,
    DiskSpace,
    DiskSync,
    Port,
    Parent,
    Server,
    Version,
}

impl About {
    pub const ALL: [About; 10] = [
        About::Configuration,
        About::Permissions,
        About::Certificate,
        About::Clock,
        About::DiskSpace,
        About::DiskSync,
        About::Port,
        About::Parent,
        About::Server,
        About::Version,
    ];

    /// The same word as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            About::Configuration => "configuration",
            About::Permissions => "permissions",
            About::Certificate => "certificate",
            About::Clock => "clock",
            About::DiskSpace => "disk-space",
            About::DiskSync => "disk-sync",
            About::Port => "port",
            About::Parent => "parent",
            About::Server => "server",
            About::Version => "version",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Ok,
    /// It does not apply here, or could not be looked at for a reason that another finding has.
    Skipped,
    /// To be looked at: it works, or will again without help.
    Warning,
    /// It does not work, or soon will not.
    Bad,
}

/// One thing that was looked at. Of one `About` there may be several, each with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    #[serde(rename = "id")]
    pub about: About,
    pub state: State,
    /// A sentence: what was found.
    pub text: String,
    /// What to do; nothing where there is nothing to do.
    pub remedy: Option<String>,
}

impl Finding {
    pub fn ok(about: About, text: impl Into<String>) -> Finding {
        Finding { about, state: State::Ok, text: text.into(), remedy: None }
    }

    pub fn skipped(about: About, text: impl Into<String>) -> Finding {
        Finding { about, state: State::Skipped, text: text.into(), remedy: None }
    }

    pub fn warning(about: About, text: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { about, state: State::Warning, text: text.into(), remedy: Some(remedy.into()) }
    }

    pub fn bad(about: About, text: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { about, state: State::Bad, text: text.into(), remedy: Some(remedy.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_people_are_those_for_scripts() {
        for about in About::ALL {
            assert_eq!(serde_json::to_value(about).unwrap(), about.word());
        }
    }
}
