//! Lists of machines: read off the owner's task, then booked piece by piece.

use crate::client::contract::{ImportFormat, ImportOutcome, SkippedRow};
use crate::edge::api::failure::Failure;
use crate::edge::api::{Api, read};
use crate::edge::codes;
use crate::edge::import::{self, Import, ImportError};
use crate::model::discovery::Found;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Request};
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ImportQuery {
    format: ImportFormat,
}

pub(super) async fn import(
    State(api): State<Api>,
    query: Result<Query<ImportQuery>, QueryRejection>,
    body: Body,
) -> Result<Json<ImportOutcome>, Failure> {
    let format = read::query(query)?.format;
    // Before the body: a file that waits takes as much memory as one that is read.
    let _place = api.0.imports.try_acquire().map_err(|_| Failure::ImportBusy)?;
    let bytes = read::bytes(body, api.0.import.bytes_max, api.0.limits.body_timeout).await?;
    let mut list = parsed(&api, bytes, format).await?;
    let found = std::mem::take(&mut list.found);
    let (new, known) = book(&api, found).await?;
    Ok(Json(outcome(list, new, known)))
}

async fn parsed(api: &Api, bytes: Vec<u8>, format: ImportFormat) -> Result<Import, Failure> {
    let limits = api.0.import;
    let reading = tokio::task::spawn_blocking(move || import::read(&bytes, format, &limits));
    // Only a panic while reading ends here otherwise.
    let read = reading.await.map_err(|_| Failure::Unexpected)?;
    let list = read.map_err(|error| refused(&error))?;
    match list.skipped.first() {
        _ if !list.found.is_empty() => Ok(list),
        Some(first) if list.format != ImportFormat::NmapXml => {
            Err(refused(&ImportError::NoMachine { rows: list.rows, first: *first }))
        }
        _ => Err(refused(&ImportError::NoHosts)),
    }
}

/// Hands the machines over in pieces; says how many were in place when it is refused midway.
async fn book(api: &Api, found: Vec<Found>) -> Result<(u64, u64), Failure> {
    let (mut new_all, mut known_all) = (0, 0);
    let mut rest = found.into_iter();
    loop {
        let piece: Vec<Found> = rest.by_ref().take(api.0.limits.import_batch_max).collect();
        if piece.is_empty() {
            return Ok((new_all, known_all));
        }
        match api.ask(Request::Import { found: piece }).await {
            Ok(Answer::Imported { new, known }) => {
                new_all += new;
                known_all += known;
            }
            Ok(_) => return Err(Failure::Unexpected),
            Err(Failure::Refused(mut refusal)) if new_all + known_all > 0 => {
                let taken = new_all + known_all;
                refusal.message.push_str(&format!("; {taken} machines before were taken"));
                return Err(Failure::Refused(refusal));
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn outcome(list: Import, new: u64, known: u64) -> ImportOutcome {
    let skipped = list.skipped.iter();
    ImportOutcome {
        format: list.format,
        rows: list.rows,
        new,
        known,
        skipped_total: list.skipped_total,
        skipped: skipped
            .map(|row| SkippedRow { line: row.line, reason: row.reason.to_string() })
            .collect(),
        names_refused: list.names_refused,
        names_refused_at: list.names_refused_at,
    }
}

fn refused(error: &ImportError) -> Failure {
    use ImportError as Error;
    let (code, hint) = match error {
        Error::TooLarge { .. } | Error::TooManyRows { .. } => (
            codes::IMPORT_TOO_LARGE,
            "split the file, or raise the limit under [limits.import] in the configuration",
        ),
        Error::Empty
        | Error::Utf16
        | Error::NothingRead { .. }
        | Error::NoMachine { .. }
        | Error::NotNmap { .. } => (
            codes::IMPORT_OTHER,
            "give the output of `nmap -oX FILE`, `arp -an`, `ip neigh` or `show lldp neighbors \
             detail`, or name its `--format`",
        ),
        Error::Utf16Unmarked => (
            codes::IMPORT_OTHER,
            "`iconv -f UTF-16LE -t UTF-8 FILE > NEW` (or UTF-16BE), and import NEW",
        ),
        Error::NoHosts => (
            codes::IMPORT_OTHER,
            "scan again: `nmap -sn -oX FILE SEGMENT`; or let the server find them: `lictree scan \
             run --segment SEGMENT`",
        ),
        Error::NoColumns { .. } => (
            codes::IMPORT_OTHER,
            "name the columns in the first row: `ip address` or `mac`, and `host name`",
        ),
        Error::Io { .. } | Error::NotAFile(_) => {
            (codes::IMPORT_OTHER, "name a file that can be read")
        }
        Error::NotUtf8 { .. }
        | Error::DocumentType { .. }
        | Error::Entity { .. }
        | Error::TooDeep { .. }
        | Error::TooManyAttributes { .. }
        | Error::NotWellFormed { .. }
        | Error::EndsInTheMiddle { .. } => {
            (codes::IMPORT_DAMAGED, "run the scan again with `nmap -oX FILE`, and import FILE")
        }
    };
    Failure::Refused(Refusal::new(code, error.to_string(), hint))
}
