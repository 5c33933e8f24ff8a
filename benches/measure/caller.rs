//! A connection to a server's socket that is kept, for asking again and again.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::path::Path;
use tokio::net::UnixStream;
use tokio_util::task::AbortOnDropHandle;

pub struct Caller {
    sender: SendRequest<Full<Bytes>>,
    _connection: AbortOnDropHandle<()>,
}

impl Caller {
    pub async fn connect(socket: &Path) -> Caller {
        let stream = UnixStream::connect(socket).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let carried = tokio::spawn(async move {
            // A connection that ended is noticed where something is asked.
            let _ = connection.await;
        });
        Caller { sender, _connection: AbortOnDropHandle::new(carried) }
    }

    /// What is there; it must be.
    pub async fn get(&mut self, path: &str) -> Bytes {
        let (status, body) = self.ask(Method::GET, path, Bytes::new()).await;
        assert!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&body));
        body
    }

    pub async fn ask(&mut self, method: Method, path: &str, body: Bytes) -> (StatusCode, Bytes) {
        let request = Request::builder().method(method).uri(path).header("host", "lictree");
        let request = request.body(Full::new(body)).unwrap();
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }
}
