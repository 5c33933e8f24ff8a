//! Where the server's log stood when it answered, said in the head of every answer.
//!
//! All entries of the log up to that index are in the answer and none behind, so answers in the
//! order of their index are one history of the server: whoever was answered before another one
//! asked has a lower index or the same. A request that asks the server several times says the
//! index of its last answer.

use crate::client::contract::LOG_INDEX;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use std::cell::Cell;

tokio::task_local! {
    /// Of the request that this task answers.
    static ANSWERED_AT: Cell<Option<u64>>;
}

/// Keeps the index of an answer for the head of what is being answered.
pub(super) fn note(log_index: u64) {
    // Outside of a request nobody is told.
    let _ = ANSWERED_AT.try_with(|at| at.set(Some(log_index)));
}

/// Answers, and says the index where the server was asked.
pub(super) async fn told(request: Request, next: Next) -> Response {
    let answered = async {
        let mut response = next.run(request).await;
        if let Some(log_index) = ANSWERED_AT.with(Cell::get) {
            response.headers_mut().insert(LOG_INDEX, HeaderValue::from(log_index));
        }
        response
    };
    ANSWERED_AT.scope(Cell::new(None), answered).await
}
