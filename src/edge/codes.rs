//! The codes of everything that can be refused, and the page of each.
//!
//! LT01xx configuration, LT02xx licenses and ranges, LT03xx devices, LT04xx network and identity,
//! LT05xx storage, LT06xx requests. A code is never given another meaning.

pub const CONFIG_FILE: &str = "LT0101";
pub const CONFIG_SYNTAX: &str = "LT0102";
pub const CONFIG_VALUE: &str = "LT0103";
pub const CONFIG_MISSING: &str = "LT0104";
pub const CONFIG_UNKNOWN: &str = "LT0105";
pub const VENDOR_KEY: &str = "LT0106";
pub const SOCKET_GROUP: &str = "LT0107";

pub const TOPOLOGY_FILE: &str = "LT0120";
pub const TOPOLOGY_FORM: &str = "LT0121";
pub const TOPOLOGY_TREE: &str = "LT0122";
pub const TOPOLOGY_COUNT: &str = "LT0123";
pub const TOPOLOGY_TABLE: &str = "LT0124";
pub const PLAN_REFUSED: &str = "LT0125";
pub const UP_BUSY: &str = "LT0126";
pub const UP_FOLDER: &str = "LT0127";
pub const UP_DIED: &str = "LT0128";
pub const UP_TOO_SLOW: &str = "LT0129";
pub const VENDOR_KEY_FILE: &str = "LT0130";
pub const LICENSE_NOT_ISSUED: &str = "LT0131";
pub const NOT_FOUNDED: &str = "LT0132";
pub const NOT_ADDED_UP: &str = "LT0240";
pub const UP_PORT: &str = "LT0133";
pub const NOT_AGREED: &str = "LT0134";
pub const NO_FILE: &str = "LT0135";
pub const TOO_FEW_NODES: &str = "LT0136";
pub const NOT_AS_EXPECTED: &str = "LT0137";
pub const SYSTEM: &str = "LT0138";
pub const USAGE: &str = "LT0139";
pub const RULE_BROKEN: &str = "LT0140";

pub const LICENSE_FILE_OTHER: &str = "LT0210";
pub const LICENSE_FILE_FORMAT: &str = "LT0211";
pub const LICENSE_FILE_DAMAGED: &str = "LT0212";
pub const LICENSE_KEY_UNTRUSTED: &str = "LT0213";
pub const LICENSE_FORGED: &str = "LT0214";
pub const LICENSE_TERMS: &str = "LT0215";
pub const LICENSE_KEY_RETIRED: &str = "LT0218";

pub const OF_ANOTHER_SERVER: &str = "LT0303";

pub const IMPORT_TOO_LARGE: &str = "LT0310";
pub const IMPORT_OTHER: &str = "LT0311";
pub const IMPORT_DAMAGED: &str = "LT0312";
pub const IMPORT_BUSY: &str = "LT0313";

pub const SEGMENT: &str = "LT0320";
pub const SEGMENT_REVERSED: &str = "LT0321";
pub const SEGMENT_TOO_LARGE: &str = "LT0322";
pub const SEGMENT_EXCLUDED: &str = "LT0323";
pub const SEGMENTS_TOO_MANY: &str = "LT0324";
pub const SEGMENT_NO_MACHINES: &str = "LT0325";
pub const SCANS_TOO_MANY: &str = "LT0326";
pub const SCAN_NOT_FOUND: &str = "LT0327";
pub const SCAN_OVER: &str = "LT0328";
pub const SCAN_METHODS: &str = "LT0329";
pub const SCAN_UNKNOWN: &str = "LT0330";
pub const SCAN_RATE: &str = "LT0331";
pub const SCAN_NO_PERMISSION: &str = "LT0332";
pub const SCAN_UNASKED: &str = "LT0333";
pub const SCAN_NOBODY_ASKED: &str = "LT0334";

pub const IDENTITY_UNREADABLE: &str = "LT0401";
pub const IDENTITY_LOOSE: &str = "LT0402";
pub const IDENTITY_TIME: &str = "LT0403";
pub const IDENTITY_OTHER: &str = "LT0404";

pub const PLACE: &str = "LT0410";
pub const JOIN_CODE: &str = "LT0430";
pub const JOIN_OTHER: &str = "LT0431";
pub const JOIN_UNREACHABLE: &str = "LT0432";
pub const JOIN_WAITS: &str = "LT0433";
pub const PRIMARY_STAYS: &str = "LT0435";
pub const OTHER_TREE: &str = "LT0449";
pub const ADDRESS: &str = "LT0405";

pub const SERVED: &str = "LT0501";
pub const SOCKET: &str = "LT0507";
pub const BACKUP_DAMAGED: &str = "LT0508";
pub const BACKUP_NEWER: &str = "LT0509";
pub const BACKUP_NOT_MADE: &str = "LT0510";
pub const RESTORE_PLACE: &str = "LT0511";
pub const BACKUP_BUSY: &str = "LT0512";

pub const STOPPING: &str = "LT0691";
pub const TOO_LATE: &str = "LT0692";
pub const REQUEST_UNREADABLE: &str = "LT0693";
pub const NO_SUCH_PATH: &str = "LT0694";
pub const BODY_TOO_LARGE: &str = "LT0695";
pub const UNEXPECTED_ANSWER: &str = "LT0697";
pub const NOT_ADMITTED: &str = "LT0698";

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(($code, include_str!(concat!("../../docs/errors/", $code, ".md")))),*]
    };
}

/// Every code with its page, in order.
const PAGES: &[(&str, &str)] = pages! {
    "LT0101" "LT0102" "LT0103" "LT0104" "LT0105" "LT0106" "LT0107"
    "LT0120" "LT0121" "LT0122" "LT0123" "LT0124" "LT0125" "LT0126" "LT0127" "LT0128" "LT0129"
    "LT0130" "LT0131" "LT0132" "LT0133" "LT0134" "LT0135" "LT0136" "LT0137" "LT0138" "LT0139"
    "LT0140"
    "LT0201" "LT0202" "LT0203" "LT0204" "LT0205" "LT0206" "LT0207" "LT0208" "LT0209"
    "LT0210" "LT0211" "LT0212" "LT0213" "LT0214" "LT0215" "LT0216" "LT0217" "LT0218" "LT0219"
    "LT0220" "LT0221" "LT0222" "LT0223" "LT0224" "LT0225" "LT0226" "LT0227"
    "LT0228"
    "LT0230" "LT0231" "LT0232" "LT0233" "LT0234" "LT0235" "LT0240" "LT0241" "LT0242" "LT0243"
    "LT0244" "LT0250"
    "LT0301" "LT0302" "LT0303" "LT0304" "LT0305" "LT0306" "LT0307" "LT0308" "LT0309"
    "LT0310" "LT0311" "LT0312" "LT0313" "LT0314" "LT0315" "LT0316" "LT0317" "LT0318" "LT0319"
    "LT0320" "LT0321" "LT0322" "LT0323" "LT0324" "LT0325" "LT0326" "LT0327" "LT0328" "LT0329"
    "LT0330" "LT0331" "LT0332" "LT0333" "LT0334" "LT0335"
    "LT0401" "LT0402" "LT0403" "LT0404" "LT0405"
    "LT0410" "LT0412" "LT0413" "LT0414" "LT0415" "LT0416" "LT0417" "LT0418" "LT0419" "LT0420"
    "LT0421" "LT0422" "LT0423" "LT0424" "LT0425" "LT0426" "LT0427" "LT0428" "LT0429"
    "LT0430" "LT0431" "LT0432" "LT0433" "LT0434" "LT0435" "LT0436" "LT0438" "LT0439"
    "LT0441" "LT0442" "LT0443" "LT0444" "LT0445" "LT0446" "LT0447" "LT0448" "LT0449"
    "LT0501" "LT0502" "LT0503" "LT0504" "LT0505" "LT0506" "LT0507" "LT0508" "LT0509"
    "LT0510" "LT0511" "LT0512" "LT0513" "LT0514"
    "LT0601" "LT0602" "LT0603" "LT0604" "LT0605"
    "LT0690" "LT0691" "LT0692" "LT0693" "LT0694" "LT0695" "LT0696" "LT0697" "LT0698"
};

/// A code as its page has it, however it was typed: `lt0203`, `203`.
pub fn spelled(typed: &str) -> String {
    let typed = typed.trim().to_uppercase();
    let digits = typed.strip_prefix("LT").unwrap_or(&typed);
    match digits.parse::<u16>() {
        Ok(number) => format!("LT{number:04}"),
        Err(_) => typed,
    }
}

/// What a code means, what to look at and what to do; nothing when there is no such code.
pub fn explain(code: &str) -> Option<&'static str> {
    let page = PAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code))?;
    Some(page.1)
}

/// Every code that has a page, in order.
pub fn known() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(code, _)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_page_has_an_entry_and_says_what_it_is() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().is_some_and(|name| name != "README.md"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        let entries: BTreeSet<String> = known().map(str::to_string).collect();
        assert_eq!(pages, entries);
        for (code, page) in PAGES {
            assert!(page.starts_with(&format!("# {code}: ")), "{code} begins otherwise");
            let lines = page.lines().count();
            assert!((5..=14).contains(&lines), "{code} has {lines} lines");
        }
    }

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        assert!(explain("lt0690").unwrap().contains("socket"));
        assert_eq!(explain("LT9999"), None);
        assert_eq!(["224", "0224", "lt224", " LT0224"].map(spelled), ["LT0224"; 4]);
        assert_eq!(spelled("help"), "HELP");
    }

    /// A code in the source that nobody could look up is of no use.
    #[test]
    fn every_code_in_the_source_has_a_page() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![folder];
        let mut missing = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.ends_with("tests") {
                    folders.push(path);
                    continue;
                }
                if path.is_dir() || path.ends_with("tests.rs") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                for part in code.split("\"LT").skip(1) {
                    let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                    if digits.is_empty() {
                        continue;
                    }
                    let code = format!("LT{digits}");
                    if part[digits.len()..].starts_with('"') && explain(&code).is_none() {
                        missing.insert(format!("{code} of {}", path.display()));
                    }
                }
            }
        }
        assert_eq!(missing, BTreeSet::new());
    }
}
