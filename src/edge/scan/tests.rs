//! Plans are judged as a whole; sweeps and scans run on this machine's own loopback addresses.

use crate::client::contract::{ScanBody, ScanMethod, ScanState, ScanView};
use crate::daemon::port::Port;
use crate::edge::codes;
use crate::edge::scan::{
    Change, Desk, DeskParts, Plan, ScanLimits, ScanRules, ScanSettings, sweep_echoes,
};
use crate::model::refusal::Refusal;
use crate::model::request::{Answer, Request};
use crate::model::scan::{ScanEnd, ScanSummary};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn asked(body: &ScanBody) -> Result<Plan, String> {
    let limits = ScanLimits::default();
    let mut office = ScanSettings::new("office", &limits);
    office.segments = vec!["10.1.0.0/24".parse().unwrap()];
    office.window = Some("22:00-05:00".parse().unwrap());
    let rules = ScanRules {
        exclude: vec!["10.9.0.0/16".parse().unwrap()],
        planned: vec![office],
        ..ScanRules::default()
    };
    Plan::asked(body, &rules, &limits).map_err(|refusal| {
        assert!(codes::explain(&refusal.code).is_some() && !refusal.hint.is_empty());
        refusal.code
    })
}

fn segments(segments: &[&str]) -> ScanBody {
    let segments = segments.iter().map(|text| text.to_string()).collect();
    ScanBody { segments, ..ScanBody::default() }
}

#[test]
fn what_cannot_be_searched_has_a_code() {
    let code = |text: &str| asked(&segments(&[text])).unwrap_err();
    for garbage in ["", "garbage", "10.0.0.0/33", "fe80::1%eth0", "10.0.0.1-::1"] {
        assert_eq!(code(garbage), codes::SEGMENT, "{garbage}");
    }
    assert_eq!(code("10.0.0.9-10.0.0.1"), codes::SEGMENT_REVERSED);
    for large in ["2001:db8::/64", "::/0", "0.0.0.0/0", "10.0.0.0/8"] {
        assert_eq!(code(large), codes::SEGMENT_TOO_LARGE, "{large}");
    }
    assert_eq!(code("10.9.1.0/24"), codes::SEGMENT_EXCLUDED);
    assert_eq!(code("255.255.255.255"), codes::SEGMENT_NO_MACHINES);
    assert_eq!(asked(&segments(&["10.0.0.1"; 5_000])).unwrap_err(), codes::SEGMENTS_TOO_MANY);
    assert_eq!(asked(&segments(&[])).unwrap_err(), codes::SEGMENT);
}

#[test]
fn a_plan_is_what_was_asked_for_or_what_is_configured() {
    let plan = asked(&ScanBody { name: Some("office".into()), ..ScanBody::default() }).unwrap();
    assert_eq!((plan.targets.count(), plan.rate), (254, 1_000));
    assert!(!plan.uses(ScanMethod::Mdns) && plan.uses(ScanMethod::Names));
    // Somebody wants it now: the hours are not kept to, and that is known.
    let waived = plan.waived.map(|window| window.to_string());
    assert_eq!((plan.window, waived.as_deref()), (None, Some("22:00-05:00")));
    let other = ScanBody { name: Some("attic".into()), ..ScanBody::default() };
    assert_eq!(asked(&other).unwrap_err(), codes::SCAN_UNKNOWN);
    let both = ScanBody { name: Some("office".into()), ..segments(&["10.1.0.1"]) };
    assert_eq!(asked(&both).unwrap_err(), codes::SCAN_UNKNOWN);
    let with = |body: ScanBody| asked(&ScanBody { segments: vec!["10.1.0.1".into()], ..body });
    let names = Some(vec![ScanMethod::Names]);
    let bad = ScanBody { methods: names, ..ScanBody::default() };
    assert_eq!(with(bad).unwrap_err(), codes::SCAN_METHODS);
    for ports in [vec![], vec![0], vec![1; 17]] {
        let bad = ScanBody { ports: Some(ports), ..ScanBody::default() };
        assert_eq!(with(bad).unwrap_err(), codes::SCAN_METHODS);
    }
    for rate in [0, u32::MAX] {
        let bad = ScanBody { rate: Some(rate), ..ScanBody::default() };
        assert_eq!(with(bad).unwrap_err(), codes::SCAN_RATE);
    }
    let twice = ScanBody {
        ports: Some(vec![443, 22, 443]),
        methods: Some(vec![ScanMethod::Tcp, ScanMethod::Icmp, ScanMethod::Tcp]),
        ..ScanBody::default()
    };
    let plan = with(twice).unwrap();
    assert_eq!(
        (plan.ports, plan.methods),
        (vec![443, 22], vec![ScanMethod::Icmp, ScanMethod::Tcp])
    );
}

/// Where this process may not ping, there is nothing to see.
#[tokio::test]
async fn every_loopback_address_answers_an_echo_request() {
    let targets = segments(&["127.3.0.0/24", "127.3.1.7"]);
    let plan = asked(&targets).unwrap();
    match sweep_echoes(&plan.targets, 50_000, Duration::from_secs(1)).await {
        Ok(echoes) => assert!(echoes.alive.into_iter().eq(plan.targets.addresses())),
        Err(error) => eprintln!("skipped: no echo requests here: {error}"),
    }
}

/// A desk before a server that takes in whatever is found and knows no product, and what it is
/// told of scans at their end.
struct Site {
    desk: Desk,
    ends: mpsc::UnboundedReceiver<ScanSummary>,
    _server: AbortOnDropHandle<()>,
}

impl Site {
    fn open() -> Site {
        let (port, mut twin) = Port::with_twin(PATIENCE);
        let (tell, ends) = mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            let judge = |request| match request {
                Request::Import { found } => Answer::Imported { new: found.len() as u64, known: 0 },
                Request::Nodes(_) => Answer::Nodes { page: Default::default(), limit: 1 },
                Request::ScanEnded(summary) => {
                    tell.send(summary).unwrap();
                    Answer::Done
                }
                _ => Answer::Refused(Refusal::new("LT0231", "no product atlantis", "")),
            };
            while twin.answer(&judge).await.is_some() {}
        });
        let (me, limits) = ("d".parse().unwrap(), ScanLimits::default());
        let desk = Desk::open(DeskParts { port, me, rules: ScanRules::default(), limits });
        Site { desk, ends, _server: AbortOnDropHandle::new(server) }
    }

    fn run(&self, segment: &str, more: ScanBody) -> u64 {
        let body = ScanBody { segments: vec![segment.to_string()], ..more };
        self.desk.run(&body).unwrap().id
    }

    async fn state(&self, id: u64, wanted: ScanState) -> ScanView {
        let reached = async {
            loop {
                let view = self.desk.show(id).unwrap();
                if view.state == wanted {
                    return view;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap()
    }

    async fn end(&mut self) -> ScanSummary {
        tokio::time::timeout(PATIENCE, self.ends.recv()).await.unwrap().unwrap()
    }
}

fn by(methods: &[ScanMethod]) -> ScanBody {
    ScanBody { methods: Some(methods.to_vec()), ..ScanBody::default() }
}

/// Nobody may ask a broadcast address, by whatever method.
#[tokio::test]
async fn a_scan_that_could_ask_nobody_is_no_success() {
    let mut site = Site::open();
    for methods in [&[ScanMethod::Tcp][..], &[ScanMethod::Icmp, ScanMethod::Tcp]] {
        let id = site.run("127.255.255.255", by(methods));
        let summary = site.end().await;
        let ScanEnd::Failed(why) = &summary.end else { panic!("{summary:?}") };
        assert_eq!(why.code, codes::SCAN_NOBODY_ASKED);
        let said = |method: &ScanMethod| why.message.contains(&format!("{method}"));
        assert!(methods.iter().all(said), "{why}");
        assert!(!why.hint.is_empty() && summary.hindered.is_empty(), "{summary:?}");
        let view = site.state(id, ScanState::Failed).await;
        assert_eq!(view.notes.last(), Some(why));
        assert_eq!((view.steps_done, view.looked_at), (0, 0), "{view:?}");
        // Each method that could not be used says so too.
        assert!(view.notes.len() > methods.len(), "{view:?}");
    }
}

/// No machine has a link with addresses that are for examples only.
#[tokio::test]
async fn a_scan_that_only_listens_fails_where_this_server_has_no_link() {
    let mut site = Site::open();
    let id = site.run("203.0.113.1-3", by(&[ScanMethod::Neighbours]));
    let summary = site.end().await;
    let ScanEnd::Failed(why) = &summary.end else { panic!("{summary:?}") };
    assert_eq!(why.code, codes::SCAN_NOBODY_ASKED);
    let told = "neighbours: 3 of the addresses lie on none of this server's own links";
    assert!(why.message.contains(told) && why.hint.contains("icmp or tcp"), "{why}");
    let view = site.state(id, ScanState::Failed).await;
    assert_eq!((view.part(100), view.notes.len()), (0, 2), "{view:?}");
}

#[tokio::test]
async fn one_that_is_stopped_before_it_began_leaves_its_line() {
    let mut site = Site::open();
    let slow = ScanBody { rate: Some(1), ..by(&[ScanMethod::Tcp]) };
    let first = site.run("127.8.0.0/24", slow.clone());
    site.state(first, ScanState::Running).await;
    let second = site.run("127.8.1.0/28", slow);
    let stopped = site.desk.change(second, Change::Stop).unwrap();
    assert_eq!(stopped.state, ScanState::Stopped);
    let summary = site.end().await;
    assert_eq!((summary.end, summary.addresses, summary.done), (ScanEnd::Stopped, 14, 0));
    let unknown = site.desk.show(9).unwrap_err();
    assert!(unknown.hint.contains("when the server stopped"), "{unknown}");
}

#[tokio::test]
async fn one_that_is_stopped_says_the_same_everywhere_and_manages_nothing() {
    let mut site = Site::open();
    let auto_manage = Some("inventory".parse().unwrap());
    let slow = ScanBody { rate: Some(100), auto_manage, ..by(&[ScanMethod::Tcp]) };
    let id = site.run("127.8.0.0/24", slow);
    while site.state(id, ScanState::Running).await.looked_at < 8 {
        tokio::task::yield_now().await;
    }
    site.desk.change(id, Change::Stop).unwrap();
    let summary = site.end().await;
    let view = site.state(id, ScanState::Stopped).await;
    assert_eq!((summary.end, summary.done), (ScanEnd::Stopped, view.part(254)));
    assert!(summary.done < view.looked_at, "each is asked four times: {view:?}");
    assert_eq!((summary.product.is_some(), summary.managed), (true, 0));
    let told: Vec<&str> = view.notes.iter().map(|note| note.message.as_str()).collect();
    assert!(told.contains(&"nothing was managed for inventory: the scan was stopped"), "{told:?}");
    // What answered lies within the machine: that nothing was booked is said.
    let own = |note: &&Refusal| note.code == codes::SEGMENT_NO_MACHINES;
    let note = view.notes.iter().find(own).unwrap();
    assert!(note.message.contains("counted and not booked"), "{note}");
    assert!(summary.hindered.contains(note), "{:?}", summary.hindered);
}

#[tokio::test]
async fn a_scan_that_is_paused_holds_up_no_other() {
    let mut site = Site::open();
    let slow = ScanBody { rate: Some(1), ..by(&[ScanMethod::Tcp]) };
    let (first, second) = (site.run("127.8.0.0/24", slow.clone()), site.run("127.8.1.1", slow));
    site.state(first, ScanState::Running).await;
    let waits = site.state(second, ScanState::Waiting).await;
    assert_eq!(waits.behind, Some(first), "{waits:?}");
    site.desk.change(first, Change::Pause).unwrap();
    assert_eq!(site.end().await.addresses, 1);
    site.state(second, ScanState::Done).await;
    assert_eq!(site.state(first, ScanState::Paused).await.behind, None);
    assert_eq!(site.desk.waiting(), 1);
    site.desk.change(first, Change::Resume).unwrap();
    site.state(first, ScanState::Running).await;
    // One that goes on waits for its turn as any other does.
    let third = site.run("127.8.2.0/24", ScanBody { rate: Some(1), ..by(&[ScanMethod::Tcp]) });
    site.desk.change(first, Change::Pause).unwrap();
    site.state(third, ScanState::Running).await;
    site.desk.change(first, Change::Resume).unwrap();
    let waits = site.desk.show(first).unwrap();
    assert_eq!((waits.state, waits.behind), (ScanState::Paused, Some(third)));
    site.desk.change(first, Change::Stop).unwrap();
    assert_eq!(site.end().await.end, ScanEnd::Stopped);
    site.state(first, ScanState::Stopped).await;
}

#[tokio::test]
async fn a_product_that_nobody_knows_is_named_with_what_to_do() {
    let mut site = Site::open();
    let auto_manage = Some("atlantis".parse().unwrap());
    site.run("127.8.1.1", ScanBody { auto_manage, ..by(&[ScanMethod::Tcp]) });
    let summary = site.end().await;
    let why = summary.why_undecided.unwrap();
    let plain = "no license of atlantis is registered anywhere that this server can see";
    assert!(why.message.starts_with(plain) && !why.hint.is_empty(), "{why}");
}
