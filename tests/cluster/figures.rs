//! What a server shows that lasts: ranges, servers, nodes and licenses, without what only says how
//! things are at the moment.

use crate::site::{Process, run};
use lictree::client::ClientError;
use lictree::model::node_query::NodeQuery;
use serde::Serialize;
use serde_json::{Map, Value};

/// Fields that tell of a moment: when somebody was heard, from where, and how far it was then.
const OF_THE_MOMENT: [&str; 8] = [
    "as_of",
    "last_seen",
    "address",
    "clock_ahead_ms",
    "clock",
    "lag_rows",
    "online",
    "certificate",
];

fn lasting(shown: impl Serialize) -> Value {
    let mut value = serde_json::to_value(shown).unwrap();
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !OF_THE_MOMENT.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(all) => all.iter_mut().for_each(strip),
        _ => {}
    }
}

/// All of it, as one value.
pub fn figures(server: &Process) -> Result<Value, ClientError> {
    let client = server.client();
    run(async {
        let mut all = Map::new();
        // A relay that holds nothing has no range to show, and says so.
        let ranges = match client.ranges().await {
            Err(ClientError::Refused(refusal)) => lasting(refusal),
            other => lasting(other?),
        };
        all.insert("ranges".to_string(), ranges);
        all.insert("servers".to_string(), lasting(client.servers().await?));
        all.insert("licenses".to_string(), lasting(client.licenses().await?));
        let query = NodeQuery { limit: 1_000, ..NodeQuery::default() };
        all.insert("nodes".to_string(), lasting(client.nodes(&query).await?));
        Ok(Value::Object(all))
    })
}

/// The kinds and texts of all events.
pub fn events(server: &Process) -> Vec<(String, String)> {
    let events = run(server.client().events(0, 1_000)).unwrap();
    events.into_iter().map(|event| (event.kind, event.text)).collect()
}
