//! Every limit of the configuration, with what counts against it now.

use crate::daemon::wall;
use crate::edge::api::Api;
use crate::edge::api::failure::Failure;
use crate::model::view::{LimitView, LimitsView};
use crate::net::Occupied;
use axum::Json;
use axum::extract::State;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

pub(super) async fn show(State(api): State<Api>) -> Result<Json<LimitsView>, Failure> {
    let usage = api.0.port.usage().await?;
    let mut levels: BTreeMap<String, u64> = BTreeMap::new();
    let mut set = |section: &str, name: &str, count: u64| {
        levels.insert(format!("limits.{section}{name}"), count);
    };
    usage.levels.iter().for_each(|(name, count)| set("", name, *count));
    for (name, count) in at_the_door(&api) {
        set("network.", name, count as u64);
    }
    // The fullest of all queues.
    let most = |of: fn(&_) -> u64| usage.neighbours.iter().map(of).max().unwrap_or(0);
    set("network.", "send_queue_frames_max", most(|neighbour| neighbour.queued_frames));
    set("network.", "send_queue_bytes_max", most(|neighbour| neighbour.queued_bytes));
    for (name, count) in at_the_socket(&api) {
        set("api.", name, count as u64);
    }
    if let Some(desk) = &api.0.desk {
        set("scan.", "waiting_max", desk.waiting() as u64);
    }
    let with_use =
        |limit: &LimitView| LimitView { in_use: levels.get(&limit.name).copied(), ..limit.clone() };
    let limits = api.0.stated.iter().map(with_use).collect();
    Ok(Json(LimitsView { as_of: wall(), limits, neighbours: usage.neighbours }))
}

fn at_the_door(api: &Api) -> Vec<(&'static str, usize)> {
    let Some(occupancy) = &api.0.occupancy else { return Vec::new() };
    let now: Occupied = occupancy.now();
    vec![
        ("handshakes_max", now.handshakes),
        ("handshakes_per_network_max", now.handshakes_of_one_network),
        ("connections_max", now.connections),
        ("joins_max", now.joins),
        ("joins_per_address_max", now.joins_of_one_address),
        ("join_addresses_max", now.join_addresses),
    ]
}

fn at_the_socket(api: &Api) -> [(&'static str, usize); 4] {
    let imports = api.0.limits.imports_max.saturating_sub(api.0.imports.available_permits());
    let connections = api.0.connections.load(Ordering::Relaxed);
    let surveys = api.0.limits.surveys_max.saturating_sub(api.0.surveys.available_permits());
    let backups = api.0.limits.backups_max.saturating_sub(api.0.backups.available_permits());
    [
        ("connections_max", connections),
        ("imports_max", imports),
        ("surveys_max", surveys),
        ("backups_max", backups),
    ]
}
