//! Client and API over a real socket; a twin stands where the server would.

use crate::client::contract::ImportFormat;
use crate::client::{BackupFailed, Client, ClientError, SOCKET_NAME};
use crate::daemon::backup::{BackupReader, FolderMeta, Part};
use crate::daemon::port::{Port, PortTwin};
use crate::edge::api::{Access, Api, ApiLimits, ApiParts, ApiSocket};
use crate::edge::import::ImportLimits;
use crate::engine::permission::{self, Method, Operation, TABLE};
use crate::model::count::LicenseCount;
use crate::model::device::DeviceState;
use crate::model::holding::Role;
use crate::model::log::RowChange;
use crate::model::node_query::{NodeFilter, NodeQuery, NodeSort};
use crate::model::node_rows::NodeRows;
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, DeviceOutcome, Doing, Request};
use crate::model::time::Timestamp;
use crate::model::view::{EventView, NodeCounts, NodePage, RangesView, RotationView, StatusView};
use crate::wire::license_file::{VendorKey, VendorKeys};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const PATIENCE: Duration = Duration::from_secs(20);

struct Stage {
    folder: tempfile::TempDir,
    socket: ApiSocket,
    api: Api,
    twin: PortTwin,
    client: Client,
    vendor: VendorKey,
    retired: VendorKey,
}

fn stage(limits: ApiLimits, patience: Duration) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let (port, twin) = Port::with_twin(patience);
    let vendor = VendorKey::generate().unwrap();
    let retired = VendorKey::generate().unwrap();
    let keys = VendorKeys { trusted: vec![vendor.public()], retired: vec![retired.public()] };
    let api = Api::new(ApiParts {
        port,
        vendor_keys: keys,
        keyring: None,
        occupancy: None,
        desk: None,
        stated: Vec::new(),
        limits,
        import: ImportLimits::default(),
    });
    let path = folder.path().join(SOCKET_NAME);
    let socket = ApiSocket::open(&path, api.clone(), Access::new(None)).unwrap();
    let client = Client::of_data_dir(folder.path());
    Stage { folder, socket, api, twin, client, vendor, retired }
}

fn usual() -> Stage {
    stage(ApiLimits::default(), PATIENCE)
}

impl Stage {
    /// What comes back for raw bytes.
    async fn raw(&self, request: &[u8]) -> String {
        raw(self.client.socket(), request).await
    }
}

async fn raw(socket: &std::path::Path, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
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
        seen_since: Some(Timestamp(1_795_000_000_125)),
        seen_before: Some(Timestamp(1_795_000_060_000)),
    };
    let after = Some("d:17@seen:1795000000500".parse().unwrap());
    let query = NodeQuery { filter, sort: NodeSort::LastSeen, after, limit: 50 };
    let page = NodePage { as_of: Timestamp(7), nodes: vec![], total: Some(9), next: None };
    let (answer, ()) = tokio::join!(stage.client.nodes(&query), async {
        let judge = |request| {
            assert_eq!(request, Request::Nodes(query.clone()));
            Answer::Nodes { page: NodeRows::new(page.as_of, page.total), limit: 50 }
        };
        stage.twin.answer(judge).await.unwrap();
        // Nothing is behind it: is it there at all?
        let known = |request| {
            assert_eq!(request, Request::Node("d:17".parse().unwrap()));
            Answer::Done
        };
        stage.twin.answer(known).await.unwrap();
    });
    assert_eq!(answer.unwrap(), page);
}

/// Success or refusal; who was not answered by the server is not told where its log stood.
#[tokio::test]
async fn every_answer_of_the_server_says_where_its_log_stood() {
    let mut stage = usual();
    assert_eq!(stage.client.log_index(), None);
    for (place, no) in [false, true, false].into_iter().enumerate() {
        let (answer, ()) = tokio::join!(stage.client.status(), async {
            let refused = Answer::Refused(Refusal::new("LT0207", "no server", "look"));
            let answer = if no { refused } else { Answer::Status(status("hq")) };
            stage.twin.answer(|_| answer).await.unwrap();
        });
        assert_eq!(answer.is_err(), no);
        assert_eq!(stage.client.log_index(), Some(place as u64 + 1));
    }
    let nothing = stage.client.merge("d:1".parse().unwrap(), Vec::new()).await.unwrap_err();
    assert_eq!((code(&nothing), stage.client.log_index()), ("LT0693", None));
}

#[tokio::test]
async fn a_merge_says_what_is_kept_and_what_becomes_part_of_it() {
    let mut stage = usual();
    let id = |text: &str| -> crate::model::device::DeviceId { text.parse().unwrap() };
    let gone = DeviceOutcome { id: id("d:2"), state: None, refusal: None };
    let (answer, ()) = tokio::join!(stage.client.merge(id("d:1"), vec![id("d:2")]), async {
        let judge = |request| {
            assert_eq!(request, Request::Unite { keep: id("d:1"), others: vec![id("d:2")] });
            Answer::DevicesDone(vec![gone.clone()])
        };
        stage.twin.answer(judge).await.unwrap();
    });
    assert_eq!(answer.unwrap(), vec![gone]);
    let (answer, ()) = tokio::join!(stage.client.may_merge(id("d:1"), vec![id("d:2")]), async {
        let judge = |request| {
            assert_eq!(request, Request::MayUnite { keep: id("d:1"), others: vec![id("d:2")] });
            Answer::DevicesDone(Vec::new())
        };
        stage.twin.answer(judge).await.unwrap();
    });
    assert_eq!(answer.unwrap(), Vec::new());
    let nothing = stage.client.merge(id("d:1"), Vec::new()).await.unwrap_err();
    assert_eq!(code(&nothing), "LT0693");
}

#[tokio::test]
async fn a_move_has_a_goal_or_is_cancelled() {
    let mut stage = usual();
    let id: crate::model::device::DeviceId = "d:1".parse().unwrap();
    let state = Some(DeviceState::Managed);
    let outcome = DeviceOutcome { id: id.clone(), state, refusal: None };
    for to in [Some("e:4".parse().unwrap()), None] {
        let (answer, ()) = tokio::join!(stage.client.move_node(id.clone(), to.clone()), async {
            let judge = |request| {
                assert_eq!(request, Request::Move { device: id.clone(), to: to.clone() });
                Answer::DevicesDone(vec![outcome.clone()])
            };
            stage.twin.answer(judge).await.unwrap();
        });
        assert_eq!(answer.unwrap(), vec![outcome.clone()]);
    }
    for body in [r#"{"device":"d:1"}"#, r#"{"device":"d:1","to":"e","cancel":true}"#] {
        let head = "POST /v1/nodes/move HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        assert!(stage.raw(request.as_bytes()).await.contains("LT0693"), "{body}");
    }
}

/// Nothing behind a node that is not there would look like the end of the list.
#[tokio::test]
async fn a_page_behind_an_unknown_node_is_refused() {
    let mut stage = usual();
    let query = NodeQuery { after: Some("d:99".parse().unwrap()), ..NodeQuery::default() };
    let empty = NodeRows::new(Timestamp(7), Some(9));
    let no_node = Answer::Refused(Refusal::new("LT0306", "no node", "look"));
    let no_server = Answer::Refused(Refusal::new("LT0207", "no server", "look"));
    let found = Answer::Nodes { page: empty, limit: 50 };
    for (answers, code) in [
        (vec![found.clone(), no_node.clone(), found.clone()], "LT0306"),
        (vec![found, no_node, no_server], "LT0207"),
    ] {
        let (answer, ()) = tokio::join!(stage.client.nodes(&query), async {
            for one in answers {
                stage.twin.answer(|_| one).await.unwrap();
            }
        });
        assert_eq!(answer.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn a_primary_that_is_to_remove_itself_is_told_that_it_is_one() {
    let mut stage = usual();
    let name = "hq".parse().unwrap();
    let removal = stage.client.remove_server(&name, Doing::Preview);
    let (answer, ()) = tokio::join!(removal, async {
        let no = Refusal::new("LT0207", "no server named hq", "look");
        stage.twin.answer(|_| Answer::Refused(no)).await.unwrap();
        stage.twin.answer(|_| Answer::Status(status("hq"))).await.unwrap();
    });
    assert_eq!(answer.unwrap_err().code(), "LT0435");
    let other = "west".parse().unwrap();
    let removal = stage.client.remove_server(&other, Doing::Preview);
    let (answer, ()) = tokio::join!(removal, async {
        let no = Refusal::new("LT0207", "no server named west", "look");
        stage.twin.answer(|_| Answer::Refused(no)).await.unwrap();
        stage.twin.answer(|_| Answer::Status(status("hq"))).await.unwrap();
    });
    assert_eq!(answer.unwrap_err().code(), "LT0207");
}

fn status(primary: &str) -> StatusView {
    StatusView {
        as_of: Timestamp(7),
        tree: "acme".parse().unwrap(),
        name: primary.parse().unwrap(),
        role: Role::Primary,
        software: String::new(),
        connected: true,
        parent: None,
        cut_off_since: None,
        clock_ahead_ms: None,
        clock: Default::default(),
        attach_refusal: None,
        disk_short: None,
        servers_online: 1,
        servers_offline: 0,
        products: Vec::new(),
        nodes: NodeCounts::default(),
        waiting: 0,
        report_lag: 0,
        advice: Vec::new(),
    }
}

/// The answer to the ask comes before the authority is made; that to the person does not.
#[tokio::test]
async fn a_change_of_authority_is_answered_when_it_is_booked_or_its_time_is_over() {
    let view = |trust, phase: &str| RotationView {
        as_of: Timestamp(7),
        phase: phase.to_string(),
        trust,
        authorities: Vec::new(),
        waits_for: Vec::new(),
    };
    let mut one = usual();
    let rotation = one.client.rotate_authority(Doing::Do);
    let (answer, ()) = tokio::join!(rotation, async {
        for trust in [3, 3, 3, 4] {
            let phase = if trust == 4 { "spreading" } else { "none" };
            one.twin.answer(|_| Answer::Rotation(view(trust, phase))).await.unwrap();
        }
    });
    assert_eq!(answer.unwrap(), view(4, "spreading"));

    let mut other = stage(ApiLimits::default(), Duration::from_millis(200));
    let rotation = other.client.rotate_authority(Doing::Do);
    tokio::select! {
        answer = rotation => assert_eq!(answer.unwrap(), view(3, "none")),
        _ = async {
            while other.twin.answer(|_| Answer::Rotation(view(3, "none"))).await.is_some() {}
        } => unreachable!("the port is open"),
    }
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
        tree: None,
        server: None,
        confirm_within_days: None,
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

    // Of these the server hears only that they were refused, for its event log.
    let issue = |key: &VendorKey| crate::wire::license_file::issue(&license, key);
    let (other, retired) = (issue(&VendorKey::generate().unwrap()), issue(&stage.retired));
    let padded = |bytes: usize| {
        let mut text = file.clone().into_bytes();
        text.resize(bytes, b'x');
        text
    };
    for (file, expected, hinted) in [
        (file.replace("count: 5", "count: 6").into_bytes(), "LT0214", "do not edit"),
        (other.into_bytes(), "LT0213", "`vendor_keys`"),
        (retired.into_bytes(), "LT0218", "issue the license anew"),
        (b"hello".to_vec(), "LT0210", "the vendor sent"),
        (padded(64 * 1024), "LT0212", "again"),
        (padded(64 * 1024 + 1), "LT0210", "the vendor sent"),
        (padded(200_000), "LT0210", "the vendor sent"),
    ] {
        let asked = stage.client.register_license(file);
        let (answer, ()) = tokio::join!(asked, async {
            let judge = |request| {
                let Request::LicenseRefused(refusal) = request else { panic!("{request:?}") };
                assert_eq!(refusal.code, expected);
                Answer::Refused(refusal)
            };
            stage.twin.answer(judge).await.unwrap();
        });
        let error = answer.unwrap_err();
        assert_eq!(code(&error), expected);
        assert!(error.hint().contains(hinted), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_line_about_it_refuses_a_file_no_less() {
    let mut stage = usual();
    let busy = Refusal::new("LT0604", "too many requests wait", "ask again");
    let asked = stage.client.register_license(b"hello".to_vec());
    let (answer, ()) = tokio::join!(asked, async {
        stage.twin.answer(|_| Answer::Refused(busy)).await.unwrap();
    });
    assert_eq!(code(&answer.unwrap_err()), "LT0210");
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
    let nothing = stage.client.import(ImportFormat::NmapXml, b"<x/>".to_vec()).await.unwrap_err();
    assert_eq!(code(&nothing), "LT0311");
    let nobody = b"<nmaprun></nmaprun>".to_vec();
    let nobody = stage.client.import(ImportFormat::Auto, nobody).await.unwrap_err();
    assert_eq!(code(&nobody), "LT0311");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_word() {
    let stage = usual();
    let head = "HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    for (line, body, status, code) in [
        ("GET /v2/status", "", 404, "LT0694"),
        ("DELETE /v1/status", "", 404, "LT0694"),
        ("GET /v1/sta\u{9b}31mtus", "", 404, "LT0694"),
        ("GET /v1/servers/UPPER", "", 400, "LT0693"),
        ("GET /v1/nodes?limt=3", "", 400, "LT0693"),
        ("GET /v1/nodes?state=broken", "", 400, "LT0693"),
        ("GET /v1/nodes/17", "", 400, "LT0693"),
        ("GET /v1/nodes/%ff", "", 400, "LT0693"),
        ("POST /v1/servers/%ff/title", "{\"title\":\"x\"}", 400, "LT0693"),
        ("POST /v1/holdings", "{\"\\u001b[31m\":1}", 400, "LT0693"),
        ("POST /v1/holdings", "{\"relay\":\"d\"", 400, "LT0693"),
        ("POST /v1/holdings", "{\"relay\":\"d\",\"verb\":\"distribute\"}", 400, "LT0693"),
        ("POST /v1/nodes/ignore", "{\"devices\":[],\"product\":\"x\"}", 400, "LT0693"),
        ("POST /v1/imports?format=excel", "", 400, "LT0693"),
    ] {
        let length = body.len();
        let request = format!("{line} {head}content-length: {length}\r\n\r\n{body}");
        let answer = stage.raw(request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{line}: {answer}");
        assert!(answer.contains("\"hint\":\""), "{line}: {answer}");
        assert!(!answer.contains("\\u001b") && !answer.contains('\u{9b}'), "{line}: {answer}");
    }
}

#[tokio::test]
async fn every_row_of_the_table_is_a_route() {
    let mut stage = usual();
    let no = Refusal::new("LT0999", "asked", "");
    for row in TABLE {
        let path = row.path.replace("{id}", "d:1").replace("{name}", "d").replace("{source}", "d");
        let (method, body) = match (row.method, row.operation) {
            (Method::Get, _) => ("GET", ""),
            (Method::Post, Operation::SetHolding) => ("POST", r#"{"relay":"d","verb":"withdraw"}"#),
            (Method::Post, Operation::ImportNodes) => {
                ("POST", "? (10.0.0.1) at 00:04:4b:cc:9c:01 [ether] on eth0\n")
            }
            (Method::Post, Operation::Invite) => ("POST", r#"{"name":"d","parent":"a"}"#),
            (
                Method::Post,
                Operation::RemoveServer
                | Operation::LoseServer
                | Operation::RotateAuthority
                | Operation::BeginRecovery
                | Operation::AcceptClock
                | Operation::CreateBackup
                | Operation::EndRecovery,
            ) => ("POST", "{}"),
            (Method::Post, Operation::EntitleServer) => ("POST", r#"{"title":"x"}"#),
            (Method::Post, Operation::MergeNodes) => ("POST", r#"{"keep":"d:1","others":["d:2"]}"#),
            (Method::Post, Operation::MoveNode) => ("POST", r#"{"device":"d:1","to":"e"}"#),
            (Method::Post, _) => ("POST", r#"{"devices":["d:1"]}"#),
        };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        // A code needs authorities, a renewal a key, a scan a desk: none is behind this port.
        let bare = [Operation::Invite, Operation::RenewCertificate].contains(&row.operation);
        if bare || row.name.starts_with("scan.") {
            assert!(stage.raw(request.as_bytes()).await.contains("LT0691"));
            continue;
        }
        let mut asked = None;
        let socket = stage.client.socket().to_path_buf();
        if row.operation == Operation::ShowLimits {
            let (answer, measured) =
                tokio::join!(raw(&socket, request.as_bytes()), stage.twin.measured());
            assert!(measured.is_some() && answer.contains("\"neighbours\""), "{answer}");
            continue;
        }
        let (answer, _) = tokio::join!(raw(&socket, request.as_bytes()), async {
            let judge = |request: Request| {
                asked = permission::operation(&request);
                Answer::Refused(no.clone())
            };
            stage.twin.answer(judge).await.unwrap();
        });
        // These look at what other operations show, all of it.
        let first = match row.operation {
            Operation::ShowLacking => Operation::ListRanges,
            Operation::ListDuplicates => Operation::ListNodes,
            // Whose it is; then the rows, which are no request.
            Operation::CreateBackup => Operation::ShowStatus,
            other => other,
        };
        assert_eq!(asked, Some(first), "{}: {answer}", row.name);
        // A bad license file is told to the event log, and refused in its own words.
        let license = row.operation == Operation::RegisterLicense;
        let code = if license { "LT0210" } else { "LT0999" };
        assert!(answer.contains(code), "{}: {answer}", row.name);
    }
}

fn folder() -> FolderMeta {
    FolderMeta { tree: "acme".parse().unwrap(), server: "hq".parse().unwrap(), incarnation: 7 }
}

fn row(number: u64, bytes: usize) -> RowChange {
    RowChange { table: 9, key: number.to_be_bytes().to_vec(), value: Some(vec![7; bytes]) }
}

/// What comes of a backup of these rows, read to its end.
async fn backed_up(stage: &mut Stage, rows: Vec<RowChange>) -> (u64, Result<(), String>) {
    let (mut reader, mut found) = (BackupReader::new(), 0);
    let asked = stage.client.backup(|bytes| {
        reader.feed(bytes);
        while let Some(part) = reader.next_part().map_err(|error| error.to_string())? {
            if let Part::Rows(rows) = part {
                found += rows.len() as u64;
            }
        }
        Ok::<(), String>(())
    });
    let (answer, ()) = tokio::join!(asked, async {
        stage.twin.answer(|_| Answer::Status(status("hq"))).await.unwrap();
        stage.twin.pictured(&folder(), rows).await.unwrap();
    });
    let answer = answer.map_err(|failed| match failed {
        BackupFailed::Client(error) => error.to_string(),
        BackupFailed::Taker(error) => error,
    });
    (found, answer)
}

#[tokio::test]
async fn a_backup_comes_whole_however_long_it_is() {
    let mut stage = usual();
    let rows: Vec<RowChange> = (0..6_000).map(|number| row(number, 1_000)).collect();
    assert_eq!(backed_up(&mut stage, rows).await, (6_000, Ok(())));
    let (found, nothing) = backed_up(&mut stage, Vec::new()).await;
    assert!(found == 0 && nothing.unwrap_err().contains("LT0510"));
}

/// Whoever asked and does not read holds the place; when the time is over, it gets no end.
#[tokio::test]
async fn a_backup_that_nobody_fetches_makes_room_for_the_next_one() {
    let quick = Duration::from_millis(300);
    let mut stage = stage(ApiLimits { backup_timeout: quick, ..ApiLimits::default() }, PATIENCE);
    // More than all that waits between a reader and a writer.
    let rows: Vec<RowChange> = (0..40).map(|number| row(number, 1 << 20)).collect();
    let mut idle = UnixStream::connect(stage.client.socket()).await.unwrap();
    let request = "POST /v1/backup HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    idle.write_all(request.as_bytes()).await.unwrap();
    stage.twin.answer(|_| Answer::Status(status("hq"))).await.unwrap();
    stage.twin.pictured(&folder(), rows).await.unwrap();
    let busy = stage.client.backup(|_| Ok::<(), ()>(())).await.unwrap_err();
    let BackupFailed::Client(ClientError::Refused(refusal)) = busy else { panic!("{busy:?}") };
    assert_eq!(refusal.code, "LT0512");
    // Its thread ends by itself, whatever the reader does.
    drop(stage.api.0.backups.acquire().await.unwrap());
    let mut all = Vec::new();
    // Broken off, so the last chunk is missing.
    let _ = idle.read_to_end(&mut all).await;
    assert!(all.starts_with(b"HTTP/1.1 200 ") && !all.ends_with(b"0\r\n\r\n"));
    assert_eq!(backed_up(&mut stage, vec![row(1, 1)]).await, (1, Ok(())));
}

/// What the table does not know cannot be put beside it.
#[test]
fn no_route_is_made_elsewhere() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/edge/api");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let made = code.matches(".route(").count() + code.matches(".nest").count();
        let allowed = usize::from(path.ends_with("routes.rs"));
        assert!(made <= allowed || path.ends_with("tests.rs"), "{}", path.display());
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
    assert!(matches!(error, ClientError::Unable(_)), "{error}");
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
