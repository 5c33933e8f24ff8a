//! Every limit and time of the configuration by name, with the bounds within which it works.
//!
//! The upper bounds keep a slip of the finger from taking all memory; they are no advice.

use crate::daemon::pace::PaceLimits;
use crate::daemon::room::RoomLimits;
use crate::daemon::settings::DaemonLimits;
use crate::edge::api::ApiLimits;
use crate::edge::config::Limits;
use crate::edge::config::document::Section;
use crate::edge::import::ImportLimits;
use crate::edge::scan::ScanLimits;
use crate::model::tuning::Tuning;
use crate::net::NetLimits;
use crate::wire::WireLimits;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const HOUR_S: u64 = 3_600;
const MILLION: u64 = 1_000_000;

/// Reads `[times]` and `[limits]` with the tables in it.
pub(super) fn limits(whole: &mut Section<'_>) -> Limits {
    let mut limits = Limits::default();
    let mut times = whole.section("times");
    tuning_times(&mut times, &mut limits.tuning);
    daemon_times(&mut times, &mut limits.daemon);
    net_times(&mut times, &mut limits.net);
    api_times(&mut times, &mut limits.api);
    scan_times(&mut times, &mut limits.scan);
    times.finish();

    let mut section = whole.section("limits");
    tuning_limits(&mut section, &mut limits.tuning);
    daemon_limits(&mut section, &mut limits.daemon);
    let mut network = section.section("network");
    net_limits(&mut network, &mut limits.net);
    network.finish();
    limits.wire.frame_len_max = limits.net.frame_bytes_max as usize;
    let mut disk = section.section("disk");
    room_limits(&mut disk, &mut limits.daemon.room);
    disk.finish();
    let mut pace = section.section("pace");
    pace_limits(&mut pace, &mut limits.daemon.pace);
    pace.finish();
    let mut wire = section.section("wire");
    wire_limits(&mut wire, &mut limits.wire);
    wire.finish();
    let mut api = section.section("api");
    api_limits(&mut api, &mut limits.api);
    api.finish();
    let mut import = section.section("import");
    import_limits(&mut import, &mut limits.import);
    import.finish();
    let mut scan = section.section("scan");
    scan_limits(&mut scan, &mut limits.scan);
    scan.finish();
    section.finish();
    limits
}

fn tuning_times(times: &mut Section<'_>, tuning: &mut Tuning) {
    times.time("presence_interval_ms", &mut tuning.presence_interval, 10..=HOUR_S * 1_000);
    times.time("retry_interval_ms", &mut tuning.retry_interval, 10..=HOUR_S * 1_000);
    times.time("attach_interval_ms", &mut tuning.attach_interval, 1..=HOUR_S * 1_000);
    times.time("answer_wait_ms", &mut tuning.answer_wait, 10..=600_000);
    times.time("checkpoint_interval_ms", &mut tuning.checkpoint_interval, 10..=HOUR_S * 1_000);
    times.time("certificate_life_s", &mut tuning.certificate_life, 10..=366 * 24 * HOUR_S);
    times.time("renewal_interval_ms", &mut tuning.renewal_interval, 1..=60_000);
    times.time(
        "reconcile_interval_ms",
        &mut tuning.reconcile_interval,
        1_000..=24 * HOUR_S * 1_000,
    );
    times.time("heads_interval_ms", &mut tuning.heads_interval, 10..=60_000);
    times.time("unproven_max_ms", &mut tuning.unproven_max, 1_000..=24 * HOUR_S * 1_000);
    times.time("clock_look_interval_ms", &mut tuning.clock_look_interval, 10..=60_000);
    let interval = &mut tuning.license_time_interval;
    times.time("license_time_interval_ms", interval, 100..=HOUR_S * 1_000);
    times.time("move_interval_ms", &mut tuning.move_interval, 10..=24 * HOUR_S * 1_000);
    times.time(
        "refusals_noted_interval_ms",
        &mut tuning.refusals_noted_interval,
        1..=HOUR_S * 1_000,
    );
}

fn daemon_times(times: &mut Section<'_>, daemon: &mut DaemonLimits) {
    times.time("hello_timeout_ms", &mut daemon.hello_timeout, 100..=600_000);
    times.time("redial_first_ms", &mut daemon.redial_first, 1..=HOUR_S * 1_000);
    times.time("redial_longest_ms", &mut daemon.redial_longest, 1..=HOUR_S * 1_000);
    times.time("renewal_retry_ms", &mut daemon.renewal_retry, 10..=24 * HOUR_S * 1_000);
    times.time("disk_look_interval_ms", &mut daemon.room.look_interval, 10..=60_000);
    times.time("stop_grace_ms", &mut daemon.stop_grace, 0..=HOUR_S * 1_000);
}

fn net_times(times: &mut Section<'_>, net: &mut NetLimits) {
    times.time("handshake_timeout_ms", &mut net.handshake_timeout, 100..=600_000);
    times.time("join_request_timeout_ms", &mut net.join_request_timeout, 100..=600_000);
    times.time("join_timeout_ms", &mut net.join_timeout, 100..=600_000);
    times.time("idle_timeout_ms", &mut net.idle_timeout, 100..=HOUR_S * 1_000);
    times.time("keep_alive_interval_ms", &mut net.keep_alive_interval, 10..=HOUR_S * 1_000);
}

fn api_times(times: &mut Section<'_>, api: &mut ApiLimits) {
    times.time("api_header_timeout_ms", &mut api.header_timeout, 10..=600_000);
    times.time("api_body_timeout_ms", &mut api.body_timeout, 10..=HOUR_S * 1_000);
    times.time("invite_life_max_s", &mut api.invite_life_max, 60..=366 * 24 * HOUR_S);
}

fn scan_times(times: &mut Section<'_>, scan: &mut ScanLimits) {
    times.time("scan_answer_wait_ms", &mut scan.answer_wait, 10..=60_000);
    times.time("scan_name_wait_ms", &mut scan.name_wait, 10..=60_000);
}

fn tuning_limits(limits: &mut Section<'_>, tuning: &mut Tuning) {
    limits.number("checkpoint_log_bytes", &mut tuning.checkpoint_log_bytes, MIB..=64 * GIB);
    limits.number("checkpoint_rows_max", &mut tuning.checkpoint_rows_max, 1..=100 * MILLION);
    limits.number("entry_commands_max", &mut tuning.entry_commands_max, 1..=65_536);
    limits.number("entry_bytes_max", &mut tuning.entry_bytes_max, KIB..=512 * KIB);
    limits.number("in_flight_bytes_max", &mut tuning.in_flight_bytes_max, MIB..=GIB);
    limits.number("report_rows_max", &mut tuning.report_rows_max, 1..=4_096);
    limits.number("report_window", &mut tuning.report_window, 1..=256);
    limits.number("wishes_per_letter_max", &mut tuning.wishes_per_letter_max, 1..=4_096);
    limits.number("moves_per_letter_max", &mut tuning.moves_per_letter_max, 1..=512);
    limits.number("wishes_repeated_max", &mut tuning.wishes_repeated_max, 1..=MILLION);
    limits.number(
        "pack_entries_per_letter_max",
        &mut tuning.pack_entries_per_letter_max,
        1..=4_096,
    );
    limits.number("pack_parts_max", &mut tuning.pack_parts_max, 1..=MILLION);
    limits.number("pack_bytes_max", &mut tuning.pack_bytes_max, MIB..=32 * MIB);
    limits.number("packs_gathered_max", &mut tuning.packs_gathered_max, 1..=MILLION);
    limits.number("servers_max", &mut tuning.servers_max, 1..=MILLION);
    limits.number("depth_max", &mut tuning.depth_max, 1..=256);
    limits.number("children_max", &mut tuning.children_max, 1..=100_000);
    limits.number("path_bytes_max", &mut tuning.path_bytes_max, 63..=65_536);
    limits.number("invites_max", &mut tuning.invites_max, 1..=100_000);
    limits.number("attaches_burst", &mut tuning.attaches_burst, 1..=MILLION);
    limits.number("products_max", &mut tuning.products_max, 1..=MILLION);
    limits.number("devices_max", &mut tuning.devices_max, 1..=100 * MILLION);
    limits.number("licenses_max", &mut tuning.licenses_max, 1..=MILLION);
    limits.number("claims_max", &mut tuning.claims_max, 1..=10 * MILLION);
    limits.number("events_kept", &mut tuning.events_kept, 1..=10 * MILLION);
    limits.number("waiting_requests_max", &mut tuning.waiting_requests_max, 1..=MILLION);
    limits.number("page_rows_max", &mut tuning.page_rows_max, 1..=100_000);
    limits.number("rows_looked_at_max", &mut tuning.rows_looked_at_max, 1_000..=1_000_000);
}

fn daemon_limits(limits: &mut Section<'_>, daemon: &mut DaemonLimits) {
    limits.number("inbox_max", &mut daemon.inbox_max, 1..=65_536);
    limits.number("log_queue_max", &mut daemon.log_queue_max, 1..=4_096);
    limits.number("log_cache_bytes", &mut daemon.log_cache_bytes, 0..=4 * GIB);
    limits.number("rows_cache_bytes", &mut daemon.rows_cache_bytes, 0..=64 * GIB);
}

fn room_limits(disk: &mut Section<'_>, room: &mut RoomLimits) {
    disk.number("reserve_bytes", &mut room.reserve_bytes, 0..=GIB);
    disk.number("free_bytes_min", &mut room.free_bytes_min, 0..=64 * GIB);
}

fn net_limits(network: &mut Section<'_>, net: &mut NetLimits) {
    network.number("handshakes_max", &mut net.handshakes_max, 1..=65_536);
    network.number("handshakes_retry_above", &mut net.handshakes_retry_above, 0..=65_536);
    network.number("handshakes_per_network_max", &mut net.handshakes_per_network_max, 0..=65_536);
    network.number("socket_receive_bytes", &mut net.socket_receive_bytes, 0..=256 * MIB);
    network.number("handshake_buffer_bytes", &mut net.handshake_buffer_bytes, 4 * KIB..=MIB);
    network.number("handshake_buffers_bytes", &mut net.handshake_buffers_bytes, 64 * KIB..=GIB);
    network.number("arrivals_max", &mut net.arrivals_max, 1..=65_536);
    network.number("connections_max", &mut net.connections_max, 1..=100_000);
    network.number("streams_max", &mut net.streams_max, 1..=1_024);
    network.number("receive_window_bytes", &mut net.receive_window_bytes, 64 * KIB..=64 * MIB);
    network.number("send_window_bytes", &mut net.send_window_bytes, 64 * KIB..=64 * MIB);
    network.number("frame_bytes_max", &mut net.frame_bytes_max, 64 * KIB..=16 * MIB);
    network.number("send_queue_frames_max", &mut net.send_queue_frames_max, 1..=MILLION);
    network.number("send_queue_bytes_max", &mut net.send_queue_bytes_max, 64 * KIB..=GIB);
    join_limits(network, net);
}

fn join_limits(network: &mut Section<'_>, net: &mut NetLimits) {
    network.number("join_bytes_max", &mut net.join_bytes_max, 4 * KIB..=64 * KIB);
    network.number("joins_max", &mut net.joins_max, 1..=1_024);
    network.number("joins_per_address_max", &mut net.joins_per_address_max, 1..=1_024);
    let per_minute = &mut net.joins_per_address_per_minute;
    network.number("joins_per_address_per_minute", per_minute, 1..=60_000);
    network.number("join_addresses_max", &mut net.join_addresses_max, 1..=MILLION);
}

fn pace_limits(section: &mut Section<'_>, pace: &mut PaceLimits) {
    section.number("connections_per_minute", &mut pace.connections_per_minute, 1..=60_000);
    section.number("connections_burst", &mut pace.connections_burst, 1..=MILLION);
    section.number("letters_per_second", &mut pace.letters_per_second, 1..=10 * MILLION);
    section.number("letters_burst", &mut pace.letters_burst, 1..=100 * MILLION);
    section.number("rows_per_second", &mut pace.rows_per_second, 1..=10 * MILLION);
    section.number("rows_burst", &mut pace.rows_burst, 1..=100 * MILLION);
    section.number("letters_of_a_forged_one", &mut pace.letters_of_a_forged_one, 1..=MILLION);
}

fn wire_limits(section: &mut Section<'_>, wire: &mut WireLimits) {
    section.number("hello_len_max", &mut wire.hello_len_max, KIB..=64 * KIB);
    section.number("accounts_max", &mut wire.accounts_max, 1..=65_536);
    section.number("entries_max", &mut wire.entries_max, 1..=65_536);
    section.number("lower_max", &mut wire.lower_max, 1..=65_536);
    section.number("names_max", &mut wire.names_max, 1..=MILLION);
    section.number("products_max", &mut wire.products_max, 1..=65_536);
    section.number("rows_max", &mut wire.rows_max, 1..=4_096);
    section.number("moves_max", &mut wire.moves_max, 1..=4_096);
    section.number("wishes_max", &mut wire.wishes_max, 1..=65_536);
    section.number("depth_max", &mut wire.depth_max, 1..=256);
    section.number("text_len_max", &mut wire.text_len_max, 255..=64 * KIB);
}

fn api_limits(section: &mut Section<'_>, api: &mut ApiLimits) {
    section.number("connections_max", &mut api.connections_max, 1..=10_000);
    section.number("header_bytes_max", &mut api.header_bytes_max, 8 * KIB..=MIB);
    section.number("body_bytes_max", &mut api.body_bytes_max, KIB..=64 * MIB);
    section.number("imports_max", &mut api.imports_max, 1..=16);
    section.number("surveys_max", &mut api.surveys_max, 1..=16);
    section.number("backups_max", &mut api.backups_max, 1..=4);
    section.number("import_batch_max", &mut api.import_batch_max, 1..=10_000);
}

fn import_limits(section: &mut Section<'_>, import: &mut ImportLimits) {
    section.number("bytes_max", &mut import.bytes_max, KIB..=4 * GIB);
    section.number("rows_max", &mut import.rows_max, 1..=100 * MILLION);
    section.number("host_names_max", &mut import.host_names_max, 0..=100 * MILLION);
    section.number("skipped_listed_max", &mut import.skipped_listed_max, 0..=100_000);
    section.number("line_bytes_max", &mut import.line_bytes_max, 80..=MIB);
    section.number("xml_depth_max", &mut import.xml_depth_max, 4..=256);
    section.number("xml_attributes_max", &mut import.xml_attributes_max, 8..=1_024);
}

fn scan_limits(section: &mut Section<'_>, scan: &mut ScanLimits) {
    section.number("segments_max", &mut scan.segments_max, 1..=4_096);
    section.number("exclusions_max", &mut scan.exclusions_max, 0..=65_536);
    section.number("addresses_max", &mut scan.addresses_max, 1..=16 * MILLION);
    section.number("rate_max", &mut scan.rate_max, 1..=MILLION);
    section.number("ports_max", &mut scan.ports_max, 1..=1_024);
    section.number("connections_max", &mut scan.connections_max, 1..=65_536);
    section.number("neighbours_max", &mut scan.neighbours_max, 1..=MILLION);
    section.number("names_at_once", &mut scan.names_at_once, 1..=64);
    section.number("batch_max", &mut scan.batch_max, 1..=10_000);
    section.number("waiting_max", &mut scan.waiting_max, 1..=1_024);
    section.number("kept_max", &mut scan.kept_max, 1..=10_000);
    section.number("planned_max", &mut scan.planned_max, 0..=4_096);
}
