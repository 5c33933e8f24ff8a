//! `[scans]` and every `[[scan]]`: what the server looks for by itself, and what it leaves alone.

use crate::client::contract::ScanMethod;
use crate::edge::codes;
use crate::edge::config::document::{Located, Section};
use crate::edge::scan::refused_segment;
use crate::edge::scan::{BY_HAND, Loopback, Plan, ScanLimits, ScanRules, ScanSettings, Segment};
use std::str::FromStr;
use std::time::Duration;

/// The longest name of a scan, in bytes.
const NAME_BYTES_MAX: usize = 63;
/// The bounds of the time from one start to the next.
const EVERY_MIN: Duration = Duration::from_secs(1);
const EVERY_MAX: Duration = Duration::from_secs(366 * 86_400);

pub(super) fn rules(whole: &mut Section<'_>, limits: &ScanLimits) -> ScanRules {
    let mut section = whole.section("scans");
    let exclude = segments(&mut section, "exclude");
    let loopback = loopback(&mut section);
    section.finish();
    let mut rules = ScanRules { exclude, loopback, planned: Vec::new() };
    for (at, section) in whole.tables("scan").into_iter().enumerate() {
        if at == limits.planned_max {
            let what = format!("more than {at} scans are configured");
            let remedy = "join some of them, or raise planned_max in [limits.scan]";
            whole.complain(codes::CONFIG_VALUE, whole.place_of("scan"), "scan", &what, remedy);
            break;
        }
        let planned = planned(section, &rules, limits);
        rules.planned.extend(planned);
    }
    rules
}

fn loopback(section: &mut Section<'_>) -> Loopback {
    let Some(Located { value, at }) = section.text("loopback") else { return Loopback::Drop };
    match value.as_str() {
        "drop" => Loopback::Drop,
        "keep" => Loopback::Keep,
        other => {
            let what = format!("{other:?} is neither");
            let remedy = "\"drop\" counts what answers there, \"keep\" books it, for trials";
            section.complain(codes::CONFIG_VALUE, at, "loopback", &what, remedy);
            Loopback::Drop
        }
    }
}

fn planned(
    mut section: Section<'_>,
    rules: &ScanRules,
    limits: &ScanLimits,
) -> Option<ScanSettings> {
    let name = name(&mut section, rules);
    let mut settings = ScanSettings::new(name.as_deref().unwrap_or_default(), limits);
    settings.segments = segments(&mut section, "segments");
    if !section.has("segments") {
        section.missing("segments", "add a line like: segments = [\"10.1.0.0/24\"]");
    }
    settings.exclude = segments(&mut section, "exclude");
    methods(&mut section, &mut settings);
    ports(&mut section, &mut settings);
    section.number("rate", &mut settings.rate, 1..=u64::from(limits.rate_max));
    section.number("addresses_max", &mut settings.addresses_max, 1..=limits.addresses_max);
    settings.every = every(&mut section);
    settings.window = section.parsed("window", "\"22:00-05:00\", in the time of this machine");
    settings.auto_manage = auto_manage(&mut section);
    let usable = judge(&section, &settings, rules, limits);
    section.finish();
    (name.is_some() && usable).then_some(settings)
}

/// What is wrong with a scan as a whole is wrong before it ever runs.
fn judge(
    section: &Section<'_>,
    settings: &ScanSettings,
    rules: &ScanRules,
    limits: &ScanLimits,
) -> bool {
    if settings.segments.is_empty() && section.has("segments") {
        let at = section.place_of("segments");
        let remedy = "add a line like: segments = [\"10.1.0.0/24\"]";
        section.complain(codes::CONFIG_VALUE, at, "segments", "no segment is named", remedy);
    }
    if settings.segments.is_empty() {
        return false;
    }
    match Plan::of(settings, rules, limits) {
        Ok(_) => true,
        Err(refusal) => {
            let what = format!("{} ({})", refusal.message, refusal.code);
            let key = if refusal.code == codes::SCAN_METHODS { "methods" } else { "segments" };
            let at = section.place_of(key);
            section.complain(codes::CONFIG_VALUE, at, key, &what, &refusal.hint);
            false
        }
    }
}

fn name(section: &mut Section<'_>, rules: &ScanRules) -> Option<String> {
    let found = section.text("name");
    if !section.has("name") {
        section.missing("name", "add a line like: name = \"office\"");
    }
    let Located { value, at } = found?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let sound = (1..=NAME_BYTES_MAX).contains(&value.len()) && value.chars().all(plain);
    let (what, remedy) = if !sound || value == BY_HAND {
        ("this is no name of a scan", "write 1 to 63 letters, digits, `-`, `_` and `.`")
    } else if rules.planned.iter().any(|one| one.name == value) {
        ("another scan has this name", "give each scan a name of its own")
    } else {
        return Some(value);
    };
    section.complain(codes::CONFIG_VALUE, at, "name", what, remedy);
    None
}

fn segments(section: &mut Section<'_>, key: &'static str) -> Vec<Segment> {
    let mut segments = Vec::new();
    for Located { value, at } in section.texts(key) {
        match Segment::from_str(&value) {
            Ok(segment) => segments.push(segment),
            Err(error) => {
                let refusal = refused_segment(&error);
                let what = format!("{} ({})", refusal.message, refusal.code);
                section.complain(codes::CONFIG_VALUE, at, key, &what, &refusal.hint);
            }
        }
    }
    segments
}

fn methods(section: &mut Section<'_>, settings: &mut ScanSettings) {
    let named = section.texts("methods");
    if !section.has("methods") {
        return;
    }
    settings.methods.clear();
    for Located { value, at } in named {
        match ScanMethod::from_str(&value) {
            Ok(method) => settings.methods.push(method),
            Err(what) => {
                let remedy = "write only methods that there are";
                section.complain(codes::CONFIG_VALUE, at, "methods", &what, remedy);
            }
        }
    }
}

fn ports(section: &mut Section<'_>, settings: &mut ScanSettings) {
    let named = section.numbers("ports", 1..=65_535);
    if section.has("ports") {
        settings.ports = named.into_iter().filter_map(|port| u16::try_from(port).ok()).collect();
    }
}

fn every(section: &mut Section<'_>) -> Option<Duration> {
    let Located { value, at } = section.text("every")?;
    let every = read_time(&value).filter(|time| (EVERY_MIN..=EVERY_MAX).contains(time));
    if every.is_none() {
        let what = format!("{:?} is no time", value.chars().take(40).collect::<String>());
        let remedy = "write a whole number with s, m, h or d: \"6h\", up to 366 days";
        section.complain(codes::CONFIG_VALUE, at, "every", &what, remedy);
    }
    every
}

/// `90s`, `15m`, `6h`, `7d`.
fn read_time(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number = text.strip_suffix(unit).filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
}

/// A product, or `off`, which is the same as nothing.
fn auto_manage(section: &mut Section<'_>) -> Option<crate::model::name::ProductName> {
    let found = section.text("auto_manage")?;
    if found.value == "off" {
        return None;
    }
    section.parsed("auto_manage", "\"inventory\", a product; or \"off\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        let read = |text| read_time(text).map(|time| time.as_secs());
        assert_eq!(
            [read("90s"), read("15m"), read("6h"), read("7d")],
            [Some(90), Some(900), Some(21_600), Some(604_800)]
        );
        for bad in ["", "h", "6", "6 h", "-6h", "6w", "6hh", "99999999999999999999d", "1.5h"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
