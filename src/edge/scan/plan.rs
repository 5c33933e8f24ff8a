//! What one scan is told: read of the configuration or of a request, judged as a whole.

use crate::client::contract::{ScanBody, ScanMethod};
use crate::edge::codes;
use crate::edge::scan::ScanLimits;
use crate::edge::scan::refusal::refused_segment;
use crate::edge::scan::segment::{Segment, SegmentError, SegmentLimits, Targets};
use crate::edge::scan::window::Window;
use crate::model::name::ProductName;
use crate::model::refusal::Refusal;
use std::net::IpAddr;
use std::time::Duration;

/// The name of a scan that no configuration has.
pub const BY_HAND: &str = "by hand";

/// Probes in a second, where nothing else is said.
const RATE: u32 = 1_000;
/// Ports that machines of an office have open or refuse: remote shells, web, file sharing.
const PORTS: [u16; 4] = [22, 80, 443, 445];
/// What is used where nothing is said. Announcements are heard at a port of this machine that is
/// open to its links for the time: that must be wished for.
const METHODS: [ScanMethod; 4] =
    [ScanMethod::Neighbours, ScanMethod::Icmp, ScanMethod::Tcp, ScanMethod::Names];

/// What becomes of machines that are found at 127.0.0.0/8 and ::1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// They are counted, and not booked: such an address says nothing outside its machine.
    #[default]
    Drop,
    /// They are booked as any other: for trials on one machine.
    Keep,
}

/// What the configuration says of all scans, and the scans in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanRules {
    /// What no scan looks at.
    pub exclude: Vec<Segment>,
    pub loopback: Loopback,
    pub planned: Vec<ScanSettings>,
}

/// One scan as somebody wrote it, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanSettings {
    pub name: String,
    pub segments: Vec<Segment>,
    pub exclude: Vec<Segment>,
    pub methods: Vec<ScanMethod>,
    pub ports: Vec<u16>,
    /// Probes in a second.
    pub rate: u32,
    /// Addresses it may look at; the limit of all scans holds too.
    pub addresses_max: u64,
    /// From one start to the next; without it, only by hand.
    pub every: Option<Duration>,
    /// The hours in which it asks.
    pub window: Option<Window>,
    pub auto_manage: Option<ProductName>,
}

impl ScanSettings {
    pub fn new(name: &str, limits: &ScanLimits) -> ScanSettings {
        ScanSettings {
            name: name.to_string(),
            segments: Vec::new(),
            exclude: Vec::new(),
            methods: METHODS.to_vec(),
            ports: PORTS.to_vec(),
            rate: RATE.min(limits.rate_max),
            addresses_max: limits.addresses_max,
            every: None,
            window: None,
            auto_manage: None,
        }
    }
}

/// One scan, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub name: String,
    /// As somebody wrote them.
    pub segments: Vec<String>,
    pub targets: Targets,
    /// What is left alone whatever finds it.
    pub exclude: Vec<Segment>,
    /// In their order, each once.
    pub methods: Vec<ScanMethod>,
    /// Each once.
    pub ports: Vec<u16>,
    pub rate: u32,
    pub window: Option<Window>,
    /// The hours to which it does not keep: somebody asked for it by name.
    pub waived: Option<Window>,
    pub auto_manage: Option<ProductName>,
}

impl Plan {
    /// # Errors
    /// A refusal that says what of it cannot be.
    pub fn of(
        settings: &ScanSettings,
        rules: &ScanRules,
        limits: &ScanLimits,
    ) -> Result<Plan, Refusal> {
        let exclude: Vec<Segment> =
            rules.exclude.iter().chain(&settings.exclude).cloned().collect();
        let bounds = SegmentLimits {
            segments_max: limits.segments_max,
            exclusions_max: limits.exclusions_max,
            addresses_max: limits.addresses_max.min(settings.addresses_max),
        };
        let targets = Targets::of(&settings.segments, &exclude, &bounds);
        let targets = targets.map_err(|error| refused_segment(&error))?;
        let methods = methods(&settings.methods)?;
        let ports = match methods.contains(&ScanMethod::Tcp) {
            true => ports(&settings.ports, limits)?,
            false => Vec::new(),
        };
        Ok(Plan {
            name: settings.name.clone(),
            segments: settings.segments.iter().map(Segment::to_string).collect(),
            targets,
            exclude,
            methods,
            ports,
            rate: rate(settings.rate, limits)?,
            window: settings.window,
            waived: None,
            auto_manage: settings.auto_manage.clone(),
        })
    }

    pub fn uses(&self, method: ScanMethod) -> bool {
        self.methods.contains(&method)
    }

    /// Whether the address is one that must be left alone.
    pub fn excludes(&self, address: IpAddr) -> bool {
        self.exclude.iter().any(|segment| segment.contains(address))
    }

    /// What a request asks for.
    ///
    /// # Errors
    /// As [`Plan::of`], and when no scan of that name is configured.
    pub fn asked(body: &ScanBody, rules: &ScanRules, limits: &ScanLimits) -> Result<Plan, Refusal> {
        let mut settings = match &body.name {
            Some(name) => configured(name, body, rules)?,
            None => ScanSettings::new(BY_HAND, limits),
        };
        let read = |texts: &[String], max: usize, what: &'static str| {
            // Before they are read: thousands of them shall cost nothing.
            if texts.len() > max {
                let error = SegmentError::TooMany { what, count: texts.len(), max };
                return Err(refused_segment(&error));
            }
            let read = texts.iter().map(|text| text.parse::<Segment>());
            read.collect::<Result<Vec<_>, _>>().map_err(|error| refused_segment(&error))
        };
        let segments = read(&body.segments, limits.segments_max, "segments")?;
        if !segments.is_empty() {
            settings.segments = segments;
        }
        settings.exclude.extend(read(&body.exclude, limits.exclusions_max, "exclusions")?);
        settings.methods = body.methods.clone().unwrap_or(settings.methods);
        settings.ports = body.ports.clone().unwrap_or(settings.ports);
        settings.rate = body.rate.unwrap_or(settings.rate);
        settings.auto_manage = body.auto_manage.clone().or(settings.auto_manage);
        // Somebody is there who wants it now.
        let waived = settings.window.take();
        let plan = Plan::of(&settings, rules, limits)?;
        Ok(Plan { waived, ..plan })
    }
}

fn configured(name: &str, body: &ScanBody, rules: &ScanRules) -> Result<ScanSettings, Refusal> {
    let known = rules.planned.iter().find(|one| one.name == name);
    let refused = |message: String, hint: String| Refusal::new(codes::SCAN_UNKNOWN, message, hint);
    match known {
        Some(_) if !body.segments.is_empty() => Err(refused(
            format!("the scan {name} has segments of its own in the configuration"),
            "name either a configured scan or segments".to_string(),
        )),
        Some(known) => Ok(known.clone()),
        None => {
            let name: String = name.chars().take(80).collect();
            let names: Vec<&str> = rules.planned.iter().map(|one| one.name.as_str()).collect();
            let hint = match names.is_empty() {
                true => "name segments, `lictree scan run --segment 10.1.0.0/24`; or add [[scan]] \
                         to the server's configuration"
                    .to_string(),
                false => format!("there are {}", names.join(", ")),
            };
            Err(refused(format!("no scan {name:?} is configured"), hint))
        }
    }
}

fn methods(named: &[ScanMethod]) -> Result<Vec<ScanMethod>, Refusal> {
    let mut methods = named.to_vec();
    methods.sort();
    methods.dedup();
    if methods.iter().all(|method| *method == ScanMethod::Names) {
        return Err(Refusal::new(
            codes::SCAN_METHODS,
            "none of the methods named finds a machine",
            "name one or more of neighbours, icmp, tcp, mdns",
        ));
    }
    Ok(methods)
}

fn ports(named: &[u16], limits: &ScanLimits) -> Result<Vec<u16>, Refusal> {
    let max = limits.ports_max;
    // In the order they were written: the likely ones first.
    let mut ports: Vec<u16> = Vec::new();
    for port in named.iter().take(max + 1) {
        if !ports.contains(port) {
            ports.push(*port);
        }
    }
    if ports.is_empty() || ports.contains(&0) || named.len() > max {
        return Err(Refusal::new(
            codes::SCAN_METHODS,
            format!("the method tcp needs 1 to {max} ports from 1 to 65535"),
            "name them: `--ports 22,443`, or `ports` in [[scan]]; or leave the method out",
        ));
    }
    Ok(ports)
}

fn rate(rate: u32, limits: &ScanLimits) -> Result<u32, Refusal> {
    let max = limits.rate_max;
    if (1..=max).contains(&rate) {
        return Ok(rate);
    }
    Err(Refusal::new(
        codes::SCAN_RATE,
        format!("a rate of {rate} probes a second is out of bounds"),
        format!("give a rate from 1 to {max}; or change rate_max in [limits.scan]"),
    ))
}
