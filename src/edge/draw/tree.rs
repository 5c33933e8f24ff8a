//! The tree of servers with its ranges: one table for each product.
//!
//! ```text
//!   server       range  option           held  used  remaining  …
//!   a                1  primary           100    55         45
//!   ├── b            1  shares with a
//!   │   └── d        2  distributed        10     7          3
//!   └── c            3  distributed        40    32          8
//!       └── e        3  shares with c
//! ```
//! The counts of a range stand beside its source; whoever shares shows only its own devices.

use crate::edge::draw::age;
use crate::edge::draw::ink::{Ink, Tone};
use crate::edge::draw::table::{Cell, Lean, Table};
use crate::model::count::LicenseCount;
use crate::model::holding::{HoldingOption, Phase, Role};
use crate::model::name::{ProductName, ServerName};
use crate::model::time::Timestamp;
use crate::model::view::{HoldingView, RangeView, RangesView, ServerView, ServersView};
use std::collections::{BTreeMap, BTreeSet};

/// Which columns are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Counts only: the same tree gives the same text at any time.
    Counts,
    /// Also who is online, and how old each count is; what says least is left out where a line
    /// would have more than this many characters.
    Live { width: usize },
}

/// The whole tree, product by product.
pub fn tree(servers: &ServersView, ranges: &RangesView, columns: Columns, ink: Ink) -> String {
    let places = places(&servers.servers);
    let products: BTreeSet<&ProductName> =
        ranges.ranges.iter().map(|range| &range.product).collect();
    let one = |product: &&ProductName| {
        let title = ink.paint(&format!("product {product}"), Tone::Strong);
        format!("{title}\n\n{}", table(&places, ranges, product, columns).text(ink))
    };
    if products.is_empty() {
        return format!("no product yet\n\n{}", bare(&places).text(ink));
    }
    products.iter().map(one).collect::<Vec<String>>().join("\n")
}

/// Destinations of a range that are named in a list of ranges.
const DESTINATIONS_FEW: usize = 3;

/// The ranges as a table, numbered in their order.
pub fn ranges(view: &RangesView, ink: Ink) -> String {
    ranges_naming(DESTINATIONS_FEW, view, ink)
}

/// The same with every destination.
pub fn ranges_whole(view: &RangesView, ink: Ink) -> String {
    ranges_naming(usize::MAX, view, ink)
}

fn ranges_naming(destinations_max: usize, view: &RangesView, ink: Ink) -> String {
    let mut table = Table::new(vec![
        ("range", Lean::Right),
        ("product", Lean::Left),
        ("source", Lean::Left),
        ("destinations", Lean::Left),
        ("held", Lean::Right),
        ("used", Lean::Right),
        ("remaining", Lean::Right),
        ("shortage", Lean::Right),
        ("in transit", Lean::Right),
        ("as of", Lean::Left),
    ]);
    let mut number = 0;
    let mut product = None;
    for range in &view.ranges {
        number = if product == Some(&range.product) { number + 1 } else { 1 };
        product = Some(&range.product);
        let names = listed(&range.destinations, destinations_max);
        let mut row = vec![Cell::plain(number), Cell::plain(&range.product)];
        row.extend([Cell::plain(&range.source), Cell::plain(names)]);
        row.extend(range_cells(range));
        row.push(Cell::new(age::ago(view.as_of, range.as_of), Tone::Faint));
        table.row(row);
    }
    table.text(ink)
}

/// At most so many names, and how many more there are.
fn listed(names: &[ServerName], max: usize) -> String {
    let shown: Vec<&str> = names.iter().take(max).map(ServerName::as_str).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A server and what stands before its name.
struct Place<'a> {
    server: &'a ServerView,
    branch: String,
}

/// All servers, depth first, by name among siblings; servers with an unknown parent begin a tree.
fn places(servers: &[ServerView]) -> Vec<Place<'_>> {
    let known: BTreeSet<&ServerName> = servers.iter().map(|server| &server.name).collect();
    let mut below: BTreeMap<Option<&ServerName>, Vec<&ServerView>> = BTreeMap::new();
    for server in servers {
        let parent = server.parent.as_ref().filter(|parent| known.contains(parent));
        below.entry(parent).or_default().push(server);
    }
    below.values_mut().for_each(|servers| servers.sort_by_key(|server| &server.name));
    let mut places = Vec::new();
    // A server, and what the lines of its children begin with before their own branch.
    let mut ahead: Vec<(&ServerView, String, String)> = Vec::new();
    let first = below.remove(&None).unwrap_or_default();
    ahead.extend(first.into_iter().rev().map(|server| (server, String::new(), String::new())));
    while let Some((server, branch, stem)) = ahead.pop() {
        places.push(Place { server, branch });
        let children = below.remove(&Some(&server.name)).unwrap_or_default();
        for (from_end, child) in children.into_iter().rev().enumerate() {
            let (branch, rest) =
                if from_end == 0 { ("└── ", "    ") } else { ("├── ", "│   ") };
            ahead.push((child, format!("{stem}{branch}"), format!("{stem}{rest}")));
        }
    }
    places
}

fn table(
    places: &[Place<'_>],
    view: &RangesView,
    product: &ProductName,
    columns: Columns,
) -> Table {
    let ranges: Vec<&RangeView> =
        view.ranges.iter().filter(|range| &range.product == product).collect();
    let mut table = heading(columns);
    for place in places {
        let holding = place.server.holdings.iter().find(|holding| &holding.product == product);
        let number = ranges.iter().position(|range| has_member(range, &place.server.name));
        let own = ranges.iter().find(|range| range.source == place.server.name);
        let mut row = vec![Cell::plain(format!("{}{}", place.branch, place.server.name))];
        row.push(number.map_or_else(Cell::empty, |number| Cell::plain(number + 1)));
        row.push(option_cell(place.server, holding, &ranges));
        row.extend(own.map_or_else(|| vec![Cell::empty(); 5], |range| range_cells(range)));
        row.push(Cell::plain(holding.map_or(0, |holding| holding.managed.0)));
        row.push(Cell::plain(place.server.nodes.discovered));
        if matches!(columns, Columns::Live { .. }) {
            row.extend(live_cells(place.server, own.copied(), view.as_of));
        }
        table.row(row);
    }
    table.row(sum_row(places, &ranges, product));
    if let Columns::Live { width } = columns {
        table.fit(width, &["in transit", "shortage"], &SPARE);
    }
    table
}

/// What a narrow terminal goes without, first to last; the state of a server is never cut.
const SPARE: [&str; 10] = [
    "as of",
    "range",
    "discovered",
    "in transit",
    "managed",
    "option",
    "remaining",
    "shortage",
    "used",
    "held",
];

fn heading(columns: Columns) -> Table {
    let mut titles = vec![
        ("server", Lean::Left),
        ("range", Lean::Right),
        ("option", Lean::Left),
        ("held", Lean::Right),
        ("used", Lean::Right),
        ("remaining", Lean::Right),
        ("shortage", Lean::Right),
        ("in transit", Lean::Right),
        ("managed", Lean::Right),
        ("discovered", Lean::Right),
    ];
    if matches!(columns, Columns::Live { .. }) {
        titles.extend([("state", Lean::Left), ("as of", Lean::Left)]);
    }
    Table::new(titles)
}

fn sum_row(places: &[Place<'_>], ranges: &[&RangeView], product: &ProductName) -> Vec<Cell> {
    let of_ranges = |count: fn(&RangeView) -> LicenseCount| -> Cell {
        Cell::new(ranges.iter().map(|range| count(range)).sum::<LicenseCount>(), Tone::Faint)
    };
    let managed = places.iter().flat_map(|place| &place.server.holdings);
    let managed = managed.filter(|holding| &holding.product == product);
    let managed: LicenseCount = managed.map(|holding| holding.managed).sum();
    let discovered: u64 = places.iter().map(|place| place.server.nodes.discovered).sum();
    vec![
        Cell::new("total", Tone::Faint),
        Cell::empty(),
        Cell::empty(),
        of_ranges(|range| range.held),
        of_ranges(|range| range.used),
        of_ranges(|range| range.remaining),
        of_ranges(|range| range.shortage),
        of_ranges(|range| range.in_transit),
        Cell::new(managed, Tone::Faint),
        Cell::new(discovered, Tone::Faint),
    ]
}

fn has_member(range: &RangeView, server: &ServerName) -> bool {
    &range.source == server || range.destinations.contains(server)
}

/// What the server holds by, or whom it shares with, and whether that is still changing.
fn option_cell(server: &ServerView, holding: Option<&HoldingView>, ranges: &[&RangeView]) -> Cell {
    let option = holding.map_or(HoldingOption::None, |holding| holding.option);
    let source = holding.and_then(|holding| holding.source.as_ref()).or_else(|| {
        ranges.iter().find(|range| has_member(range, &server.name)).map(|range| &range.source)
    });
    let text = match (server.role, option, source) {
        (Role::Primary, _, _) => return Cell::plain("primary"),
        (_, HoldingOption::Distributed, _) => "distributed".to_string(),
        (_, HoldingOption::Registered, _) => "registered".to_string(),
        (_, _, Some(source)) => format!("shares with {source}"),
        (_, _, None) => "not known yet".to_string(),
    };
    match holding.map(|holding| holding.phase) {
        Some(Phase::Taking) => Cell::new("taking over", Tone::Notable),
        Some(Phase::Yielding) => Cell::new("yielding", Tone::Notable),
        _ => Cell::plain(text),
    }
}

fn range_cells(range: &RangeView) -> Vec<Cell> {
    let unless_zero = |count: LicenseCount, tone: Tone| {
        Cell::new(count, if count == LicenseCount::ZERO { Tone::Plain } else { tone })
    };
    vec![
        Cell::plain(range.held),
        Cell::plain(range.used),
        Cell::plain(range.remaining),
        unless_zero(range.shortage, Tone::Bad),
        unless_zero(range.in_transit, Tone::Notable),
    ]
}

fn live_cells(server: &ServerView, own: Option<&RangeView>, now: Timestamp) -> Vec<Cell> {
    let state = match server.online {
        true => Cell::new("online", Tone::Good),
        false => Cell::new("offline", Tone::Bad),
    };
    let known = own.and_then(|range| range.as_of).or(server.last_seen);
    vec![state, Cell::new(age::ago(now, known), Tone::Faint)]
}

/// The servers of a tree in which nothing is licensed.
fn bare(places: &[Place<'_>]) -> Table {
    let mut table = Table::new(vec![("server", Lean::Left), ("discovered", Lean::Right)]);
    for place in places {
        let name = Cell::plain(format!("{}{}", place.branch, place.server.name));
        table.row(vec![name, Cell::plain(place.server.nodes.discovered)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::view::NodeCounts;

    const NOW: Timestamp = Timestamp(60_000);

    fn name(text: &str) -> ServerName {
        text.parse().unwrap()
    }

    fn server(text: &str, parent: Option<&str>, option: HoldingOption) -> ServerView {
        let holding = HoldingView {
            product: "cad".parse().unwrap(),
            option,
            phase: if option == HoldingOption::None { Phase::Sharing } else { Phase::Taking },
            source: None,
            held: LicenseCount::ZERO,
            used: LicenseCount::ZERO,
            managed: LicenseCount(3),
            in_transit: LicenseCount::ZERO,
        };
        ServerView {
            name: name(text),
            role: if parent.is_none() { Role::Primary } else { Role::Relay },
            parent: parent.map(name),
            online: text != "west",
            last_seen: Some(Timestamp(48_000)),
            software: String::new(),
            title: String::new(),
            standing: "member".to_string(),
            address: String::new(),
            certificate: None,
            clock_ahead_ms: None,
            clock: None,
            lag_rows: None,
            holdings: vec![holding],
            nodes: NodeCounts { discovered: 2, managed: 3, ignored: 0 },
        }
    }

    fn range(source: &str, destinations: &[&str], held: u64, used: u64) -> RangeView {
        let (held, used) = (LicenseCount(held), LicenseCount(used));
        RangeView {
            product: "cad".parse().unwrap(),
            source: name(source),
            destinations: destinations.iter().map(|text| name(text)).collect(),
            held,
            used,
            remaining: held.above(used),
            shortage: used.above(held),
            in_transit: LicenseCount(1),
            as_of: Some(NOW),
        }
    }

    fn views() -> (ServersView, RangesView) {
        let servers = vec![
            server("west", Some("hq"), HoldingOption::Distributed),
            server("hq", None, HoldingOption::None),
            server("lab", Some("east"), HoldingOption::None),
            server("east", Some("hq"), HoldingOption::None),
        ];
        let ranges = vec![range("hq", &["east", "lab"], 10, 9), range("west", &[], 2, 3)];
        (ServersView { as_of: NOW, servers }, RangesView { as_of: NOW, ranges })
    }

    #[test]
    fn counts_stand_beside_the_source_of_a_range() {
        let (servers, ranges) = views();
        let expected = "\
product cad

server       range  option          held  used  remaining  shortage  in transit  managed  discovered
hq               1  primary           10     9          1         0           1        3           2
├── east         1  shares with hq                                                     3           2
│   └── lab      1  shares with hq                                                     3           2
└── west         2  taking over        2     3          0         1           1        3           2
total                                 12    12          1         1           2       12           8
";
        assert_eq!(tree(&servers, &ranges, Columns::Counts, Ink::Plain), expected);
    }

    #[test]
    fn the_live_drawing_says_who_is_away_and_how_old_counts_are() {
        let (servers, ranges) = views();
        let drawn = tree(&servers, &ranges, Columns::Live { width: 200 }, Ink::Plain);
        let line = |name: &str| drawn.lines().find(|line| line.contains(name)).unwrap();
        assert!(line("── west").ends_with("  offline  now"), "{drawn}");
        assert!(line("── lab").ends_with("  online   12 s ago"), "{drawn}");
        let narrow = tree(&servers, &ranges, Columns::Live { width: 80 }, Ink::Plain);
        assert!(narrow.contains("  state\n") && !narrow.contains("as of"), "{narrow}");
        let line = |width| {
            let drawn = tree(&servers, &ranges, Columns::Live { width }, Ink::Plain);
            drawn.lines().find(|line| line.contains("── west")).unwrap().to_string()
        };
        for width in 20..100 {
            let drawn = line(width);
            assert!(drawn.chars().count() <= width, "{width}: {drawn}");
            assert!(drawn.contains("  offline"), "{width}: {drawn}");
        }
        let colored = tree(&servers, &ranges, Columns::Live { width: 200 }, Ink::Color);
        assert!(colored.contains("\u{1b}[1;31moffline\u{1b}[0m"));
    }

    #[test]
    fn a_tree_without_a_product_and_one_seen_from_within_are_drawn() {
        let (mut servers, mut ranges) = views();
        ranges.ranges.clear();
        servers.servers.retain(|server| server.name.as_str() != "hq");
        let drawn = tree(&servers, &ranges, Columns::Counts, Ink::Plain);
        let expected = "\
no product yet

server   discovered
east              2
└── lab           2
west              2
";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn long_lists_of_destinations_are_cut() {
        let (_, mut ranges) = views();
        let many = ["s1", "s2", "s3", "s4", "s5"].map(name);
        ranges.ranges[0].destinations = many.to_vec();
        let drawn = super::ranges(&ranges, Ink::Plain);
        assert!(drawn.contains("s1, s2, s3 and 2 more  "), "{drawn}");
        let whole = ranges_whole(&ranges, Ink::Plain);
        assert!(whole.contains("s1, s2, s3, s4, s5  "), "{whole}");
        assert!(drawn.lines().last().unwrap().starts_with("    2  cad      west"), "{drawn}");
    }
}
