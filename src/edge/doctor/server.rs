//! Whether a server runs on the folder, and what it says of itself.

use crate::client::{Client, ClientError};
use crate::edge::config::Configuration;
use crate::edge::doctor::{About, Finding};
use crate::model::time::Timestamp;
use crate::model::view::StatusView;
use std::io::{self, ErrorKind};
use std::path::Path;
use tokio::net::UnixStream;

/// What stands behind the socket.
pub(super) enum Running {
    /// Nobody: there is no socket, or one that a crash left.
    Not,
    Answers {
        status: Box<StatusView>,
        /// The moment of its newest event.
        newest: Option<Timestamp>,
    },
    /// The socket may not be opened.
    Closed(io::Error),
    /// Somebody listens, and says no or nothing.
    Silent(ClientError),
}

impl Running {
    pub(super) fn status(&self) -> Option<&StatusView> {
        match self {
            Running::Answers { status, .. } => Some(status),
            _ => None,
        }
    }
}

pub(super) async fn ask(data_dir: &Path) -> Running {
    let client = Client::of_data_dir(data_dir);
    match UnixStream::connect(client.socket()).await {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Running::Closed(error),
        Err(_) => return Running::Not,
    }
    match client.status().await {
        Ok(status) => {
            let newest = client.events(0, 1).await.ok().and_then(|events| Some(events.last()?.at));
            Running::Answers { status: Box::new(status), newest }
        }
        Err(error) => Running::Silent(error),
    }
}

pub(super) fn look(running: &Running, configuration: Option<&Configuration>) -> Finding {
    let about = About::Server;
    let status = match running {
        Running::Not => {
            let remedy = "start it: `lictree serve --config FILE`, or `systemctl start lictree`";
            return Finding::warning(about, "no server runs on this folder", remedy);
        }
        Running::Closed(error) => {
            let remedy = "run this as the server's user, or as a member of its `socket_group`";
            return Finding::bad(about, format!("its socket may not be opened: {error}"), remedy);
        }
        Running::Silent(error) => return Finding::bad(about, error.to_string(), error.hint()),
        Running::Answers { status, .. } => status,
    };
    let StatusView { tree, name, parent, connected, .. } = &**status;
    if let Some(known) = configuration.filter(|known| (&known.tree, &known.name) != (tree, name)) {
        let text = format!(
            "{name} of the tree {tree} answers; the configuration is of {} of the tree {}",
            known.name, known.tree
        );
        return Finding::bad(
            about,
            text,
            "name the folder or the configuration that belongs to it",
        );
    }
    if let Some(refusal) = &status.attach_refusal {
        let text = format!("{name} answers; {} ({})", refusal.message, refusal.code);
        return Finding::bad(about, text, refusal.hint.clone());
    }
    if let Some(short) = &status.disk_short {
        let text = format!("{name} answers; its disk is full: {short}");
        return Finding::bad(about, text, "make room; `lictree explain LT0513` says what goes on");
    }
    match parent {
        _ if !connected => {
            let text = format!("{name} answers; it is not connected to the primary");
            Finding::warning(about, text, "`lictree status` says where it ends; see parent, too")
        }
        Some(parent) => Finding::ok(about, format!("{name} answers, connected to {parent}")),
        None => Finding::ok(about, format!("{name} answers")),
    }
}
