//! One request over the socket and its answer.

use crate::client::contract::{Alike, ErrorBody, LOG_INDEX};
use crate::client::{Client, ClientError};
use crate::model::device::DeviceState;
use crate::model::name::ServerName;
use crate::model::node_query::{NodeFilter, NodeQuery, NodeSort};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::fmt::Write;
use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_util::task::AbortOnDropHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
}

/// The head of an answer; its body comes as long as this is kept.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    pub(super) _connection: AbortOnDropHandle<()>,
}

impl Client {
    /// Sends `body` to `path` and reads the answer, all within `deadline`.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        deadline: Duration,
    ) -> Result<T, ClientError> {
        let whole = self.exchange(method, path, body);
        let answered = tokio::time::timeout(deadline, whole).await;
        let (status, bytes) = answered.map_err(|_| self.late(deadline))??;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| self.unreadable(error));
        }
        Err(self.told(status, &bytes))
    }

    /// What an answer says that is no success.
    pub(super) fn told(&self, status: StatusCode, bytes: &[u8]) -> ClientError {
        match serde_json::from_slice::<ErrorBody>(bytes) {
            Ok(told) if status.is_server_error() => ClientError::Unable(told.error),
            Ok(told) => ClientError::Refused(told.error),
            Err(error) => self.unreadable(error),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        // The connection ends with this call.
        let Answer { response, _connection } = self.send(method, path, body).await?;
        Ok((response.status(), self.body_of(response).await?))
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer, ClientError> {
        self.log_index.store(0, Ordering::Relaxed);
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.deaf(&error))?;
        let broken = |error: hyper::Error| self.broken(error.to_string());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let connection = tokio::spawn(async move { drop(connection.await) });
        let connection = AbortOnDropHandle::new(connection);
        let method = match method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "lictree")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.unreadable(error))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        self.log_index.store(log_index(&response).unwrap_or(0), Ordering::Relaxed);
        Ok(Answer { response, _connection: connection })
    }

    pub(super) async fn body_of(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let bytes_max = self.limits.answer_bytes_max;
        match Limited::new(response.into_body(), bytes_max).collect().await {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(self.unreadable(format!("it has more than {bytes_max} bytes")))
            }
            Err(error) => Err(self.broken(error.to_string())),
        }
    }

    /// The answer broke off.
    pub(super) fn broken(&self, why: String) -> ClientError {
        self.unreachable(why, "look at the server's log, then ask again")
    }

    /// There was none in time.
    pub(super) fn late(&self, deadline: Duration) -> ClientError {
        let hint = "ask again: what was asked twice is done once; is the machine overloaded?";
        self.unreachable(format!("none came within {} s", deadline.as_secs()), hint)
    }

    fn deaf(&self, error: &std::io::Error) -> ClientError {
        let start = "start it: `lictree serve --config FILE`; or name its folder: `--data DIR`";
        let (why, hint) = match error.kind() {
            ErrorKind::NotFound => ("there is no such socket".to_string(), start),
            ErrorKind::ConnectionRefused => ("nobody listens there".to_string(), start),
            ErrorKind::PermissionDenied => (
                error.to_string(),
                "run this as the server's user, or as a member of its `socket_group`",
            ),
            _ => (error.to_string(), start),
        };
        self.unreachable(why, hint)
    }

    fn unreachable(&self, why: String, hint: &str) -> ClientError {
        ClientError::Unreachable { socket: self.socket.clone(), why, hint: hint.to_string() }
    }

    pub(super) fn unreadable(&self, why: impl ToString) -> ClientError {
        let hint = "compare versions: `lictree --version`, and `software` of `lictree status`";
        let hint = hint.to_string();
        ClientError::Unreadable { socket: self.socket.clone(), why: why.to_string(), hint }
    }
}

fn log_index(response: &Response<Incoming>) -> Option<u64> {
    response.headers().get(LOG_INDEX)?.to_str().ok()?.parse().ok()
}

/// A path with its question mark.
pub(super) struct Query {
    path: String,
    sign: char,
}

impl Query {
    pub(super) fn nodes(asked: &NodeQuery, count: bool) -> Query {
        let mut query = Query::filtered("/v1/nodes", &asked.filter);
        if asked.sort != NodeSort::Id {
            query.add("sort", asked.sort.word());
        }
        if let Some(after) = &asked.after {
            query.add("after", &after.to_string());
        }
        query.add("limit", &asked.limit.to_string());
        if count {
            query.add("count", "true");
        }
        query
    }

    pub(super) fn filtered(path: &str, filter: &NodeFilter) -> Query {
        let mut query = Query { path: path.to_string(), sign: '?' };
        if !filter.managing_sources.is_empty() {
            let names: Vec<&str> =
                filter.managing_sources.iter().map(|name| name.as_str()).collect();
            query.add("managing_source", &names.join(","));
        }
        if let Some(state) = filter.state {
            query.add("state", state_word(state));
        }
        if let Some(text) = &filter.text {
            query.add("text", text);
        }
        if let Some(since) = filter.seen_since {
            query.add("seen_since", &since.calendar().to_string());
        }
        if let Some(before) = filter.seen_before {
            query.add("seen_before", &before.calendar().to_string());
        }
        query
    }

    pub(super) fn lacking(source: Option<&ServerName>) -> Query {
        let mut query = Query { path: "/v1/lacking".to_string(), sign: '?' };
        if let Some(source) = source {
            query.add("source", source.as_str());
        }
        query
    }

    pub(super) fn duplicates(
        managing_sources: &[ServerName],
        by: Option<Alike>,
        limit: usize,
    ) -> Query {
        let filter =
            NodeFilter { managing_sources: managing_sources.to_vec(), ..NodeFilter::default() };
        let mut query = Query::filtered("/v1/node-duplicates", &filter);
        if let Some(by) = by {
            query.add("by", by.word());
        }
        query.add("limit", &limit.to_string());
        query
    }

    pub(super) fn path(self) -> String {
        self.path
    }

    fn add(&mut self, name: &str, value: &str) {
        self.path.push(std::mem::replace(&mut self.sign, '&'));
        self.path.push_str(name);
        self.path.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    self.path.push(char::from(byte));
                }
                // Writing to a String cannot fail.
                _ => drop(write!(self.path, "%{byte:02X}")),
            }
        }
    }
}

fn state_word(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Discovered => "discovered",
        DeviceState::Managed => "managed",
        DeviceState::Ignored => "ignored",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn a_filter_becomes_a_query_that_nothing_in_it_can_break() {
        let filter = NodeFilter {
            managing_sources: vec!["c".parse().unwrap(), "d".parse().unwrap()],
            state: Some(DeviceState::Managed),
            text: Some("a b&c=ü".to_string()),
            seen_since: Some(Timestamp(1_795_000_000_000)),
            seen_before: None,
        };
        let after = Some("d:17@name:x".parse().unwrap());
        let query = NodeQuery { filter, sort: NodeSort::Name, after, limit: 50 };
        assert_eq!(
            Query::nodes(&query, true).path(),
            "/v1/nodes?managing_source=c%2Cd&state=managed&text=a%20b%26c%3D%C3%BC\
             &seen_since=2026-11-18T11%3A06%3A40Z&sort=name&after=d%3A17%40name%3Ax&limit=50\
             &count=true"
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_socket_that_is_not_there_is_named_with_the_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::of_data_dir(folder.path());
        let error = client.status().await.unwrap_err();
        assert_eq!(error.code(), "LT0690");
        assert!(error.to_string().contains("lictree.sock"), "{error}");
        assert!(error.hint().contains("lictree serve"), "{}", error.hint());
    }
}
