//! One scan from end to end.
//!
//! ```text
//!   look around ─► ask (icmp, twice where nothing comes) ─► knock (tcp, where nothing came)
//!        ─► wait for the kernel's neighbours ─► listen (mdns) ─► names ─► manage ─► event log
//!           every two seconds on the way: what was found is booked
//! ```

use crate::client::contract::{ScanMethod, ScanState};
use crate::daemon::port::Port;
use crate::edge::codes;
use crate::edge::scan::book::{self, Booking, Managed};
use crate::edge::scan::findings::{Findings, Trust};
use crate::edge::scan::job::{Job, Stopped};
use crate::edge::scan::names::{Look, Names};
use crate::edge::scan::neighbours::Kernel;
use crate::edge::scan::pace::Pace;
use crate::edge::scan::plan::{Loopback, Plan};
use crate::edge::scan::refusal::{
    beyond_links, loopback_dropped, method_unusable, nobody_asked, unasked,
};
use crate::edge::scan::sweep::{Asker, STEP_MAX};
use crate::edge::scan::tcp::{Heard, knock};
use crate::edge::scan::{ScanLimits, mdns};
use crate::model::discovery::Found;
use crate::model::name::ServerName;
use crate::model::refusal::Refusal;
use crate::model::request::Request;
use crate::model::scan::{ScanEnd, ScanSummary};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How often an address is asked by an echo request before it is taken for silent.
const ECHO_TRIES: u64 = 2;
/// Addresses passed over at once because they answered already.
const PASSED_MAX: usize = 1_024;
/// How often findings are booked.
const BOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the kernel takes to ask a neighbour again that was silent for a while (5 s until it
/// begins, three tries of a second each), and how often it is looked at meanwhile.
const SETTLE: Duration = Duration::from_secs(9);
const SETTLE_STEP: Duration = Duration::from_millis(500);
/// So many look-ups in a row without an answer in time, and no more names are asked for.
const NAMES_LATE_MAX: usize = 16;

/// What all scans of a server work with.
#[derive(Clone)]
pub(super) struct Crew {
    pub(super) port: Port,
    pub(super) me: ServerName,
    pub(super) names: Names,
    pub(super) limits: ScanLimits,
    pub(super) loopback: Loopback,
}

/// Why a scan goes no further.
#[derive(Debug)]
enum End {
    Stopped,
    Failed(Refusal),
}

impl From<Stopped> for End {
    fn from(_: Stopped) -> End {
        End::Stopped
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> End {
        End::Failed(refusal)
    }
}

/// Runs a scan that has begun to its end, and notes it in the event log.
pub(super) async fn run(job: &Job, crew: &Crew) {
    let mut run = Run {
        job,
        plan: &job.plan,
        crew,
        findings: Findings::new(crew.loopback),
        kernel: None,
        asker: None,
        asks: false,
        pace: Pace::new(job.plan.rate, Instant::now()),
        booking: Booking::default(),
        booked_at: Instant::now(),
        unsent: (0, None),
        unasked: 0,
        on_links: true,
        heard_otherwise: false,
    };
    let mut managed = Managed::default();
    let end = match run.whole(&mut managed).await {
        Ok(()) => (ScanEnd::Done, ScanState::Done),
        Err(End::Stopped) => (ScanEnd::Stopped, ScanState::Stopped),
        Err(End::Failed(refusal)) => {
            job.note(refusal.clone());
            (ScanEnd::Failed(refusal), ScanState::Failed)
        }
    };
    let summary = run.summary(end.0, &managed);
    // Without an answer the server stops, or is too busy to note anything.
    let _ = crew.port.ask(Request::ScanEnded(summary)).await;
    job.end(end.1);
}

struct Run<'a> {
    job: &'a Job,
    plan: &'a Plan,
    crew: &'a Crew,
    findings: Findings,
    /// Unless the system does not let this process ask it.
    kernel: Option<Kernel>,
    /// With the method `icmp` only, until that is through.
    asker: Option<Asker>,
    /// Whether anybody is asked, or only what the machine knows already is taken.
    asks: bool,
    pace: Pace,
    booking: Booking,
    booked_at: Instant,
    /// Echo requests that could not leave, and why the first of them could not.
    unsent: (u64, Option<io::Error>),
    /// Tries to connect that could not leave.
    unasked: u64,
    /// Whether any of its addresses lies on this machine's own links, as far as is known.
    on_links: bool,
    /// Whether machines could be found without a probe, on these links: announcements were listened
    /// to, or the kernel's whole table was taken.
    heard_otherwise: bool,
}

impl Run<'_> {
    async fn whole(&mut self, managed: &mut Managed) -> Result<(), End> {
        self.look_around().await;
        let swept = self.sweep().await;
        // What was found until somebody ended the scan is booked as well.
        self.book_all().await?;
        self.tell_of_loopback();
        swept?;
        self.somebody_was_asked()?;
        if self.plan.uses(ScanMethod::Names) {
            self.name().await?;
        }
        if let Some(product) = &self.plan.auto_manage {
            self.job.gate().await?;
            self.job.doing("managing");
            let Crew { port, me, .. } = self.crew;
            *managed = book::manage(port, me, product, &self.findings).await;
            let mut figures = self.job.figures();
            (figures.managed, figures.unlicensed) = (managed.managed, managed.unlicensed);
            drop(figures);
            managed.refusal.iter().for_each(|refusal| self.job.note(refusal.clone()));
        }
        Ok(())
    }

    /// A scan that reached nobody says nothing of who is there, so it is not done.
    fn somebody_was_asked(&self) -> Result<(), Refusal> {
        let mut figures = self.job.figures();
        let left = figures.probes.saturating_sub(self.unsent.0 + self.unasked);
        if left > 0 || self.heard_otherwise || self.findings.count() > 0 {
            return Ok(());
        }
        // Nothing of it is done, however often it was tried.
        (figures.steps_done, figures.looked_at) = (0, 0);
        drop(figures);
        Err(nobody_asked(&self.job.notes()))
    }

    fn tell_of_loopback(&self) {
        let own = self.findings.addresses().into_iter().filter(|one| one.is_loopback()).count();
        if own > 0 && self.crew.loopback == Loopback::Drop {
            self.job.note(loopback_dropped(own as u64));
        }
    }

    /// Opens what the methods need, and learns who this machine itself is.
    async fn look_around(&mut self) {
        match Kernel::open() {
            Ok(kernel) => {
                let own = kernel.own().await.unwrap_or_default();
                self.findings.know_own(&own, self.plan);
                self.kernel = Some(kernel);
            }
            // Without hardware addresses machines are known again by their addresses only: that
            // is to be said even where the method is off.
            Err(error) => self.job.note(method_unusable(ScanMethod::Neighbours, &error)),
        }
        if self.plan.uses(ScanMethod::Icmp) {
            let (asker, errors) = Asker::open(&self.plan.targets);
            let whole = errors.is_empty();
            for error in errors {
                self.job.note(method_unusable(ScanMethod::Icmp, &error));
            }
            let (four, six) = self.plan.targets.families();
            self.asker = (whole || (four && six)).then_some(asker);
        }
        self.asks = self.asker.is_some() || self.plan.uses(ScanMethod::Tcp);
        self.look_at_links().await;
        let rounds = if self.asker.is_some() { ECHO_TRIES } else { 0 };
        let rounds = rounds + self.plan.ports.len() as u64;
        self.job.figures().steps = rounds * self.plan.targets.count();
    }

    /// Who is not asked is heard on this machine's own links only.
    async fn look_at_links(&mut self) {
        let Some(kernel) = &self.kernel else { return };
        let Ok(networks) = kernel.networks().await else { return };
        let targets = &self.plan.targets;
        let beyond = targets.beyond(&networks).count();
        self.on_links = beyond < targets.count();
        if beyond > 0 && !self.asks {
            self.job.note(beyond_links(&self.plan.methods, beyond));
        }
    }

    async fn sweep(&mut self) -> Result<(), End> {
        let echo_first = self.asker.is_some();
        if let Some(mut asker) = self.asker.take() {
            self.job.doing("asking by echo requests");
            for round in 0..ECHO_TRIES {
                self.ask(&mut asker, round == 0).await?;
            }
            if let (count, Some(error)) = &self.unsent {
                self.job.note(unasked(ScanMethod::Icmp, *count, &error.to_string()));
            }
        }
        if self.plan.uses(ScanMethod::Tcp) {
            self.job.doing("knocking at ports");
            self.knock_all(!echo_first).await?;
        }
        if self.plan.uses(ScanMethod::Neighbours) {
            self.job.doing("waiting for the kernel's neighbours");
            self.settle().await?;
        }
        if self.plan.uses(ScanMethod::Mdns) {
            self.job.gate().await?;
            self.job.doing("listening to announcements");
            self.listen().await?;
        }
        Ok(())
    }

    /// One round of echo requests to all that are silent so far.
    async fn ask(&mut self, asker: &mut Asker, first: bool) -> Result<(), End> {
        let mut addresses = self.plan.targets.addresses();
        loop {
            let (batch, passed) = self.silent(&mut addresses, first.then_some(asker));
            if passed == 0 {
                break;
            }
            self.job.figures().steps_done += (passed - batch.len()) as u64;
            let mut rest = batch.as_slice();
            while !rest.is_empty() {
                self.job.gate().await?;
                let granted = self.pace.take(rest.len()).await;
                let (now, later) = rest.split_at(granted);
                for address in now {
                    if let Err(error) = asker.ask(*address).await {
                        self.unsent.0 += 1;
                        self.unsent.1.get_or_insert(error);
                    }
                }
                asker.read(&mut |address| self.findings.add(address));
                self.count(granted, first);
                rest = later;
            }
            self.book_some().await?;
            tokio::task::yield_now().await;
        }
        let until = Instant::now() + self.crew.limits.answer_wait;
        asker.linger(until, &mut |address| self.findings.add(address)).await;
        self.count(0, first);
        Ok(())
    }

    /// The next addresses to ask, and how many were looked at for that.
    fn silent(
        &self,
        addresses: &mut impl Iterator<Item = IpAddr>,
        asker: Option<&Asker>,
    ) -> (Vec<IpAddr>, usize) {
        let (mut batch, mut passed) = (Vec::new(), 0);
        while batch.len() < STEP_MAX
            && passed < PASSED_MAX
            && let Some(address) = addresses.next()
        {
            passed += 1;
            if !self.findings.has(address) && asker.is_none_or(|asker| asker.reaches(address)) {
                batch.push(address);
            }
        }
        (batch, passed)
    }

    fn count(&self, sent: usize, first: bool) {
        let mut figures = self.job.figures();
        figures.probes += sent as u64;
        figures.steps_done += sent as u64;
        if first {
            figures.looked_at += sent as u64;
        }
        figures.found = self.findings.count();
    }

    /// Every port of those that are silent so far.
    async fn knock_all(&mut self, first_method: bool) -> Result<(), End> {
        for (round, port) in self.plan.ports.iter().enumerate() {
            let mut knocks = JoinSet::new();
            let mut addresses = self.plan.targets.addresses();
            loop {
                let (batch, passed) = self.silent(&mut addresses, None);
                if passed == 0 {
                    break;
                }
                self.job.figures().steps_done += (passed - batch.len()) as u64;
                for address in batch {
                    self.job.gate().await?;
                    while knocks.len() >= self.crew.limits.connections_max {
                        self.hear(knocks.join_next().await);
                    }
                    self.pace.take(1).await;
                    let (port, within) = (*port, self.crew.limits.answer_wait);
                    knocks.spawn(async move { (address, knock(address, port, within).await) });
                    while let Some(heard) = knocks.try_join_next() {
                        self.hear(Some(heard));
                    }
                    self.count(1, first_method && round == 0);
                }
                self.book_some().await?;
                tokio::task::yield_now().await;
            }
            while let Some(heard) = knocks.join_next().await {
                self.hear(Some(heard));
            }
            self.count(0, false);
        }
        if self.unasked > 0 {
            let why = "this machine has no way there, no socket left for it, or may not connect";
            self.job.note(unasked(ScanMethod::Tcp, self.unasked, why));
        }
        Ok(())
    }

    /// Takes in what one try to connect says.
    fn hear(&mut self, heard: Option<Result<(IpAddr, Heard), tokio::task::JoinError>>) {
        match heard {
            Some(Ok((address, Heard::Alive))) => self.findings.add(address),
            Some(Ok((_, Heard::NotAsked))) => self.unasked += 1,
            _ => {}
        }
    }

    /// Whom the kernel's table finds.
    fn trust(&self) -> Trust {
        match (self.plan.uses(ScanMethod::Neighbours), self.asks) {
            (false, _) => Trust::Nobody,
            (true, true) => Trust::Asked,
            (true, false) => Trust::Table,
        }
    }

    /// Reads the kernel's table; whether it is about to know more.
    async fn read_table(&mut self) -> bool {
        let Some(kernel) = &self.kernel else { return false };
        match kernel.neighbours(self.crew.limits.neighbours_max).await {
            Ok(rows) => {
                self.heard_otherwise |= self.on_links && self.trust() == Trust::Table;
                self.findings.add_neighbours(&rows, self.trust(), self.plan)
            }
            Err(error) => {
                self.job.note(method_unusable(ScanMethod::Neighbours, &error));
                false
            }
        }
    }

    /// Waits until the kernel is sure of its neighbours, or for as long as that can take.
    async fn settle(&mut self) -> Result<(), End> {
        let until = Instant::now() + SETTLE;
        while self.read_table().await && self.trust() == Trust::Asked && Instant::now() < until {
            self.job.gate().await?;
            sleep(SETTLE_STEP).await;
        }
        self.count(0, false);
        Ok(())
    }

    async fn listen(&mut self) -> Result<(), End> {
        let announced = match mdns::announced().await {
            Ok(announced) => announced,
            Err(error) => {
                self.job.note(method_unusable(ScanMethod::Mdns, &error));
                return Ok(());
            }
        };
        self.heard_otherwise |= self.on_links;
        for host in &announced {
            let wanted = host.addresses.iter().filter(|one| self.plan.targets.contains(**one));
            wanted.for_each(|address| self.findings.add(*address));
        }
        // With hardware addresses, as everything.
        self.book_all().await?;
        let named = announced.iter().filter_map(|host| {
            let mut known = host.addresses.iter().filter_map(|one| self.findings.booked(*one));
            let found = known.next()?;
            Some(Found { host_name: Some(host.host_name.clone()?), ..found })
        });
        self.tell(named.collect()).await
    }

    async fn book_some(&mut self) -> Result<(), End> {
        let limits = &self.crew.limits;
        let due =
            self.booked_at.elapsed() >= BOOK_EVERY || self.findings.fresh() >= limits.batch_max;
        if !due || self.booking.is_under_way() {
            return Ok(());
        }
        self.book_batch().await.map(|_| ())
    }

    async fn book_all(&mut self) -> Result<(), End> {
        while self.book_batch().await? {}
        Ok(())
    }

    /// Waits for the batch before, and sends the next one on its way; whether there was one.
    async fn book_batch(&mut self) -> Result<bool, End> {
        self.booked_at = Instant::now();
        self.read_table().await;
        let booked = self.booking.done().await?;
        let batch = self.findings.take(self.crew.limits.batch_max);
        {
            let mut figures = self.job.figures();
            figures.new += booked.new;
            figures.known += booked.known;
            figures.found = self.findings.count();
        }
        let any = !batch.is_empty();
        if any {
            self.booking.begin(&self.crew.port, batch);
        }
        Ok(any)
    }

    /// Looks up names, a few at once; one name for each machine.
    async fn name(&mut self) -> Result<(), End> {
        self.job.doing("looking up names");
        let mut looks: JoinSet<(IpAddr, Look)> = JoinSet::new();
        let (mut named, mut macs, mut late) = (Vec::new(), BTreeSet::new(), 0);
        let mut rest = self.findings.addresses().into_iter();
        loop {
            while looks.len() < self.crew.limits.names_at_once
                && late < NAMES_LATE_MAX
                && let Some(address) = rest.next()
            {
                self.job.gate().await?;
                let names = self.crew.names.clone();
                if self.findings.booked(address).is_some() {
                    looks.spawn(async move { (address, names.of(address).await) });
                }
            }
            match looks.join_next().await {
                Some(Ok((address, Look::Name(name)))) => {
                    late = 0;
                    let found = self.findings.booked(address);
                    let found = found.filter(|one| one.mac.is_none_or(|mac| macs.insert(mac)));
                    named.extend(found.map(|one| Found { host_name: Some(name), ..one }));
                }
                Some(Ok((_, Look::Late))) => late += 1,
                Some(_) => late = 0,
                None => break,
            }
        }
        if late >= NAMES_LATE_MAX {
            self.job.note(unasked(ScanMethod::Names, late as u64, "no answer came in time"));
        }
        self.tell(named).await
    }

    /// Books more about machines that are booked.
    async fn tell(&mut self, more: Vec<Found>) -> Result<(), End> {
        for batch in more.chunks(self.crew.limits.batch_max) {
            book::hand_over(&self.crew.port, batch.to_vec()).await?;
        }
        Ok(())
    }

    fn summary(&self, end: ScanEnd, managed: &Managed) -> ScanSummary {
        let mut hindered = self.job.notes();
        let by_method =
            [codes::SCAN_NO_PERMISSION, codes::SCAN_UNASKED, codes::SEGMENT_NO_MACHINES];
        // One that reached nobody tells of them as the reason.
        let told = matches!(&end, ScanEnd::Failed(why) if why.code == codes::SCAN_NOBODY_ASKED);
        hindered.retain(|note| by_method.contains(&note.code.as_str()) && !told);
        ScanSummary {
            managed: managed.managed,
            unlicensed: managed.unlicensed,
            undecided: managed.undecided,
            why_undecided: managed.refusal.clone(),
            hindered,
            ..self.job.summary(end)
        }
    }
}
