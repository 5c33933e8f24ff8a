//! Client and API over a real socket; a twin stands where the server would.

use crate::client::contract::ImportFormat;
use crate::client::{Client, ClientError, SOCKET_NAME};
use crate::daemon::port::{Port, PortTwin};
use crate::edge::api::{Api, ApiLimits, ApiSocket};
use crate::edge::import::ImportLimits;
use crate::model::count::LicenseCount;
use crate::model::device::DeviceState;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, DeviceOutcome, NodeFilter, Request};
use crate::model::time::Timestamp;
use crate::model::view::{EventView, NodePage, RangesView};
use crate::wire::license_file::VendorKey;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const PATIENCE: Duration = Duration::from_secs(20);

struct Stage {
    folder: tempfile::TempDir,
    socket: ApiSocket,
    twin: PortTwin,
    client: Client,
    vendor: VendorKey,
}

fn stage(limits: ApiLimits, patience: Duration) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let (port, twin) = Port::with_twin(patience);
    let vendor = VendorKey::generate().unwrap();
    let api = Api::new(port, vec![vendor.public()], limits, ImportLimits::default());
    let socket = ApiSocket::open(&folder.path().join(SOCKET_NAME), api).unwrap();
    let client = Client::of_data_dir(folder.path());
    Stage { folder, socket, twin, client, vendor }
}

fn usual() -> Stage {
    stage(ApiLimits::default(), PATIENCE)
}

impl Stage {
    /// What comes back for raw bytes.
    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.client.socket()).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn code(error: &ClientError) -> &str {
    error.code()
}

#[tokio::test]
async fn a_request_comes_as_it_was_meant_and_so_does_its_answer() {
    let mut stage = usual();
    let filter = NodeFilter {
        managing_sources: vec!["c".parse().unwrap(), "d".parse().unwrap()],
        state: Some(DeviceState::Managed),
        text: Some("ü & %".to_string()),
        after: Some("d:17".parse().unwrap()),
        limit: 50,
    };
    let page = NodePage { as_of: Timestamp(7), nodes: vec![], total: 9, next: None };
    let (answer, ()) = tokio::join!(stage.client.nodes(&filter), async {
        let judge = |request| {
            assert_eq!(request, Request::Nodes(filter.clone()));
            Answer::Nodes(page.clone())
        };
        stage.twin.answer(judge).await.unwrap();
    });
    assert_eq!(answer.unwrap(), page);
}

#[tokio::test]
async fn devices_and_events_and_ranges_pass() {
    let mut stage = usual();
    let id: crate::model::device::DeviceId = "d:1".parse().unwrap();
    let refusal = Some(Refusal::new("LT0301", "full", "look"));
    let done =
        vec![DeviceOutcome { id: id.clone(), state: Some(DeviceState::Discovered), refusal }];
    let asked = stage.client.manage(vec![id.clone()], Some("cad".parse().unwrap()));
    let (answer, ()) = tokio::join!(asked, async {
        let judge = |request| {
            let product = Some("cad".parse().unwrap());
            assert_eq!(request, Request::Manage { devices: vec![id.clone()], product });
            Answer::DevicesDone(done.clone())
        };
        stage.twin.answer(judge).await.unwrap();
    });
    assert_eq!(answer.unwrap(), done);

    let event =
        EventView { number: 1, at: Timestamp(5), kind: "x.y".into(), text: "A line.".into() };
    let (answer, ()) = tokio::join!(stage.client.events(3, 10), async {
        let judge = |request| {
            assert_eq!(request, Request::Events { after: 3, limit: 10 });
            Answer::Events(vec![event.clone()])
        };
        stage.twin.answer(judge).await.unwrap();
    });
    assert_eq!(answer.unwrap(), vec![event]);

    let view = RangesView { as_of: Timestamp(1), ranges: vec![] };
    let source = "c".parse().unwrap();
    let (answer, ()) = tokio::join!(stage.client.range(&source), async {
        stage.twin.answer(|_| Answer::Ranges(view.clone())).await.unwrap();
    });
    assert_eq!(answer.unwrap(), view);
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_hint() {
    let mut stage = usual();
    let no = Refusal::new("LT0203", "range c holds 40, 40 used", "lictree range show c");
    let (answer, ()) = tokio::join!(stage.client.status(), async {
        stage.twin.answer(|_| Answer::Refused(no.clone())).await.unwrap();
    });
    assert_eq!(answer.unwrap_err(), ClientError::Refused(no));
}

#[tokio::test]
async fn a_license_file_is_proven_before_the_server_hears_of_it() {
    let mut stage = usual();
    let terms = crate::model::license::LicenseTerms {
        serial: "S-1".parse().unwrap(),
        vendor: "Vendor AG".to_string(),
        product: "cad".parse().unwrap(),
        count: LicenseCount(5),
        metric: crate::model::license::Metric::ManagedDevices,
        not_before: Timestamp(1_000),
        not_after: None,
        note: String::new(),
    };
    let license = terms.try_into().unwrap();
    let file = crate::wire::license_file::issue(&license, &stage.vendor);
    let no = Refusal::new("LT0204", "known already", "look");
    let genuine = stage.client.register_license(file.clone().into_bytes());
    let (answer, ()) = tokio::join!(genuine, async {
        let judge = |request| {
            assert_eq!(request, Request::RegisterLicense(license.clone()));
            Answer::Refused(no.clone())
        };
        stage.twin.answer(judge).await.unwrap();
    });
    assert_eq!(answer.unwrap_err().code(), "LT0204");

    // Nobody answers these: they end before the server.
    let forged = file.replace("count: 5", "count: 6").into_bytes();
    assert_eq!(code(&stage.client.register_license(forged).await.unwrap_err()), "LT0214");
    let other = crate::wire::license_file::issue(&license, &VendorKey::generate().unwrap());
    let error = stage.client.register_license(other.into_bytes()).await.unwrap_err();
    assert_eq!(code(&error), "LT0213");
    assert!(error.hint().contains("vendor_keys"));
    let nothing = b"hello".to_vec();
    assert_eq!(code(&stage.client.register_license(nothing).await.unwrap_err()), "LT0210");
    let huge = vec![b'x'; 70_000];
    assert_eq!(code(&stage.client.register_license(huge).await.unwrap_err()), "LT0695");
}

#[tokio::test]
async fn an_import_is_booked_in_pieces() {
    let mut stage = stage(ApiLimits { import_batch_max: 2, ..Default::default() }, PATIENCE);
    let rows = (1..=5).map(|n| format!("? (10.0.0.{n}) at 00:04:4b:cc:9c:0{n} [ether] on eth0\n"));
    let file: String = rows.collect();
    let asked = stage.client.import(ImportFormat::Auto, file.into_bytes());
    let (outcome, pieces) = tokio::join!(asked, async {
        let mut pieces = Vec::new();
        for _ in 0..3 {
            let judge = |request| {
                let Request::Import { found } = request else { panic!("{request:?}") };
                pieces.push(found.len());
                Answer::Imported { new: found.len() as u64, known: 0 }
            };
            stage.twin.answer(judge).await.unwrap();
        }
        pieces
    });
    let outcome = outcome.unwrap();
    assert_eq!(pieces, [2, 2, 1]);
    assert_eq!((outcome.new, outcome.rows, outcome.format), (5, 5, ImportFormat::Arp));
    let nothing = stage.client.import(ImportFormat::Nmap, b"<x/>".to_vec()).await.unwrap_err();
    assert_eq!(code(&nothing), "LT0311");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_word() {
    let stage = usual();
    let head = "HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    for (line, body, status, code) in [
        ("GET /v2/status", "", 404, "LT0694"),
        ("DELETE /v1/status", "", 404, "LT0694"),
        ("GET /v1/servers/UPPER", "", 400, "LT0693"),
        ("GET /v1/nodes?limt=3", "", 400, "LT0693"),
        ("GET /v1/nodes?state=broken", "", 400, "LT0693"),
        ("GET /v1/nodes/17", "", 400, "LT0693"),
        ("POST /v1/holdings", "{\"relay\":\"d\"", 400, "LT0693"),
        ("POST /v1/holdings", "{\"relay\":\"d\",\"verb\":\"distribute\"}", 400, "LT0693"),
        ("POST /v1/nodes/ignore", "{\"devices\":[],\"product\":\"x\"}", 400, "LT0693"),
        ("POST /v1/imports?format=csv", "", 400, "LT0693"),
    ] {
        let length = body.len();
        let request = format!("{line} {head}content-length: {length}\r\n\r\n{body}");
        let answer = stage.raw(request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{line}: {answer}");
        assert!(answer.contains("\"hint\":\""), "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_body_above_its_limit_is_cut_off_early() {
    let stage = stage(ApiLimits { body_bytes_max: 1_024, ..Default::default() }, PATIENCE);
    let request = "POST /v1/nodes/manage HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                   transfer-encoding: chunked\r\n\r\n";
    let chunk = format!("800\r\n{}\r\n", "x".repeat(0x800));
    let answer = stage.raw(format!("{request}{chunk}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn whoever_is_slow_is_let_go() {
    let quick = Duration::from_millis(50);
    let limits = ApiLimits { header_timeout: quick, body_timeout: quick, ..ApiLimits::default() };
    let stage = stage(limits, PATIENCE);
    let head_only = stage.raw(b"GET /v1/status HTTP/1.1\r\nhost: x\r\n").await;
    assert!(head_only.is_empty() || head_only.starts_with("HTTP/1.1 408"), "{head_only}");
    let half = b"POST /v1/nodes/manage HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 content-length: 9\r\n\r\n{";
    let answer = stage.raw(half).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_or_stops_is_no_refusal() {
    let mut stage = stage(ApiLimits::default(), Duration::from_millis(30));
    let error = stage.client.status().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("LT0692"), "{error}");
    let (_, other) = Port::with_twin(PATIENCE);
    drop(std::mem::replace(&mut stage.twin, other));
    let error = stage.client.status().await.unwrap_err();
    assert!(error.to_string().contains("LT0691"), "{error}");
}

#[tokio::test]
async fn the_socket_is_for_its_user_alone_and_is_gone_at_the_end() {
    let stage = usual();
    let path = stage.folder.path().join(SOCKET_NAME);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    stage.socket.close().await;
    assert!(!path.exists());
    assert_eq!(stage.client.status().await.unwrap_err().code(), "LT0690");
}
