//! What people and programs ask at the socket.

use super::{Bound, assert_sayable};
use axum::body::Body;
use lictree::client::contract::{
    DeviceList, DoingBody, ErrorBody, HoldingBody, InviteBody, MergeBody, MoveBody, ScanBody,
    TitleBody,
};
use lictree::daemon::port::Port;
use lictree::edge::api::{Api, ApiLimits, ApiParts};
use lictree::edge::import::ImportLimits;
use lictree::model::refusal::Refusal;
use lictree::model::request::{Answer, HoldingChange};
use lictree::wire::license_file::VendorKeys;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;
use tokio::runtime::Runtime;

/// A text in a body has a name, a number or a list made of it.
const BODY: Bound = Bound { times: 64, plus: 64 << 10 };
/// Nobody waits here.
const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    static RUNTIME: Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
}

/// `POST /v1/holdings`, a line end, and the body. Behind the port stands nobody who agrees.
pub fn request(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (line, body) = bytes.split_at(end);
    let mut words = line.splitn(2, |byte| *byte == b' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let asked = axum::http::Request::builder().method(method).uri(path);
    let Ok(asked) = asked.body(Body::from(body.get(1..).unwrap_or_default().to_vec())) else {
        return false;
    };
    let (status, told) = RUNTIME.with(|runtime| runtime.block_on(answered(asked)));
    assert!([200, 400, 404, 408, 409, 413, 503].contains(&status), "answered with {status}");
    if status != 200 {
        let ErrorBody { error } = serde_json::from_slice(&told).unwrap();
        assert!(error.code.starts_with("LT") && error.code.len() == 6, "{error:?}");
        assert!(!error.hint.is_empty(), "{error:?}");
        assert_sayable(&error.message);
    }
    [200, 409, 503].contains(&status)
}

async fn answered(asked: axum::extract::Request) -> (u16, Vec<u8>) {
    let (port, mut twin) = Port::with_twin(PATIENCE);
    let api = Api::new(ApiParts {
        port,
        vendor_keys: VendorKeys::default(),
        keyring: None,
        occupancy: None,
        desk: None,
        stated: Vec::new(),
        limits: ApiLimits::default(),
        import: ImportLimits::default(),
    });
    let no = || Answer::Refused(Refusal::new("LT0999", "asked", "ask another one"));
    let refusing = async { while twin.answer(|_| no()).await.is_some() {} };
    let answering = async {
        let response = api.answer(asked).await;
        let status = response.status().as_u16();
        let told = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, told.to_vec())
    };
    tokio::select! {
        biased;
        answer = answering => answer,
        // A look at the limits is no request; nobody answers it then.
        () = refusing => (503, br#"{"error":{"code":"LT0691","message":"m","hint":"h"}}"#.to_vec()),
    }
}

/// A body of any kind there is.
pub fn body(bytes: &[u8]) -> bool {
    let holding = json::<HoldingBody>(bytes);
    if let Some(Ok(change)) = holding.as_ref().map(|body| HoldingChange::try_from(body.clone())) {
        assert_eq!(HoldingChange::try_from(HoldingBody::from(&change)), Ok(change));
    }
    let others = [
        json::<DeviceList>(bytes).is_some(),
        json::<DoingBody>(bytes).is_some(),
        json::<InviteBody>(bytes).is_some(),
        json::<MergeBody>(bytes).is_some(),
        json::<MoveBody>(bytes).is_some(),
        json::<ScanBody>(bytes).is_some(),
        json::<TitleBody>(bytes).is_some(),
    ];
    holding.is_some() || others.contains(&true)
}

fn json<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    match BODY.hold(bytes, || serde_json::from_slice::<T>(bytes)) {
        Ok(body) => {
            let again = serde_json::to_vec(&body).unwrap();
            assert_eq!(serde_json::from_slice::<T>(&again).ok().as_ref(), Some(&body));
            Some(body)
        }
        // It is told by the API, which makes it fit to be shown.
        Err(_) => None,
    }
}
